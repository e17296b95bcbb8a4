"""Who holds what of one account: standing instructions on one side, everybody else on the other.

What an instruction holds is what its stops guard. A trip of everybody else is reckoned from the fills, for that of the
account goes from flat to flat whoever trades. Functions on one open transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from core import identity
from core.money import ZERO, Price, Quantity, share_of
from core.orders import Position, Side
from memory.books import tables
from memory.books.positions import Trade, Trip, after
from memory.books.words import StopState

_GUARDED: Final = (
    select(tables.stops)
    .where(
        tables.stops.c.account_id == bindparam("account_id"),
        tables.stops.c.state == StopState.ARMED,
        tables.stops.c.owner.startswith(identity.INSTRUCTION),
    )
    .order_by(tables.stops.c.symbol, tables.stops.c.owner)
)
_SYMBOLS: Final = (
    select(tables.instruction_slots.c.symbol)
    .join(tables.instructions, tables.instructions.c.instruction_id == tables.instruction_slots.c.instruction_id)
    .where(tables.instructions.c.account_id == bindparam("account_id"))
    .distinct()
)
_FILLS: Final = (
    select(tables.fills, tables.orders.c.owner)
    .outerjoin(tables.orders, tables.orders.c.client_order_id == tables.fills.c.client_order_id)
    .where(tables.fills.c.account_id == bindparam("account_id"), tables.fills.c.symbol == bindparam("symbol"))
    .order_by(tables.fills.c.ts_event_ns, tables.fills.c.trade_id)
)


@dataclass(frozen=True, slots=True)
class Held:
    """What one instruction holds of a symbol, in base units."""

    owner: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Ended:
    """A round trip of those who are no instruction; amounts as in `positions.Trip`."""

    closed_ns: int
    trip: Trip


@dataclass(slots=True)
class Apart:
    """The two sides of one symbol: each with its open trip. `ended` are those of the side that is no instruction."""

    theirs: Trip | None = None
    others: Trip | None = None
    ended: list[Ended] = field(default_factory=list)


def is_instruction(owner: str | None) -> bool:
    return owner is not None and owner.startswith(identity.INSTRUCTION)


def are_apart(owner: str, other: str) -> bool:
    """Whether what one holds is not the other's to sell: each instruction is alone, everybody else is together."""
    return other != owner if is_instruction(owner) else is_instruction(other)


def guarded(conn: Connection, account_id: str, owner: str) -> Mapping[str, Decimal]:
    """What one instruction holds under its stops, by the order that armed each."""
    rows = conn.execute(_GUARDED, {"account_id": account_id})
    return {row.proposal_id: row.quantity for row in rows if row.owner == owner}


def held(conn: Connection, account_id: str) -> tuple[Held, ...]:
    """What instructions hold, by symbol and owner."""
    found: dict[tuple[str, str], Decimal] = {}
    for row in conn.execute(_GUARDED, {"account_id": account_id}):
        found[row.symbol, row.owner] = found.get((row.symbol, row.owner), ZERO) + row.quantity
    return tuple(Held(owner, symbol, quantity) for (symbol, owner), quantity in found.items() if quantity)


def without(conn: Connection, positions: Sequence[Position], theirs: Sequence[Held]) -> tuple[Position, ...]:
    """The positions less what instructions hold, at the cost of those who hold the rest; none where nothing is left."""
    rest = (_less(conn, position, theirs) for position in positions)
    return tuple(position for position in rest if position.quantity > ZERO)


def _less(conn: Connection, position: Position, theirs: Sequence[Held]) -> Position:
    less = sum((one.quantity for one in theirs if one.symbol == position.symbol), ZERO)
    if not less or less >= position.quantity:
        return replace(position, quantity=Quantity(position.quantity - less))
    own = apart(conn, position.account_id, position.symbol).others
    price = position.average_price if own is None else Price(own.average_price)
    return replace(position, quantity=Quantity(position.quantity - less), average_price=price)


def traded(conn: Connection, account_id: str) -> frozenset[str]:
    """Symbols in which an instruction ever placed an order."""
    return frozenset(conn.scalars(_SYMBOLS, {"account_id": account_id}))


def apart(conn: Connection, account_id: str, symbol: str) -> Apart:
    """Both sides of a spot pair, from its fills. A sale is of its seller's own coins first, as with the stops."""
    sides = Apart()
    for fill in conn.execute(_FILLS, {"account_id": account_id, "symbol": symbol}):
        _follow(sides, fill)
    return sides


def traded_between(conn: Connection, account_id: str, symbol: str, after_ns: int | None, until_ns: int) -> bool:
    """Whether a fill of an instruction came after `after_ns` (None: ever) and by `until_ns`."""
    asked = {"account_id": account_id, "symbol": symbol}
    fills = conn.execute(_FILLS, asked)
    return any(is_instruction(f.owner) and (after_ns or 0) < f.ts_event_ns <= until_ns for f in fills)


def _follow(sides: Apart, fill: Row[Any]) -> None:
    theirs = is_instruction(fill.owner)
    # What a fee took out of the coins is no part of what either side holds.
    in_coins = fill.fee if fill.fee_currency == fill.symbol.partition("/")[0] else ZERO
    trade = Trade(fill.side, fill.quantity - fill.side.sign * in_coins, fill.price, fill.fee_worth, fill.ts_event_ns)
    if trade.side is Side.BUY:
        _book(sides, trade, theirs)
        return
    own = sides.theirs if theirs else sides.others
    first = min(trade.quantity, ZERO if own is None else own.quantity)
    for quantity, whose in ((first, theirs), (trade.quantity - first, not theirs)):
        if quantity:
            fee = None if trade.fee is None else share_of(trade.fee, quantity, trade.quantity)
            _book(sides, replace(trade, quantity=quantity, fee=fee), whose)


def _book(sides: Apart, trade: Trade, theirs: bool) -> None:
    now, ended = after(sides.theirs if theirs else sides.others, trade, may_open=trade.side is Side.BUY)
    if theirs:
        sides.theirs = now
        return
    sides.others = now
    if ended is not None:
        sides.ended.append(Ended(trade.ts_ns, ended))
