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

from models.prices import candles, priced, traded
from models.rolling import held, lagged, moments, ratio
from models.sharing import shared

if TYPE_CHECKING:
    from core.bars import FloatArray


# --- classic: series out -----------------------------------------------------------------------------------------


@shared
def ema(closes: FloatArray, period: int) -> FloatArray:
    """Exponential moving average, alpha 2 / (period + 1), in the unit of `closes`; the first `period - 1` are NaN.

    Seeded with the simple mean of the first `period` values, as TA-Lib does.
    """
    import talib

    (closes,) = priced(period, closes=closes)
    return talib.EMA(closes, period)


@shared
def rsi(closes: FloatArray, period: int = 14) -> FloatArray:
    """Relative strength index, 0 to 100; the first `period` are NaN; 50 as long as nothing has moved.

    Wilder, *New Concepts in Technical Trading Systems* (1978).
    """
    import talib

    (closes,) = priced(period + 1, closes=closes)
    series = talib.RSI(closes, period)
    # Without any move TA-Lib answers 0, which reads as falling all the time.
    moved = closes != closes[0]
    series[period : int(np.argmax(moved)) if moved.any() else len(closes)] = 50.0
    return series


@shared
def atr(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> FloatArray:
    """Average true range in quote currency, Wilder's smoothing; the first `period` are NaN."""
    import talib

    high, low, close = candles(period + 1, high, low, close)
    return talib.ATR(high, low, close, period)


@shared
def adx(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> FloatArray:
    """Average directional index, 0 (no trend) to 100; the first `2 * period - 1` are NaN. Wilder (1978)."""
    import talib

    high, low, close = candles(2 * period, high, low, close)
    return talib.ADX(high, low, close, period)


def bollinger_width(closes: FloatArray, period: int = 20, deviations: float = 2.0) -> FloatArray:
    """(upper band - lower band) / middle band, a fraction; the first `period - 1` are NaN.

    Standard deviation with ddof 0. Bollinger, *Bollinger on Bollinger Bands* (2001).
    """
    (closes,) = priced(period, closes=closes)
    mean, deviation = moments(closes, period)
    width: FloatArray = 2 * deviations * deviation / mean
    return width


@shared
def bollinger_position(closes: FloatArray, period: int = 20, deviations: float = 2.0) -> FloatArray:
    """(close - middle band) / (upper band - middle band): 1 at the upper band, -1 at the lower, 0 when nothing moves.

    The first `period - 1` are NaN. Standard deviation with ddof 0.
    """
    (closes,) = priced(period, closes=closes)
    mean, deviation = moments(closes, period)
    return ratio(closes - mean, deviations * deviation, 0.0)


def macd_difference(closes: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9) -> FloatArray:
    """MACD minus its signal line, in quote currency; the first `slow + signal - 2` are NaN. Appel (1979)."""
    import talib

    (closes,) = priced(slow + signal - 1, closes=closes)
    return talib.MACD(closes, fast, slow, signal)[2]


def macd(closes: FloatArray, fast: int = 12, slow: int = 26) -> FloatArray:
    """Fast minus slow exponential moving average, in quote currency; the first `slow - 1` are NaN. Appel (1979)."""
    (closes,) = priced(slow, closes=closes)
    return ema(closes, fast) - ema(closes, slow)


@shared
def sma(closes: FloatArray, period: int) -> FloatArray:
    """Mean of the last `period` closes; the first `period - 1` are NaN."""
    (closes,) = priced(period, closes=closes)
    return moments(closes, period)[0]


@shared
def cci(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 20) -> FloatArray:
    """Commodity channel index: how far the typical price is from its mean, in units of 0.015 mean absolute deviations.

    The first `period - 1` are NaN; 0 when nothing moves. Lambert, *Commodity Channel Index* (1980).
    """
    import talib

    high, low, close = candles(period, high, low, close)
    series = talib.CCI(high, low, close, period)
    # TA-Lib's mean of alike prices may be off in its last digit, and its deviation then is nothing but that.
    alike = np.minimum(np.minimum(held(high), held(low)), held(close)) >= period - 1
    series[alike & ~np.isnan(series)] = 0.0
    return series


@shared
def stochastic(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14, slowing: int = 1) -> FloatArray:
    """Lane's %K: where the close stands in the range of `period` bars, 0 to 100, mean of the last `slowing`.

    The first `period + slowing - 2` are NaN; 50 for a range of one price.
    """
    import talib

    high, low, close = candles(period + slowing - 1, high, low, close)
    bottom, top = talib.MIN(low, period), talib.MAX(high, period)
    share = ratio(100 * (close - bottom), top - bottom, 50.0)
    return share if slowing == 1 else moments(share, slowing)[0]


def on_balance_volume(closes: FloatArray, volume: FloatArray) -> FloatArray:
    """Sum of volume with the sign of each bar's move, in base units, 0 at the first bar. Granville (1963).

    Its level depends on where the series begins, its differences do not.
    """
    (closes,) = priced(1, closes=closes)
    signed = np.sign(np.diff(closes, prepend=closes[0])) * traded(closes, volume)
    balance: FloatArray = np.cumsum(signed)
    return balance


def rate_of_change(closes: FloatArray, n: int) -> FloatArray:
    """c[t] / c[t-n] - 1, a fraction; the first `n` are NaN."""
    (closes,) = priced(n + 1, closes=closes)
    change: FloatArray = closes / lagged(closes, n) - 1
    return change


def realized_volatility(closes: FloatArray, *, bars_per_year: int) -> float:
    """Annualized close-to-close volatility: sqrt(bars_per_year) * stdev(ln(c[t] / c[t-1])), ddof 1.

    At least 3 closes, equally spaced. A fraction per year: 0.65 is 65%. Hull, *Options, Futures, and Other
    Derivatives*, on estimating volatility from history.
    """
    (closes,) = priced(3, closes=closes)
    return math.sqrt(bars_per_year) * float(np.std(np.diff(np.log(closes)), ddof=1))


# --- features: one number about the last bar, odd under mirrored prices ------------------------------------------


def trend(closes: FloatArray, fast: int = 12, slow: int = 26) -> float:
    """(fast EMA - slow EMA of log price) / (volatility * sqrt(slow)): in units of a random walk's usual distance.

    Needs `slow` + 1 closes or more; positive in a rise, odd under mirrored prices, 0 when nothing moves.
    """
    import talib

    (closes,) = priced(slow + 1, closes=closes)
    logs = np.log(closes)
    return _in_units_of(float(talib.EMA(logs, fast)[-1] - talib.EMA(logs, slow)[-1]), volatility(closes), slow)


def momentum(closes: FloatArray, n: int = 24) -> float:
    """ln(c[-1] / c[-1-n]) / (volatility * sqrt(n)): about a standard normal number if prices walk at random.

    Needs `n` + 1 closes or more; odd under mirrored prices, 0 when nothing moves. After Moskowitz, Ooi and Pedersen,
    *Time Series Momentum* (2012).
    """
    (closes,) = priced(n + 1, closes=closes)
    return _in_units_of(math.log(closes[-1] / closes[-1 - n]), volatility(closes), n)


def log_rsi(closes: FloatArray, period: int = 14) -> float:
    """(RSI of log prices - 50) / 50, from -1 (only falls) to 1 (only rises); odd, 0 when nothing moves.

    Needs `period` + 1 closes or more. Wilder's average is a weighted mean of the moves, and with weights w the index
    is sum(w * move) / sum(w * |move|), which turns its sign exactly with the moves.
    """
    (closes,) = priced(period + 1, closes=closes)
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
    high, low, close = candles(n, high, low, close)
    top, bottom, last = math.log(high[-n:].max()), math.log(low[-n:].min()), math.log(close[-1])
    return ((last - bottom) - (top - last)) / (top - bottom) if top > bottom else 0.0


# --- features: one number about the last bar, even under mirrored prices -----------------------------------------


def volatility(closes: FloatArray) -> float:
    """Standard deviation of log returns around zero, a fraction per bar; even under mirrored prices. 2 closes or more.

    Around zero and not around their mean: a steady climb moves too, and a feature divided by this cannot exceed the
    square root of the number of returns.
    """
    (closes,) = priced(2, closes=closes)
    moves = np.diff(np.log(closes))
    return math.sqrt(float(moves @ moves) / len(moves))


def log_atr(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> float:
    """Mean of the last `period` true ranges of log price, about a fraction of price; even under mirrored prices."""
    high, low, close = candles(period + 1, high, low, close)
    before = close[-period - 1 : -1]
    ranges = np.log(np.maximum(high[-period:], before) / np.minimum(low[-period:], before))
    return float(ranges.mean())


def log_adx(high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14) -> float:
    """The last average directional index of log prices, 0 to 100; even under mirrored prices."""
    import talib

    high, low, close = candles(2 * period, high, low, close)
    return float(talib.ADX(np.log(high), np.log(low), np.log(close), period)[-1])


def _in_units_of(distance: float, volatility: float, n: int) -> float:
    return distance / (volatility * math.sqrt(n)) if volatility > 0 else 0.0
