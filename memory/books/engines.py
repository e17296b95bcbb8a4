"""How a database is reached: one engine that writes, one that only reads, and its failures in the desk's own words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from core.errors import ConfigError, DeskBusy, LedgerBroken

# Another process may hold the write lock for the length of one step.
BUSY_TIMEOUT_MS = 5_000

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def parse_url(text: str) -> URL:
    """Raises ConfigError for anything but a SQLite file or a PostgreSQL database."""
    try:
        url = make_url(text)
    except ArgumentError:
        # What was found is not repeated: it may hold a password.
        raise ConfigError(
            "expected a database url such as sqlite:////home/me/desk.db, found one of another form"
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError(f"the books live in sqlite or postgresql, found {url.get_backend_name()}")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("the books need a file, found a database in memory: its readers could not see its writer")
    return url


def writer_engine(url: URL) -> Engine:
    """Transactions take the write lock when they begin, and a commit is on the disk when it returns."""
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        _on_connect(engine, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
        event.listen(engine, "begin", lambda conn: _begin(conn, "BEGIN IMMEDIATE"))
    return engine


def reader_engine(url: URL) -> Engine:
    """Reads see one committed moment and can neither write nor hold up the writer."""
    engine = _engine(url, pool_size=4, max_overflow=-1)
    if engine.dialect.name == "sqlite":
        _on_connect(engine, "PRAGMA query_only=ON")
        event.listen(engine, "begin", lambda conn: _begin(conn, "BEGIN"))
        return engine
    return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")


def shown(url: URL) -> str:
    """The file, or the address without its password."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


@contextmanager
def plain_errors(url: URL) -> Iterator[None]:
    """Says in one sentence what is wrong with the database itself; a statement's own error passes through."""
    try:
        yield
    except DBAPIError as error:
        cause = error.orig
        # The low byte is the primary code; the rest says which kind of it.
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            raise DeskBusy(f"{shown(url)} is locked by another process: {cause}") from error
        if code in _DAMAGED:
            raise LedgerBroken(f"{shown(url)} is not a sound database: {cause}") from error
        if code in _UNWRITABLE:
            raise LedgerBroken(f"{shown(url)} cannot be used: {cause}") from error
        raise


def _engine(url: URL, **options: Any) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    # Connections are made by one thread at a time but closed by whoever closes the books.
    arguments = {"check_same_thread": False, "isolation_level": None} if sqlite else {}
    try:
        engine = create_engine(url, connect_args=arguments, **options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(f"the driver of {shown(url)} is not installed: {error}") from None
    if sqlite:
        _on_connect(engine, f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}", "PRAGMA foreign_keys=ON")
    return engine


def _on_connect(engine: Engine, *pragmas: str) -> None:
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        for pragma in pragmas:
            connection.execute(pragma).close()

    event.listen(engine, "connect", set_up)


def _begin(conn: Connection, statement: str) -> None:
    conn.exec_driver_sql(statement)
