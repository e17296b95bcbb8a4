"""Holding an account: the lease that makes one desk an account, renewed while it works and let go at the end."""

import os
from types import TracebackType
from typing import Self

from core.time import SECOND_NS
from desk.clock import SystemClock
from memory.books import lease
from memory.books.database import Books

_RENEW_NS = 5 * SECOND_NS


class Holding:
    """Raises DeskBusy when another living desk holds the account."""

    def __init__(self, books: Books, account_id: str) -> None:
        self._books = books
        self._clock = SystemClock()
        self._lease = lease.acquire(books, account_id, f"desk-{os.getpid()}", now_ns=self._clock.now_ns())
        self._renewed_ns = self._clock.now_ns()
        # A desk that was stopped and overtaken must not write when it wakes up.
        books.guard(lambda conn: lease.check(conn, self._lease))

    def keep(self) -> None:
        """Renews the lease when it is due. Raises DeskBusy when it was lost."""
        now_ns = self._clock.now_ns()
        if now_ns - self._renewed_ns > _RENEW_NS:
            self._lease = lease.renew(self._books, self._lease, now_ns=now_ns)
            self._renewed_ns = now_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._books.guard(None)
        lease.release(self._books, self._lease)
