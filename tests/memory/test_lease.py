"""One desk an account."""

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from core.errors import DeskBusy
from core.time import SECOND_NS
from memory.books import lease, tables
from memory.books.database import Books
from memory.books.lease import LEASE_NS, acquire, check, release, renew

# Where a child process finds the packages.
HOUSE = Path(__file__).parents[2]

NOON = 1_621_425_600 * SECOND_NS


def change(books: Books, **values: object) -> None:
    books.write(lambda conn: conn.execute(update(tables.leases).values(**values)))


def test_a_second_desk_is_refused_and_told_who_holds_the_account(books: Books) -> None:
    acquire(books, "paper", "first", now_ns=NOON)
    holder = f"desk first (pid {os.getpid()} on {socket.gethostname()})"
    said = f"account paper is held by {holder} until 2021-05-19 12:00:30Z"
    with pytest.raises(DeskBusy, match=re.escape(said)):
        acquire(books, "paper", "second", now_ns=NOON + LEASE_NS - 1)


def test_accounts_do_not_hinder_each_other(books: Books) -> None:
    acquire(books, "paper", "first", now_ns=NOON)
    assert acquire(books, "live", "second", now_ns=NOON).fence == 1


def test_a_lapsed_lease_is_taken_over_and_raises_the_fence(books: Books) -> None:
    first = acquire(books, "paper", "first", now_ns=NOON)
    second = acquire(books, "paper", "second", now_ns=NOON + LEASE_NS)
    assert (first.fence, second.fence) == (1, 2)
    books.write(lambda conn: check(conn, second))
    with pytest.raises(DeskBusy, match="account paper was taken over by desk second"):
        books.write(lambda conn: check(conn, first))
    with pytest.raises(DeskBusy, match="was taken over by desk second"):
        renew(books, first, now_ns=NOON)


def test_a_renewed_lease_holds_longer(books: Books) -> None:
    first = renew(books, acquire(books, "paper", "first", now_ns=NOON), now_ns=NOON + 20 * SECOND_NS)
    assert first.expires_ns == NOON + 50 * SECOND_NS
    with pytest.raises(DeskBusy):
        acquire(books, "paper", "second", now_ns=NOON + 49 * SECOND_NS)


def test_a_released_lease_is_free_at_once_and_the_fence_still_rises(books: Books) -> None:
    release(books, acquire(books, "paper", "first", now_ns=NOON))
    assert acquire(books, "paper", "second", now_ns=NOON).fence == 2


def test_releasing_what_another_desk_took_changes_nothing(books: Books) -> None:
    first = acquire(books, "paper", "first", now_ns=NOON)
    second = acquire(books, "paper", "second", now_ns=NOON + LEASE_NS)
    release(books, first)
    with pytest.raises(DeskBusy, match="is held by desk second"):
        acquire(books, "paper", "third", now_ns=NOON + LEASE_NS)
    books.write(lambda conn: check(conn, second))


def test_an_account_that_was_never_leased_fails_the_check(books: Books) -> None:
    with pytest.raises(DeskBusy, match="taken over by nobody"):
        books.write(lambda conn: check(conn, lease.Lease("paper", "me", 1, NOON)))


_HOLDER = """
import sys, time
from memory.books.database import Books
from memory.books.lease import acquire
with Books.open(sys.argv[1]) as books:
    acquire(books, "paper", "other", now_ns=int(sys.argv[2]))
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process began")
def test_a_killed_desk_frees_its_account_at_once(url: str, books: Books) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, url, str(NOON)], stdout=subprocess.PIPE, text=True, cwd=HOUSE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(DeskBusy, match=rf"held by desk other \(pid {process.pid} on"):
        acquire(books, "paper", "me", now_ns=NOON)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    # It has ended and nobody has collected it: still proof enough.
    assert acquire(books, "paper", "me", now_ns=NOON).fence == 2
    process.wait()
    process.stdout.close()


def test_a_process_number_that_was_given_out_again_is_not_the_holder(books: Books) -> None:
    acquire(books, "paper", "first", now_ns=NOON)
    change(books, pid_started=1)
    assert acquire(books, "paper", "second", now_ns=NOON).fence == 2


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"boot_id": "another"}])
def test_a_process_of_another_machine_or_boot_proves_nothing(books: Books, elsewhere: dict[str, str]) -> None:
    acquire(books, "paper", "first", now_ns=NOON)
    change(books, pid=2**22 + 1, **elsewhere)
    with pytest.raises(DeskBusy):
        acquire(books, "paper", "second", now_ns=NOON)


@pytest.mark.parametrize(("pid", "free"), [(2**22 + 1, True), (os.getpid(), False)], ids=["dead", "alive"])
def test_without_start_times_a_signal_tells_whether_the_holder_lives(books: Books, pid: int, free: bool) -> None:
    acquire(books, "paper", "first", now_ns=NOON)
    change(books, pid=pid, pid_started=0)
    if free:
        assert acquire(books, "paper", "second", now_ns=NOON).fence == 2
    else:
        with pytest.raises(DeskBusy):
            acquire(books, "paper", "second", now_ns=NOON)


def test_of_many_desks_one_gets_the_account(books: Books) -> None:
    def attempt(i: int) -> bool:
        try:
            acquire(books, "paper", f"desk {i}", now_ns=NOON)
        except DeskBusy:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(12))) == 1

    def fence(conn: Connection) -> int | None:
        return conn.scalar(select(tables.leases.c.fence))

    assert books.read(fence) == 1
