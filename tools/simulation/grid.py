"""Bars of several symbols on one grid of time, as the kernel reads them. A bar that is missing stays missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.canonical import digest_bytes
from core.errors import DataRefused
from core.time import DAY_NS, Timeframe, show_time

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray

# A grid is dense: a series with a bar a year would be nothing but gaps.
_MOST_MISSING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Grid:
    """`bars` of each symbol, and all of them on one grid of `n` rows from the first open to the last.

    `prices` is float64 (5, n, symbols): open, high, low, close, volume. Where a symbol has no bar, open, high and low
    are NaN, its volume 0, and its close is the last one that was: it marks what is held and fills nothing. Before its
    first bar a symbol has no close either. `rows` says for each symbol in which rows its bars lie, `rate` (n or 0,
    symbols) is the funding that became due since the open before. `midnight` counts the bars that close until the
    next 00:00 UTC, 0 where one closes there.
    """

    bars: tuple[Bars, ...]
    close_ns: IntArray
    prices: FloatArray
    rows: tuple[IntArray, ...]
    rate: FloatArray
    midnight: IntArray

    def __len__(self) -> int:
        return len(self.close_ns)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(bars.symbol for bars in self.bars)

    @property
    def timeframe(self) -> Timeframe:
        return self.bars[0].timeframe

    def missing(self, begin: int = 0) -> int:
        """Bars that are not there from row `begin` on, of all symbols."""
        return sum(len(self) - begin - int((rows >= begin).sum()) for rows in self.rows)

    def until(self, n: int) -> Grid:
        """The first `n` rows alone: what is made of them can know nothing of the others."""
        counts = [int(np.searchsorted(rows, n)) for rows in self.rows]
        return Grid(
            tuple(_first(bars, count) for bars, count in zip(self.bars, counts, strict=True)),
            self.close_ns[:n],
            np.ascontiguousarray(self.prices[:, :n]),
            tuple(rows[:count] for rows, count in zip(self.rows, counts, strict=True)),
            self.rate[:n],
            self.midnight[:n],
        )

    def hashes(self) -> dict[str, str]:
        """Each symbol's bars by the digest of their bytes."""
        return {bars.symbol: hash_of(bars) for bars in self.bars}


def _first(bars: Bars, n: int) -> Bars:
    prices = (column[:n] for column in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    return type(bars)(bars.symbol, bars.timeframe, bars.open_ns[:n], *prices)


def rows_of(bars: Bars, rows: IntArray) -> Bars:
    """Those bars alone."""
    prices = (column[rows] for column in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    return type(bars)(bars.symbol, bars.timeframe, bars.open_ns[rows], *prices)


def hash_of(bars: Bars) -> str:
    """Names the data: the same bars have the same hash."""
    columns = (bars.open_ns, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return digest_bytes(b"".join(np.ascontiguousarray(column).tobytes() for column in columns))


def grid(series: Sequence[Bars], *, funding: Mapping[str, tuple[IntArray, FloatArray]] | None = None) -> Grid:
    """All symbols' bars side by side. `funding` holds (event_ns, rate) arrays by symbol.

    Raises DataRefused for no bars, several timeframes, a symbol twice, bars that are no bars, or mostly gaps.
    """
    _check(series)
    step = series[0].timeframe.ns
    first = min(int(bars.open_ns[0]) for bars in series)
    last = max(int(bars.open_ns[-1]) for bars in series)
    n = (last - first) // step + 1
    found = max(len(bars) for bars in series)
    if found < _MOST_MISSING * n:
        raise DataRefused(f"found {found} bars where {n} would be whole: more than half are missing")
    rows = tuple((bars.open_ns - first) // step for bars in series)
    prices = np.full((5, n, len(series)), np.nan)
    prices[4] = 0.0
    for k, (bars, at) in enumerate(zip(series, rows, strict=True)):
        for column, values in enumerate((bars.open, bars.high, bars.low, bars.close, bars.volume)):
            prices[column, at, k] = values
        if len(at) < n:
            known = np.maximum.accumulate(np.where(np.isnan(prices[3, :, k]), -1, np.arange(n)))
            prices[3, :, k] = np.where(known >= 0, prices[3, known, k], np.nan)
    opens = first + step * np.arange(n, dtype=np.int64)
    closes = opens + step
    rate = _rates(series, opens, funding or {})
    return Grid(tuple(series), closes, prices, rows, rate, -closes % DAY_NS // step)


def _rates(series: Sequence[Bars], opens: IntArray, funding: Mapping[str, tuple[IntArray, FloatArray]]) -> FloatArray:
    """Funding that was due after the open before and by this one, added up, as the paper venue charges it."""
    if not funding:
        return np.zeros((0, len(series)))
    rate = np.zeros((len(opens), len(series)))
    for k, bars in enumerate(series):
        if bars.symbol in funding:
            times, values = funding[bars.symbol]
            at = np.searchsorted(opens, times, side="left")
            inside = (at > 0) & (at < len(opens))
            np.add.at(rate[:, k], at[inside], values[inside])
    return rate


def _check(series: Sequence[Bars]) -> None:
    if not series or not all(len(bars) for bars in series):
        raise DataRefused("there is no bar to trade on")
    if len({bars.timeframe for bars in series}) > 1:
        found = ", ".join(sorted({bars.timeframe.value for bars in series}))
        raise DataRefused(f"symbols are simulated on one timeframe, found {found}")
    if len({bars.symbol for bars in series}) < len(series):
        raise DataRefused(f"each symbol once, found {', '.join(bars.symbol for bars in series)}")
    for bars in series:
        steps = np.diff(bars.open_ns)
        if (steps <= 0).any() or (steps % bars.timeframe.ns).any() or (bars.open_ns[0] % bars.timeframe.ns):
            raise DataRefused(f"the bars of {bars.symbol} are not in order on a grid of {bars.timeframe}")
        if (series[0].open_ns[0] - bars.open_ns[0]) % bars.timeframe.ns:
            raise DataRefused(f"the bars of {bars.symbol} open at other times than those of {series[0].symbol}")
        columns = np.stack([bars.open, bars.high, bars.low, bars.close])
        sound = np.isfinite(columns).all(axis=0) & (columns > 0).all(axis=0) & (bars.volume >= 0)
        sound &= (columns.max(axis=0) <= bars.high) & (columns.min(axis=0) >= bars.low) & np.isfinite(bars.volume)
        if not sound.all():
            when = show_time(int(bars.open_ns[int(np.argmin(sound))]))
            raise DataRefused(f"the bar of {bars.symbol} at {when} is none: prices above 0, low to high, and a volume")
