"""Signals in the books: each issued once, numbered in the order of their issue, settled once. On one transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, desc, func, insert, select, update

from core.canonical import JSON
from memory.books.tables import records, signals
from memory.books.words import RecordKind


@dataclass(frozen=True, slots=True)
class Signal:
    """One as it was issued. `body` and `outcome` are canonical texts, which the signatures are over."""

    number: int
    signal_id: str
    account_id: str
    symbol: str
    record_id: str
    entry: int
    as_of_ns: int
    expires_ns: int
    body: str
    signer: str
    signature: str
    outcome: str | None = None
    outcome_signature: str | None = None

    @property
    def line(self) -> str:
        """The document that a reader gets: what was signed stands in it byte for byte."""
        outcome = "null" if self.outcome is None else self.outcome
        signed = "null" if self.outcome_signature is None else f'"{self.outcome_signature}"'
        return (
            f'{{"number":{self.number},"signal":{self.body},"signer":"{self.signer}","signature":"{self.signature}",'
            f'"outcome":{outcome},"outcome_signature":{signed}}}'
        )

    @property
    def told(self) -> JSON:
        return json.loads(self.body)


def unissued(conn: Connection, account_id: str, entry: int, limit: int) -> list[tuple[str, int]]:
    """Decisions after that journal entry of which nothing was issued yet, oldest first: id and entry of each."""
    last = conn.scalar(select(func.max(signals.c.entry)).where(signals.c.account_id == account_id)) or 0
    wanted = select(records.c.record_id, records.c.sequence).where(
        records.c.account_id == account_id,
        records.c.kind == RecordKind.DECISION,
        records.c.sequence > max(last, entry),
    )
    return [(row.record_id, row.sequence) for row in conn.execute(wanted.order_by(records.c.sequence).limit(limit))]


def issue(conn: Connection, new: Sequence[JSON]) -> int:
    """Adds what one record says. Nothing where another process was quicker; answers how many were added."""
    here = conn.scalar(select(func.count()).where(signals.c.record_id == new[0]["record_id"])) if new else 0
    if not new or here:
        return 0
    conn.execute(insert(signals), list(new))
    return len(new)


def unsettled(conn: Connection, account_id: str, until_ns: int, limit: int) -> list[Signal]:
    """Those whose horizon ended by `until_ns` and whose outcome nobody has told, oldest first."""
    wanted = (signals.c.account_id == account_id, signals.c.outcome.is_(None), signals.c.expires_ns <= until_ns)
    return _listed(conn, select(signals).where(*wanted).order_by(signals.c.id).limit(limit))


def settle(conn: Connection, signal_id: str, outcome: str, signature: str) -> None:
    """Says once what came of a signal."""
    mine = (signals.c.signal_id == signal_id, signals.c.outcome.is_(None))
    conn.execute(update(signals).where(*mine).values(outcome=outcome, outcome_signature=signature))


def latest(conn: Connection, account_id: str) -> list[Signal]:
    """The newest of each symbol, by symbol."""
    newest = select(func.max(signals.c.id)).where(signals.c.account_id == account_id).group_by(signals.c.symbol)
    return _listed(conn, select(signals).where(signals.c.id.in_(newest)).order_by(signals.c.symbol))


def history(
    conn: Connection, account_id: str, *, symbol: str | None = None, before: int | None = None, limit: int
) -> list[Signal]:
    """Newest first, those below the number `before`."""
    query = select(signals).where(signals.c.account_id == account_id).order_by(desc(signals.c.id)).limit(limit)
    query = query if symbol is None else query.where(signals.c.symbol == symbol)
    return _listed(conn, query if before is None else query.where(signals.c.id < before))


def after(conn: Connection, account_id: str, number: int, *, symbol: str | None = None, limit: int) -> list[Signal]:
    """Oldest first, those above `number`."""
    query = select(signals).where(signals.c.account_id == account_id, signals.c.id > number)
    query = query if symbol is None else query.where(signals.c.symbol == symbol)
    return _listed(conn, query.order_by(signals.c.id).limit(limit))


def find(conn: Connection, signal_id: str) -> Signal | None:
    found = _listed(conn, select(signals).where(signals.c.signal_id == signal_id))
    return found[0] if found else None


def last_number(conn: Connection, account_id: str) -> int:
    return int(conn.scalar(select(func.max(signals.c.id)).where(signals.c.account_id == account_id)) or 0)


def settled_count(conn: Connection, account_id: str) -> int:
    wanted = (signals.c.account_id == account_id, signals.c.outcome.is_not(None))
    return int(conn.scalar(select(func.count()).select_from(signals).where(*wanted)) or 0)


def _listed(conn: Connection, query: object) -> list[Signal]:
    return [_signal(row) for row in conn.execute(query).mappings()]  # type: ignore[call-overload]


def _signal(row: RowMapping) -> Signal:
    return Signal(number=row["id"], **{name: value for name, value in row.items() if name != "id"})
