"""What features are measured on: closed bars, and the numbers from elsewhere that were known by each bar's close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.time import show_time
from models.indicators import on_balance_volume
from models.rolling import lagged, moments

if TYPE_CHECKING:
    from core.bars import FloatArray

# Every series that a feature may need, with its unit.
SERIES: Final[Mapping[str, str]] = {
    "spread_bps": "ask less bid, in basis points of their mid",
    "imbalance": "(bid - ask) / (bid + ask) of the quantity in the book, from -1 to 1",
    "funding_rate": "fraction of notional that longs pay, a funding interval",
    "open_interest": "contracts open, in base or quote units, > 0",
    "exchange_net_inflow": "coins that went to exchanges less those that left, in base units",
    "dominance": "share of the coin in the worth of all, in the unit of its source",
    "fear_greed": "Fear & Greed, 0 to 100",
    "sentiment": "score of texts, from -1 to 1",
}
_PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Bars and the series beside them, one value a bar.

    A series is float64, as long as the bars, its value at i the newest that was known by the close of bar i, and NaN
    where none was: the caller aligns, and nothing here looks at a clock. Bars are taken as equally spaced; a missing
    one shortens time and is never filled.

    Raises
    ------
    DataRefused
        Lengths or dtypes that differ from `Bars`, time that does not run forward, a price that is not finite and > 0, a
        bar whose open or close lies outside it, a volume below 0, a series that is infinite or that nobody knows.
    """

    bars: Bars
    series: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bars = self.bars
        _check_time(bars)
        for name in _PRICES:
            _check_column(name, getattr(bars, name), len(bars), "finite prices > 0", above=0.0)
        _check_column("volume", bars.volume, len(bars), "finite volumes >= 0", least=0.0)
        inside = (bars.low <= np.minimum(bars.open, bars.close)) & (np.maximum(bars.open, bars.close) <= bars.high)
        if not inside.all():
            at = int(np.argmin(inside))
            found = ", ".join(f"{name} {float(getattr(bars, name)[at])}" for name in _PRICES)
            raise DataRefused(f"expected low <= open, close <= high, found {found} at bar {at}")
        for name, values in self.series.items():
            if name not in SERIES:
                raise DataRefused(f"found a series {name!r}, allowed are {', '.join(SERIES)}")
            _check_column(name, values, len(bars), "finite numbers or NaN", unknown=True)

    def __len__(self) -> int:
        return len(self.bars)


class Stretch:
    """Neighbouring bars of some inputs, with what several features share measured once."""

    def __init__(self, inputs: Inputs, first: int, last: int) -> None:
        bars, of = inputs.bars, slice(first, last)
        self.closes_ns = bars.open_ns[of] + bars.timeframe.ns
        self.high, self.low, self.close, self.volume = (x[of] for x in (bars.high, bars.low, bars.close, bars.volume))
        self._series = {name: values[of] for name, values in inputs.series.items()}
        self._moments: dict[tuple[str, int], tuple[FloatArray, FloatArray]] = {}

    def __len__(self) -> int:
        return len(self.close)

    def series(self, name: str) -> FloatArray:
        """A series from elsewhere; NaN throughout where nobody gave it."""
        return self._series[name] if name in self._series else np.full(len(self), np.nan)

    @cached_property
    def log_returns(self) -> FloatArray:
        """ln(c[t] / c[t-1]); the first is NaN."""
        return np.log(self.close / lagged(self.close, 1))

    @cached_property
    def balance(self) -> FloatArray:
        """On-balance volume, in base units, 0 at the first bar of the stretch."""
        return on_balance_volume(self.close, self.volume)

    def moments(self, name: str, window: int) -> tuple[FloatArray, FloatArray]:
        """Trailing mean and deviation of `close`, `volume`, `balance` or `log_returns`."""
        if (name, window) not in self._moments:
            self._moments[name, window] = moments(getattr(self, name), window)
        return self._moments[name, window]


def _check_time(bars: Bars) -> None:
    if bars.open_ns.dtype != np.int64:
        raise DataRefused(f"open_ns: expected int64 nanoseconds, found {bars.open_ns.dtype}")
    forward = np.diff(bars.open_ns) > 0
    if not forward.all():
        at = int(np.argmin(forward))
        before, after = (show_time(int(ns)) for ns in bars.open_ns[at : at + 2])
        raise DataRefused(f"time must run forward: bar {at + 1} opens at {after}, and the one before it at {before}")


def _check_column(
    name: str,
    values: FloatArray,
    length: int,
    wanted: str,
    *,
    above: float = -np.inf,
    least: float = -np.inf,
    unknown: bool = False,
) -> None:
    if values.dtype != np.float64 or values.shape != (length,):
        raise DataRefused(f"{name}: expected float64 of shape ({length},), found {values.dtype} of {values.shape}")
    good = (values > above) & (values >= least) & (values < np.inf)
    if unknown:
        good |= np.isnan(values)
    if not good.all():
        at = int(np.argmin(good))
        raise DataRefused(f"{name}: expected {wanted}, found {float(values[at])} at bar {at}")
