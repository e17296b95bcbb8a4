"""Nothing that was written can be changed, removed or cut off unseen."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from core.canonical import digest, digest_bytes
from memory.books import blobs, journal, records
from memory.books.chain import GENESIS, entry_hash
from memory.books.database import Books
from memory.books.records import NewRecord
from memory.books.words import RecordKind

LENGTH = 5


def fill(conn: Connection) -> None:
    for i in range(LENGTH):
        journal.append(conn, "paper", "note", {"order": i, "say": "größer"}, ts_ns=1_000 + i)
    journal.append(conn, "desk", "start", {}, ts_ns=1)


@pytest.fixture
def raw(books: Books, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's hand on the file of journals with 5 entries of `paper` and 1 of `desk`."""
    books.write(fill)
    conn = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
    yield conn
    conn.close()


def verified(books: Books) -> tuple[str | None, str | None]:
    found = books.read(journal.verify)
    return found.broken, found.problem


def test_an_empty_journal_is_sound(books: Books) -> None:
    assert books.read(journal.verify) == journal.Verification(streams=0, entries=0, records=0)


def test_an_untouched_journal_is_sound(books: Books, raw: sqlite3.Connection) -> None:
    assert books.read(journal.verify) == journal.Verification(streams=2, entries=LENGTH + 1, records=0)
    assert books.read(lambda conn: journal.verify(conn, "paper")).entries == LENGTH


def test_each_entry_names_the_hash_before_it(books: Books, raw: sqlite3.Connection) -> None:
    chain = books.read(lambda conn: journal.entries(conn, "paper"))
    assert [e.name for e in chain] == [f"paper#{i}" for i in range(1, LENGTH + 1)]
    assert [e.previous for e in chain] == [GENESIS, *(e.hash for e in chain[:-1])]


def test_entries_can_be_read_from_a_place_on(books: Books, raw: sqlite3.Connection) -> None:
    found = books.read(lambda conn: journal.entries(conn, "paper", after=2, limit=2))
    assert [e.sequence for e in found] == [3, 4]


@given(
    kind=st.text(), stream=st.text(), body=st.binary(), sequence=st.integers(min_value=1), ts_ns=st.integers(0, 2**62)
)
def test_the_hash_is_that_of_the_canonical_form(kind: str, stream: str, body: bytes, sequence: int, ts_ns: int) -> None:
    # The short way to the text must never part from the form that everything else is hashed in.
    entry = {"stream": stream, "sequence": sequence, "ts_ns": ts_ns, "kind": kind, "previous": GENESIS}
    hashed = entry_hash(stream, sequence, ts_ns, kind, body, GENESIS)
    assert hashed == digest(entry | {"body": digest_bytes(body)})


