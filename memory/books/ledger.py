"""The ledger: applies each fill once and keeps positions at average cost.

An account trades against its numeraire, so every profit here is in one currency. A fee in another currency leaves that
currency's balance, and counts at its price when it was paid. The other parts of the ledger are `accounts` (what is
held), `performance` (what it is worth) and `lots` (what came in first); the functions of the first two are offered here
too, since to a caller they are one book.
"""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from core.errors import LedgerBroken
from core.instruments import ContractKind, Instrument
from core.money import ONE, ZERO, share_of, text_of
from core.orders import Fill, Position, Side
from memory.books import lots
from memory.books.accounts import (
    Account,
    account,
    accounts,
    balances,
    bump_epoch,
    deposit,
    draw,
    find_account,
    mark,
    open_account,
    set_clock,
    set_total,
    total,
    transferred,
    withdraw,
)
from memory.books.columns import insert_new, upsert
from memory.books.performance import Profit, equity, losing_streak, profit
from memory.books.positions import Trade, Trip, after, gross
from memory.books.tables import fills, funding_payments, round_trips
from memory.books.tables import positions as position_rows

__all__ = [
    "Account",
    "Profit",
    "account",
    "accounts",
    "apply_fill",
    "apply_funding",
    "balances",
    "bump_epoch",
    "deposit",
    "equity",
    "find_account",
    "leave",
    "losing_streak",
    "mark",
    "open_account",
    "positions",
    "post_margin",
    "profit",
    "set_clock",
    "transferred",
    "withdraw",
]

_FILL_FIELDS = tuple(field.name for field in fields(Fill))
_POSITION_FIELDS = tuple(field.name for field in fields(Position))
_TRIP_FIELDS = tuple(field.name for field in fields(Trip))

_FILL = select(fills).where(fills.c.venue == bindparam("venue"), fills.c.trade_id == bindparam("trade_id"))
_POSITIONS = select(position_rows).where(position_rows.c.account_id == bindparam("account_id"))
_POSITION = _POSITIONS.where(position_rows.c.symbol == bindparam("symbol"))
_THIS = (position_rows.c.account_id == bindparam("this_account"), position_rows.c.symbol == bindparam("this_symbol"))
_CHANGE_POSITION = update(position_rows).where(*_THIS)
_DROP_POSITION = delete(position_rows).where(*_THIS)
_INSERT_FILL = insert(fills)
_INSERT_TRIP = insert(round_trips)


def apply_fill(conn: Connection, fill: Fill, instrument: Instrument, fee_price: Decimal | None = None) -> bool:
    """Books one fill. Answers False where it was booked before.

    `fee_price` is what one unit of a third currency, in which the fee was paid, was worth in the numeraire; without it
    the fee is booked, and what the trip earned is not known. What the account is short of comes from outside it. Raises
    LedgerBroken where the venue's trade id was booked with other content, a balance of coins would go negative, or the
    amounts cannot be counted in this account; never for a fee in a third currency, which the venue took from somewhere.
    """
    if told := conn.execute(_FILL, {"venue": fill.venue, "trade_id": fill.trade_id}).first():
        _must_be_the_same(told, fill)
        return False
    _must_be_countable(fill, instrument, account(conn, fill.account_id).numeraire)
    worth = _fee_worth(fill, instrument, fee_price)
    row: dict[str, Any] = {name: getattr(fill, name) for name in _FILL_FIELDS}
    conn.execute(_INSERT_FILL, row | {"fee_worth": worth})
    trip, trade = _trip(conn, fill.account_id, fill.symbol), _trade(fill, instrument, worth)
    _follow(conn, trip, trade, instrument.kind, fill.account_id, fill.symbol)
    if instrument.kind is ContractKind.SPOT:
        _move_spot(conn, fill, trade, instrument)
    else:
        fee = fill.fee if fill.fee_currency == instrument.quote else ZERO
        _move(conn, fill.account_id, instrument.quote, gross(trip, trade) - fee)
        lots.moved(conn, _movement(fill, fill.symbol, trade))
    if fill.fee and fill.fee_currency != instrument.quote and not _in_base(fill, instrument):
        _spend(conn, fill, instrument.quote, worth)
    return True


def apply_funding(
    conn: Connection, account_id: str, instrument: Instrument, payment: Decimal, *, ts_event_ns: int
) -> bool:
    """Books one funding payment (negative: received) of a perpetual. Answers False where it was booked before.

    It counts in the trip that was open then, also where that has closed meanwhile. Raises LedgerBroken where none was.
    """
    row = {"account_id": account_id, "symbol": instrument.symbol, "ts_event_ns": ts_event_ns, "payment": payment}
    if not insert_new(conn, funding_payments, row):
        return False
    trip = _trip(conn, account_id, instrument.symbol)
    if trip is not None and trip.opened_ns <= ts_event_ns:
        this = {"this_account": account_id, "this_symbol": instrument.symbol}
        conn.execute(_CHANGE_POSITION, this | {"funding": trip.funding + payment})
    else:
        _fund_closed(conn, account_id, instrument.symbol, payment, ts_event_ns)
    _move(conn, account_id, instrument.quote, -payment)
    return True


