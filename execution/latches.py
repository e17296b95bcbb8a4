"""Causes in the books: what closed the desk and for how long, what ended it, and who re-armed it.

A table of latches, windows and conditions by row; what is live is what has not ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from core.canonical import JSON, plain
from memory.books import accounts, journal
from memory.books.tables import latches as rows
from risk import causes
from risk.breakers import Trip
from risk.causes import NO_TURN, Cause, Turn
from risk.readings import ACCOUNT
from risk.states import Kind, Standing, TradingState

_LIVE = select(rows).where(rows.c.account_id == bindparam("account_id"), rows.c.ended_ns.is_(None)).order_by(rows.c.id)
_CHANGE = update(rows).where(rows.c.id == bindparam("row"))


@dataclass(frozen=True, slots=True)
class Latch:
    """A live cause and its number, by which a person re-arms it."""

    latch_id: int
    cause: Cause


def live(conn: Connection, account_id: str, now_ns: int) -> tuple[Latch, ...]:
    """What holds at a time, oldest first. A window that is over counts no more, whether or not that was booked."""
    found = (Latch(row.id, _cause(row)) for row in conn.execute(_LIVE, {"account_id": account_id}))
    return tuple(x for x in found if x.cause.kind is not Kind.WINDOW or not x.cause.is_over(now_ns))


def standing(
    conn: Connection, account_id: str, now_ns: int, *, symbol: str | None = None, venue: str | None = None
) -> Standing:
    """What is allowed: account-wide, or for an order in one symbol at one venue."""
    return causes.standing((x.cause for x in live(conn, account_id, now_ns)), symbol=symbol, venue=venue)


def halts(conn: Connection, account_id: str, now_ns: int) -> Cause | None:
    """Why the whole account is halted; None where it is not."""
    everywhere = (x.cause for x in live(conn, account_id, now_ns) if x.cause.scope == ACCOUNT)
    return next((cause for cause in everywhere if cause.state is TradingState.HALTED), None)


def turn(conn: Connection, account_id: str, found: Sequence[Trip], now_ns: int) -> Turn:
    """Books what the readings changed, and journals it. What is new opens a new risk epoch."""
    known = {row.id: _cause(row) for row in conn.execute(_LIVE, {"account_id": account_id})}
    if not (known or found):
        return NO_TURN
    numbers = {cause: number for number, cause in known.items()}
    change = causes.turn(tuple(known.values()), found, now_ns)
    for before, now in change.seen:
        conn.execute(_CHANGE, {"row": numbers[before], "until_ns": now.until_ns})
    for over in change.ended:
        conn.execute(_CHANGE, {"row": numbers[over], "ended_ns": now_ns, "ended_by": "clock"})
        entry = {"latch": numbers[over], "cause": over.name, "scope": over.scope, "kind": over.kind}
        journal.append(conn, account_id, "breaker_ended", entry, ts_ns=now_ns)
    for trip in change.tripped:
        _trip(conn, account_id, trip, now_ns)
    if change.tripped:
        accounts.bump_epoch(conn, account_id)
    return change


def end(conn: Connection, account_id: str, latch: Latch, *, by: str, reason: str, now_ns: int) -> None:
    """A person re-arms one latch. What was reviewed before is void."""
    conn.execute(_CHANGE, {"row": latch.latch_id, "ended_ns": now_ns, "ended_by": by, "reason": reason})
    entry = {"latch": latch.latch_id, "cause": latch.cause.name, "scope": latch.cause.scope, "by": by, "reason": reason}
    journal.append(conn, account_id, "rearmed", entry, ts_ns=now_ns)
    accounts.bump_epoch(conn, account_id)


def find(conn: Connection, account_id: str, latch_id: int) -> Latch | None:
    """A live latch by its number. Windows and conditions end by themselves, and are none."""
    wanted = and_(rows.c.id == latch_id, rows.c.account_id == account_id, rows.c.ended_ns.is_(None))
    row = conn.execute(select(rows).where(wanted, rows.c.kind == Kind.LATCH)).first()
    return None if row is None else Latch(row.id, _cause(row))


def _trip(conn: Connection, account_id: str, trip: Trip, now_ns: int) -> None:
    cause = Cause.of(trip, now_ns)
    row = {
        "account_id": account_id,
        "scope": cause.scope,
        "cause": cause.name,
        "reads": cause.reads,
        "state": cause.state,
        "caps": cause.caps,
        "kind": cause.kind,
        "detail": cause.detail,
        "tripped_ns": now_ns,
        "until_ns": cause.until_ns,
    }
    conn.execute(insert(rows), row)
    measured: JSON = {"value": trip.value, "limit": trip.breaker.limit}
    journal.append(conn, account_id, "breaker", plain({**row, **measured}), ts_ns=now_ns)


def _cause(row: Row[Any]) -> Cause:
    return Cause(
        name=row.cause,
        scope=row.scope,
        reads=row.reads,
        state=row.state,
        caps=row.caps,
        kind=row.kind,
        detail=row.detail,
        tripped_ns=row.tripped_ns,
        until_ns=row.until_ns,
    )
