"""Runs, their cycles, and the records of what was known and decided, each chained into the journal of its account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, desc, func, insert, or_, select, update

from core.canonical import JSON, digest
from core.errors import ConfigError, LedgerBroken
from memory.books import blobs, journal
from memory.books.chain import RECORD
from memory.books.columns import insert_new
from memory.books.tables import cycles, records, runs
from memory.books.words import CycleState, RecordKind, RunState

_COUNT = select(func.count()).where(
    records.c.kind == bindparam("kind"), records.c.proposal_id == bindparam("proposal_id")
)


@dataclass(frozen=True, slots=True)
class Run:
    run_id: str
    account_id: str
    command: JSON
    state: RunState
    digest: str | None
    cycles: int
    created_ns: int


@dataclass(frozen=True, slots=True)
class Cycle:
    cycle_id: str
    run_id: str
    account_id: str
    ordinal: int
    symbols: tuple[str, ...]
    as_of_ns: int
    state: CycleState
    record_hash: str | None


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What names a record before it is stored. A release names its proposal, an action has no cycle."""

    record_id: str
    kind: RecordKind
    account_id: str
    as_of_ns: int
    record_hash: str
    run_id: str | None = None
    cycle_id: str | None = None
    proposal_id: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `body` and `annex` are the names of blobs; `stream` and `sequence` name its journal entry."""

    record_id: str
    kind: RecordKind
    account_id: str
    run_id: str | None
    cycle_id: str | None
    proposal_id: str | None
    as_of_ns: int
    record_hash: str
    body: str
    annex: str
    stream: str
    sequence: int


def begin_run(conn: Connection, run_id: str, account_id: str, command: Mapping[str, JSON], created_ns: int) -> Run:
    """Opens a run, or answers the one of that name: the same command resumes or reports what it began."""
    row = {"run_id": run_id, "account_id": account_id, "command": command, "created_ns": created_ns}
    insert_new(conn, runs, row | {"state": RunState.RUNNING, "cycles": 0})
    run = find_run(conn, run_id)
    if run is None:
        raise LedgerBroken(f"run {run_id[:12]} was begun and cannot be found")
    return run


def find_run(conn: Connection, run_id: str) -> Run | None:
    row = conn.execute(select(runs).where(runs.c.run_id == run_id)).mappings().first()
    return None if row is None else Run(**row)


def runs_of(conn: Connection, account_id: str) -> tuple[Run, ...]:
    """Runs of one account, newest first."""
    query = select(runs).where(runs.c.account_id == account_id).order_by(desc(runs.c.created_ns), runs.c.run_id)
    return tuple(Run(**row) for row in conn.execute(query).mappings())


def finish_run(conn: Connection, run_id: str) -> str:
    """Closes a run with its digest, which it answers."""
    closed = select(func.count()).where(cycles.c.run_id == run_id, cycles.c.state == CycleState.CLOSED)
    values = {"state": RunState.FINISHED, "digest": run_digest(conn, run_id), "cycles": conn.scalar(closed)}
    if conn.execute(update(runs).where(runs.c.run_id == run_id).values(**values)).rowcount != 1:
        raise LedgerBroken(f"run {run_id[:12]} was never begun, so it cannot finish")
    return str(values["digest"])


def run_digest(conn: Connection, run_id: str) -> str:
    """Digest of the hashes of a run's decisions and releases, ordered by cycle and proposal."""
    query = (
        select(records.c.record_hash, records.c.cycle_id, records.c.proposal_id, cycles.c.ordinal)
        .join_from(records, cycles, records.c.cycle_id == cycles.c.cycle_id, isouter=True)
        .where(records.c.run_id == run_id, records.c.kind.in_([RecordKind.DECISION, RecordKind.RELEASE]))
    )
    rows = conn.execute(query).all()
    # Sorted here: databases disagree on where NULL stands and how text compares.
    ordered = sorted(rows, key=lambda r: (r.ordinal or 0, r.cycle_id or "", r.proposal_id or "", r.record_hash))
    return digest([row.record_hash for row in ordered])


def begin_cycle(
    conn: Connection,
    cycle_id: str,
    *,
    run_id: str,
    account_id: str,
    ordinal: int,
    symbols: Sequence[str],
    as_of_ns: int,
) -> Cycle:
    """Opens a cycle, or answers the one of that name: what was begun and not closed is run again."""
    row = {"cycle_id": cycle_id, "run_id": run_id, "account_id": account_id, "ordinal": ordinal}
    insert_new(conn, cycles, row | {"symbols": list(symbols), "as_of_ns": as_of_ns, "state": CycleState.BEGUN})
    cycle = find_cycle(conn, cycle_id)
    if cycle is None:
        raise LedgerBroken(f"cycle {cycle_id} was begun and cannot be found")
    return cycle


