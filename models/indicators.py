"""Indicators over closed bars, oldest first: TA-Lib and numpy behind one check of the input.

The classic ones answer a series as long as the input, NaN while they warm up; no value depends on a later bar. The
features answer one number about the last bar and work on log prices, so that a market turned upside down (p becomes
c / p, high and low swap) has the same feature with the other sign, or the same feature where it has no direction.

Every price must be finite and > 0 and every series long enough; otherwise ToolInputError says what was found.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ToolInputError

if TYPE_CHECKING:
    from core.bars import FloatArray


# --- classic: series out -----------------------------------------------------------------------------------------


def ema(closes: FloatArray, period: int) -> FloatArray:
    """Exponential moving average, alpha 2 / (period + 1), in the unit of `closes`; the first `period - 1` are NaN.

    Seeded with the simple mean of the first `period` values, as TA-Lib does.
    """
    import talib

    (closes,) = _prices(period, closes=closes)
    return talib.EMA(closes, period)


def rsi(closes: FloatArray, period: int = 14) -> FloatArray:
    """Relative strength index, 0 to 100; the first `period` are NaN; 50 as long as nothing has moved.

    Wilder, *New Concepts in Technical Trading Systems* (1978).
    """
    import talib

    (closes,) = _prices(period + 1, closes=closes)
    series = talib.RSI(closes, period)
    # Without any move TA-Lib answers 0, which reads as falling all the time.
    still = np.maximum.accumulate(closes) == np.minimum.accumulate(closes)
    series[still & ~np.isnan(series)] = 50.0
    return series


def atr(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> FloatArray:
    """Average true range in quote currency, Wilder's smoothing; the first `period` are NaN."""
    import talib

    high, low, close = _candles(period + 1, high, low, close)
    return talib.ATR(high, low, close, period)


