"""Pages that came from a venue on their way into the store: in order, with their gaps, written as they pile up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from market.fetching.pages import Page, closed, joined
from market.fetching.ranges import Range, union
from market.fetching.told import Fetched, Pace, Progress
from market.quality import Gap, gaps_in
from market.store.candles import Appended, BarsKey
from market.store.manifest import Manifest, Origin, Span

if TYPE_CHECKING:
    from core.bars import Bars


class CandleSink(Protocol):
    """Where candles go: `market.store.candles.CandleStore`."""

    def manifest(self, key: BarsKey) -> Manifest: ...
    def append(self, key: BarsKey, bars: Bars, origin: Origin, *, covered: Span | None = None) -> Appended: ...


class Writing:
    """Takes pages in order, and writes what has piled up when it is much or old."""

    def __init__(
        self,
        sink: CandleSink,
        done: Fetched,
        bound_ns: int,
        pace: Pace,
        report: Callable[[Progress], None],
        now_s: Callable[[], float],
    ) -> None:
        self.expected = 0
        self._sink = sink
        self._done = done
        self._pace = pace
        self._report = report
        self._now_s = now_s
        self._origin = Origin(source=f"{done.key.venue} REST", seen_ns=bound_ns, tools={"ccxt": version("ccxt")})
        self._bound_ns = bound_ns
        self._began_s = self._flushed_s = now_s()
        self._pieces: list[Bars] = []
        self._span: Range | None = None
        self._next_ns: int | None = None  # where the next candle should open; None before the venue's first
        self._asked = 0
        self._gaps: list[Gap] = []
        self._under_way: asyncio.Future[Appended] | None = None

    def nothing_before(self, asked: Range) -> None:
        """The venue's history begins after this range: it was asked for, and there is nothing in it."""
        if asked.start_ns < asked.end_ns:
            nothing = joined([], self._done.key.symbol, self._done.key.timeframe)
            self._sink.append(self._done.key, nothing, self._origin, covered=Span(*asked))
        self._span = Range(asked.end_ns, asked.end_ns)

    async def take(self, asked: Range, answers: list[Page], *, proven: bool) -> None:
        """The answers for one page, the next in order; `proven`: where they hold nothing there is nothing."""
        done, timeframe = self._done, self._done.key.timeframe
        if self._span is None or self._span.end_ns != asked.start_ns:
            await self.write()
            self._next_ns = asked.start_ns
        bars = closed(joined([page.bars for page in answers], done.key.symbol, timeframe), self._bound_ns)
        for page in answers:
            done.broken += page.broken
            done.repeated += page.repeated
            done.reordered += page.reordered
        whole = asked
        if any(page.newest_only for page in answers):
            # The venue does not show what lies before its newest candles: to call that asked for would be a lie.
            begins_ns = int(bars.open_ns[0]) if len(bars) else asked.end_ns
            done.unreachable = union(done.unreachable, Range(asked.start_ns, begins_ns))
            await self.write()
            asked, self._span, self._next_ns = Range(begins_ns, asked.end_ns), None, begins_ns
        if len(bars) or proven:
            self._mark_gaps(bars)
            self._pieces.append(bars)
            self._span = asked if self._span is None else Range(self._span.start_ns, asked.end_ns)
        elif asked.bars(timeframe):
            await self.write()
            self._span = None
            self._gaps.append(Gap(*asked, asked.bars(timeframe)))
        done.bars += len(bars)
        self._asked += whole.bars(timeframe)
        late = self._now_s() - self._flushed_s > self._pace.write_s
        much = late or sum(map(len, self._pieces)) >= self._pace.write_bars
        if much and asked.end_ns != done.asked.end_ns:
            await self.write()
        self._report(Progress(done.key.symbol, timeframe, self._asked, self.expected, self._now_s() - self._began_s))

    async def write(self) -> None:
        """Begin to write what is there; pages go on coming meanwhile. One write at a time."""
        await self._written()
        self._flushed_s = self._now_s()
        if self._span is None or self._span.start_ns == self._span.end_ns:
            return
        pieces, span = self._pieces, Span(*self._span)
        self._pieces, self._span = [], Range(span.end_ns, span.end_ns)
        self._under_way = asyncio.ensure_future(asyncio.to_thread(self._append, pieces, span))

    async def finish(self) -> None:
        """Write the rest. A hole at the very end is none yet: the venue may be late, so it is not called asked for."""
        span, at, step = self._span, self._next_ns, self._done.key.timeframe.ns
        if span is not None and at is not None and at < span.end_ns == self._done.asked.end_ns and self._pieces:
            self._gaps.append(Gap(at, span.end_ns, (span.end_ns - at) // step))
            self._span = Range(span.start_ns, max(span.start_ns, at))
        await self.write()
        await self._written()
        self._done.gaps = tuple(self._gaps)

    def _append(self, pieces: list[Bars], span: Span) -> Appended:
        bars = joined(pieces, self._done.key.symbol, self._done.key.timeframe)
        return self._sink.append(self._done.key, bars, self._origin, covered=span)

    async def _written(self) -> None:
        if self._under_way is not None:
            # Shielded: a Ctrl-C must not leave the next write to overtake this one.
            counts = await asyncio.shield(self._under_way)
            self._under_way = None
            self._done.stored = _sum(self._done.stored, counts)

    def _mark_gaps(self, bars: Bars) -> None:
        if not len(bars):
            return
        first, step = int(bars.open_ns[0]), bars.timeframe.ns
        if self._next_ns is None:
            self._done.first_ns = first
        elif first > self._next_ns:
            self._gaps.append(Gap(self._next_ns, first, (first - self._next_ns) // step))
        self._gaps.extend(gaps_in(bars.open_ns, bars.timeframe))
        self._next_ns = int(bars.open_ns[-1]) + step


def _sum(one: Appended, other: Appended) -> Appended:
    return Appended(*(getattr(one, name) + getattr(other, name) for name in Appended.__dataclass_fields__))
