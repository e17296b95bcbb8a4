"""Runs, cycles and records."""

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.canonical import digest
from core.errors import ConfigError, LedgerBroken
from memory.books import blobs, journal, records
from memory.books.database import Books
from memory.books.records import NewRecord
from memory.books.words import CycleState, RecordKind, RunState


def begin_cycle(conn: Connection, cycle_id: str, ordinal: int = 0) -> records.Cycle:
    return records.begin_cycle(
        conn, cycle_id, run_id="run", account_id="paper", ordinal=ordinal, symbols=("BTC/USDT",), as_of_ns=ordinal
    )


def add(
    conn: Connection,
    record_id: str,
    *,
    kind: RecordKind = RecordKind.DECISION,
    cycle: str | None = None,
    proposal: str | None = None,
    as_of_ns: int = 0,
) -> records.Record:
    new = NewRecord(record_id, kind, "paper", as_of_ns, f"hash-{record_id}", "run", cycle, proposal)
    return records.add(conn, new, body={"id": record_id}, annex={"host": "here"}, ts_ns=1)


def test_a_run_begun_twice_is_one_run(books: Books) -> None:
    first = books.write(lambda conn: records.begin_run(conn, "run", "paper", {"every": "4h"}, 5))
    again = books.write(lambda conn: records.begin_run(conn, "run", "paper", {"every": "4h"}, 99))
    assert first == again == records.Run("run", "paper", {"every": "4h"}, RunState.RUNNING, None, 0, 5)


def test_a_run_that_was_never_begun_is_none_and_cannot_finish(books: Books) -> None:
    assert books.read(lambda conn: records.find_run(conn, "run")) is None
    with pytest.raises(LedgerBroken, match="run run was never begun"):
        books.write(lambda conn: records.finish_run(conn, "run"))


def test_a_finished_run_keeps_its_digest_and_counts_closed_cycles(books: Books) -> None:
    def work(conn: Connection) -> str:
        records.begin_run(conn, "run", "paper", {}, 5)
        begin_cycle(conn, "a", 0)
        begin_cycle(conn, "b", 1)
        records.close_cycle(conn, "a", "h")
        return records.finish_run(conn, "run")

    run_digest = books.write(work)
    run = books.read(lambda conn: records.find_run(conn, "run"))
    assert run is not None
    assert (run.state, run.digest, run.cycles) == (RunState.FINISHED, run_digest, 1)
    assert books.read(lambda conn: records.runs_of(conn, "paper")) == (run,)
    assert books.read(lambda conn: records.runs_of(conn, "other")) == ()


def test_a_cycle_closes_once(books: Books) -> None:
    books.write(lambda conn: begin_cycle(conn, "c"))
    books.write(lambda conn: records.close_cycle(conn, "c", "hash"))
    with pytest.raises(LedgerBroken, match="cycle c is not open"):
        books.write(lambda conn: records.close_cycle(conn, "c", "other"))
    with pytest.raises(LedgerBroken, match="cycle d is not open"):
        books.write(lambda conn: records.close_cycle(conn, "d", "hash"))
    cycle = books.write(lambda conn: begin_cycle(conn, "c"))
    assert (cycle.state, cycle.record_hash, cycle.symbols) == (CycleState.CLOSED, "hash", ("BTC/USDT",))


def test_what_was_begun_and_not_closed_is_found_after_a_crash(books: Books) -> None:
    for name, ordinal in (("late", 3), ("early", 1), ("done", 2)):
        books.write(lambda conn, n=name, o=ordinal: begin_cycle(conn, n, o))  # type: ignore[misc]  # default arguments
    books.write(lambda conn: records.close_cycle(conn, "done", "h"))
    assert [c.cycle_id for c in books.read(lambda conn: records.unfinished_cycles(conn, "paper"))] == ["early", "late"]
    assert [c.ordinal for c in books.read(lambda conn: records.cycles_of(conn, "run"))] == [1, 2, 3]
    assert books.read(lambda conn: records.find_cycle(conn, "none")) is None


def test_a_record_is_chained_with_what_it_names(books: Books) -> None:
    record = books.write(lambda conn: add(conn, "r", cycle="c"))
    (entry,) = books.read(lambda conn: journal.entries(conn, "paper"))
    assert (record.stream, record.sequence) == (entry.stream, entry.sequence)
    assert entry.kind == "record"
    assert entry.body["record_hash"] == "hash-r"
    assert entry.body["body"] == record.body == digest({"id": "r"})
    assert books.read(lambda conn: blobs.get_json(conn, record.annex)) == {"host": "here"}
    assert books.read(lambda conn: records.find(conn, "r")) == record


def test_a_record_is_stored_once_and_a_second_try_leaves_nothing(books: Books) -> None:
    books.write(lambda conn: add(conn, "r"))
    with pytest.raises(IntegrityError):
        books.write(lambda conn: add(conn, "r"))
    assert books.read(journal.verify).entries == 1


@pytest.mark.parametrize("prefix", ["", "zz", "%", "_"])
def test_a_prefix_that_fits_no_record_is_refused(books: Books, prefix: str) -> None:
    books.write(lambda conn: add(conn, "abc"))
    with pytest.raises(ConfigError, match="no record has an id or a hash that starts with"):
        books.read(lambda conn: records.find(conn, prefix))


def test_a_prefix_that_fits_several_records_is_refused(books: Books) -> None:
    books.write(lambda conn: (add(conn, "abc"), add(conn, "abd"), add(conn, "ab")))
    assert books.read(lambda conn: records.find(conn, "abd")).record_id == "abd"
    # A whole id is meant even where it also starts others.
    assert books.read(lambda conn: records.find(conn, "ab")).record_id == "ab"
    with pytest.raises(ConfigError, match="more than one record starts with 'a'"):
        books.read(lambda conn: records.find(conn, "a"))


def test_records_are_listed_newest_first(books: Books) -> None:
    books.write(lambda conn: (add(conn, "old", as_of_ns=1), add(conn, "new", as_of_ns=2)))
    books.write(lambda conn: add(conn, "act", kind=RecordKind.ACTION, as_of_ns=3))

    def ids(**wanted: object) -> list[str]:
        found = books.read(lambda conn: records.listing(conn, **wanted))  # type: ignore[arg-type]  # any filter
        return [record.record_id for record in found]

    assert ids() == ["act", "new", "old"]
    assert ids(limit=1) == ["act"]
    assert ids(kind=RecordKind.DECISION, account_id="paper", run_id="run") == ["new", "old"]
    assert ids(account_id="other") == []


def test_the_run_digest_orders_by_cycle_and_proposal_not_by_arrival(books: Books) -> None:
    def work(conn: Connection) -> str:
        begin_cycle(conn, "b", 1)
        begin_cycle(conn, "a", 2)
        add(conn, "a-decision", cycle="a")
        add(conn, "b-p2", kind=RecordKind.RELEASE, cycle="b", proposal="p2")
        add(conn, "b-p1", kind=RecordKind.RELEASE, cycle="b", proposal="p1")
        add(conn, "b-decision", cycle="b")
        add(conn, "stop", kind=RecordKind.ACTION)
        return records.run_digest(conn, "run")

    expected = digest(["hash-b-decision", "hash-b-p1", "hash-b-p2", "hash-a-decision"])
    assert books.write(work) == expected
    found = books.read(lambda conn: records.of_cycle(conn, "b"))
    assert [record.record_id for record in found] == ["b-decision", "b-p1", "b-p2"]


def test_a_run_without_records_has_a_digest_too(books: Books) -> None:
    assert books.read(lambda conn: records.run_digest(conn, "run")) == digest([])