CHANGES = {
    "time": "ts_ns = ts_ns + 1",
    "time that is text": "ts_ns = 'soon'",
    "kind": "kind = 'noto'",
    "body": "body = replace(body, 'order', 'ordre')",
    "body that is no text": "body = CAST(x'ff' AS TEXT)",
    "body with one byte of a letter lost": "body = CAST(replace(CAST(body AS BLOB), x'c3', x'c2') AS TEXT)",
    "blank in the body": "body = body || ' '",
    "body stored as bytes": "body = CAST(body AS BLOB)",
    "hash stored as bytes": "hash = CAST(hash AS BLOB)",
    "hash": "hash = 'f' || substr(hash, 2)",
    "hash in capitals": "hash = upper(hash)",
    "previous": "previous = 'f' || substr(previous, 2)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("sequence", [1, 3, LENGTH])
def test_a_changed_column_is_found_and_named(books: Books, raw: sqlite3.Connection, change: str, sequence: int) -> None:
    raw.execute(f"UPDATE journal SET {change} WHERE stream = 'paper' AND sequence = {sequence}")
    broken, problem = verified(books)
    assert (broken, bool(problem)) == (f"paper#{sequence}", True)


def test_every_changed_byte_of_an_entry_is_found(books: Books, raw: sqlite3.Connection) -> None:
    for column in ("kind", "body", "previous", "hash"):
        (stored,) = raw.execute(
            f"SELECT CAST({column} AS BLOB) FROM journal WHERE stream = 'paper' AND sequence = 3"
        ).fetchone()
        for place in range(len(stored)):
            changed = bytearray(stored)
            changed[place] ^= 0x01
            write = f"UPDATE journal SET {column} = CAST(? AS TEXT) WHERE stream = 'paper' AND sequence = 3"
            raw.execute(write, (bytes(changed),))
            assert verified(books)[0] == "paper#3", (column, place)
            raw.execute(write, (stored,))
    assert verified(books) == (None, None)


def test_a_removed_entry_is_found(books: Books, raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM journal WHERE stream = 'paper' AND sequence = 3")
    assert verified(books) == ("paper#3", "is missing: #4 stands in its place")


def test_a_removed_first_entry_is_found(books: Books, raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM journal WHERE stream = 'paper' AND sequence = 1")
    assert verified(books) == ("paper#1", "is missing: #2 stands in its place")


def test_a_cut_off_tail_is_found(books: Books, raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM journal WHERE stream = 'paper' AND sequence > 3")
    assert verified(books) == ("paper#4", "is missing: the head of paper stands at #5")


def test_a_removed_stream_is_found(books: Books, raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM journal WHERE stream = 'desk'")
    assert verified(books) == ("desk#1", "is missing: the head of desk stands at #1")


def test_a_renumbered_entry_is_found(books: Books, raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE journal SET sequence = 9 WHERE stream = 'paper' AND sequence = 5")
    assert verified(books) == ("paper#5", "is missing: #9 stands in its place")


def test_an_entry_moved_to_another_stream_is_found(books: Books, raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE journal SET stream = 'papes' WHERE stream = 'paper' AND sequence = 5")
    assert verified(books)[0] == "paper#5"


def test_a_forged_last_entry_is_found_by_the_head(books: Books, raw: sqlite3.Connection) -> None:
    chain = books.read(lambda conn: journal.entries(conn, "paper"))
    forged = entry_hash("paper", 5, 1, "note", b'{"say":"never"}', chain[3].hash)
    raw.execute(
        "UPDATE journal SET ts_ns = 1, body = '{\"say\":\"never\"}', hash = ? WHERE stream = 'paper' AND sequence = 5",
        (forged,),
    )
    broken, problem = verified(books)
    assert broken == "paper#5"
    assert str(problem).startswith("does not match the head of paper")


@pytest.mark.parametrize(
    "change",
    ["hash = 'f'", "sequence = 4", "sequence = 6", "sequence = 'x'", "stream = 'other'", "hash = CAST(hash AS BLOB)"],
)
def test_a_changed_head_is_found(books: Books, raw: sqlite3.Connection, change: str) -> None:
    raw.execute(f"UPDATE journal_heads SET {change} WHERE stream = 'paper'")
    assert str(verified(books)[0]).startswith("paper#")


def test_a_body_that_was_never_json_is_found(books: Books, raw: sqlite3.Connection) -> None:
    chain = books.read(lambda conn: journal.entries(conn, "desk"))
    hashed = entry_hash("desk", 1, 1, "start", b"{", GENESIS)
    raw.execute("UPDATE journal SET body = '{', hash = ? WHERE hash = ?", (hashed, chain[0].hash))
    assert verified(books)[0] == "desk#1"
    assert "not JSON" in str(verified(books)[1])


# Records


def record(conn: Connection) -> records.Record:
    new = NewRecord("r-1", RecordKind.DECISION, "paper", as_of_ns=7, record_hash="h" * 64, run_id="run")
    return records.add(conn, new, body={"plan": "buy" * 999}, annex={"host": "here"}, ts_ns=8)


def test_a_record_is_verified_with_its_entry_and_blobs(books: Books) -> None:
    books.write(record)
    assert books.read(journal.verify) == journal.Verification(streams=1, entries=1, records=1)


RECORD_CHANGES = [
    "kind = 'release'",
    "record_hash = 'x'",
    "body = annex",
    "annex = 'x'",
    "as_of_ns = 8",
    "run_id = NULL",
    "cycle_id = 'c'",
    "account_id = CAST(x'ff' AS TEXT)",
    "record_id = 'r-2'",
]


@pytest.mark.parametrize("change", RECORD_CHANGES)
def test_a_changed_record_is_found(books: Books, raw: sqlite3.Connection, change: str) -> None:
    books.write(record)
    raw.execute(f"UPDATE records SET {change}")
    broken, problem = verified(books)
    assert broken == "paper#6"
    assert f"names a record whose {change.split()[0]} was changed" in str(problem)


def test_a_removed_record_is_found(books: Books, raw: sqlite3.Connection) -> None:
    books.write(record)
    raw.execute("DELETE FROM records")
    assert verified(books) == ("paper#6", "names a record that is missing")


def test_an_invented_record_is_found(books: Books, raw: sqlite3.Connection) -> None:
    books.write(record)
    raw.execute("UPDATE records SET sequence = 9")
    assert str(verified(books)[0]).startswith("paper#")


def test_a_changed_payload_is_found(books: Books, raw: sqlite3.Connection) -> None:
    stored = books.write(record)
    other = books.write(lambda conn: blobs.put(conn, b"something else"))
    raw.execute(
        "UPDATE blobs SET content = (SELECT content FROM blobs WHERE digest = ?) WHERE digest = ?", (other, stored.body)
    )
    broken, problem = verified(books)
    assert broken == "paper#6"
    assert f"blob {stored.body[:12]} was changed" in str(problem)


def test_a_payload_that_retention_deleted_breaks_nothing(books: Books, raw: sqlite3.Connection) -> None:
    books.write(record)
    raw.execute("DELETE FROM blobs")
    assert books.read(journal.verify).ok


def test_walking_keeps_a_useful_pace(books: Books) -> None:
    n = 5_000
    with books.step():
        books.write(lambda conn: [journal.append(conn, "paper", "note", {"i": i}, ts_ns=i) for i in range(n)])
    started = time.process_time()
    assert books.read(journal.verify).entries == n
    # Twenty times slower than measured: it catches a walk that grows with the square, not a busy machine.
    assert time.process_time() - started < 2