def leave(conn: Connection, account_id: str, symbol: str, ts_ns: int) -> Decimal:
    """After coins moved out without a trade: takes off a spot position what is beyond the balance, and answers that.

    They leave at what they cost, with what was paid for their entry: it is no profit and no loss.
    """
    spot = any(p.symbol == symbol and p.kind is ContractKind.SPOT for p in positions(conn, account_id))
    trip = _trip(conn, account_id, symbol) if spot else None
    left = max(ZERO, total(conn, account_id, symbol.partition("/")[0]))
    if trip is None or trip.quantity <= left:
        return ZERO
    gone = trip.quantity - left
    cost, fees = (share_of(amount, left, trip.quantity) for amount in (trip.cost, trip.entry_fees))
    this = {"this_account": account_id, "this_symbol": symbol}
    if left:
        conn.execute(_CHANGE_POSITION, this | {"quantity": left, "cost": cost, "entry_fees": fees})
        return gone
    conn.execute(_DROP_POSITION, this)
    if trip.closed_quantity:
        # What nobody sold is no round trip: it would count as one without a loss, and end a streak of them.
        _close_trip(conn, account_id, symbol, replace(trip, quantity=left, cost=cost, entry_fees=fees), ts_ns)
    return gone


def _fund_closed(conn: Connection, account_id: str, symbol: str, payment: Decimal, ts_event_ns: int) -> None:
    """Told after its trip was closed: by the next step, or when the desk was down."""
    ended = round_trips.c
    late = (ended.account_id == account_id, ended.symbol == symbol, ended.closed_ns >= ts_event_ns)
    row = conn.execute(select(round_trips).where(*late).order_by(ended.closed_ns, ended.id).limit(1)).first()
    if row is None:
        raise LedgerBroken(f"funding of {payment} came for {symbol}, of which {account_id} holds nothing")
    if row.pnl is not None:
        conn.execute(update(round_trips).where(ended.id == row.id).values(pnl=row.pnl - payment))


def positions(conn: Connection, account_id: str) -> tuple[Position, ...]:
    """Open positions, by symbol."""
    rows = conn.execute(_POSITIONS.order_by(position_rows.c.symbol), {"account_id": account_id})
    return tuple(Position(*(getattr(row, name) for name in _POSITION_FIELDS)) for row in rows)


def post_margin(conn: Connection, account_id: str, symbol: str, margin: Decimal) -> None:
    """What the venue holds as the margin of an open perpetual, by its own word. It stays in the balance."""
    conn.execute(_CHANGE_POSITION, {"this_account": account_id, "this_symbol": symbol, "margin": margin})


def _in_base(fill: Fill, instrument: Instrument) -> Decimal:
    """The part of a fee that was paid out of the very coins that were traded."""
    spot = instrument.kind is ContractKind.SPOT
    return fill.fee if spot and fill.fee_currency == instrument.base else ZERO


def _fee_worth(fill: Fill, instrument: Instrument, fee_price: Decimal | None) -> Decimal | None:
    """In the numeraire, at the time of the fill; None where nobody knows."""
    if not fill.fee or fill.fee_currency == instrument.quote:
        return fill.fee
    if fill.fee_currency == instrument.base:
        return fill.fee * fill.price
    return None if fee_price is None else fill.fee * fee_price


def _trade(fill: Fill, instrument: Instrument, fee_worth: Decimal | None) -> Trade:
    # A fee taken out of the coins that a buy brings makes the position smaller; on top of a sale it sells more.
    quantity = fill.quantity - fill.side.sign * _in_base(fill, instrument)
    return Trade(fill.side, quantity, fill.price, fee_worth, fill.ts_event_ns)


def _follow(
    conn: Connection, trip: Trip | None, trade: Trade, kind: ContractKind, account_id: str, symbol: str
) -> None:
    """Keeps what a trade made of a position."""
    spot = kind is ContractKind.SPOT
    held, ended = after(trip, trade, may_open=not spot or trade.side is Side.BUY)
    if held is None:
        conn.execute(_DROP_POSITION, {"this_account": account_id, "this_symbol": symbol})
    else:
        row: dict[str, Any] = {name: getattr(held, name) for name in _TRIP_FIELDS}
        row |= {"account_id": account_id, "symbol": symbol, "kind": kind, "margin": ZERO}
        upsert(conn, position_rows, row, _TRIP_FIELDS)
        _free_margin(conn, trip, held, account_id, symbol)
    if ended is not None:
        _close_trip(conn, account_id, symbol, ended, trade.ts_ns)


def _free_margin(conn: Connection, before: Trip | None, now: Trip, account_id: str, symbol: str) -> None:
    """Until the venue tells: what is closed takes its share of the margin with it, and what is new has none yet."""
    if before is None or (before.side is now.side and before.quantity <= now.quantity):
        return
    row = conn.execute(_POSITION, {"account_id": account_id, "symbol": symbol}).one()
    if row.margin:
        left = share_of(row.margin, now.quantity, before.quantity) if before.side is now.side else ZERO
        post_margin(conn, account_id, symbol, left)


