"""Brings snapshots to books that need one, and holds valid books against the venue's own now and then."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from core.errors import ExchangeUnavailable
from core.time import SECOND_NS
from market.orderbooks.crosscheck import CrossCheck
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import UNREADABLE, Message
from market.streams.held import Held
from market.streams.patience import Patience

_ROUND_S: Final = 0.02
_AT_ONCE: Final = 4


class Snapshots:
    """Of one session, for a venue whose snapshots are asked for apart.

    After `unheard_s` of patience, counted from when its sockets are open, a quiet market gets its snapshot without
    waiting for a change any longer; a snapshot ahead of its stream waits for `catch_up_s`. A book that moves at the
    venue while its stream says nothing ends the session.
    """

    def __init__(self, exchange: Any, held: Held, patience: Patience) -> None:
        self._exchange, self._patience = exchange, patience
        self._dialect, self._markets, self._books = held.dialect, held.markets, held.books
        self._counts, self._clock, self._venue_clock = held.counts, held.clock, held.venue_clock
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._unheard: dict[str, int] = {}
        self._line = asyncio.Semaphore(_AT_ONCE)

    async def bring(self) -> None:
        """For ever: fetches for each book that is not valid, a few at a time, less often the more it fails."""
        began = asyncio.get_running_loop().time()
        while True:
            now = asyncio.get_running_loop().time()
            if not self._open():
                began = now  # a stream that is still being opened cannot have said anything
            wanting = [
                book
                for book in self._books.values()
                if isinstance(book, SequencedBook)
                and not book.valid
                # A snapshot older than the first change heard could not be joined to it.
                and (book.waiting or now - began > self._patience.unheard_s)
                and now >= self._not_before.get(book.symbol, 0.0)
            ]
            if wanting:
                await asyncio.gather(*(self._bring(book) for book in wanting[:_AT_ONCE]))
            else:
                await asyncio.sleep(_ROUND_S)

    async def confirm(self) -> None:
        """For ever: each book once in a while, and sooner one that has been quiet for half as long as it may."""
        loop, every_s, quiet_s = asyncio.get_running_loop(), self._patience.cross_check_s, self._dialect.quiet_s
        due = {symbol: loop.time() + every_s * (i + 1) / len(self._books) for i, symbol in enumerate(self._books)}
        while True:
            await asyncio.sleep(min(0.25, every_s / 4))
            for symbol, book in self._books.items():
                quiet_ns = self._clock.now_ns() - book.received_ns
                if not isinstance(book, SequencedBook) or not book.valid:
                    continue
                if loop.time() >= due[symbol] or quiet_ns > quiet_s / 2 * SECOND_NS:
                    due[symbol] = loop.time() + every_s
                    await self.confirm_one(book)

    async def confirm_one(self, book: SequencedBook) -> None:
        """One cross-check; a failed request proves nothing and changes nothing."""
        check = CrossCheck(book)
        snapshot = await self._fetch(book.symbol)
        if snapshot is None:
            check.abandon()
            return
        waited = 0.0
        while book.valid and book.update_id < snapshot[book.snapshot_id] and waited < self._patience.catch_up_s:
            await asyncio.sleep(_ROUND_S)
            waited += _ROUND_S
        venue_now_ns = self._venue_clock.venue_now_ns()
        if check.finish(snapshot, self._clock.now_ns(), venue_now_ns=venue_now_ns) is not None:
            self._counts.cross_checks += 1
        if check.dead:
            raise ExchangeUnavailable(f"the stream of {book.symbol} is dead: {book.detail}")

    async def _bring(self, book: SequencedBook) -> None:
        symbol = book.symbol
        snapshot = await self._fetch(symbol)
        if snapshot is not None and not book.waiting and not self._is_quiet(symbol, snapshot[book.snapshot_id]):
            self._not_before[symbol] = asyncio.get_running_loop().time() + self._patience.catch_up_s
            return
        now_ns, venue_now_ns = self._clock.now_ns(), self._venue_clock.venue_now_ns()
        if snapshot is not None and book.load(snapshot, now_ns, venue_now_ns):
            self._failures.pop(symbol, None)
            self._unheard.pop(symbol, None)
            return
        failures = self._failures[symbol] = self._failures.get(symbol, 0) + 1
        self._not_before[symbol] = asyncio.get_running_loop().time() + min(
            30.0, self._patience.again_s * 2 ** min(failures - 1, 9)
        )

    def _open(self) -> bool:
        """Whether every socket of the session stands: which of them brings the books, only ccxt knows."""
        clients = (self._exchange.clients or {}).values()
        return bool(clients) and all(client.isConnected for client in clients)

    def _is_quiet(self, symbol: str, number: int) -> bool:
        """Nothing was heard of a book: two snapshots with one number say that there was nothing to hear."""
        before = self._unheard.get(symbol)
        self._unheard[symbol] = number
        if before is not None and number > before:
            raise ExchangeUnavailable(f"the book of {symbol} moved to {number} and its stream says nothing")
        return before is not None

    async def _fetch(self, symbol: str) -> Message | None:
        from ccxt.base.errors import BaseError

        assert self._dialect.snapshot is not None
        try:
            async with self._line:
                answer = await self._dialect.snapshot(self._exchange, self._markets[symbol])
        except (BaseError, OSError, TimeoutError, *UNREADABLE):
            self._counts.snapshots_failed += 1
            return None
        if type(answer.get(SequencedBook.snapshot_id)) is not int:
            self._counts.snapshots_failed += 1
            return None
        return answer
