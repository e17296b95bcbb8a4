"""Holding an account: the lease that makes one desk an account, renewed while it works and let go at the end."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from core.errors import DeskBusy
from core.time import SECOND_NS
from desk.clock import SystemClock
from memory.books import lease
from memory.books.database import Books

_RENEW_NS: Final = 5 * SECOND_NS
_LOOK_S: Final = 1.0


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

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renews it beside the block, however long one step of that takes.

        Raises DeskBusy where it was lost, in place of the block: whoever took it has the account, and this desk, which
        cannot write any more, must not go on as if it had.
        """
        block, lost = asyncio.current_task(), list[DeskBusy]()
        assert block is not None  # a block of a coroutine has a task

        async def renewing() -> None:
            while not lost:
                try:
                    self.keep()
                except DeskBusy as busy:
                    # Before it lapses nobody takes it: then the file of the books was locked, and that passes.
                    if self._clock.now_ns() > self._lease.expires_ns:
                        lost.append(busy)
                        block.cancel()
                except Exception:  # noqa: BLE001  # every writer is told of broken books, and the next look may be well
                    pass
                await asyncio.sleep(_LOOK_S)

        renewer = asyncio.create_task(renewing())
        try:
            try:
                yield
            finally:
                renewer.cancel()
                await asyncio.gather(renewer, return_exceptions=True)
        except BaseException as ended:
            if lost and block.uncancel() == 0 and isinstance(ended, asyncio.CancelledError):
                raise lost[0] from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._books.guard(None)
        lease.release(self._books, self._lease)
