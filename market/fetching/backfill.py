"""Candles of the past from any venue that ccxt knows into the store: page by page, checked, resumable.

Pagination is our own: pages are ranges that are known before the first request, so that nothing can be skipped,
asked for twice or asked for without end. Several are in flight, behind ccxt's own rate limiter. What was written is
in the store's manifest, so the same call after a kill goes on where the last write ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError, ExchangeUnavailable
from core.time import DAY_NS, Timeframe, show_time
from market.fetching.asking import CANDLES, clocks, ready
from market.fetching.calling import Caller
from market.fetching.pages import RECENT_ONLY, Dialect, Page, dialect_of, opens_of, read_page
from market.fetching.ranges import Range, pages_of, union, wanted
from market.fetching.told import Fetched, Pace, Progress
from market.fetching.writing import CandleSink, Writing
from market.store.candles import BarsKey

if TYPE_CHECKING:
    from core.ports import Clock

_LOOKS_AT_A_HOLE = 2
_MOST_CRUMBS = 100


class Backfill:
    """Fetches candles over one ccxt client (`market.venues.reader`) into a sink.

    `clock` is ours; what is closed must be closed by it and by the venue's. `report` hears of progress.
    """

    def __init__(
        self,
        client: Any,
        sink: CandleSink,
        clock: Clock,
        *,
        pace: Pace | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._sink = sink
        self._clock = clock
        self._pace = Pace() if pace is None else pace
        self._report = report
        self._now_s = now_s
        self._caller = Caller(client, self._pace.patience, sleep, now_s)

    async def fetch(self, symbol: str, timeframe: Timeframe, *, since_ns: int, until_ns: int | None = None) -> Fetched:
        """All closed candles with `since_ns <= open < until_ns` (default: now) that the venue has and we have not.

        Raises ConfigError for a symbol or timeframe that the venue does not have, ExchangeUnavailable when it does not
        answer as it should after all retries; what was fetched until then is stored.
        """
        key = BarsKey(self._client.id, symbol, timeframe)
        await self._refuse_unknown(key)
        bound_ns, newest_ns, skew_ns = await self._now(timeframe)
        start = -(-since_ns // timeframe.ns) * timeframe.ns
        end = min(bound_ns if until_ns is None else until_ns, bound_ns) // timeframe.ns * timeframe.ns
        done = Fetched(key, Range(start, max(start, end)), skew_ns=skew_ns)
        counted = (self._caller.requests, self._caller.retries)
        try:
            await self._fetch(done, bound_ns, newest_ns)
        finally:
            done.requests, done.retries = self._caller.requests - counted[0], self._caller.retries - counted[1]
        return done

    async def _fetch(self, done: Fetched, bound_ns: int, newest_ns: int) -> None:
        key, step = done.key, done.key.timeframe.ns
        dialect = dialect_of(self._client, key.symbol, key.timeframe)
        writing = Writing(self._sink, done, bound_ns, self._pace, self._report, self._now_s)
        covered = self._sink.manifest(key).covered
        parts = wanted(done.asked, covered, self._pace.again * step)
        if parts and key.venue in RECENT_ONLY:
            parts = _only_recent(done, parts, newest_ns - (RECENT_ONLY[key.venue] - 1) * step)
        elif parts and not covered:
            parts = await self._from_first(done, parts, newest_ns, writing)
        pages = [page for span in parts for page in pages_of(span, dialect.limit * step)]
        writing.expected = sum(page.bars(key.timeframe) for page in pages)
        ahead: deque[tuple[Range, asyncio.Task[list[Page]]]] = deque()
        todo = deque(pages)
        try:
            while todo or ahead:
                while todo and len(ahead) < self._pace.in_flight:
                    page = todo.popleft()
                    ahead.append((page, asyncio.create_task(self._whole(dialect, done, page, newest_ns))))
                page, answers = ahead[0]
                while not (await asyncio.wait({answers}, timeout=self._pace.write_s))[0]:
                    await writing.write()  # the venue is slow: what is there is made safe
                await writing.take(page, answers.result(), proven=dialect.proves)
                ahead.popleft()
        finally:
            for _, answers in ahead:
                answers.cancel()
            await asyncio.gather(*(answers for _, answers in ahead), return_exceptions=True)
            # What came before a failure or a Ctrl-C is whole and in order: it is kept.
            await writing.finish()

    async def _whole(self, dialect: Dialect, done: Fetched, asked: Range, newest_ns: int) -> list[Page]:
        """One page, and what it takes to fill its ends: a venue may cut an answer short on either side."""
        symbol, timeframe = done.key.symbol, done.key.timeframe
        answers: list[Page] = []
        open_ends, looks = [asked], 0
        while open_ends:
            part = open_ends.pop()
            page = await self._page(dialect, symbol, timeframe, part, newest_ns)
            answers.append(page)
            if len(answers) > _MOST_CRUMBS:
                raise ExchangeUnavailable(
                    f"{done.key.venue} {symbol} {timeframe} from {show_time(asked.start_ns)}: {_MOST_CRUMBS} answers do"
                    f" not fill one page of {asked.bars(timeframe)} candles"
                )
            if page.newest_only or not page.bars.open_ns.size:
                looks += 1
                if not page.newest_only and looks < _LOOKS_AT_A_HOLE and part == asked:
                    open_ends.append(part)  # an empty page is believed when it is empty twice
                continue
            first, last = int(page.bars.open_ns[0]), int(page.bars.open_ns[-1])
            if part.start_ns < first:
                open_ends.append(Range(part.start_ns, first))
            if last + timeframe.ns < part.end_ns:
                open_ends.append(Range(last + timeframe.ns, part.end_ns))
        return answers

    async def _page(self, dialect: Dialect, symbol: str, timeframe: Timeframe, asked: Range, newest_ns: int) -> Page:
        return await self._caller.call(
            f"{self._client.id} {symbol} {timeframe} from {show_time(asked.start_ns)}",
            lambda: dialect.ask(asked, dialect.limit),
            lambda raw: read_page(raw, symbol, timeframe, asked, newest_ns),
        )

    async def _from_first(self, done: Fetched, parts: list[Range], newest_ns: int, writing: Writing) -> list[Range]:
        """Without the years before the venue listed the symbol, which daily candles show in a few requests."""
        symbol, (since_ns, end_ns) = done.key.symbol, parts[0]
        if Timeframe.D1.value not in self._client.timeframes or parts[0].bars(Timeframe.D1) < 2:
            return parts
        days = dialect_of(self._client, symbol, Timeframe.D1)
        for span in pages_of(Range(since_ns // DAY_NS * DAY_NS, end_ns), days.limit * DAY_NS):
            what = f"{self._client.id} {symbol} 1d from {show_time(span.start_ns)}"
            found = await self._caller.call(what, partial(days.ask, span, days.limit), opens_of)
            if found is None:
                continue
            first_ns, last_ns = found
            if first_ns >= span.end_ns and last_ns >= newest_ns - 2 * DAY_NS:
                return _only_recent(done, parts, first_ns)
            # A day early: some venues open their days at another hour than UTC.
            begins_ns = max(since_ns, first_ns // DAY_NS * DAY_NS - DAY_NS)
            if first_ns > since_ns:
                writing.nothing_before(Range(since_ns, begins_ns))
            return [Range(begins_ns, end_ns)] if begins_ns < end_ns else []
        return parts

    async def _refuse_unknown(self, key: BarsKey) -> None:
        await ready(self._client, self._caller, key.symbol, CANDLES)
        if key.timeframe.value not in self._client.timeframes:
            allowed = [t.value for t in Timeframe if t.value in self._client.timeframes]
            raise ConfigError(f"{key.venue} serves no {key.timeframe} candles; it serves {', '.join(allowed)}")

    async def _now(self, timeframe: Timeframe) -> tuple[int, int, int]:
        """Until when candles are closed by both clocks; the open of the newest that can exist; the venue's skew."""
        ours, venues = await clocks(self._client, self._caller, self._clock)
        newest = max(ours, venues) // timeframe.ns * timeframe.ns
        return min(ours, venues) - self._pace.grace_ns, newest, venues - ours


def _only_recent(done: Fetched, parts: list[Range], oldest_ns: int) -> list[Range]:
    """Cut what the venue does not serve any more, and say so."""
    lost = [Range(span.start_ns, min(span.end_ns, oldest_ns)) for span in parts if span.start_ns < oldest_ns]
    for span in lost:
        done.unreachable = union(done.unreachable, span)
    return [Range(max(span.start_ns, oldest_ns), span.end_ns) for span in parts if span.end_ns > oldest_ns]
