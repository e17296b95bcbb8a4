"""Lots: what came in, when and for how much, used up first in first out, as taxes are reckoned in many places.

They stand beside the average cost of positions. A coin's lots add up to its balance, whatever became of it, and a
perpetual's to its position; the numeraire has none.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from core.errors import LedgerBroken
from core.money import ZERO, share_of, text_of
from core.orders import Side
from memory.books.tables import disposals
from memory.books.tables import lots as rows

_LOTS = select(rows).where(rows.c.account_id == bindparam("account_id"), rows.c.asset == bindparam("asset"))
_OLDEST = _LOTS.order_by(rows.c.opened_ns, rows.c.id).limit(1)
_OPEN_LOT = insert(rows)
_USE_PART = update(rows).where(rows.c.id == bindparam("this_lot"))
_USE_UP = delete(rows).where(rows.c.id == bindparam("this_lot"))
_DISPOSE = insert(disposals)


@dataclass(frozen=True, slots=True)
class Movement:
    """Some of one asset that came in or went out: a coin by its currency, a perpetual by its symbol.

    `value` is in the numeraire: what it cost (buy) or brought (sell), fees included; None where nobody knows.
    `venue` and `trade_id` name the fill behind it; a transfer has none.
    """

    account_id: str
    asset: str
    side: Side
    quantity: Decimal
    value: Decimal | None
    ts_ns: int
    venue: str = ""
    trade_id: str = ""


def opened(conn: Connection, movement: Movement) -> None:
    """A lot of its own for what came in; with `SELL`, for a short that was opened."""
    conn.execute(
        _OPEN_LOT,
        {
            "account_id": movement.account_id,
            "asset": movement.asset,
            "side": movement.side,
            "opened_ns": movement.ts_ns,
            "quantity": movement.quantity,
            "value": movement.value,
            "venue": movement.venue,
            "trade_id": movement.trade_id,
        },
    )


def closed(conn: Connection, movement: Movement, *, disposed: bool = True) -> Movement | None:
    """Uses up the oldest lots of the other side, and answers what they could not cover.

    Each leaves a row with its gain, or None of it where its own value or the movement's is not known. What is not
    `disposed` of, such as a withdrawal, leaves none.
    """
    left, value = movement.quantity, movement.value
    while left and (lot := _oldest(conn, movement)) is not None:
        part = min(left, lot.quantity)
        fetched = None if value is None else share_of(value, part, left)
        spent = None if lot.value is None else share_of(lot.value, part, lot.quantity)
        _use(conn, lot, part, spent)
        if disposed:
            _record(conn, lot, movement, part, spent, fetched)
        left -= part
        value = None if value is None or fetched is None else value - fetched
    return replace(movement, quantity=left, value=value) if left else None


def moved(conn: Connection, movement: Movement) -> None:
    """A trade of a perpetual: it closes the other side's lots, and its rest is a lot of its own."""
    rest = closed(conn, movement)
    if rest is not None:
        opened(conn, rest)


def taken(conn: Connection, movement: Movement, *, disposed: bool = True) -> None:
    """Coins that left. Raises LedgerBroken where the lots hold fewer: they and the balance are one number."""
    short = closed(conn, movement, disposed=disposed)
    if short is not None:
        raise LedgerBroken(
            f"{text_of(movement.quantity)} {movement.asset} left account {movement.account_id}, "
            f"whose lots hold {text_of(movement.quantity - short.quantity)}"
        )


def held(conn: Connection, account_id: str, asset: str) -> Decimal:
    """What all lots of an asset hold; a short's are negative."""
    found = conn.execute(_LOTS, {"account_id": account_id, "asset": asset})
    return sum((lot.side.sign * lot.quantity for lot in found), ZERO)


def _oldest(conn: Connection, movement: Movement) -> Row[Any] | None:
    """The next lot that a movement uses up; None where there is none, or all are of its own side."""
    lot = conn.execute(_OLDEST, {"account_id": movement.account_id, "asset": movement.asset}).first()
    return None if lot is None or lot.side is movement.side else lot


def _use(conn: Connection, lot: Row[Any], part: Decimal, spent: Decimal | None) -> None:
    this = {"this_lot": lot.id}
    if part == lot.quantity:
        conn.execute(_USE_UP, this)
        return
    value = None if spent is None else lot.value - spent
    conn.execute(_USE_PART, this | {"quantity": lot.quantity - part, "value": value})


def _record(
    conn: Connection, lot: Row[Any], movement: Movement, part: Decimal, spent: Decimal | None, fetched: Decimal | None
) -> None:
    cost, proceeds = (spent, fetched) if lot.side is Side.BUY else (fetched, spent)
    row = {
        "account_id": lot.account_id,
        "asset": lot.asset,
        "side": lot.side,
        "quantity": part,
        "opened_ns": lot.opened_ns,
        "closed_ns": movement.ts_ns,
        "cost": cost,
        "proceeds": proceeds,
        "gain": None if cost is None or proceeds is None else proceeds - cost,
        "opened_by": lot.trade_id,
        "venue": movement.venue,
        "trade_id": movement.trade_id,
    }
    conn.execute(_DISPOSE, row)
