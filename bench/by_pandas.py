"""The reference for the features: each as one writes it with pandas, rolling windows and exponential averages.

Wilder's averages and those of MACD are seeded by the first value here and by a mean in TA-Lib; a few hundred bars later
nobody can tell. `rolling.apply` stands where pandas has no kernel, and a loop where a window needs two columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from core.bars import Bars
from core.time import DAY_NS

Table = Any  # a pandas.DataFrame with the columns of the bars
Column = Any  # a pandas.Series


@dataclass(frozen=True, slots=True)
class Written:
    """A feature in pandas; `kernels` alone, or with Python for every window."""

    measure: Callable[[Table], Column]
    kernels: bool = True


def table_of(bars: Bars) -> Table:
    names = ("open_ns", "open", "high", "low", "close", "volume")
    return pd.DataFrame({name: getattr(bars, name) for name in names}).assign(step_ns=bars.timeframe.ns)


def _smoothed(column: Column, period: int) -> Column:
    return column.ewm(alpha=1 / period, adjust=False).mean()


def _ema(column: Column, period: int) -> Column:
    return column.ewm(span=period, adjust=False).mean()


def _rsi(bars: Table, period: int) -> Column:
    moves = bars.close.diff()
    gains, losses = _smoothed(moves.clip(lower=0), period), _smoothed(-moves.clip(upper=0), period)
    return 100 * gains / (gains + losses)


def _true_range(bars: Table) -> Column:
    before = bars.close.shift(1)
    return np.maximum(bars.high, before) - np.minimum(bars.low, before)


def _atr(bars: Table) -> Column:
    return _smoothed(_true_range(bars), 14)


def _adx(bars: Table) -> Column:
    up, down = bars.high.diff(), -bars.low.diff()
    plus = _smoothed(up.where((up > down) & (up > 0), 0.0), 14)
    minus = _smoothed(down.where((down > up) & (down > 0), 0.0), 14)
    return _smoothed(100 * (plus - minus).abs() / (plus + minus), 14)


def _macd(bars: Table) -> Column:
    return _ema(bars.close, 12) - _ema(bars.close, 26)


def _macd_difference(bars: Table) -> Column:
    line = _macd(bars)
    return (line - _ema(line, 9)) / bars.close


def _balance(bars: Table) -> Column:
    return (np.sign(bars.close.diff().fillna(0.0)) * bars.volume).cumsum()


def _zscore(column: Column, window: int) -> Column:
    rolling = column.rolling(window)
    return (column - rolling.mean()) / rolling.std(ddof=0)


def _returns(bars: Table) -> Column:
    return np.log(bars.close).diff()


def _cci(bars: Table) -> Column:
    typical = (bars.high + bars.low + bars.close) / 3
    apart = typical.rolling(20).apply(lambda window: np.abs(window - window.mean()).mean(), raw=True)
    return (typical - typical.rolling(20).mean()) / (0.015 * apart)


def _stochastic(bars: Table) -> Column:
    bottom, top = bars.low.rolling(14).min(), bars.high.rolling(14).max()
    return 100 * (bars.close - bottom) / (top - bottom)


def _slope(bars: Table) -> Column:
    steps = np.arange(5) - 2.0
    slope = _balance(bars).rolling(5).apply(lambda window: steps @ window / 10, raw=True)
    return slope / bars.volume.rolling(20).mean()


def _control(bars: Table, window: int = 48, bins: int = 24) -> Column:
    typical = np.log(((bars.high + bars.low + bars.close) / 3).to_numpy())
    volume, closes = bars.volume.to_numpy(), np.log(bars.close.to_numpy())
    distance = np.full(len(bars), np.nan)
    for at in range(window - 1, len(bars)):
        prices = typical[at - window + 1 : at + 1]
        bottom = prices.min()
        width = (prices.max() - bottom) / bins
        places = np.minimum(((prices - bottom) / width).astype(np.int64), bins - 1)
        profile = np.bincount(places, volume[at - window + 1 : at + 1], bins)
        distance[at] = closes[at] - bottom - (profile.argmax() + 0.5) * width
    return pd.Series(distance)


def _season(bars: Table, days: int) -> Column:
    return ((bars.open_ns + bars.step_ns + 3 * DAY_NS) % (days * DAY_NS)) * (2 * np.pi / (days * DAY_NS))


WRITTEN: Final[Mapping[str, Written]] = {
    "return_1": Written(lambda b: b.close.pct_change(1)),
    "return_4": Written(lambda b: b.close.pct_change(4)),
    "return_12": Written(lambda b: b.close.pct_change(12)),
    "roc_2": Written(lambda b: b.close.pct_change(2)),
    "log_return_1": Written(_returns),
    "rsi_7": Written(lambda b: _rsi(b, 7)),
    "rsi_10": Written(lambda b: _rsi(b, 10)),
    "rsi_14": Written(lambda b: _rsi(b, 14)),
    "macd_difference": Written(_macd_difference),
    "macd_12_26": Written(lambda b: _macd(b) / b.close),
    "adx_14": Written(_adx),
    "atr_14": Written(lambda b: _atr(b) / b.close),
    "momentum_4": Written(lambda b: b.close.diff(4) / _atr(b)),
    "bollinger_width_20": Written(lambda b: 4 * b.close.rolling(20).std(ddof=0) / b.close.rolling(20).mean()),
    "bollinger_position_20": Written(lambda b: _zscore(b.close, 20) / 2),
    "sma_10": Written(lambda b: b.close / b.close.rolling(10).mean() - 1),
    "high_low_range": Written(lambda b: (b.high - b.low) / b.close),
    "close_position": Written(lambda b: (b.close - b.low) / (b.high - b.low)),
    "cci_20": Written(_cci, kernels=False),
    "stochastic_14": Written(_stochastic),
    "volatility_20": Written(lambda b: np.sqrt((_returns(b) ** 2).rolling(20).mean())),
    "volatility_100": Written(lambda b: np.sqrt((_returns(b) ** 2).rolling(100).mean())),
    "close_zscore_100": Written(lambda b: _zscore(b.close, 100)),
    "return_zscore_100": Written(lambda b: _zscore(_returns(b), 100)),
    "volume_zscore_100": Written(lambda b: _zscore(b.volume, 100)),
    "volume_sma_20": Written(lambda b: b.volume / b.volume.rolling(20).mean()),
    "obv_slope_5": Written(_slope, kernels=False),
    "obv_10": Written(lambda b: _balance(b).diff(10) / b.volume.rolling(10).sum()),
    "price_volume_divergence_20": Written(lambda b: _zscore(b.close, 20) - _zscore(_balance(b), 20)),
    "control_distance_48": Written(_control, kernels=False),
    "day_sine": Written(lambda b: np.sin(_season(b, 1))),
    "day_cosine": Written(lambda b: np.cos(_season(b, 1))),
    "week_sine": Written(lambda b: np.sin(_season(b, 7))),
    "week_cosine": Written(lambda b: np.cos(_season(b, 7))),
}