def adx(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> FloatArray:
    """Average directional index, 0 (no trend) to 100; the first `2 * period - 1` are NaN. Wilder (1978)."""
    import talib

    high, low, close = _candles(2 * period, high, low, close)
    return talib.ADX(high, low, close, period)


def bollinger_width(closes: FloatArray, period: int = 20, deviations: float = 2.0) -> FloatArray:
    """(upper band - lower band) / middle band, a fraction; the first `period - 1` are NaN.

    Standard deviation with ddof 0. Bollinger, *Bollinger on Bollinger Bands* (2001).
    """
    (closes,) = _prices(period, closes=closes)
    windows = np.lib.stride_tricks.sliding_window_view(closes, period)
    width = np.full(len(closes), np.nan)
    width[period - 1 :] = 2 * deviations * windows.std(axis=1) / windows.mean(axis=1)
    return width


def macd_difference(closes: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9) -> FloatArray:
    """MACD minus its signal line, in quote currency; the first `slow + signal - 2` are NaN. Appel (1979)."""
    import talib

    (closes,) = _prices(slow + signal - 1, closes=closes)
    return talib.MACD(closes, fast, slow, signal)[2]


def rate_of_change(closes: FloatArray, n: int) -> FloatArray:
    """c[t] / c[t-n] - 1, a fraction; the first `n` are NaN."""
    (closes,) = _prices(n + 1, closes=closes)
    change = np.full(len(closes), np.nan)
    change[n:] = closes[n:] / closes[:-n] - 1
    return change


def realized_volatility(closes: FloatArray, *, bars_per_year: int) -> float:
    """Annualized close-to-close volatility: sqrt(bars_per_year) * stdev(ln(c[t] / c[t-1])), ddof 1.

    At least 3 closes, equally spaced. A fraction per year: 0.65 is 65%. Hull, *Options, Futures, and Other
    Derivatives*, on estimating volatility from history.
    """
    (closes,) = _prices(3, closes=closes)
    return math.sqrt(bars_per_year) * float(np.std(np.diff(np.log(closes)), ddof=1))


# --- features: one number about the last bar, odd under mirrored prices ------------------------------------------


def trend(closes: FloatArray, fast: int = 12, slow: int = 26) -> float:
    """(fast EMA - slow EMA of log price) / (volatility * sqrt(slow)): in units of a random walk's usual distance.

    Needs `slow` + 1 closes or more; positive in a rise, odd under mirrored prices, 0 when nothing moves.
    """
    import talib

    (closes,) = _prices(slow + 1, closes=closes)
    logs = np.log(closes)
    return _in_units_of(float(talib.EMA(logs, fast)[-1] - talib.EMA(logs, slow)[-1]), volatility(closes), slow)


def momentum(closes: FloatArray, n: int = 24) -> float:
    """ln(c[-1] / c[-1-n]) / (volatility * sqrt(n)): about a standard normal number if prices walk at random.

    Needs `n` + 1 closes or more; odd under mirrored prices, 0 when nothing moves. After Moskowitz, Ooi and Pedersen,
    *Time Series Momentum* (2012).
    """
    (closes,) = _prices(n + 1, closes=closes)
    return _in_units_of(math.log(closes[-1] / closes[-1 - n]), volatility(closes), n)


def log_rsi(closes: FloatArray, period: int = 14) -> float:
    """(RSI of log prices - 50) / 50, from -1 (only falls) to 1 (only rises); odd, 0 when nothing moves.

    Needs `period` + 1 closes or more. Wilder's average is a weighted mean of the moves, and with weights w the index
    is sum(w * move) / sum(w * |move|), which turns its sign exactly with the moves.
    """
    (closes,) = _prices(period + 1, closes=closes)
    moves = np.diff(np.log(closes))
    # The seed is the plain mean of the first `period` moves; each later move takes 1 / period of the average.
    steps = np.maximum(np.arange(len(moves)) - period + 1, 0)
    weights = ((period - 1) / period) ** (steps[-1] - steps)
    total = float(weights @ np.abs(moves))
    return float(weights @ moves) / total if total > 0 else 0.0


def channel_position(high: FloatArray, low: FloatArray, close: FloatArray, n: int = 48) -> float:
    """Where the close stands between the lowest low (-1) and the highest high (1) of `n` bars, on log prices.

    Donchian's channel; odd under mirrored prices, 0 when nothing moves.
    """
    high, low, close = _candles(n, high, low, close)
    top, bottom, last = math.log(high[-n:].max()), math.log(low[-n:].min()), math.log(close[-1])
    return ((last - bottom) - (top - last)) / (top - bottom) if top > bottom else 0.0


# --- features: one number about the last bar, even under mirrored prices -----------------------------------------


def volatility(closes: FloatArray) -> float:
    """Standard deviation of log returns around zero, a fraction per bar; even under mirrored prices. 2 closes or more.

    Around zero and not around their mean: a steady climb moves too, and a feature divided by this cannot exceed the
    square root of the number of returns.
    """
    (closes,) = _prices(2, closes=closes)
    moves = np.diff(np.log(closes))
    return math.sqrt(float(moves @ moves) / len(moves))


def log_atr(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> float:
    """Mean of the last `period` true ranges of log price, about a fraction of price; even under mirrored prices."""
    high, low, close = _candles(period + 1, high, low, close)
    before = close[-period - 1 : -1]
    ranges = np.log(np.maximum(high[-period:], before) / np.minimum(low[-period:], before))
    return float(ranges.mean())


def log_adx(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> float:
    """The last average directional index of log prices, 0 to 100; even under mirrored prices."""
    import talib

    high, low, close = _candles(2 * period, high, low, close)
    return float(talib.ADX(np.log(high), np.log(low), np.log(close), period)[-1])


def _in_units_of(distance: float, volatility: float, n: int) -> float:
    return distance / (volatility * math.sqrt(n)) if volatility > 0 else 0.0


def _prices(least: int, **series: FloatArray) -> tuple[FloatArray, ...]:
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) != 1:
        raise ToolInputError(f"expected series of one length, found {lengths}")
    for name, values in series.items():
        good = np.isfinite(values) & (values > 0)
        if not good.all():
            at = int(np.argmin(good))
            raise ToolInputError(f"{name}: expected finite prices > 0, found {float(values[at])} at bar {at}")
    length = next(iter(lengths.values()))
    if length < least:
        raise ToolInputError(f"expected at least {least} bars, found {length}")
    return tuple(np.ascontiguousarray(values, dtype=np.float64) for values in series.values())


def _candles(least: int, high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[FloatArray, ...]:
    high, low, close = _prices(least, high=high, low=low, close=close)
    good = (low <= close) & (close <= high)
    if not good.all():
        at = int(np.argmin(good))
        found = f"low {float(low[at])}, close {float(close[at])}, high {float(high[at])}"
        raise ToolInputError(f"expected low <= close <= high, found {found} at bar {at}")
    return high, low, close
