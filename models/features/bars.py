"""Features of the bars alone: fractions, ranges and multiples that mean the same at any price and any volume.

Each takes a stretch and answers float64 as long as it. What cannot be measured is NaN: of bars in which nothing was
traded at all, volume says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models import indicators
from models.features.profile import profile_distance
from models.rolling import held, lagged, ratio

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.features.inputs import Stretch


def log_return(of: Stretch, n: int) -> FloatArray:
    """ln(c[t] / c[t-n])."""
    return np.log(of.close / lagged(of.close, n))


def return_(of: Stretch, n: int) -> FloatArray:
    """c[t] / c[t-n] - 1."""
    return indicators.rate_of_change(of.close, n)


def rsi(of: Stretch, period: int, memory: int) -> FloatArray:
    """Relative strength index, 0 to 100; 50 where the close has not moved for `memory` bars.

    Being a ratio it never forgets the last move: without the 50 it would depend on where history begins.
    """
    return np.where(held(of.close) >= memory, 50.0, indicators.rsi(of.close, period))


def adx(of: Stretch, period: int, memory: int) -> FloatArray:
    """Average directional index, 0 to 100; 0 where neither high nor low has moved for `memory` bars, as in `rsi`."""
    still = np.minimum(held(of.high), held(of.low)) >= memory
    return np.where(still, 0.0, indicators.adx(of.high, of.low, of.close, period))


def macd_difference(of: Stretch) -> FloatArray:
    """MACD 12/26 less its signal line of 9, as a fraction of the close."""
    return indicators.macd_difference(of.close) / of.close


def macd(of: Stretch) -> FloatArray:
    """MACD 12/26 as a fraction of the close."""
    return indicators.macd(of.close) / of.close


def atr(of: Stretch, period: int) -> FloatArray:
    """Average true range as a fraction of the close."""
    return indicators.atr(of.high, of.low, of.close, period) / of.close


def momentum(of: Stretch, n: int, period: int) -> FloatArray:
    """c[t] - c[t-n] in units of the average true range; 0 where nothing moves."""
    return ratio(of.close - lagged(of.close, n), indicators.atr(of.high, of.low, of.close, period), 0.0)


def bollinger_width(of: Stretch, period: int) -> FloatArray:
    """(upper - lower band) / middle band."""
    return indicators.bollinger_width(of.close, period)


def bollinger_position(of: Stretch, period: int) -> FloatArray:
    """1 at the upper band, -1 at the lower, 0 when nothing moves."""
    return indicators.bollinger_position(of.close, period)


def sma_distance(of: Stretch, period: int) -> FloatArray:
    """close / mean of the last `period` closes - 1."""
    return of.close / of.moments("close", period)[0] - 1


def high_low_range(of: Stretch) -> FloatArray:
    """(high - low) / close."""
    return (of.high - of.low) / of.close


def close_position(of: Stretch) -> FloatArray:
    """Where the close stands in its bar, 0 at the low to 1 at the high; one half in a bar of one price."""
    return ratio(of.close - of.low, of.high - of.low, 0.5)


def cci(of: Stretch, period: int) -> FloatArray:
    """Commodity channel index."""
    return indicators.cci(of.high, of.low, of.close, period)


def stochastic(of: Stretch, period: int) -> FloatArray:
    """%K, 0 to 100."""
    return indicators.stochastic(of.high, of.low, of.close, period)


def volatility(of: Stretch, window: int) -> FloatArray:
    """Root mean square of the last `window` log returns, a fraction a bar."""
    mean, deviation = of.moments("log_returns", window)
    squared: FloatArray = np.square(mean) + np.square(deviation)
    return np.sqrt(squared)


def close_zscore(of: Stretch, window: int) -> FloatArray:
    """Deviations of the close from its trailing mean; 0 where nothing moves."""
    mean, deviation = of.moments("close", window)
    return ratio(of.close - mean, deviation, 0.0)


def return_zscore(of: Stretch, window: int) -> FloatArray:
    """Deviations of the last log return from their trailing mean."""
    mean, deviation = of.moments("log_returns", window)
    return ratio(of.log_returns - mean, deviation, 0.0)


def volume_zscore(of: Stretch, window: int) -> FloatArray:
    """Deviations of the volume from its trailing mean."""
    mean, deviation = of.moments("volume", window)
    return _where_traded(ratio(of.volume - mean, deviation, 0.0), mean)


def volume_share(of: Stretch, window: int) -> FloatArray:
    """Volume over its trailing mean: 1 is as much as usual."""
    mean = of.moments("volume", window)[0]
    return ratio(of.volume, mean, np.nan)


def balance_slope(of: Stretch, n: int, window: int) -> FloatArray:
    """Least-squares slope a bar of on-balance volume over `n` bars, in units of the mean volume of `window`."""
    import talib

    return ratio(talib.LINEARREG_SLOPE(of.balance, n), of.moments("volume", window)[0], np.nan)


def balance_share(of: Stretch, n: int) -> FloatArray:
    """Change of on-balance volume over `n` bars as a share of all that was traded in them, from -1 to 1."""
    return ratio(of.balance - lagged(of.balance, n), n * of.moments("volume", n)[0], np.nan)


def divergence(of: Stretch, window: int) -> FloatArray:
    """Deviations of the close from its mean, less those of on-balance volume from its own.

    Above 0 the price is higher than the volume behind it supports, below 0 lower.
    """
    mean, deviation = of.moments("balance", window)
    apart = close_zscore(of, window) - ratio(of.balance - mean, deviation, 0.0)
    return _where_traded(apart, of.moments("volume", window)[0])


def control_distance(of: Stretch, window: int) -> FloatArray:
    """Distance to the point of control of the volume profile."""
    return profile_distance(of.high, of.low, of.close, of.volume, window=window)


def _where_traded(values: FloatArray, mean_volume: FloatArray) -> FloatArray:
    return np.where(mean_volume > 0, values, np.nan)
