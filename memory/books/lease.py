"""One desk an account: a lease with a fence that only rises, so that a desk that slept cannot write after a takeover.

A lease lapses 30 seconds after it was last renewed. It is free at once where its holder is proven dead: the same boot
of the same machine says that its process has ended.
"""

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from core.errors import DeskBusy
from core.time import SECOND_NS, show_time
from memory.books.columns import insert_new
from memory.books.database import Books
from memory.books.tables import leases

LEASE_NS = 30 * SECOND_NS

# Asked in every transaction. The lock is PostgreSQL's; SQLite's one writer needs none and leaves it out.
_ROW = select(leases).where(leases.c.account_id == bindparam("account_id")).with_for_update()


@dataclass(frozen=True, slots=True)
class Lease:
    """Proof that `holder` runs the desk of this account, as long as nobody raised the fence."""

    account_id: str
    holder: str
    fence: int
    expires_ns: int


@dataclass(frozen=True, slots=True)
class _Process:
    host: str
    boot_id: str
    pid: int
    pid_started: int


def acquire(books: Books, account_id: str, holder: str, *, now_ns: int) -> Lease:
    """Takes the account, from a lapsed or dead desk if need be. Raises DeskBusy where a living desk holds it.

    `now_ns` is the wall clock's, never a simulated market's.
    """
    return books.write(lambda conn: _acquire(conn, account_id, holder, now_ns))


def renew(books: Books, lease: Lease, *, now_ns: int) -> Lease:
    """The same lease for another 30 seconds. Raises DeskBusy where another desk took over."""

    def work(conn: Connection) -> Lease:
        check(conn, lease)
        return _held_until(conn, lease, now_ns + LEASE_NS)

    return books.write(work)


def release(books: Books, lease: Lease) -> None:
    """Gives the account back. Nothing happens where another desk already took it."""
    books.write(lambda conn: _held_until(conn, lease, 0))


def held(conn: Connection, account_id: str, *, now_ns: int) -> bool:
    """Whether a desk that may be alive holds the account."""
    row = conn.execute(select(leases).where(leases.c.account_id == account_id)).first()
    return row is not None and row.expires_ns > now_ns and not _dead(row)


def check(conn: Connection, lease: Lease) -> None:
    """Raises DeskBusy where the fence has moved on: whoever holds this lease must not write any more.

    Belongs into the transaction that it guards.
    """
    row = _row(conn, lease.account_id)
    if row is None or row.fence != lease.fence:
        raise DeskBusy(f"account {lease.account_id} was taken over by {'nobody' if row is None else _shown(row)}")


def _acquire(conn: Connection, account_id: str, holder: str, now_ns: int) -> Lease:
    free = {"holder": "", "host": "", "boot_id": "", "pid": 0, "pid_started": 0, "fence": 0, "expires_ns": 0}
    insert_new(conn, leases, {"account_id": account_id} | free)
    row = _row(conn, account_id)
    if row is not None and row.expires_ns > now_ns and not _dead(row):
        raise DeskBusy(f"account {account_id} is held by {_shown(row)} until {show_time(row.expires_ns)}")
    lease = Lease(account_id, holder, (row.fence if row else 0) + 1, now_ns + LEASE_NS)
    me = _this_process()
    values = {"holder": holder, "host": me.host, "boot_id": me.boot_id, "pid": me.pid, "pid_started": me.pid_started}
    values |= {"fence": lease.fence, "expires_ns": lease.expires_ns}
    conn.execute(update(leases).where(leases.c.account_id == account_id).values(**values))
    return lease


def _held_until(conn: Connection, lease: Lease, expires_ns: int) -> Lease:
    mine = update(leases).where(leases.c.account_id == lease.account_id, leases.c.fence == lease.fence)
    conn.execute(mine.values(expires_ns=expires_ns))
    return replace(lease, expires_ns=expires_ns)


def _row(conn: Connection, account_id: str) -> Row[Any] | None:
    return conn.execute(_ROW, {"account_id": account_id}).first()


def _shown(row: Row[Any]) -> str:
    return f"desk {row.holder} (pid {row.pid} on {row.host})"


def _this_process() -> _Process:
    pid = os.getpid()
    return _Process(socket.gethostname(), _boot_id(), pid, _started(pid) or 0)


def _dead(row: Row[Any]) -> bool:
    """Whether the holder's process is proven to have ended. Another machine or boot proves nothing: it must lapse."""
    if (row.host, row.boot_id) != (socket.gethostname(), _boot_id()):
        return False
    if row.pid_started:
        # A process number is given out again, its start time is not.
        return _started(row.pid) != int(row.pid_started)
    if os.name != "posix":
        # There os.kill has no harmless signal: 0 is Ctrl-C.
        return False
    try:
        os.kill(row.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _boot_id() -> str:
    """This boot, and this process namespace: a container sees only its own processes."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return f"{boot.read_text().strip()} {namespace.readlink()}" if boot.exists() else ""


def _started(pid: int) -> int | None:
    """When a process began, in ticks since the boot; None where it has ended or the system does not say."""
    try:
        # The name before it may hold spaces and brackets, so counting starts after the last bracket.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A zombie has ended; nobody has collected it yet.
    return None if state in "ZX" else int(fields[18])
