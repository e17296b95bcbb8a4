"""Funding rates and open interest of the past from a venue into the store: page by page, checked, resumable.

A page is a range so short that no venue has more rows in it than one answer holds. Where rows are further apart than
they ever are, on whichever side an answer was cut, what is between them is asked for again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.metadata import version
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import ExchangeUnavailable
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, SECOND_NS, show_time
from market.fetching.asking import FUNDING, INTEREST, clocks, in_order, ready
from market.fetching.calling import Caller
from market.fetching.hearing import JunkPage, ours, shown
from market.fetching.ranges import MS_NS, Range, pages_of, union, wanted
from market.fetching.told import Brought, Pace, Progress
from market.sources.items import Reading
from market.sources.lags import lag_of
from market.store.manifest import Origin, Span
from market.store.series import SeriesKey, SeriesStore

if TYPE_CHECKING:
    from core.ports import Clock

_FOREVER_NS = np.iinfo(np.int64).max
_JITTER_NS = 2 * SECOND_NS
_UNKNOWN_LIMIT = 100
_MOST_CRUMBS = 100
_LOOKS = 2  # at a stretch without a row, before it is believed
_BROKEN_SHARE = 0.02  # a page with more broken rows than this is junk


@dataclass(frozen=True, slots=True)
class Numbers:
    """A kind of number over time. Rows are at least `step_ns` and at most `apart_ns` apart.

    `series` it becomes, the first of which every row has; `values` of a row in that order, None for one that is not
    said. `limits` is a page's most by venue, `kept_ns` how far back one goes.
    """

    kind: str
    method: str
    period: tuple[str, ...]  # what the method wants between symbol and since
    step_ns: int
    apart_ns: int
    series: tuple[str, ...]
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    units: Callable[[str], tuple[str, ...]]
    limits: Mapping[str, int]
    kept_ns: Mapping[str, int]


# No venue that we know settles more often than every hour or more rarely than every eight.
FUNDING_RATES = Numbers(
    FUNDING,
    "fetch_funding_rate_history",
    (),
    HOUR_NS,
    8 * HOUR_NS,
    ("funding_rate",),
    lambda row: (row["fundingRate"],),
    lambda symbol: ("fraction",),
    {"binance": 1000, "binanceusdm": 1000, "bybit": 200},
    {},
)
# Open-Interest-Statistics of Binance: "Only the data of the latest 1 month is available", 500 rows at most.
OPEN_INTEREST = Numbers(
    INTEREST,
    "fetch_open_interest_history",
    ("1h",),
    HOUR_NS,
    HOUR_NS,
    ("open_interest", "open_interest_value"),
    lambda row: (row["openInterestAmount"], row.get("openInterestValue")),
    lambda symbol: (symbol.partition("/")[0], "USD"),
    {"binance": 500, "binanceusdm": 500, "bybit": 200},
    {"binance": 30 * DAY_NS, "binanceusdm": 30 * DAY_NS},
)


class NumberFetch:
    """Fetches one kind of number over one ccxt client (`market.venues.reader`) into the store of series."""

    def __init__(
        self,
        client: Any,
        store: SeriesStore,
        clock: Clock,
        numbers: Numbers,
        *,
        pace: Pace | None = None,
        report: Callable[[Progress], None] = lambda progress: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._numbers = numbers
        self._pace = Pace() if pace is None else pace
        self._report = report
        self._now_s = now_s
        self._caller = Caller(client, self._pace.patience, sleep, now_s)

    async def fetch(self, symbol: str, *, since_ns: int, until_ns: int | None = None) -> Brought:
        """All numbers with `since_ns <= event < until_ns` (default: now) that the venue has and we have not.

        Raises ConfigError for what the venue does not serve, ExchangeUnavailable when it does not answer as it should
        after all retries; what was fetched until then is stored.
        """
        await ready(self._client, self._caller, symbol, self._numbers.kind)
        ours_ns, venues_ns = await clocks(self._client, self._caller, self._clock)
        now_ns = min(ours_ns, venues_ns)
        end_ns = max(since_ns, now_ns if until_ns is None else min(until_ns, now_ns))
        asked = Range(since_ns, end_ns)
        done = Brought(self._numbers.kind, self._client.id, symbol, asked, skew_ns=venues_ns - ours_ns)
        counted = (self._caller.requests, self._caller.retries)
        try:
            await self._fetch(done, now_ns)
        finally:
            done.requests, done.retries = self._caller.requests - counted[0], self._caller.retries - counted[1]
        return done

    async def _fetch(self, done: Brought, now_ns: int) -> None:
        numbers, began_s = self._numbers, self._now_s()
        covered = self._store.manifest(self._keys(done)[0]).covered
        parts = wanted(done.asked, covered, self._pace.again * numbers.apart_ns)
        # An hour in hand: it is counted from the venue's now, and pages come later.
        oldest_ns = now_ns - numbers.kept_ns[done.venue] + HOUR_NS if done.venue in numbers.kept_ns else 0
        for part in parts:
            if part.start_ns < oldest_ns:
                done.unreachable = union(done.unreachable, Range(part.start_ns, min(part.end_ns, oldest_ns)))
        reachable = [Range(max(part.start_ns, oldest_ns), part.end_ns) for part in parts if part.end_ns > oldest_ns]
        limit = numbers.limits.get(done.venue, _UNKNOWN_LIMIT)
        pages = [page for part in reachable for page in pages_of(part, (limit - 1) * numbers.step_ns)]
        expected = sum(-(-(page.end_ns - page.start_ns) // numbers.apart_ns) for page in pages)
        writing = _Writing(self._store, done, self._keys(done), now_ns)
        answers = in_order(pages, lambda page: self._whole(done, page, limit, now_ns), self._pace.in_flight)
        written_s = began_s
        try:
            async with aclosing(answers):
                async for page, rows in answers:
                    if self._now_s() - written_s > self._pace.write_s:
                        await asyncio.to_thread(writing.write)
                        written_s = self._now_s()
                    writing.take(page, self._readings(done, rows))
                    _note_holes(done, page, rows, numbers.apart_ns)
                    done.rows += len(rows)
                    self._report(Progress(done.symbol, done.kind, done.rows, expected, self._now_s() - began_s))
        finally:
            await asyncio.shield(asyncio.to_thread(writing.write))

    async def _whole(self, done: Brought, asked: Range, limit: int, now_ns: int) -> dict[int, tuple[int, Any]]:
        """Every row of a page, and again what lies between two rows that are further apart than rows are.

        By event: the stamp and the values. A stretch that stays empty is believed.
        """
        rows: dict[int, tuple[int, Any]] = {}
        todo, looks = [asked], Counter[Range]()
        while todo:
            part = todo.pop()
            looks[part] += 1
            if looks.total() > _MOST_CRUMBS:
                raise ExchangeUnavailable(f"{self._what(done, asked)}: {_MOST_CRUMBS} answers do not fill one page")
            found = await self._caller.call(
                self._what(done, part),
                lambda part=part: self._ask(done.symbol, part, limit),  # type: ignore[misc]
                lambda raw, part=part: self._read(done, raw, part, now_ns),  # type: ignore[misc]
            )
            for event, row in found.items():
                if rows.setdefault(event, row)[1] != row[1]:
                    raise ExchangeUnavailable(f"{self._what(done, asked)}: {show_time(event)} is there with two values")
            todo += [hole for hole in _holes(part, found, self._numbers.apart_ns) if looks[hole] < _LOOKS]
        return rows

    async def _ask(self, symbol: str, asked: Range, limit: int) -> Any:
        last_ms = (asked.end_ns - 1) // MS_NS
        params = {"until": last_ms, **({"after": last_ms + 1} if self._client.id == "okx" else {})}
        method = getattr(self._client, self._numbers.method)
        with ours():
            return await method(symbol, *self._numbers.period, -(-asked.start_ns // MS_NS), limit, params)

    def _read(self, done: Brought, raw: Any, asked: Range, now_ns: int) -> dict[int, tuple[int, Any]]:
        """Rows of an answer by event; JunkPage if it is none."""
        if not isinstance(raw, list):
            raise JunkPage(f"expected a list of {done.kind} rows, found {shown(raw)}")
        rows: dict[int, tuple[int, Any]] = {}
        broken = 0
        for row in raw:
            try:
                stamp, values = int(row["timestamp"]) * MS_NS, self._numbers.values(row)
                sane = _is_number(values[0]) and all(value is None or _is_number(value) for value in values)
            except (TypeError, ValueError, KeyError):
                raise JunkPage(f"expected a row of time and number, found {shown(row)}") from None
            if stamp > now_ns + HOUR_NS or stamp < 0:
                raise JunkPage(f"rows run to {show_time(stamp)}, and it is {show_time(now_ns)}")
            event = _event(stamp) if done.kind == FUNDING else stamp
            if not (asked.start_ns <= event < asked.end_ns and stamp <= now_ns):
                continue
            if not sane:
                broken += 1
            elif event in rows:
                done.repeated += 1
                if rows[event][1] != values:
                    raise JunkPage(f"{show_time(event)} is there twice with other numbers")
            else:
                rows[event] = (stamp, values)
        if broken > _BROKEN_SHARE * len(raw):
            raise JunkPage(f"{broken} of {len(raw)} rows have numbers that cannot be")
        done.broken += broken
        return dict(sorted(rows.items()))

    def _readings(self, done: Brought, rows: Mapping[int, tuple[int, Any]]) -> list[Reading]:
        """As the importers make them: known a documented lag after the stamp."""
        units = self._numbers.units(done.symbol)
        lag_ns = lag_of(self._numbers.series[0]).lag_ns
        return [
            Reading(
                name, done.symbol, done.venue, event, max(event, stamp) + lag_ns, Decimal(str(value)), unit, taint=_OURS
            )
            for event, (stamp, values) in rows.items()
            for name, unit, value in zip(self._numbers.series, units, values, strict=True)
            if value is not None
        ]

    def _keys(self, done: Brought) -> list[SeriesKey]:
        return [SeriesKey(name, done.symbol, done.venue) for name in self._numbers.series]

    def _what(self, done: Brought, asked: Range) -> str:
        return f"{done.venue} {done.symbol} {done.kind} from {show_time(asked.start_ns)}"


_OURS = Taint.TRUSTED


class _Writing:
    """Pages in order on their way into the store. What differs from what is stored, or comes where the venue had been
    asked before, is known since it was seen."""

    def __init__(self, store: SeriesStore, done: Brought, keys: Sequence[SeriesKey], seen_ns: int) -> None:
        self._store, self._done, self._keys, self._seen_ns = store, done, keys, seen_ns
        self._covered = store.manifest(keys[0]).covered
        self._readings: list[Reading] = []
        self._spans: list[Range] = []

    def take(self, page: Range, readings: Sequence[Reading]) -> None:
        self._readings += readings
        if not readings:
            return  # an empty answer proves nothing, and is asked for again
        # After the newest row of all the venue may be late: that is not called asked for.
        last_ns = readings[-1].event_ns + 1 if page.end_ns == self._done.asked.end_ns else page.end_ns
        self._spans.append(Range(page.start_ns, last_ns))

    def write(self) -> None:
        if not self._readings:
            return
        done, since_ns = self._done, min(reading.event_ns for reading in self._readings) - 1
        last: dict[tuple[str, int], Reading] = {}
        for name in {key.series for key in self._keys}:
            for said in self._store.versions(name, done.symbol, since_ns=since_ns, as_of_ns=_FOREVER_NS):
                if said.source == done.venue:
                    last[name, said.event_ns] = said
        fresh = [one for reading in self._readings if (one := self._fresh(reading, last)) is not None]
        origin = Origin(f"{done.venue} REST", self._seen_ns, tools={"ccxt": version("ccxt")})
        self._store.append(fresh, origin)
        for span in self._spans:
            self._store.shelf(self._keys[0]).cover(Span(*span))
        firsts = [reading for reading in fresh if reading.series == self._keys[0].series]
        revised = sum((reading.series, reading.event_ns) in last for reading in firsts)
        done.revised += revised
        done.new += len(firsts) - revised
        self._readings, self._spans = [], []

    def _fresh(self, reading: Reading, last: Mapping[tuple[str, int], Reading]) -> Reading | None:
        before = last.get((reading.series, reading.event_ns))
        if before is not None:
            if before.value == reading.value and not before.retracted:
                return None
            return replace(reading, known_at_ns=max(self._seen_ns, before.known_at_ns + 1))
        if any(start <= reading.event_ns < end for start, end in self._covered):
            return replace(reading, known_at_ns=max(self._seen_ns, reading.known_at_ns))
        return reading


def _event(stamp_ns: int) -> int:
    """The hour that a stamp of funding is some milliseconds away from; else the stamp."""
    hour = (stamp_ns + HOUR_NS // 2) // HOUR_NS * HOUR_NS
    return hour if abs(stamp_ns - hour) <= _JITTER_NS else stamp_ns


def _holes(asked: Range, rows: Mapping[int, Any], apart_ns: int) -> list[Range]:
    """Stretches of a range in which there should be a row and is none."""
    edges = [asked.start_ns - 1, *sorted(rows), asked.end_ns]
    return [Range(a + 1, b) for a, b in pairwise(edges) if b - a > apart_ns]


def _note_holes(done: Brought, page: Range, rows: Mapping[int, Any], apart_ns: int) -> None:
    """Of two pages, a hole that goes on is one. The newest row of all may be late, and is not missed yet."""
    for hole in _holes(page, rows, apart_ns):
        if done.holes and done.holes[-1].end_ns == hole.start_ns:
            done.holes = (*done.holes[:-1], Range(done.holes[-1].start_ns, hole.end_ns))
        elif hole.end_ns != done.asked.end_ns or hole.end_ns - hole.start_ns > 2 * apart_ns:
            done.holes = (*done.holes, hole)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
