"""Breaker latches in the books: what closed the desk, since when, and who re-armed it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, insert, select, update

from memory.books import accounts, journal, tables
from memory.books.words import LatchState
from risk.breakers import Cause, Trip
from risk.states import TradingState, strictest


@dataclass(frozen=True, slots=True)
class Latch:
    latch_id: int
    scope: str
    cause: str
    state: TradingState
    detail: str
    tripped_ns: int


def live(conn: Connection, account_id: str) -> tuple[Latch, ...]:
    """Latches that nobody has re-armed, oldest first."""
    table = tables.latches
    rows = conn.execute(
        select(table).where(and_(table.c.account_id == account_id, table.c.rearmed_ns.is_(None))).order_by(table.c.id)
    )
    return tuple(
        Latch(row.id, row.scope, row.cause, TradingState(row.state.value), row.detail, row.tripped_ns) for row in rows
    )


def trip(conn: Connection, account_id: str, found: Sequence[Trip], now_ns: int) -> tuple[Trip, ...]:
    """Latches what is not latched yet, journals it, and opens a new risk epoch. Answers what is new."""
    standing = {latch.cause for latch in live(conn, account_id)}
    fresh = tuple(t for t in found if t.latches and t.cause.value not in standing)
    for new in fresh:
        conn.execute(
            insert(tables.latches).values(
                account_id=account_id,
                scope="account",
                cause=new.cause.value,
                state=LatchState(new.state.value),
                detail=new.detail,
                tripped_ns=now_ns,
            )
        )
        entry = {"cause": new.cause, "state": new.state, "detail": new.detail}
        journal.append(conn, account_id, "breaker", entry, ts_ns=now_ns)
    if fresh:
        accounts.bump_epoch(conn, account_id)
    return fresh


def rearm(conn: Connection, account_id: str, latch_id: int, *, by: str, reason: str, now_ns: int) -> bool:
    """A person re-arms one latch, not the state. False if there is no such live latch."""
    table = tables.latches
    done = conn.execute(
        update(table)
        .where(and_(table.c.id == latch_id, table.c.account_id == account_id, table.c.rearmed_ns.is_(None)))
        .values(rearmed_ns=now_ns, rearmed_by=by, reason=reason)
    )
    if done.rowcount:
        entry = {"latch": latch_id, "by": by, "reason": reason}
        journal.append(conn, account_id, "rearmed", entry, ts_ns=now_ns)
        accounts.bump_epoch(conn, account_id)
    return bool(done.rowcount)


def last_rearmed_ns(conn: Connection, account_id: str, cause: Cause) -> int:
    """When this cause was last re-armed; 0 if never. Streaks are counted from there."""
    table = tables.latches
    when = conn.execute(
        select(func.max(table.c.rearmed_ns)).where(and_(table.c.account_id == account_id, table.c.cause == cause.value))
    ).scalar()
    return int(when or 0)


def state_of(conn: Connection, account_id: str, conditions: Sequence[Trip] = ()) -> TradingState:
    """The strictest live cause, latched or not."""
    return strictest([latch.state for latch in live(conn, account_id)] + [c.state for c in conditions if not c.latches])
