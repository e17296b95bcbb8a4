"""Public trades of the past from a venue into the store, each once, checked, resumable.

Where a venue numbers its trades without a hole and answers by number, the first and the last number of a range are
found first, and the pages between them are known before they are asked for. Elsewhere each page begins at the last
trade of the one before, which must be in it: what an answer left out cannot pass unseen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from math import isfinite
from typing import TYPE_CHECKING, Any

from core.errors import ExchangeUnavailable
from core.money import Price, Quantity
from core.orders import Side
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, show_time
from market.fetching.asking import TRADES, clocks, in_order, ready
from market.fetching.calling import Caller
from market.fetching.hearing import JunkPage, ours, shown
from market.fetching.ranges import MS_NS, Range, union, wanted
from market.fetching.told import Brought, Pace, Progress
from market.sources.lags import lag_of
from market.store.manifest import Origin, Span
from market.store.trades import LogKey, LogStore, Trade

if TYPE_CHECKING:
    from core.ports import Clock

_LIMIT = 1000
# Whose aggregated trades are numbered one after the other, and served from any number on (`fromId`).
_NUMBERED = {"binance", "binanceus", "binanceusdm"}
_BROKEN_SHARE = 0.02  # a page with more broken rows than this is junk


@dataclass(frozen=True, slots=True)
class _Row:
    """A trade as an answer has it. `number` is its id where ids are numbers, else -1."""

    number: int
    trade: Trade


Rows = Sequence[_Row]


class TradeFetch:
    """Fetches public trades over one ccxt client (`market.venues.reader`) into the store of trades."""

    def __init__(
        self,
        client: Any,
        store: LogStore[Trade],
        clock: Clock,
        *,
        pace: Pace | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._pace = Pace() if pace is None else pace
        self._report = report
        self._now_s = now_s
        self._caller = Caller(client, self._pace.patience, sleep, now_s)
        self._lag_ns = lag_of("trades").lag_ns

    async def fetch(self, symbol: str, *, since_ns: int, until_ns: int | None = None) -> Brought:
        """All trades with `since_ns <= time < until_ns` (default: now) that the venue has and we have not.

        Raises ConfigError for what the venue does not serve, ExchangeUnavailable when it does not answer as it should
        after all retries; what was fetched until then is stored.
        """
        await ready(self._client, self._caller, symbol, TRADES)
        ours_ns, venues_ns = await clocks(self._client, self._caller, self._clock)
        now_ns = min(ours_ns, venues_ns) - self._pace.grace_ns
        end_ns = max(since_ns, now_ns if until_ns is None else min(until_ns, now_ns))
        done = Brought(TRADES, self._client.id, symbol, Range(since_ns, end_ns), skew_ns=venues_ns - ours_ns)
        counted = (self._caller.requests, self._caller.retries)
        covered = self._store.manifest(LogKey(done.venue, symbol)).covered
        try:
            for part in wanted(done.asked, covered, 0):
                await self._fetch(done, part, max(ours_ns, venues_ns))
        finally:
            done.requests, done.retries = self._caller.requests - counted[0], self._caller.retries - counted[1]
        return done

    async def _fetch(self, done: Brought, asked: Range, newest_ns: int) -> None:
        began_s = written_s = self._now_s()
        writing = _Writing(self._store, done, asked, newest_ns)
        pages = self._numbered(done, asked, newest_ns, writing) if done.venue in _NUMBERED else None
        pages = self._overlapping(done, asked, newest_ns, writing) if pages is None else pages
        try:
            async with aclosing(pages):
                async for rows in pages:
                    writing.take(rows)
                    self._report(
                        Progress(done.symbol, TRADES, writing.taken, writing.expected, self._now_s() - began_s)
                    )
                    if len(writing.trades) >= self._pace.write_bars or self._now_s() - written_s > self._pace.write_s:
                        await asyncio.to_thread(writing.write)
                        written_s = self._now_s()
                writing.whole()
        finally:
            await asyncio.shield(asyncio.to_thread(writing.write))

    # ── by number ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _numbered(
        self, done: Brought, asked: Range, newest_ns: int, writing: _Writing
    ) -> AsyncGenerator[Rows, None]:
        oldest, newest = await self._one(done, newest_ns, 0), (await self._page(done, newest_ns, limit=1))[-1]
        if asked.start_ns < oldest.trade.ts_event_ns:
            begins_ns = min(asked.end_ns, oldest.trade.ts_event_ns)
            done.unreachable = union(done.unreachable, Range(asked.start_ns, begins_ns))
        first = await self._first_at(done, asked.start_ns, newest_ns, oldest, newest)
        last = await self._first_at(done, asked.end_ns, newest_ns, oldest, newest) - 1
        writing.expected = max(0, last - first + 1)
        pages = ((number, min(number + _LIMIT - 1, last)) for number in range(first, last + 1, _LIMIT))
        answers = in_order(pages, lambda page: self._whole(done, *page, newest_ns), self._pace.in_flight)
        async with aclosing(answers):
            async for _, rows in answers:
                yield rows

    async def _first_at(self, done: Brought, time_ns: int, newest_ns: int, oldest: _Row, newest: _Row) -> int:
        """The number of the first trade at a moment or after it; one past the newest where there is none yet.

        What the venue answers by time is a hint alone: it is the first one only if the trade before it is older.
        """
        if newest.trade.ts_event_ns < time_ns:
            return newest.number + 1
        hint = await self._page(done, newest_ns, since_ns=time_ns, limit=1)
        low, high = oldest.number, newest.number
        if hint and low < hint[0].number <= high:
            before = await self._one(done, newest_ns, hint[0].number - 1)
            if before.trade.ts_event_ns < time_ns <= hint[0].trade.ts_event_ns:
                return hint[0].number
        while low < high:
            middle = await self._one(done, newest_ns, (low + high) // 2)
            if middle.trade.ts_event_ns >= time_ns:
                high = (low + high) // 2
            else:
                low = middle.number + 1
        return low

    async def _whole(self, done: Brought, first: int, last: int, newest_ns: int) -> Rows:
        """Trades `first` to `last`, both included, and again what an answer was cut short by. Numbers that the venue
        skips are counted."""
        found: list[_Row] = []
        at = first
        while at <= last:
            rows = await self._page(done, newest_ns, number=at, limit=last - at + 1)
            found += [row for row in rows if row.number <= last]
            at = rows[-1].number + 1
        done.missing += last - first + 1 - len(found)
        return found

    async def _one(self, done: Brought, newest_ns: int, number: int) -> _Row:
        return (await self._page(done, newest_ns, number=number, limit=1))[0]

    # ── by time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _overlapping(
        self, done: Brought, asked: Range, newest_ns: int, writing: _Writing
    ) -> AsyncGenerator[Rows, None]:
        rows = await self._reaching_back(done, asked, newest_ns)
        if not rows or rows[0].trade.ts_event_ns >= asked.start_ns:
            begins_ns = min(asked.end_ns, rows[0].trade.ts_event_ns) if rows else asked.end_ns
            done.unreachable = union(done.unreachable, Range(asked.start_ns, begins_ns))
            writing.begin(begins_ns)
        seen: set[object] = set()
        while fresh := [row for row in rows if _identity(row) not in seen]:
            yield [row for row in fresh if asked.start_ns <= row.trade.ts_event_ns < asked.end_ns]
            last = rows[-1]
            if last.trade.ts_event_ns >= asked.end_ns:
                return
            seen = set(map(_identity, rows))
            # One earlier, for venues that leave out what is exactly at `since`.
            rows = await self._page(done, newest_ns, since_ns=last.trade.ts_event_ns - MS_NS, limit=_LIMIT, meets=last)
        if not rows:
            return
        last_ns = rows[-1].trade.ts_event_ns
        next_second_ns = (last_ns // SECOND_NS + 1) * SECOND_NS
        if await self._page(done, newest_ns, since_ns=next_second_ns, limit=_LIMIT):
            # The venue counts in seconds, and the answer ended within one.
            raise ExchangeUnavailable(
                f"{self._what(done)} from {show_time(last_ns)}: more trades at one moment than one answer has"
            )
        if newest_ns - asked.end_ns > HOUR_NS:
            # Nothing came from after the end, so that nobody knows whether the venue looked that far.
            writing.end(last_ns)

    async def _reaching_back(self, done: Brought, asked: Range, newest_ns: int) -> Rows:
        """The first page, with a trade from before the range: the proof that none of the range was left out. Without
        one where the venue shows none."""
        rows: Rows = ()
        for back_ns in (MINUTE_NS, HOUR_NS, DAY_NS):
            rows = await self._page(done, newest_ns, since_ns=asked.start_ns - back_ns, limit=_LIMIT)
            if rows and rows[0].trade.ts_event_ns < asked.start_ns:
                break
        return rows

    # ── one answer ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _page(
        self,
        done: Brought,
        newest_ns: int,
        *,
        limit: int,
        number: int | None = None,
        since_ns: int | None = None,
        meets: _Row | None = None,
    ) -> Rows:
        """An answer, oldest first. By number it is never empty: there is a newer trade."""
        since_ms = None if since_ns is None else -(-since_ns // MS_NS)
        params = {} if number is None else {"fromId": number}

        async def ask() -> Any:
            with ours():
                return await self._client.fetch_trades(done.symbol, since_ms, limit, params)

        def read(raw: Any) -> Rows:
            rows = self._read(done, raw, newest_ns)
            if since_ns is None and not rows:
                raise JunkPage("the answer is empty, and there are trades")
            if number is not None and (rows[0].number < number or len(rows) > limit):
                raise JunkPage(f"asked for {limit} trades from {number} on, found {len(rows)} from {rows[0].number} on")
            if meets is not None and _identity(meets) not in map(_identity, rows):
                raise JunkPage(f"the page before ends with {meets.trade.trade_id}, which is not in this one")
            return rows

        at = f"from {show_time(since_ns)}" if since_ns is not None else f"from trade {number}" if number else "newest"
        return await self._caller.call(f"{self._what(done)} {at}", ask, read)

    def _read(self, done: Brought, raw: Any, newest_ns: int) -> Rows:
        """The trades of an answer in order, each once; JunkPage if it is none."""
        if not isinstance(raw, list):
            raise JunkPage(f"expected a list of trades, found {shown(raw)}")
        rows: dict[object, _Row] = {}
        broken = repeated = 0
        for found in raw:
            row = self._row(found, numbered=done.venue in _NUMBERED)
            if row is None:
                broken += 1
                continue
            if not 0 <= row.trade.ts_event_ns <= newest_ns + HOUR_NS:
                raise JunkPage(f"trades run to {show_time(row.trade.ts_event_ns)}, and it is {show_time(newest_ns)}")
            before = rows.setdefault(_identity(row), row)
            repeated += before is not row
            if before.trade != row.trade:
                raise JunkPage(f"trade {row.trade.trade_id} is there twice with other numbers")
        if broken > _BROKEN_SHARE * len(raw) + 1:
            raise JunkPage(f"{broken} of {len(raw)} trades have numbers that cannot be")
        ordered = sorted(rows.values(), key=lambda row: (row.number, row.trade.ts_event_ns))
        times = [row.trade.ts_event_ns for row in ordered]
        if times != sorted(times):
            raise JunkPage("trades are not in the order of their numbers")
        done.broken, done.repeated = done.broken + broken, done.repeated + repeated
        return ordered

    def _row(self, found: Any, *, numbered: bool) -> _Row | None:
        """One trade; None where its numbers cannot be. JunkPage where it is no trade."""
        try:
            ts_ns, side = int(found["timestamp"]) * MS_NS, Side(found["side"])
            name = "" if found["id"] is None else str(found["id"])
            number = int(name) if numbered else -1
            price, quantity = found["price"], found["amount"]
            if not (isfinite(price) and isfinite(quantity) and price > 0 and quantity > 0):
                return None
        except (TypeError, ValueError, KeyError):
            raise JunkPage(f"expected a trade with time, side, price and amount, found {shown(found)}") from None
        known_ns = ts_ns + self._lag_ns
        return _Row(
            number, Trade(ts_ns, known_ns, name, side, Price(Decimal(str(price))), Quantity(Decimal(str(quantity))))
        )

    def _what(self, done: Brought) -> str:
        return f"{done.venue} {done.symbol} {TRADES}"


class _Writing:
    """Trades in order on their way into the store; what is before the last of them was asked for."""

    def __init__(self, store: LogStore[Trade], done: Brought, asked: Range, seen_ns: int) -> None:
        self.trades: list[Trade] = []
        self.taken = self.expected = 0
        self._store, self._done, self._asked, self._seen_ns = store, done, asked, seen_ns
        self._begins_ns, self._ends_ns = asked.start_ns, asked.start_ns
        self._bound_ns = asked.end_ns

    def take(self, rows: Rows) -> None:
        self.trades += [row.trade for row in rows]
        self.taken += len(rows)
        self._done.rows += len(rows)
        if rows:
            self._ends_ns = rows[-1].trade.ts_event_ns  # of its millisecond there may be more

    def begin(self, time_ns: int) -> None:
        """Nothing is known of what lies before."""
        self._begins_ns = time_ns

    def end(self, time_ns: int) -> None:
        """Nothing is known of what lies from here on."""
        self._bound_ns = time_ns

    def whole(self) -> None:
        """Everything came."""
        self._ends_ns = self._bound_ns

    def write(self) -> None:
        trades, self.trades = self.trades, []
        venue, symbol = self._done.venue, self._done.symbol
        if trades:
            origin = Origin(f"{venue} REST", self._seen_ns, tools={"ccxt": version("ccxt")})
            self._done.new += self._store.append(venue, symbol, trades, origin)
        if self._begins_ns < self._ends_ns:
            self._store.shelf(LogKey(venue, symbol)).cover(Span(self._begins_ns, self._ends_ns))


def _identity(row: _Row) -> object:
    return row.trade.trade_id or row.trade
