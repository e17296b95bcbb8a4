"""Stored numbers beside bars: of each bar what was known by its close. Training and forecasting read them through this.

A number that stands for too long is none: what its source stopped to say is unknown, not unchanged.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, MINUTE_NS
from market.sources.items import WHOLE_MARKET
from market.store.series import SeriesKey
from market.store.store import MarketStore
from market.store.trades import Imbalance, LogKey, LogStore, Ticker

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray

SPREAD: Final = "spread_bps"
IMBALANCE: Final = "imbalance"
SENTIMENT: Final = "sentiment"
_MARGIN_NS: Final = 90 * DAY_NS  # read with what is asked for, since a scorecard asks about the past
_EVER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Habit:
    """Of which asset of a symbol a series tells, and for how long after its event a value stands."""

    asset: Callable[[str], str]
    holds_ns: int


def _itself(symbol: str) -> str:
    return symbol


def _base(symbol: str) -> str:
    return symbol.partition("/")[0]


def _perpetual(symbol: str) -> str:
    """Of a spot pair the linear perpetual of the same two assets: what is paid there moves both."""
    return symbol if ":" in symbol else f"{symbol}:{symbol.partition('/')[2]}"


# Each holds for its source's own interval and what a late answer may take.
HABITS: Final[Mapping[str, Habit]] = {
    SPREAD: Habit(_itself, 5 * MINUTE_NS),
    IMBALANCE: Habit(_itself, 5 * MINUTE_NS),
    "funding_rate": Habit(_perpetual, DAY_NS),
    "open_interest": Habit(_perpetual, 6 * HOUR_NS),
    "exchange_net_inflow": Habit(_base, 6 * HOUR_NS),
    "dominance": Habit(_base, DAY_NS),
    "fear_greed": Habit(lambda symbol: WHOLE_MARKET, 3 * DAY_NS),
    SENTIMENT: Habit(_base, DAY_NS),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One version of a number: `value` is None where it takes back what was said of its event."""

    known_ns: int
    event_ns: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Steps:
    """From each of `known_ns` on, ascending, the newest event that is known, and its value; NaN where there is none."""

    known_ns: IntArray
    event_ns: IntArray
    values: FloatArray

    @classmethod
    def of(cls, said: Iterable[Said]) -> Steps:
        standing: dict[int, float] = {}
        events: list[int] = []
        rows: list[tuple[int, int, float]] = []
        for one in sorted(said, key=lambda one: one.known_ns):
            if one.value is None:
                if standing.pop(one.event_ns, None) is not None:
                    del events[bisect_left(events, one.event_ns)]
            else:
                if one.event_ns not in standing:
                    insort(events, one.event_ns)
                standing[one.event_ns] = one.value
            newest = events[-1] if events else -1
            rows.append((one.known_ns, newest, standing.get(newest, np.nan)))
        return cls(
            np.array([known for known, _, _ in rows], dtype=np.int64),
            np.array([event for _, event, _ in rows], dtype=np.int64),
            np.array([value for _, _, value in rows], dtype=np.float64),
        )

    def at(self, moments_ns: IntArray, holds_ns: int) -> FloatArray:
        """Of each moment the value that stood then; NaN for none, or one of an event more than `holds_ns` before it."""
        place = np.searchsorted(self.known_ns, moments_ns, side="right") - 1
        found = np.full(len(moments_ns), np.nan)
        there = np.flatnonzero(place >= 0)
        fresh = there[moments_ns[there] - self.event_ns[place[there]] <= holds_ns]
        found[fresh] = self.values[place[fresh]]
        return found


@dataclass(frozen=True, slots=True)
class Beside:
    """The stored series that were `chosen`, by name, for bars of the symbol that they were chosen for."""

    store: MarketStore
    chosen: Mapping[str, SeriesKey]
    _kept: dict[str, tuple[str, int, Steps]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, bars: Bars) -> Mapping[str, FloatArray]:
        """Of each series float64, as long as the bars, its value at i the newest that was known by the close of bar i.

        Raises DataRefused for a store that cannot be read.
        """
        if not len(bars):
            return {name: np.full(0, np.nan) for name in self.chosen}
        closes = bars.open_ns + bars.timeframe.ns
        found = {}
        for name in self.chosen:
            holds_ns = HABITS[name].holds_ns
            found[name] = self._steps(name, int(closes[0]) - holds_ns).at(closes, holds_ns)
        return found

    def _steps(self, name: str, since_ns: int) -> Steps:
        """With every version about events after `since_ns`, and some before."""
        key = self.chosen[name]
        log = _log(self.store, key)
        where = self.store.series.manifest(key) if log is None else log.manifest(LogKey(key.source, key.asset))
        content = where.content_hash
        kept = self._kept.get(name)
        if kept is None or kept[0] != content or kept[1] > since_ns:
            since_ns -= _MARGIN_NS
            kept = self._kept[name] = content, since_ns, Steps.of(_said(self.store, key, since_ns))
        return kept[2]


def stored(store: MarketStore, symbol: str) -> dict[str, tuple[SeriesKey, ...]]:
    """Every series that bars of a symbol may have beside them, each with the sources that the store has of it.

    Spreads are those of recorded tickers, and imbalances those of recorded books: their source is the venue.
    """
    logged = [SeriesKey(name, key.symbol, key.venue) for name, log in _logs(store).items() for key in log.held()]
    others = (key for key in store.series.held() if key.series != SPREAD and key not in logged)
    held = [*logged, *others]
    found = {
        name: tuple(key for key in held if (key.series, key.asset) == (name, habit.asset(symbol)))
        for name, habit in HABITS.items()
    }
    return {name: keys for name, keys in found.items() if keys}


def _logs(store: MarketStore) -> Mapping[str, LogStore[Ticker] | LogStore[Imbalance]]:
    return {SPREAD: store.tickers, IMBALANCE: store.imbalances}


def _log(store: MarketStore, key: SeriesKey) -> LogStore[Ticker] | LogStore[Imbalance] | None:
    """Where the recorder keeps it; None for a series of a source."""
    log = _logs(store).get(key.series)
    return log if log is not None and log.manifest(LogKey(key.source, key.asset)).parts else None


def _said(store: MarketStore, key: SeriesKey, since_ns: int) -> Sequence[Said]:
    if key.series == IMBALANCE and _log(store, key) is not None:
        leaning = store.imbalances.read(key.source, key.asset, since_ns=since_ns, as_of_ns=_EVER)
        return [Said(one.known_at_ns, one.ts_event_ns, float(one.value)) for one in leaning]
    if key.series == SPREAD:
        tickers = store.tickers.read(key.source, key.asset, since_ns=since_ns, as_of_ns=_EVER)
        quoted = ((one, one.bid, one.ask) for one in tickers)
        return [
            Said(one.known_at_ns, one.ts_event_ns, float(20_000 * (ask - bid) / (ask + bid)))
            for one, bid, ask in quoted
            if bid is not None and ask is not None and ask + bid > 0
        ]
    versions = store.series.versions(key.series, key.asset, since_ns=since_ns, as_of_ns=_EVER)
    return [
        Said(one.known_at_ns, one.event_ns, None if one.retracted else float(one.value))
        for one in versions
        if one.source == key.source and one.taint is not Taint.HOSTILE
    ]