def find_cycle(conn: Connection, cycle_id: str) -> Cycle | None:
    row = conn.execute(select(cycles).where(cycles.c.cycle_id == cycle_id)).mappings().first()
    return None if row is None else _cycle(row)


def cycles_of(conn: Connection, run_id: str) -> tuple[Cycle, ...]:
    """Cycles of one run, in their order."""
    query = select(cycles).where(cycles.c.run_id == run_id).order_by(cycles.c.ordinal, cycles.c.cycle_id)
    return tuple(_cycle(row) for row in conn.execute(query).mappings())


def unfinished_cycles(conn: Connection, account_id: str) -> tuple[Cycle, ...]:
    """Cycles that were begun and not closed, oldest first: what a recovery runs again."""
    query = select(cycles).where(cycles.c.account_id == account_id, cycles.c.state == CycleState.BEGUN)
    ordered = query.order_by(cycles.c.as_of_ns, cycles.c.ordinal, cycles.c.cycle_id)
    return tuple(_cycle(row) for row in conn.execute(ordered).mappings())


def close_cycle(conn: Connection, cycle_id: str, record_hash: str) -> None:
    """Marks a cycle as done. Raises LedgerBroken where it is not open: one cycle has one record."""
    open_one = update(cycles).where(cycles.c.cycle_id == cycle_id, cycles.c.state == CycleState.BEGUN)
    if conn.execute(open_one.values(state=CycleState.CLOSED, record_hash=record_hash)).rowcount != 1:
        raise LedgerBroken(f"cycle {cycle_id} is not open, so it cannot be closed with record {record_hash[:12]}")


def add(conn: Connection, new: NewRecord, *, body: JSON, annex: JSON, ts_ns: int) -> Record:
    """Stores a record: its body and annex as blobs, an entry in the account's journal that names them, and the row.

    `body` is what was known and decided, `annex` what only this machine knows: versions, wall times, cost.
    """
    names = {"body": blobs.put_json(conn, body), "annex": blobs.put_json(conn, annex)}
    row: dict[str, Any] = {field.name: getattr(new, field.name) for field in fields(new)} | names
    entry = journal.append(conn, new.account_id, RECORD, row, ts_ns=ts_ns)
    row |= {"stream": entry.stream, "sequence": entry.sequence}
    conn.execute(insert(records), row)
    return Record(**row)


def find(conn: Connection, prefix: str) -> Record:
    """The one record whose id or hash starts with `prefix`. ConfigError where there is none, or more than one."""
    named = (records.c.record_id, records.c.record_hash)
    starts = or_(*(column.startswith(prefix, autoescape=True) for column in named))
    found = _listed(conn, select(records).where(starts).order_by(records.c.record_id).limit(2)) if prefix else ()
    if not found:
        raise ConfigError(f"no record has an id or a hash that starts with {prefix!r}: `warden audit list` shows them")
    if len(found) > 1 and found[0].record_id != prefix:
        raise ConfigError(f"more than one record starts with {prefix!r}, such as {found[0].record_id}: give more of it")
    return found[0]


def listing(
    conn: Connection,
    *,
    account_id: str | None = None,
    run_id: str | None = None,
    kind: RecordKind | None = None,
    since_ns: int = 0,
    limit: int | None = 50,
) -> tuple[Record, ...]:
    """Records of decisions at `since_ns` or later, newest first."""
    query = select(records).order_by(desc(records.c.as_of_ns), desc(records.c.stream), desc(records.c.sequence))
    for column, wanted in ((records.c.account_id, account_id), (records.c.run_id, run_id), (records.c.kind, kind)):
        query = query if wanted is None else query.where(column == wanted)
    query = query.where(records.c.as_of_ns >= since_ns) if since_ns else query
    return _listed(conn, query.limit(limit))


def count_of(conn: Connection, kind: RecordKind, proposal_id: str) -> int:
    """How many records of one kind a proposal has."""
    return int(conn.scalar(_COUNT, {"kind": kind, "proposal_id": proposal_id}) or 0)


def of_cycle(conn: Connection, cycle_id: str) -> tuple[Record, ...]:
    """The records of one cycle, its decision first and its releases by proposal."""
    query = select(records).where(records.c.cycle_id == cycle_id)
    return tuple(sorted(_listed(conn, query), key=lambda r: (r.kind, r.proposal_id or "", r.sequence)))


def _listed(conn: Connection, query: Select[tuple[object, ...]]) -> tuple[Record, ...]:
    return tuple(Record(**row) for row in conn.execute(query).mappings())


def _cycle(row: RowMapping) -> Cycle:
    return Cycle(**{**row, "symbols": tuple(row["symbols"])})
