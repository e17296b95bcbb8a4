"""Writes are committed when they answer, steps are whole or absent, and nobody waits for ever."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.errors import ConfigError, DeskBusy, LedgerBroken
from memory.books import engines, journal
from memory.books.database import Books

# Where a child process finds the packages.
HOUSE = Path(__file__).parents[2]


def note(conn: Connection, body: str, stream: str = "paper") -> None:
    journal.append(conn, stream, "note", {"say": body}, ts_ns=1)


def count(conn: Connection) -> int:
    return int(conn.execute(text("SELECT count(*) FROM journal")).scalar_one())


def seen_by_another(path: Path) -> int:
    conn = sqlite3.connect(path)
    try:
        return int(conn.execute("SELECT count(*) FROM journal").fetchone()[0])
    finally:
        conn.close()


# Opening


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("desk.db", "expected a database url"),
        ("sqlite://", "a database in memory"),
        ("sqlite:///:memory:", "a database in memory"),
        ("mysql://localhost/desk", "sqlite or postgresql, found mysql"),
        ("sqlite:////no/such/folder/desk.db", "the folder of /no/such/folder/desk.db does not exist"),
    ],
)
def test_a_url_that_cannot_be_books_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Books.open(url)


def test_a_damaged_file_is_refused_and_left_as_it_was(url: str, tmp_path: Path) -> None:
    content = b"not a database " * 1000
    (tmp_path / "desk.db").write_bytes(content)
    with pytest.raises(LedgerBroken, match=r"desk\.db is not a sound database: file is not a database"):
        Books.open(url)
    assert (tmp_path / "desk.db").read_bytes() == content


def test_another_programs_database_is_refused_and_left_as_it_was(url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "desk.db") as raw:
        raw.execute("CREATE TABLE cookies (a)")
    raw.close()
    content = (tmp_path / "desk.db").read_bytes()
    with pytest.raises(LedgerBroken, match=r"desk\.db belongs to another program: it holds cookies"):
        Books.open(url)
    assert (tmp_path / "desk.db").read_bytes() == content


def test_a_folder_in_place_of_a_file_is_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "desk.db").mkdir()
    with pytest.raises(LedgerBroken, match=r"desk\.db cannot be used: unable to open database file"):
        Books.open(url)


def test_damage_that_shows_later_is_said_in_one_sentence(url: str, tmp_path: Path) -> None:
    with Books.open(url) as books:
        for i in range(200):
            books.write(lambda conn, i=i: note(conn, f"{i:04}" * 50))  # type: ignore[misc]  # a default argument
    path = tmp_path / "desk.db"
    content = bytearray(path.read_bytes())
    content[-8 * 4096 :] = b"\xff" * (8 * 4096)
    path.write_bytes(content)
    with Books.open(url) as books, pytest.raises(LedgerBroken, match="is not a sound database"):
        books.read(journal.verify)


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in engines.shown(engines.parse_url("postgresql://desk:hunter2@host/books"))


def test_writes_are_durable_and_readers_never_wait_for_them(books: Books) -> None:
    def pragma(conn: Connection, name: str) -> object:
        return conn.exec_driver_sql(f"PRAGMA {name}").scalar()

    assert books.write(lambda conn: (pragma(conn, "journal_mode"), pragma(conn, "synchronous"))) == ("wal", 2)
    assert books.write(lambda conn: pragma(conn, "foreign_keys")) == 1


# Writing


def test_a_write_is_committed_when_it_answers(books: Books, tmp_path: Path) -> None:
    books.write(lambda conn: note(conn, "first"))
    assert seen_by_another(tmp_path / "desk.db") == 1


def test_a_write_answers_what_its_work_returned(books: Books) -> None:
    assert books.write(lambda conn: 7) == 7


def test_a_write_that_raises_is_undone_and_raises_to_its_caller(books: Books) -> None:
    def work(conn: Connection) -> None:
        note(conn, "half")
        raise KeyError("oops")

    with pytest.raises(KeyError, match="oops"):
        books.write(work)
    assert books.read(count) == 0


def test_a_failing_write_does_not_harm_those_that_share_its_commit(books: Books) -> None:
    started = threading.Event()

    def hold(conn: Connection) -> None:
        started.wait(5)

    def work(i: int) -> None:
        def job(conn: Connection) -> None:
            note(conn, str(i))
            if i % 3 == 0:
                conn.execute(text("INSERT INTO journal_heads VALUES ('paper', 1, 'x')"))

        books.write(job)

    with ThreadPoolExecutor(20) as pool:
        holding = pool.submit(books.write, hold)
        answers = [pool.submit(work, i) for i in range(12)]
        time.sleep(0.1)
        started.set()
        holding.result()
        failed = [i for i, answer in enumerate(answers) if isinstance(answer.exception(), IntegrityError)]
    assert failed == [0, 3, 6, 9]
    assert books.read(count) == 8
    assert books.read(journal.verify).ok


def test_many_threads_write_one_chain(books: Books) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: books.write(lambda conn: note(conn, str(i))), range(200)))
    assert books.read(journal.verify).entries == 200


def test_work_may_not_call_the_books_again(books: Books) -> None:
    with pytest.raises(RuntimeError, match="would wait for itself"):
        books.write(lambda conn: books.write(count))
    with pytest.raises(RuntimeError, match="would wait for itself"):
        books.write(lambda conn: books.read(count))


def test_a_reader_cannot_write(books: Books) -> None:
    with pytest.raises(LedgerBroken, match="attempt to write a readonly database"):
        books.read(lambda conn: note(conn, "sneaky"))


def test_a_reader_does_not_hold_up_the_writer(books: Books) -> None:
    def slow(conn: Connection) -> int:
        before = count(conn)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(books.write, lambda c: note(c, "meanwhile")).result(timeout=60)
        # One read sees one moment, whatever is committed meanwhile.
        return count(conn) - before

    assert books.read(slow) == 0
    assert books.read(count) == 1


# Steps


def halted_step(books: Books, *notes: str) -> None:
    with books.step():
        for one in notes:
            books.write(lambda conn, one=one: note(conn, one))  # type: ignore[misc]  # a default argument
        assert books.read(count) == len(notes)
        raise ValueError("halt")


def test_a_step_is_invisible_until_its_end(books: Books, tmp_path: Path) -> None:
    with books.step():
        books.write(lambda conn: note(conn, "one"))
        books.write(lambda conn: note(conn, "two"))
        assert books.read(count) == 2
        assert seen_by_another(tmp_path / "desk.db") == 0
    assert seen_by_another(tmp_path / "desk.db") == 2


def test_a_step_that_raises_leaves_nothing(books: Books) -> None:
    with pytest.raises(ValueError, match="halt"):
        halted_step(books, "one", "two")
    assert books.read(count) == 0
    books.write(lambda conn: note(conn, "after"))
    assert books.read(journal.verify).entries == 1


def test_a_failing_write_inside_a_step_undoes_itself_alone(books: Books) -> None:
    def failing(conn: Connection) -> None:
        note(conn, "two")
        raise KeyError("oops")

    with books.step():
        books.write(lambda conn: note(conn, "one"))
        with pytest.raises(KeyError):
            books.write(failing)
        books.write(lambda conn: note(conn, "three"))
    assert [e.body["say"] for e in books.read(lambda conn: journal.entries(conn, "paper"))] == ["one", "three"]


def test_steps_do_not_nest(books: Books) -> None:
    with books.step():
        with pytest.raises(RuntimeError, match="steps do not nest"), books.step():
            pass
        books.write(lambda conn: note(conn, "still open"))
    assert books.read(count) == 1


def test_other_threads_join_an_open_step(books: Books, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, books.step():
        pool.submit(books.write, lambda conn: note(conn, "joined")).result()
        assert pool.submit(books.read, count).result() == 1
        assert seen_by_another(tmp_path / "desk.db") == 0
    assert seen_by_another(tmp_path / "desk.db") == 1


def test_a_step_whose_transaction_the_database_undid_keeps_nothing(books: Books) -> None:
    def undo_behind_our_back(conn: Connection) -> None:
        # What SQLite does by itself when the disk is full.
        conn.exec_driver_sql("ROLLBACK")
        raise KeyError("disk full")

    def careless_step() -> None:
        with books.step():
            books.write(lambda conn: note(conn, "one"))
            with pytest.raises(KeyError):
                books.write(undo_behind_our_back)
            with pytest.raises(LedgerBroken, match="the database undid this transaction"):
                books.write(lambda conn: note(conn, "two"))

    with pytest.raises(LedgerBroken, match="the database undid this transaction"):
        careless_step()
    assert books.read(count) == 0
    books.write(lambda conn: note(conn, "after"))
    assert books.read(count) == 1


def test_a_step_against_another_processes_write_lock_is_busy(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 50)
    with Books.open(url) as books:
        other = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DeskBusy, match=r"desk\.db is locked by another process"), books.step():
            pytest.fail("the step began without the lock")
        with pytest.raises(DeskBusy):
            books.write(count)
        other.execute("COMMIT")
        other.close()
        books.write(lambda conn: note(conn, "after"))
        assert books.read(count) == 1


# Closing


def test_closing_twice_is_harmless_and_a_closed_book_refuses(url: str) -> None:
    books = Books.open(url)
    books.close()
    books.close()
    with pytest.raises(RuntimeError, match="the books are closed"):
        books.write(count)


def test_closing_inside_a_step_undoes_it(url: str) -> None:
    books = Books.open(url)

    def closing_step() -> None:
        with books.step():
            books.write(lambda conn: note(conn, "one"))
            books.close()

    with pytest.raises(RuntimeError, match="the books are closed"):
        closing_step()
    with Books.open(url) as again:
        assert again.read(count) == 0


def test_what_is_queued_is_written_before_the_books_close(url: str) -> None:
    books = Books.open(url)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(books.write, lambda conn: note(conn, "queued")) for _ in range(20)]
        answers[0].result()
        books.close()
    done = [answer for answer in answers if answer.exception() is None]
    with Books.open(url) as again:
        assert again.read(count) == len(done) >= 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_writer_that_died(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(self: object, batch: object) -> None:
        raise MemoryError("the thread dies")

    monkeypatch.setattr("memory.books.writer._Transaction.serve", die)
    # The thread is still waiting inside the loop, so its next job meets the fault.
    with pytest.raises(RuntimeError, match="closed before this was written"):
        books.write(count)
    with pytest.raises(RuntimeError, match="the books are closed"):
        books.write(count)
    books.close()


_FORK = """
import os, sys
from memory.books.database import Books
books = Books.open(sys.argv[1])
books.write(lambda conn: None)
child = os.fork()
if child == 0:
    try:
        books.write(lambda conn: None)
    except RuntimeError as error:
        print(error, flush=True)
    books.close()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
