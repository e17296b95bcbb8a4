"""Conversations in the books. Functions on one open transaction.

No order depends on them but through the key of a pending action: it is drawn once and stored before anything is done
with it, so that an action that is confirmed again is the same action.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from core.canonical import JSON
from core.errors import ConfigError
from core.taint import Taint, join
from memory.books.tables import chat_threads as threads
from memory.books.tables import chat_turns as turns

TITLE: Final = 60  # characters


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation of one person. `taint` is the worst of what was opened in it."""

    thread_id: str
    principal: str
    title: str
    taint: Taint
    pending: JSON
    created_ns: int
    updated_ns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person said, and what was answered; nothing where the process died before."""

    number: int
    said: str
    answer: JSON
    created_ns: int


def begin(conn: Connection, thread_id: str, principal: str, now_ns: int) -> Thread:
    row = {"thread_id": thread_id, "principal": principal, "title": "", "taint": 0, "pending": None}
    conn.execute(insert(threads), row | {"created_ns": now_ns, "updated_ns": now_ns})
    return find(conn, thread_id, principal)


def find(conn: Connection, prefix: str, principal: str) -> Thread:
    """The person's one thread whose id starts so. Raises ConfigError where there is none, or more than one."""
    starts = (threads.c.principal == principal, threads.c.thread_id.startswith(prefix, autoescape=True))
    query = select(threads).where(*starts).order_by(threads.c.thread_id).limit(2)
    found = [_thread(row) for row in conn.execute(query).mappings()] if prefix else []
    if not found:
        raise ConfigError(f"{principal} has no thread whose id starts with {prefix!r}: `warden chat --list` shows them")
    if len(found) > 1 and found[0].thread_id != prefix:
        raise ConfigError(f"more than one thread starts with {prefix!r}: give more of it")
    return found[0]


def listing(conn: Connection, principal: str, limit: int = 20) -> list[Thread]:
    """The person's threads in which something was said, the newest first."""
    query = select(threads).where(threads.c.principal == principal, threads.c.title != "")
    ordered = query.order_by(threads.c.updated_ns.desc(), threads.c.thread_id).limit(limit)
    return [_thread(row) for row in conn.execute(ordered).mappings()]


def told(conn: Connection, thread_id: str, limit: int) -> list[Turn]:
    """The last turns of a thread, oldest first."""
    query = select(turns.c.number, turns.c.said, turns.c.answer, turns.c.created_ns)
    newest = query.where(turns.c.thread_id == thread_id).order_by(turns.c.number.desc()).limit(limit)
    return [Turn(**row) for row in reversed(conn.execute(newest).mappings().all())]


def say(conn: Connection, thread_id: str, said: str, now_ns: int) -> int:
    """Writes down what a person said, before it is answered. Answers its number."""
    last = conn.scalar(select(func.max(turns.c.number)).where(turns.c.thread_id == thread_id)) or 0
    row = {"thread_id": thread_id, "number": last + 1, "said": said, "answer": None, "created_ns": now_ns}
    conn.execute(insert(turns), row)
    conn.execute(update(threads).where(threads.c.thread_id == thread_id).values(updated_ns=now_ns))
    unnamed = update(threads).where(threads.c.thread_id == thread_id, threads.c.title == "")
    conn.execute(unnamed.values(title=said[:TITLE]))
    return int(last) + 1


def answer(conn: Connection, thread_id: str, number: int, answered: JSON) -> None:
    of_turn = (turns.c.thread_id == thread_id, turns.c.number == number)
    conn.execute(update(turns).where(*of_turn).values(answer=answered))


def taint(conn: Connection, thread_id: str, seen: Taint) -> Taint:
    """Raises the thread's taint to what was seen in it. It never falls."""
    now = conn.execute(select(threads.c.taint).where(threads.c.thread_id == thread_id)).scalar_one()
    worst = join([Taint(now), seen])
    conn.execute(update(threads).where(threads.c.thread_id == thread_id).values(taint=int(worst)))
    return worst


def await_yes(conn: Connection, thread_id: str, pending: JSON) -> None:
    """Sets the action that waits for a yes, or none."""
    conn.execute(update(threads).where(threads.c.thread_id == thread_id).values(pending=pending))


def _thread(row: JSON) -> Thread:
    return Thread(**{**row, "taint": Taint(row["taint"])})
