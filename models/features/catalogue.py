"""Every feature by name: how far it looks back, which series it needs, and the sets that go together.

The look-back of what is smoothed for ever is the number of bars after which what came before weighs less than 1e-8:
started there, it has the same values wherever history began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from core.time import DAY_NS
from models.features import bars, outside
from models.rolling import memory

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.features.inputs import Stretch


@dataclass(frozen=True, slots=True)
class Feature:
    """One number a bar. Its value depends on that bar, on the `lookback` bars before it, and on no other.

    `needs` names the series from elsewhere that it reads. `measure` answers float64 as long as the stretch that it is
    given, at least `lookback` + 1 bars; its first `lookback` values count for nothing.
    """

    name: str
    lookback: int
    measure: Callable[[Stretch], FloatArray]
    needs: tuple[str, ...] = ()


def _wilder(period: int) -> int:
    return period + memory(1 - 1 / period)


def _ema(period: int) -> int:
    return period - 1 + memory(1 - 2 / (period + 1))


# Smoothed twice: k * kept^k takes three periods longer than kept^k to become as small.
_ADX_14: Final = 14 + _wilder(14) + 3 * 14
_BARS: Final = (
    Feature("return_1", 1, partial(bars.return_, n=1)),
    Feature("return_4", 4, partial(bars.return_, n=4)),
    Feature("return_12", 12, partial(bars.return_, n=12)),
    Feature("roc_2", 2, partial(bars.return_, n=2)),
    Feature("log_return_1", 1, partial(bars.log_return, n=1)),
    Feature("rsi_7", _wilder(7), partial(bars.rsi, period=7, memory=_wilder(7))),
    Feature("rsi_10", _wilder(10), partial(bars.rsi, period=10, memory=_wilder(10))),
    Feature("rsi_14", _wilder(14), partial(bars.rsi, period=14, memory=_wilder(14))),
    Feature("macd_difference", _ema(26) + 8 + 3 * 26, bars.macd_difference),
    Feature("macd_12_26", _ema(26), bars.macd),
    Feature("adx_14", _ADX_14, partial(bars.adx, period=14, memory=_ADX_14)),
    Feature("atr_14", _wilder(14), partial(bars.atr, period=14)),
    Feature("momentum_4", _wilder(14), partial(bars.momentum, n=4, period=14)),
    Feature("bollinger_width_20", 19, partial(bars.bollinger_width, period=20)),
    Feature("bollinger_position_20", 19, partial(bars.bollinger_position, period=20)),
    Feature("sma_10", 9, partial(bars.sma_distance, period=10)),
    Feature("high_low_range", 0, bars.high_low_range),
    Feature("close_position", 0, bars.close_position),
    Feature("cci_20", 19, partial(bars.cci, period=20)),
    Feature("stochastic_14", 13, partial(bars.stochastic, period=14)),
    Feature("volatility_20", 20, partial(bars.volatility, window=20)),
    Feature("volatility_100", 100, partial(bars.volatility, window=100)),
    Feature("close_zscore_100", 99, partial(bars.close_zscore, window=100)),
    Feature("return_zscore_100", 100, partial(bars.return_zscore, window=100)),
    Feature("volume_zscore_100", 99, partial(bars.volume_zscore, window=100)),
    Feature("volume_sma_20", 19, partial(bars.volume_share, window=20)),
    Feature("obv_slope_5", 19, partial(bars.balance_slope, n=5, window=20)),
    Feature("obv_10", 10, partial(bars.balance_share, n=10)),
    Feature("price_volume_divergence_20", 20, partial(bars.divergence, window=20)),
    Feature("control_distance_48", 47, partial(bars.control_distance, window=48)),
)
_CALENDAR: Final = (
    Feature("day_sine", 0, partial(outside.season, period_ns=DAY_NS, cosine=False)),
    Feature("day_cosine", 0, partial(outside.season, period_ns=DAY_NS, cosine=True)),
    Feature("week_sine", 0, partial(outside.season, period_ns=7 * DAY_NS, cosine=False)),
    Feature("week_cosine", 0, partial(outside.season, period_ns=7 * DAY_NS, cosine=True)),
)


def _level(name: str, series: str, centre: float = 0.0, unit: float = 1.0) -> Feature:
    return Feature(name, 0, partial(outside.level, series=series, centre=centre, unit=unit), (series,))


def _change(series: str, n: int) -> Feature:
    return Feature(f"{series}_change_{n}", n, partial(outside.change, series=series, n=n), (series,))


def _log_change(series: str, n: int) -> Feature:
    return Feature(f"{series}_log_change_{n}", n, partial(outside.log_change, series=series, n=n), (series,))


def _zscore(series: str, window: int = 100) -> Feature:
    measure = partial(outside.series_zscore, series=series, window=window)
    return Feature(f"{series}_zscore_{window}", window - 1, measure, (series,))


_OUTSIDE: Final = (
    _level("spread_bps", "spread_bps"),
    _zscore("spread_bps"),
    _level("imbalance", "imbalance"),
    _level("funding_rate", "funding_rate"),
    _zscore("funding_rate"),
    _log_change("open_interest", 1),
    _log_change("open_interest", 24),
    _zscore("open_interest"),
    _zscore("exchange_net_inflow"),
    _change("dominance", 24),
    _zscore("dominance"),
    _level("fear_greed", "fear_greed", centre=50.0, unit=50.0),
    _change("fear_greed", 24),
    _level("sentiment", "sentiment"),
    _change("sentiment", 24),
)
CATALOGUE: Final[Mapping[str, Feature]] = MappingProxyType({f.name: f for f in (*_BARS, *_CALENDAR, *_OUTSIDE)})

# The published set-ups, and what can be had of bars alone or of all that is recorded. The time of day never varies on
# daily bars: leave `day_sine` and `day_cosine` out there.
SETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "xgb-4h": (
            *("rsi_7", "rsi_14", "macd_difference", "adx_14", "atr_14", "bollinger_width_20", "volume_sma_20"),
            *("obv_slope_5", "return_1", "return_4", "return_12", "high_low_range", "close_position"),
        ),
        "lstm-score": (
            *("sma_10", "roc_2", "macd_12_26", "momentum_4", "rsi_10", "bollinger_width_20", "bollinger_position_20"),
            *("cci_20", "stochastic_14", "obv_10"),
        ),
        "bars": tuple(f.name for f in (*_BARS, *_CALENDAR)),
        "all": tuple(CATALOGUE),
    }
)
