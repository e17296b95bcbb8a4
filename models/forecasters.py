"""Naive forecasters: the least that a cleverer one must beat. They abstain when history is short.

Both treat bars as equally spaced; a gap in history shortens time but is never filled.
"""

from __future__ import annotations

import math
from decimal import Decimal
from statistics import NormalDist

import numpy as np

from core.bars import Bars
from core.money import significant
from core.ports import Abstain, Forecast

# Standard normal distance of the 0.1, 0.5 and 0.9 quantiles.
_QUANTILES = tuple((Decimal(level), NormalDist().inv_cdf(float(level))) for level in ("0.1", "0.5", "0.9"))


class LastSign:
    """The last move's direction goes on as often as it went on before.

    Persistence is counted over every pair of neighbouring `horizon`-bar moves; pairs overlap, so each counts
    1 / horizon before Laplace's rule of succession, (k + 1) / (n + 2), pulls the frequency toward one half.
    """

    name = "last_sign"
    least_horizons = 5

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        least = self.least_horizons * horizon + 1
        if len(bars) < least:
            return Abstain(f"{self.name} needs {least} bars for a horizon of {horizon}, found {len(bars)}")
        moves = np.log(bars.close[horizon:] / bars.close[:-horizon])
        if moves[-1] == 0:
            return Abstain(f"the price has not moved over the last {horizon} bars")
        signs = np.sign(moves)
        pairs = signs[:-horizon] * signs[horizon:]
        went_on = np.count_nonzero(pairs > 0) / horizon
        told = np.count_nonzero(pairs) / horizon
        persistence = (went_on + 1) / (told + 2)
        p_up = persistence if moves[-1] > 0 else 1 - persistence
        return Forecast(_number(p_up), _number((2 * p_up - 1) * float(np.abs(moves).mean())))


class Drift:
    """A random walk with drift: log returns are independent, normal, with the mean and deviation seen so far.

    p_up = Phi(mean * sqrt(horizon) / deviation), ddof 1; the quantiles are of the log return over the horizon.
    """

    name = "drift"
    least_bars = 50

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        if len(bars) < self.least_bars:
            return Abstain(f"{self.name} needs {self.least_bars} bars, found {len(bars)}")
        returns = np.diff(np.log(bars.close))
        mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
        if deviation == 0:
            return Abstain(f"the returns of {len(bars)} bars do not vary, so their odds cannot be measured")
        centre, width = mean * horizon, deviation * math.sqrt(horizon)
        p_up = (1 + math.erf(centre / width / math.sqrt(2))) / 2
        quantiles = tuple((level, _number(centre + distance * width)) for level, distance in _QUANTILES)
        return Forecast(_number(p_up), _number(centre), quantiles)


def _number(value: float) -> Decimal:
    return Decimal(significant(value))
