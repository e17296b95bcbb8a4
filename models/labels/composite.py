"""The composite score T of a published LSTM set-up, as a label: of a later bar, and beside how well it predicts itself.

T = S * R * V * R2 * V2. Most of it is decided by windows that reach far back, so T of a few bars later is known in part
already, and it is 0 wherever the close is within its Bollinger bands. A model of it must be held against T itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import DataRefused, ToolInputError
from models import indicators
from models.labels.directions import check_horizon
from models.prices import candles
from models.rolling import lagged, memory, moments, ratio, zscore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import Bars, FloatArray

# Published shares of ten indicators. They sum to 1.15, the tenth having been given the weight of another: see below.
_SHARES: Final = {
    "ma": 0.10,
    "macd": 0.15,
    "roc": 0.10,
    "rsi": 0.15,
    "momentum": 0.15,
    "band_width": 0.10,
    "cci": 0.10,
    "obv": 0.10,
    "atr": 0.05,
    "stochastic": 0.15,
}
# Bars until what came before weighs less than 1e-8: MACD's slow average, and the window that it is compared with.
LOOKBACK: Final = 25 + memory(25 / 27) + 25


def composite_score(bars: Bars) -> FloatArray:
    """T of every bar from that bar and those before it, float64; NaN for the first `LOOKBACK`.

    S: weighted mean of the z-scores (over the window in brackets) of close (10), MACD 12/26 (26), rate of change 2 (2),
    RSI 10 (10), momentum 4 (4), Bollinger width 20 (20), CCI 20 (20), on-balance volume (14), ATR 14 (14) and %K 5/3
    (14). Weights sum to 1; that of momentum is 1.5 times as much in a strong trend, where |mean10 - close| exceeds its
    own mean of 14 bars by 1.5 deviations. An indicator that does not vary has a z-score of 0.
    R: 1 above the upper Bollinger band of 20 bars, -1 below the lower, else 0. R2: 1 above the mean of 100 bars, else
    -1. V: middle / width of the bands. V2: close / ATR 14. Deviations of windows that are compared with another number
    have ddof 1, as published; the bands ddof 0.

    After Netanel Shoshan's FreqAI LSTM strategy (2023). There V2 is 1 / ATR, which changes with the price of the coin;
    the nine weights sum to 1 and the tenth comes on top; and the width is not centred before it is divided.

    Raises ToolInputError with what was found where a price is no price or a volume no volume.
    """
    if len(bars) <= LOOKBACK:
        return np.full(len(bars), np.nan)
    # One unit of price for all: nothing below depends on it.
    high, low, close = (x / bars.close[0] for x in candles(1, bars.high, bars.low, bars.close))
    mean10 = indicators.sma(close, 10)
    mean20, deviation20 = moments(close, 20)
    range14 = indicators.atr(high, low, close)
    parts = {
        "ma": _z(close, 10),
        "macd": _z(indicators.macd(close), 26),
        "roc": _z(indicators.rate_of_change(close, 2), 2),
        "rsi": _z(indicators.rsi(close, 10), 10),
        "momentum": _z(close - lagged(close, 4), 4),
        "band_width": _z(4 * deviation20, 20),
        "cci": _z(indicators.cci(high, low, close), 20),
        "obv": _z(indicators.on_balance_volume(close, bars.volume), 14),
        "atr": _z(range14, 14),
        "stochastic": _z(indicators.stochastic(high, low, close, 5, 3), 14),
    }
    weights = {name: share / sum(_SHARES.values()) for name, share in _SHARES.items()}
    score = np.sum([weights[name] * part for name, part in parts.items()], axis=0)
    score += 0.5 * weights["momentum"] * np.where(_strong_trend(mean10, close), parts["momentum"], 0.0)
    side = np.where(np.abs(close - mean20) > 2 * deviation20, np.sign(close - mean20), 0.0)
    regime = np.where(close > indicators.sma(close, 100), 1.0, -1.0)
    # Where the bands have no width the close is within them, and T is 0.
    calm = ratio(mean20, 4 * deviation20, 0.0) * ratio(close, range14, 0.0)
    total: FloatArray = score * side * regime * calm
    total[:LOOKBACK] = np.nan
    return total


def composite_ahead(bars: Bars, *, horizon: int, disjoint: bool = False) -> FloatArray:
    """The label: T of `horizon` bars later. NaN for the last `horizon` bars, and where T of then still warms up.

    T of t + h looks back on bars that were known at t, for as long as the horizon is shorter than `LOOKBACK`. With
    `disjoint` such a horizon is refused, and the label comes from bars after t alone.

    Raises ToolInputError for a horizon below 1, or below `LOOKBACK` + 1 where bars after t alone are wanted.
    """
    check_horizon(horizon)
    if disjoint and horizon <= LOOKBACK:
        raise ToolInputError(
            f"T looks back on {LOOKBACK} bars: from bars after t alone it needs a horizon of at least {LOOKBACK + 1},"
            f" found {horizon}"
        )
    later = composite_score(bars)[horizon:]
    return np.concatenate([later, np.full(len(bars) - len(later), np.nan)])


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was said of a score beside what it became, over the `n` bars at which both are known.

    `zero_share` is that of the bars at which it became 0. `right` is the share whose sign (1, 0 or -1) was said, and
    `right_outside` that share where it did not become 0 (NaN where it always did). `skill` is 1 - squared error / that
    of saying 0 (NaN likewise), and `correlation` Pearson's (NaN where one does not vary).
    """

    n: int
    zero_share: float
    right: float
    right_outside: float
    skill: float
    correlation: float


def agreement(said: FloatArray, became: FloatArray) -> Agreement:
    """How well `said` foretold `became`, both as long as the bars, NaN where there is none; DataRefused without any."""
    both = np.isfinite(said) & np.isfinite(became)
    said, became = said[both], became[both]
    if not len(became):
        raise DataRefused("found no bar at which both the score that was said and what it became are known")
    hits, outside = np.sign(said) == np.sign(became), became != 0
    power = float(became @ became)
    apart = said - became
    varies = np.ptp(said) > 0 and np.ptp(became) > 0
    return Agreement(
        n=len(became),
        zero_share=float(np.mean(~outside)),
        right=float(hits.mean()),
        right_outside=float(hits[outside].mean()) if outside.any() else np.nan,
        skill=1 - float(apart @ apart) / power if power > 0 else np.nan,
        correlation=float(np.corrcoef(said, became)[0, 1]) if varies else np.nan,
    )


def persistence(bars: Bars, *, horizon: int) -> Agreement:
    """T held against itself `horizon` bars later: what a model of T must beat to have learnt anything."""
    return agreement(composite_score(bars), composite_ahead(bars, horizon=horizon))


def _z(values: FloatArray, window: int) -> FloatArray:
    """Trailing z-score with ddof 1."""
    return zscore(values, window) * math.sqrt((window - 1) / window)


def _strong_trend(mean10: FloatArray, close: FloatArray) -> NDArray[np.bool_]:
    strength = np.abs(mean10 - close)
    mean, deviation = moments(strength, 14)
    strong: NDArray[np.bool_] = strength > mean + 1.5 * deviation * math.sqrt(14 / 13)
    return strong
