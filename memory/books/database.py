"""The books: one writer thread with group commit, readers beside it, and steps that commit whole or not at all.

A write answers once it is committed. Writes that wait together share one commit, each in a savepoint of its own, so
that one that fails undoes itself alone. A `step` holds the commit back until its block ends: a process killed inside it
leaves no trace of it. While a step is open, every read and write of these books, by any thread, happens inside it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Engine

from core.errors import ConfigError
from memory.books.changes import Changes
from memory.books.engines import parse_url, plain_errors, reader_engine, writer_engine
from memory.books.migrations import migrate, needs_migration
from memory.books.writer import Turn, Work, Writer

T = TypeVar("T")


class Books:
    """One open database. `open` it, `write` and `read` with functions of a connection, `close` it."""

    def __init__(self, url: URL, writers: Engine, readers: Engine) -> None:
        self._url = url
        self._writers = writers
        self._readers = readers
        self._writer = Writer(writers)
        self._process = os.getpid()
        self._step_gate = threading.Lock()
        self._stepping = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens the books at a url such as `sqlite:////home/me/desk.db`, made or migrated where that is needed.

        Raises ConfigError for a url that cannot be books, or books that a newer version wrote; LedgerBroken for a file
        that is damaged or belongs to another program, which is left as it was found.
        """
        address = parse_url(url)
        _needs_a_folder(address)
        readers, writers = reader_engine(address), writer_engine(address)
        try:
            with plain_errors(address):
                with readers.connect() as conn:
                    outdated = needs_migration(conn)
                if outdated:
                    migrate(writers)
                writers.connect().close()
        except BaseException:
            readers.dispose()
            writers.dispose()
            raise
        return cls(address, writers, readers)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on the writer's connection. Answers when it is committed, in a step when it is done."""
        self._check_caller()
        answer: T = self._ask(work)
        return answer

    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a connection that cannot write, over one committed moment; in a step, over the step's own."""
        self._check_caller()
        if self._stepping:
            answer: T = self._ask(work, only_reads=True)
            return answer
        with plain_errors(self._url), self._readers.connect() as conn, conn.begin():
            return work(conn)

    @contextmanager
    def step(self) -> Iterator[None]:
        """All writes inside are committed together at the end, or undone together when the block raises."""
        self._check_caller()
        with self._step_gate:
            if self._stepping:
                raise RuntimeError("a step is open already, and steps do not nest")
            self._stepping = True
        try:
            self._ask(Turn.BEGIN)
            yield
            self._ask(Turn.KEEP)
        except BaseException:
            self._ask(Turn.UNDO)
            raise
        finally:
            self._stepping = False

    def guard(self, check: Callable[[Connection], None] | None) -> None:
        """Sets what every transaction asks first: a check that raises lets nothing be written in it."""
        self._writer.guard = check

    def changes(self) -> Changes:
        """Tells whether anybody else wrote. Close it before the books."""
        return Changes(self._readers)

    def close(self) -> None:
        """Finishes what is queued, undoes a step that is still open, and lets the file go. May be called twice."""
        if os.getpid() != self._process:
            # After a fork the thread and the connections are the parent's.
            return
        self._writer.close()
        self._readers.dispose()
        self._writers.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, task: Work | Turn, *, only_reads: bool = False) -> Any:
        with plain_errors(self._url):
            return self._writer.submit(task, only_reads=only_reads).wait()

    def _check_caller(self) -> None:
        if self._writer.is_this_thread:
            raise RuntimeError("work on the books may not call the books: it would wait for itself")
        if os.getpid() != self._process:
            raise RuntimeError("these books were opened by another process: open them again in this one")


def _needs_a_folder(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).parent.is_dir():
        raise ConfigError(f"the folder of {url.database} does not exist: make it, or name another database")