def _movement(fill: Fill, asset: str, trade: Trade) -> lots.Movement:
    value = None if trade.fee is None else trade.quantity * trade.price + trade.side.sign * trade.fee
    return lots.Movement(
        fill.account_id, asset, trade.side, trade.quantity, value, fill.ts_event_ns, fill.venue, fill.trade_id
    )


def _move_spot(conn: Connection, fill: Fill, trade: Trade, instrument: Instrument) -> None:
    """Coins one way and cash the other, each with the fee that was paid in it."""
    movement = _movement(fill, instrument.base, trade)
    _move_coins(conn, fill, instrument.base, trade.side.sign * trade.quantity, fill.price)
    fee = fill.fee if fill.fee_currency == instrument.quote else ZERO
    _move_coins(conn, fill, instrument.quote, -fill.side.sign * fill.quantity * fill.price - fee, ONE)
    if trade.side is Side.BUY:
        lots.opened(conn, movement)
    else:
        lots.taken(conn, movement)


def _spend(conn: Connection, fill: Fill, numeraire: str, worth: Decimal | None) -> None:
    """A fee in a third currency sells so many of its coins at their price; a rebate in one brings them."""
    side = Side.SELL if fill.fee > 0 else Side.BUY
    quantity, value = abs(fill.fee), None if worth is None else abs(worth)
    price = None if value is None else value / quantity
    _move_coins(conn, fill, fill.fee_currency, -fill.fee, price, owing=True)
    movement = lots.Movement(
        fill.account_id, fill.fee_currency, side, quantity, value, fill.ts_event_ns, fill.venue, fill.trade_id
    )
    if side is Side.BUY:
        lots.opened(conn, movement)
        return
    lots.taken(conn, movement)
    symbol = f"{fill.fee_currency}/{numeraire}"
    trip = _trip(conn, fill.account_id, symbol)
    if trip is not None:
        # Without a price they leave at what they cost, and what their trip earned is not known.
        at, fee = (trip.average_price, None) if price is None else (price, ZERO)
        trade = Trade(side, quantity, at, fee, fill.ts_event_ns)
        _follow(conn, trip, trade, ContractKind.SPOT, fill.account_id, symbol)


def _move_coins(
    conn: Connection, fill: Fill, currency: str, amount: Decimal, price: Decimal | None, *, owing: bool = False
) -> None:
    """`price` is one unit's worth in the numeraire, where some of it must come from outside (`accounts.draw`)."""
    held = total(conn, fill.account_id, currency)
    if held + amount < 0:
        short = -(held + amount)
        held += draw(conn, fill.account_id, currency, short, ts_ns=fill.ts_event_ns, price=price, owing=owing)
    # A venue cannot have traded coins or cash that were not there: the books are wrong, not the fill.
    if _move(conn, fill.account_id, currency, amount) < 0:
        raise LedgerBroken(
            f"trade {fill.trade_id} takes {text_of(-amount)} {currency} from account {fill.account_id}, "
            f"which holds {text_of(held)}"
        )


def _move(conn: Connection, account_id: str, currency: str, amount: Decimal) -> Decimal:
    left = total(conn, account_id, currency) + amount
    set_total(conn, account_id, currency, left)
    return left


def _trip(conn: Connection, account_id: str, symbol: str) -> Trip | None:
    row = conn.execute(_POSITION, {"account_id": account_id, "symbol": symbol}).first()
    return None if row is None else Trip(**{name: getattr(row, name) for name in _TRIP_FIELDS})


def _close_trip(conn: Connection, account_id: str, symbol: str, trip: Trip, closed_ns: int) -> None:
    row = {"account_id": account_id, "symbol": symbol, "closed_ns": closed_ns, "pnl": trip.pnl}
    row |= {
        "quantity": trip.closed_quantity,
        "entry_price": trip.closed_cost / trip.closed_quantity,
        "exit_price": trip.closed_proceeds / trip.closed_quantity,
    }
    conn.execute(_INSERT_TRIP, row)


def _must_be_the_same(told: Row[Any], fill: Fill) -> None:
    for name in _FILL_FIELDS:
        # When we heard of it may differ with every telling; what happened may not.
        if name != "known_at_ns" and getattr(told, name) != getattr(fill, name):
            raise LedgerBroken(
                f"trade {fill.trade_id} of {fill.venue} was booked with {name} {getattr(told, name)}, "
                f"and is now told with {getattr(fill, name)}"
            )


def _must_be_countable(fill: Fill, instrument: Instrument, numeraire: str) -> None:
    if instrument.symbol != fill.symbol or instrument.quote != numeraire:
        raise LedgerBroken(
            f"trade {fill.trade_id} in {fill.symbol} was booked as {instrument.symbol}; "
            f"account {fill.account_id} trades against {numeraire} only"
        )
    if not (fill.quantity > 0 and fill.price > 0 and fill.quantity > fill.side.sign * _in_base(fill, instrument)):
        raise LedgerBroken(f"trade {fill.trade_id} is no trade: {fill.quantity} at {fill.price}, fee {fill.fee}")
