"""The journal: chained entries, so that nothing that was written can be changed, removed or cut off unseen.

Each entry's hash covers its stream, number, time, kind, body and the hash before it; `journal_heads` keeps the last
number and hash of every stream. `verify` walks the chains.
"""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select

from core.canonical import JSON, canonical_text
from memory.books.chain import GENESIS, entry_hash
from memory.books.columns import upsert
from memory.books.tables import journal, journal_heads
from memory.books.verify import Verification, verify

__all__ = ["Entry", "Verification", "append", "entries", "verify"]

_HEAD = select(journal_heads.c.sequence, journal_heads.c.hash).where(journal_heads.c.stream == bindparam("stream"))
_APPEND = insert(journal)
_ENTRIES = (
    select(journal)
    .where(journal.c.stream == bindparam("stream"), journal.c.sequence > bindparam("after"))
    .order_by(journal.c.sequence)
)


@dataclass(frozen=True, slots=True)
class Entry:
    stream: str
    sequence: int
    ts_ns: int
    kind: str
    body: JSON
    previous: str
    hash: str

    @property
    def name(self) -> str:
        return f"{self.stream}#{self.sequence}"


def bodies(conn: Connection, stream: str, kind: str) -> tuple[JSON, ...]:
    """What the entries of one kind say, oldest first."""
    wanted = select(journal.c.body).where(journal.c.stream == stream, journal.c.kind == kind)
    return tuple(json.loads(body) for body in conn.scalars(wanted.order_by(journal.c.sequence)))


def append(conn: Connection, stream: str, kind: str, body: JSON, *, ts_ns: int) -> Entry:
    """Chains one entry to the end of `stream` and moves its head."""
    head = conn.execute(_HEAD, {"stream": stream}).first()
    sequence, previous = (head.sequence + 1, head.hash) if head else (1, GENESIS)
    text = canonical_text(body)
    hashed = entry_hash(stream, sequence, ts_ns, kind, text.encode(), previous)
    row = {"stream": stream, "sequence": sequence, "ts_ns": ts_ns, "kind": kind, "body": text, "previous": previous}
    conn.execute(_APPEND, row | {"hash": hashed})
    upsert(conn, journal_heads, {"stream": stream, "sequence": sequence, "hash": hashed}, ("sequence", "hash"))
    return Entry(stream, sequence, ts_ns, kind, json.loads(text), previous, hashed)


def entries(conn: Connection, stream: str, *, after: int = 0, limit: int | None = None) -> tuple[Entry, ...]:
    """Entries of one stream with a number above `after`, oldest first."""
    rows = conn.execute(_ENTRIES.limit(limit), {"stream": stream, "after": after})
    return tuple(Entry(r.stream, r.sequence, r.ts_ns, r.kind, json.loads(r.body), r.previous, r.hash) for r in rows)
