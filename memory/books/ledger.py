"""The ledger: applies each fill once and keeps positions at average cost.

An account trades against its numeraire, so every profit here is in one currency. A fee in base currency counts at the
price of its fill. The other halves of the ledger are `accounts` (what is held) and `performance` (what it is worth);
their functions are offered here too, since to a caller they are one book.
"""

from dataclasses import fields
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from core.errors import LedgerBroken
from core.instruments import ContractKind, Instrument
from core.money import ZERO, text_of
from core.orders import Fill, Position, Side
from memory.books.accounts import (
    Account,
    account,
    accounts,
    balances,
    bump_epoch,
    deposit,
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
    "losing_streak",
    "mark",
    "open_account",
    "positions",
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


def apply_fill(conn: Connection, fill: Fill, instrument: Instrument) -> bool:
    """Books one fill. Answers False where it was booked before.

    Raises LedgerBroken where the venue's trade id was booked with other content, a spot balance would go negative, or
    the amounts cannot be counted in this account.
    """
    if told := conn.execute(_FILL, {"venue": fill.venue, "trade_id": fill.trade_id}).first():
        _must_be_the_same(told, fill)
        return False
    _must_be_countable(fill, instrument, account(conn, fill.account_id).numeraire)
    conn.execute(_INSERT_FILL, {name: getattr(fill, name) for name in _FILL_FIELDS})
    spot = instrument.kind is ContractKind.SPOT
    trip = _trip(conn, fill.account_id, fill.symbol)
    trade = _trade(fill, instrument)
    held, ended = after(trip, trade, may_open=not spot or fill.side is Side.BUY)
    _keep_trip(conn, fill.account_id, instrument, held)
    if ended is not None:
        _close_trip(conn, fill, ended)
    if spot:
        _move_spot(conn, fill, instrument)
    else:
        _move(conn, fill.account_id, instrument.quote, gross(trip, trade) - fill.fee)
    return True


def apply_funding(
    conn: Connection, account_id: str, instrument: Instrument, payment: Decimal, *, ts_event_ns: int
) -> bool:
    """Books one funding payment (negative: received) of an open perpetual. Answers False where it was booked before."""
    row = {"account_id": account_id, "symbol": instrument.symbol, "ts_event_ns": ts_event_ns, "payment": payment}
    if not insert_new(conn, funding_payments, row):
        return False
    trip = _trip(conn, account_id, instrument.symbol)
    if trip is None:
        raise LedgerBroken(f"funding of {payment} came for {instrument.symbol}, of which {account_id} holds nothing")
    this = {"this_account": account_id, "this_symbol": instrument.symbol}
    conn.execute(_CHANGE_POSITION, this | {"funding": trip.funding + payment})
    _move(conn, account_id, instrument.quote, -payment)
    return True


def positions(conn: Connection, account_id: str) -> tuple[Position, ...]:
    """Open positions, by symbol."""
    rows = conn.execute(_POSITIONS.order_by(position_rows.c.symbol), {"account_id": account_id})
    return tuple(Position(*(getattr(row, name) for name in _POSITION_FIELDS)) for row in rows)


def _trade(fill: Fill, instrument: Instrument) -> Trade:
    in_base = fill.fee if fill.fee_currency == instrument.base else ZERO
    # A fee taken out of the coins that a buy brings makes the position smaller; on top of a sale it sells more.
    quantity = fill.quantity - fill.side.sign * in_base
    fee = in_base * fill.price if in_base else fill.fee
    return Trade(fill.side, quantity, fill.price, fee, fill.ts_event_ns)


def _move_spot(conn: Connection, fill: Fill, instrument: Instrument) -> None:
    sign, notional = fill.side.sign, fill.quantity * fill.price
    moves = {instrument.base: sign * fill.quantity, instrument.quote: -sign * notional}
    moves[fill.fee_currency] -= fill.fee
    for currency, amount in moves.items():
        left = _move(conn, fill.account_id, currency, amount)
        # A venue cannot have traded coins or cash that were not there: the books are wrong, not the fill.
        if left < 0:
            raise LedgerBroken(
                f"trade {fill.trade_id} takes {text_of(-amount)} {currency} from account {fill.account_id}, "
                f"which holds {text_of(left - amount)}"
            )


def _move(conn: Connection, account_id: str, currency: str, amount: Decimal) -> Decimal:
    left = total(conn, account_id, currency) + amount
    set_total(conn, account_id, currency, left)
    return left


def _trip(conn: Connection, account_id: str, symbol: str) -> Trip | None:
    row = conn.execute(_POSITION, {"account_id": account_id, "symbol": symbol}).first()
    return None if row is None else Trip(**{name: getattr(row, name) for name in _TRIP_FIELDS})


def _keep_trip(conn: Connection, account_id: str, instrument: Instrument, trip: Trip | None) -> None:
    if trip is None:
        conn.execute(_DROP_POSITION, {"this_account": account_id, "this_symbol": instrument.symbol})
        return
    row: dict[str, Any] = {name: getattr(trip, name) for name in _TRIP_FIELDS}
    row |= {"account_id": account_id, "symbol": instrument.symbol, "kind": instrument.kind, "margin": ZERO}
    # Margin is moved by whoever posts it, never by a fill.
    upsert(conn, position_rows, row, _TRIP_FIELDS)


def _close_trip(conn: Connection, fill: Fill, trip: Trip) -> None:
    row = {"account_id": fill.account_id, "symbol": fill.symbol, "closed_ns": fill.ts_event_ns, "pnl": trip.pnl}
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
    payable = {instrument.quote} if instrument.kind is ContractKind.PERPETUAL else {instrument.base, instrument.quote}
    if fill.fee_currency not in payable:
        raise LedgerBroken(
            f"trade {fill.trade_id} paid its fee in {fill.fee_currency}: "
            f"the ledger counts fees of {fill.symbol} in {' or '.join(sorted(payable))}"
        )
    if not (fill.quantity > 0 and fill.price > 0 and _trade(fill, instrument).quantity > 0):
        raise LedgerBroken(f"trade {fill.trade_id} is no trade: {fill.quantity} at {fill.price}, fee {fill.fee}")
