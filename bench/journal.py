"""Journal entries a second against bare SQLite: the same bytes, the same durability, one process.

Bare SQLite is `sqlite3` in WAL mode with `synchronous=FULL`, one INSERT a transaction into a table of the same
columns. Ours chains each entry, keeps the head, and goes through the writer thread. `grouped` writes from 8 threads at
once, which is what group commit is for. Alternating rounds; medians.
"""

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from statistics import median

from bench.timing import row, timed
from memory.books import journal
from memory.books.database import Books
from memory.books.verify import verify

ENTRIES, ROUNDS = 300, 7
BODY = {"proposal_id": "0" * 36, "order_hash": "a" * 64, "answer": "working", "state": "active", "denied": []}


def bare(conn: sqlite3.Connection, start: int) -> None:
    previous = "0" * 64
    for at in range(start, start + ENTRIES):
        body = str(BODY)
        previous = sha256((previous + body).encode()).hexdigest()
        with conn:
            conn.execute(
                "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)", ("s", at, at, "k", body, previous, previous)
            )


def ours(books: Books) -> None:
    for at in range(ENTRIES):
        books.write(lambda conn, at=at: journal.append(conn, "alone", "review", BODY, ts_ns=at))


def grouped(books: Books, pool: ThreadPoolExecutor) -> None:
    def one(at: int) -> None:
        books.write(lambda conn: journal.append(conn, "grouped", "review", BODY, ts_ns=at))

    list(pool.map(one, range(ENTRIES)))


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    conn = sqlite3.connect(folder / "bare.db")
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA synchronous=FULL")
    conn.execute(
        "CREATE TABLE journal (stream, sequence, ts_ns, kind, body, previous, hash, PRIMARY KEY (stream, sequence))"
    )
    with Books.open(f"sqlite:///{folder / 'desk.db'}") as books, ThreadPoolExecutor(8) as pool:
        taken: dict[str, list[int]] = {"bare SQLite": [], "journal, one writer": [], "journal, 8 writers": []}
        for at in range(ROUNDS):
            taken["bare SQLite"].append(timed(lambda at=at: bare(conn, at * ENTRIES)))
            taken["journal, one writer"].append(timed(lambda: ours(books)))
            taken["journal, 8 writers"].append(timed(lambda: grouped(books, pool)))
        rate = {name: ENTRIES * 1e9 / median(ns) for name, ns in taken.items()}
        row("durable journal entries a second, p50", "entries/s", "of bare")
        for name, per_second in rate.items():
            row(name, f"{per_second:,.0f}", f"{per_second / rate['bare SQLite']:.2f}x")
        entries = 2 * ROUNDS * ENTRIES
        ns = median(timed(lambda: books.read(verify)) for _ in range(5))
        row("verify", f"{entries * 1e9 / ns:,.0f}", "")


if __name__ == "__main__":
    main()
