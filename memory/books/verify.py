"""Walks every chain of the journal and every record that it names, and says where the books were first changed.

Everything is read as the bytes that are stored, never through the types that wrote it: a changed byte may not be text.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import add
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    select,
)

from core.errors import LedgerBroken
from memory.books import blobs
from memory.books.chain import GENESIS, RECORD, entry_hash
from memory.books.columns import Word
from memory.books.tables import journal, journal_heads, records

_PAGE = 5_000
_NAMED = ("record_id", "kind", "account_id", "run_id", "cycle_id", "proposal_id", "record_hash", "body", "annex")


@dataclass(frozen=True, slots=True)
class Verification:
    """What was walked. `broken` names the first broken entry as `stream#sequence`, `problem` what is wrong there."""

    streams: int
    entries: int
    records: int
    broken: str | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.broken is None


@dataclass(slots=True)
class _Found:
    """How much was sound so far."""

    streams: int = 0
    entries: int = 0
    records: int = 0


class _Broken(Exception):
    def __init__(self, stream: str, sequence: object, problem: str) -> None:
        super().__init__(problem)
        self.entry = f"{stream}#{sequence}"


def verify(conn: Connection, stream: str | None = None) -> Verification:
    """Walks all streams, or one. Chains come first, then the records and the blobs that they name."""
    found = _Found()
    try:
        _walk_chains(conn, stream, found)
        _walk_records(conn, stream, found)
    except _Broken as broken:
        return Verification(found.streams, found.entries, found.records, broken.entry, str(broken))
    return Verification(found.streams, found.entries, found.records)


def _walk_chains(conn: Connection, only: str | None, found: _Found) -> None:
    heads = {_shown(h.stream): h for h in _rows(conn, _of(only, _stored(conn, journal_heads), journal_heads.c.stream))}
    entries = _of(only, _stored(conn, journal), journal.c.stream).order_by(journal.c.stream, journal.c.sequence)
    for raw_stream, chain in groupby(_rows(conn, entries), key=lambda row: row.stream):
        stream = _shown(raw_stream)
        _walk_chain(stream, chain, heads.pop(stream, None), found)
        found.streams += 1
    for stream in sorted(heads):
        raise _Broken(stream, 1, f"is missing: the head of {stream} stands at #{heads[stream].sequence}")


def _walk_chain(stream: str, chain: Iterator[Row[Any]], head: Row[Any] | None, found: _Found) -> None:
    sequence, previous = 0, GENESIS
    for row in chain:
        sequence += 1
        if row.sequence != sequence:
            raise _Broken(stream, sequence, f"is missing: #{row.sequence} stands in its place")
        problem = _problem(row, stream, previous)
        if problem:
            raise _Broken(stream, sequence, problem)
        previous = _shown(row.hash)
        found.entries += 1
    if head is None:
        raise _Broken(stream, sequence, f"has no head: {stream} is unknown to journal_heads")
    if type(head.sequence) is int and head.sequence > sequence:
        raise _Broken(stream, sequence + 1, f"is missing: the head of {stream} stands at #{head.sequence}")
    if (head.sequence, _shown(head.hash)) != (sequence, previous):
        at = f"#{head.sequence} with hash {_brief(head.hash)}"
        raise _Broken(stream, sequence, f"does not match the head of {stream}, which stands at {at}")


def _problem(row: Row[Any], stream: str, previous: str) -> str | None:
    """What is wrong with one entry that stands where it should."""
    if type(row.ts_ns) is not int:
        return f"has a time that is no number: {row.ts_ns!r}"
    if _shown(row.previous) != previous:
        return f"names {_brief(row.previous)} as the hash before it, which is {previous[:12]}"
    body = row.body if isinstance(row.body, bytes) else str(row.body).encode()
    expected = entry_hash(stream, row.sequence, row.ts_ns, _shown(row.kind), body, previous)
    if _shown(row.hash) != expected:
        return f"was changed: it hashes to {expected[:12]}, its hash says {_brief(row.hash)}"
    try:
        json.loads(body)
    except ValueError as error:
        return f"has a body that is not JSON: {error}"
    return None


def _walk_records(conn: Connection, only: str | None, found: _Found) -> None:
    orphan = _of(only, select(journal.c.stream, journal.c.sequence), journal.c.stream).where(
        journal.c.kind == RECORD,
        ~exists().where(records.c.stream == journal.c.stream, records.c.sequence == journal.c.sequence),
    )
    for row in conn.execute(orphan.order_by(journal.c.stream, journal.c.sequence).limit(1)):
        raise _Broken(row.stream, row.sequence, "names a record that is missing")
    entry = and_(journal.c.stream == records.c.stream, journal.c.sequence == records.c.sequence)
    stored = _stored(conn, records).add_columns(journal.c.body.label("entry"))
    stored = _of(only, stored.select_from(records.outerjoin(journal, entry)), records.c.stream)
    for row in _rows(conn, stored.order_by(records.c.stream, records.c.sequence)):
        stream = _shown(row.stream)
        if row.entry is None:
            raise _Broken(stream, row.sequence, f"is missing: record {_brief(row.record_id)} names it")
        values = {column: _optional(getattr(row, column)) for column in _NAMED} | {"as_of_ns": row.as_of_ns}
        named = json.loads(row.entry)
        for column, value in values.items():
            if named.get(column) != value:
                raise _Broken(stream, row.sequence, f"names a record whose {column} was changed: {value!r}")
        for digest in (named["body"], named["annex"]):
            _check_blob(conn, stream, row.sequence, digest)
        found.records += 1


def _check_blob(conn: Connection, stream: str, sequence: int, digest: str) -> None:
    try:
        # None: retention deleted it, and the chain still says what it was.
        blobs.get(conn, digest)
    except LedgerBroken as error:
        raise _Broken(stream, sequence, f"names a payload that was changed: {error}") from None


def _stored(conn: Connection, table: Table) -> Select[Any]:
    """A select of the table's stored bytes, and of how its texts are `typed`.

    Only SQLite needs either: it alone can hold text that is no text, and bytes where text belongs.
    """
    texts = [c for c in table.columns if isinstance(c.type, Text | Word)]
    others = [c for c in table.columns if c not in texts]
    if conn.dialect.name != "sqlite":
        return select(*others, *(cast(c, Text).label(c.name) for c in texts), literal("").label("typed"))
    typed = reduce(add, (func.typeof(c, type_=Text) for c in texts)).label("typed")
    return select(*others, *(cast(c, LargeBinary).label(c.name) for c in texts), typed)


def _of(stream: str | None, query: Select[Any], column: ColumnElement[str]) -> Select[Any]:
    return query if stream is None else query.where(column == stream)


def _rows(conn: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    for row in conn.execute(query, execution_options={"yield_per": _PAGE}):
        if "blob" in row.typed:
            raise _Broken(_shown(row.stream), row.sequence, "holds bytes where text belongs")
        yield row


def _shown(stored: bytes | str) -> str:
    return stored.decode(errors="replace") if isinstance(stored, bytes) else str(stored)


def _optional(stored: bytes | str | None) -> str | None:
    return None if stored is None else _shown(stored)


def _brief(stored: bytes | str) -> str:
    return _shown(stored)[:12]