books.write(lambda conn: None)
books.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_can_close_but_not_use_its_parents_books(url: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _FORK, url], capture_output=True, text=True, timeout=60, check=True, cwd=HOUSE
    )
    assert ran.stdout.split("\n")[0].startswith("these books were opened by another process")
    assert ran.stdout.split("\n")[1] == "0"


_KILLED = """
import sys
from memory.books import journal
from memory.books.database import Books
books = Books.open(sys.argv[1])
step = 0
while True:
    with books.step():
        for part in range(3):
            books.write(lambda conn: journal.append(conn, "paper", "part", {"step": step, "part": part}, ts_ns=step))
    books.write(lambda conn: journal.append(conn, "alone", "write", {"step": step}, ts_ns=step))
    print(step, flush=True)
    step += 1
"""


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.15])
def test_a_killed_process_leaves_whole_steps_and_a_sound_journal(url: str, after_s: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", _KILLED, url], stdout=subprocess.PIPE, text=True, cwd=HOUSE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    told = [int(line) for line in process.stdout.read().split() if line.isdigit()]
    process.stdout.close()
    process.wait(timeout=60)
    with Books.open(url) as books:
        verified = books.read(journal.verify)
        parts = len(books.read(lambda conn: journal.entries(conn, "paper")))
        alone = len(books.read(lambda conn: journal.entries(conn, "alone")))
    assert verified.ok, verified
    assert parts % 3 == 0
    assert alone in (parts // 3, parts // 3 - 1)
    # Whatever was answered before the kill is there.
    assert alone >= max(told, default=0) + 1


def test_a_statement_that_is_wrong_says_so_itself(books: Books) -> None:
    with pytest.raises(SQLAlchemyError, match="no such table: unicorns"):
        books.read(lambda conn: conn.execute(text("SELECT * FROM unicorns")))
