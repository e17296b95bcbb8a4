"""What an account is worth and what it earned, read from the books at the marks of one moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, desc, func, select

from core.instruments import ContractKind, Instrument
from core.money import ONE, ZERO
from memory.books import owners
from memory.books.accounts import account, balances
from memory.books.tables import fills, funding_payments, positions, round_trips
from memory.books.tables import marks as mark_rows
from risk.sizing import TrackRecord

_LATEST: Final = 200
_POSITIONS = select(positions).where(positions.c.account_id == bindparam("account_id"))
_TRIPS_BACKWARD = (
    select(round_trips.c.pnl)
    .where(round_trips.c.account_id == bindparam("account_id"), round_trips.c.closed_ns > bindparam("since_ns"))
    # In the order of the index: what closed long ago is never looked at.
    .order_by(desc(round_trips.c.closed_ns), desc(round_trips.c.id))
)
_LATEST_TRIPS = (
    select(round_trips.c.closed_ns, round_trips.c.pnl, round_trips.c.quantity, round_trips.c.entry_price)
    .where(round_trips.c.account_id == bindparam("account_id"), round_trips.c.closed_ns > bindparam("since_ns"))
    .where(round_trips.c.symbol.not_in(bindparam("apart", expanding=True)))
    .order_by(desc(round_trips.c.closed_ns), desc(round_trips.c.id))
    .limit(_LATEST)
)
_MARK_BY = (
    select(mark_rows.c.equity)
    .where(mark_rows.c.account_id == bindparam("account_id"), mark_rows.c.ts_ns <= bindparam("at_ns"))
    .order_by(desc(mark_rows.c.ts_ns))
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Profit:
    """In the numeraire: the start, later transfers, `realised` and `unrealised` add up to the equity.

    `realised` is net of funding and of the fees on what was closed; `unrealised` is net of the fees paid on what is
    open, and None where a mark is missing. `fees` and `funding` are what was paid in all. Where a fee was paid in a
    currency that had no price then, whatever it belongs to is None.
    """

    realised: Decimal | None
    unrealised: Decimal | None
    fees: Decimal | None
    funding: Decimal


def equity(
    conn: Connection, account_id: str, marks: Mapping[str, Decimal], instruments: Mapping[str, Instrument]
) -> Decimal | None:
    """Worth of the account in its numeraire: cash, coins at their mark, and what perpetuals have gained.

    Both mappings are by symbol. None where a holding has no mark: what cannot be measured is not guessed.
    """
    holding = account(conn, account_id).numeraire, balances(conn, account_id)
    return worth_of(*holding, perpetuals(conn, account_id), marks, instruments)


def perpetuals(conn: Connection, account_id: str) -> list[Row[Any]]:
    """The open positions that are no part of a balance."""
    rows = conn.execute(_POSITIONS, {"account_id": account_id})
    return [row for row in rows if row.kind is ContractKind.PERPETUAL]


def worth_of(
    numeraire: str,
    held: Mapping[str, Decimal],
    contracts: Iterable[Row[Any]],
    marks: Mapping[str, Decimal],
    instruments: Mapping[str, Instrument],
) -> Decimal | None:
    """`equity` of balances and `perpetuals` that were read already."""
    spot = [i for i in instruments.values() if i.kind is ContractKind.SPOT and i.quote == numeraire]
    prices = {numeraire: ONE} | {i.base: marks[i.symbol] for i in spot if i.symbol in marks}
    worth = ZERO
    for currency, total in held.items():
        if total and currency not in prices:
            return None
        worth += total * prices.get(currency, ZERO)
    for row in contracts:
        if row.symbol not in marks:
            return None
        worth += _unrealised(row, marks[row.symbol])
    return worth


def profit(conn: Connection, account_id: str, marks: Mapping[str, Decimal]) -> Profit:
    """What the account earned and paid since it was opened. `marks` are by symbol."""
    open_trips = conn.execute(_POSITIONS, {"account_id": account_id}).all()
    closed = conn.scalars(select(round_trips.c.pnl).where(round_trips.c.account_id == account_id)).all()
    going = [None if row.unvalued else row.realised - row.funding for row in open_trips]
    paid = select(funding_payments.c.payment).where(funding_payments.c.account_id == account_id)
    fees = select(fills.c.fee_worth).where(fills.c.account_id == account_id)
    return Profit(
        realised=_sum([*closed, *going]),
        unrealised=_unrealised_of(open_trips, marks),
        fees=_sum(conn.scalars(fees)),
        funding=sum(conn.scalars(paid), ZERO),
    )


def equity_by(conn: Connection, account_id: str, at_ns: int) -> Decimal | None:
    """The last mark at or before a time, net of transfers; None where there was none yet."""
    found: Decimal | None = conn.execute(_MARK_BY, {"account_id": account_id, "at_ns": at_ns}).scalar()
    return found


def marks_since(conn: Connection, account_id: str, since_ns: int) -> list[tuple[int, Decimal]]:
    """Every mark from the last one at or before a time on, oldest first: (time, equity net of transfers)."""
    mine = mark_rows.c.account_id == account_id
    first = select(func.max(mark_rows.c.ts_ns)).where(mine, mark_rows.c.ts_ns <= since_ns).scalar_subquery()
    wanted = mark_rows.c.ts_ns >= func.coalesce(first, since_ns)
    query = select(mark_rows.c.ts_ns, mark_rows.c.equity).where(mine, wanted).order_by(mark_rows.c.ts_ns)
    return [(row.ts_ns, row.equity) for row in conn.execute(query)]


def track_record(conn: Connection, account_id: str, since_ns: int) -> TrackRecord | None:
    """Win rate and payoff, net of costs, of the latest round trips closed after `since_ns`; None while nothing lost.

    What the account itself lived through is out of sample by its nature. Both are of notional, so that a large trade
    says no more than a small one. What nobody knows is left out, and so is what standing instructions earned: it says
    nothing of whoever decides. Where they traded a symbol, the trips in it are those of everybody else.
    """
    returns = [earned for _, earned in _latest(conn, account_id, since_ns) if earned is not None]
    won, lost = [r for r in returns if r > 0], [-r for r in returns if r < 0]
    if not lost:
        return None
    mean_loss = sum(lost, ZERO) / len(lost)
    payoff = sum(won, ZERO) / len(won) / mean_loss if won else ZERO
    return TrackRecord(len(returns), round(Decimal(len(won)) / len(returns), 9), round(payoff, 9))


def _latest(conn: Connection, account_id: str, since_ns: int) -> list[tuple[int, Decimal | None]]:
    """When each of the latest trips ended, and what it earned of its notional, newest first."""
    theirs = sorted(owners.traded(conn, account_id))
    asked = {"account_id": account_id, "since_ns": since_ns, "apart": theirs}
    found: list[tuple[int, Decimal | None]] = [
        (row.closed_ns, None if row.pnl is None else row.pnl / (row.quantity * row.entry_price))
        for row in conn.execute(_LATEST_TRIPS, asked)
    ]
    for symbol in theirs:
        ended = [e for e in owners.apart(conn, account_id, symbol).ended if e.closed_ns > since_ns]
        found += [(e.closed_ns, None if e.trip.pnl is None else e.trip.pnl / e.trip.closed_cost) for e in ended]
    return sorted(found, key=lambda each: -each[0])[:_LATEST] if theirs else found


def losing_streak(conn: Connection, account_id: str, since_ns: int = 0) -> int:
    """How many of the latest round trips lost in a row, net of costs, of those closed after `since_ns`.

    One of which nobody knows what it earned proves no gain, and counts as lost.
    """
    streak = 0
    with conn.execute(_TRIPS_BACKWARD, {"account_id": account_id, "since_ns": since_ns}) as trips:
        for (pnl,) in trips:
            if pnl is not None and pnl >= 0:
                break
            streak += 1
    return streak


def _unrealised_of(open_trips: Sequence[Row[Any]], marks: Mapping[str, Decimal]) -> Decimal | None:
    if any(row.symbol not in marks or row.unvalued for row in open_trips):
        return None
    return sum((_unrealised(row, marks[row.symbol]) - row.entry_fees for row in open_trips), ZERO)


def _unrealised(row: Row[Any], mark: Decimal) -> Decimal:
    gain: Decimal = row.side.sign * (row.quantity * mark - row.cost)
    return gain


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Here and not in SQL, which would add texts; None where one of them is not known."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
