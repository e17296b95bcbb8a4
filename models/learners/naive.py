"""The naive baselines: the least that a cleverer forecaster must beat, and every score is shown beside theirs.

As learners they are fitted on a sample; in the desk they are asked of bars, and abstain when history is short. Bars are
taken as equally spaced; a gap in history shortens time but is never filled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.money import significant
from core.ports import Abstain, Forecast
from models.learners.port import LEVELS, Parts, Predicted, Sample, check_features, check_training, rises

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.learners.port import Float32Array

KIND: Final = "naive"
_LEAST_ROWS: Final = 10
_LEAST_HORIZONS: Final = 5  # of bars, to count how often a move went on
_LEAST_BARS: Final = 50  # to measure how returns vary
_DISTANCES: Final = tuple(NormalDist().inv_cdf(level) for level in LEVELS)
# Of a forecaster that says up whatever happens and does not know how often that is right.
_LEAST_SURE: Final = 0.51


@dataclass(frozen=True, slots=True)
class FittedNaive:
    """One answer where the last move was not up, and one where it was; `column` of x is that move, None for neither,
    and `zero` what no move is there.

    Each answer is a probability of a rise, and the mean and deviation of a normal log return.
    """

    features: int
    column: int | None
    zero: float
    otherwise: tuple[float, float, float]
    after_a_rise: tuple[float, float, float]

    @property
    def context(self) -> int:
        return 0

    def predict(self, x: Float32Array) -> Predicted:
        check_features(x, self.features)
        rose = np.zeros(len(x), bool) if self.column is None else x[:, self.column] > self.zero
        p_up, mean, deviation = np.where(rose[:, None], self.after_a_rise, self.otherwise).T
        return Predicted(p_up.copy(), mean.copy(), mean[:, None] + deviation[:, None] * np.array(_DISTANCES))

    def parts(self) -> Parts:
        answers = {"otherwise": list(self.otherwise), "after_a_rise": list(self.after_a_rise)}
        return Parts(KIND, {"features": self.features, "column": self.column, "zero": self.zero, **answers})


@dataclass(frozen=True, slots=True)
class LastSign:
    """The last move's direction goes on as often as it went on before: (k + 1) / (n + 2), Laplace's rule.

    As a learner: `column` of x is the last return over the horizon, and `zero` what a return of 0 became there when it
    was scaled.
    """

    column: int = 0
    zero: float = 0.0
    name: str = "last_sign"

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedNaive:
        check_training(train, _LEAST_ROWS)
        if not 0 <= self.column < train.x.shape[1]:
            raise DataRefused(f"the last return is said to be column {self.column} of {train.x.shape[1]}")
        rose = train.x[:, self.column] > self.zero
        went_on = np.where(rose, rises(train.y), 1 - rises(train.y))
        persistence = _laplace(float(went_on.sum()), len(went_on))
        mean, deviation = _leaning(persistence, train.y), float(train.y.std(ddof=1))
        up, down = (persistence, mean, deviation), (1 - persistence, -mean, deviation)
        return FittedNaive(train.x.shape[1], self.column, self.zero, down, up)

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        """Of every pair of neighbouring `horizon`-bar moves; pairs overlap, so each counts 1 / horizon."""
        least = _LEAST_HORIZONS * horizon + 1
        if len(bars) < least:
            return Abstain(f"{self.name} needs {least} bars for a horizon of {horizon}, found {len(bars)}")
        moves = np.log(bars.close[horizon:] / bars.close[:-horizon])
        if moves[-1] == 0:
            return Abstain(f"the price has not moved over the last {horizon} bars")
        signs = np.sign(moves)
        pairs = signs[:-horizon] * signs[horizon:]
        persistence = _laplace(np.count_nonzero(pairs > 0) / horizon, np.count_nonzero(pairs) / horizon)
        p_up = persistence if moves[-1] > 0 else 1 - persistence
        return Forecast(_number(p_up), _number(_leaning(p_up, moves)))


@dataclass(frozen=True, slots=True)
class Drift:
    """A random walk with drift: returns are independent, normal, with the mean and deviation (ddof 1) seen so far.

    p_up = Phi(mean / deviation), both over the horizon.
    """

    name: str = "drift"

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedNaive:
        check_training(train, _LEAST_ROWS)
        mean, deviation = float(train.y.mean()), float(train.y.std(ddof=1))
        answer = (_above_zero(mean, deviation), mean, deviation)
        return FittedNaive(train.x.shape[1], None, 0.0, answer, answer)

    def predict(self, bars: Bars, *, horizon: int) -> Forecast | Abstain:
        """Of the returns of single bars; mean and variance grow with the horizon."""
        if len(bars) < _LEAST_BARS:
            return Abstain(f"{self.name} needs {_LEAST_BARS} bars, found {len(bars)}")
        returns = np.diff(np.log(bars.close))
        mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
        if deviation == 0:
            return Abstain(f"the returns of {len(bars)} bars do not vary, so their odds cannot be measured")
        centre, width = mean * horizon, deviation * math.sqrt(horizon)
        told = ((level, centre + distance * width) for level, distance in zip(LEVELS, _DISTANCES, strict=True))
        quantiles = tuple((Decimal(str(level)), _number(value)) for level, value in told)
        return Forecast(_number(_above_zero(centre, width)), _number(centre), quantiles)


@dataclass(frozen=True, slots=True)
class AlwaysUp:
    """The price rises, with the share of rises in training as its probability, or 0.51 where that was no more."""

    name: str = "always_up"

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedNaive:
        check_training(train, _LEAST_ROWS)
        p_up = max(_laplace(float(rises(train.y).sum()), len(train)), _LEAST_SURE)
        answer = (p_up, float(train.y.mean()), float(train.y.std(ddof=1)))
        return FittedNaive(train.x.shape[1], None, 0.0, answer, answer)


def read(parts: Parts) -> FittedNaive:
    found = parts.settings
    otherwise, after = (tuple(found[name]) for name in ("otherwise", "after_a_rise"))
    return FittedNaive(found["features"], found["column"], found["zero"], otherwise, after)


def _laplace(right: float, of: float) -> float:
    return (right + 1) / (of + 2)


def _leaning(p_up: float, moves: FloatArray) -> float:
    """The mean of moves as large as these, of which a share `p_up` rises."""
    return (2 * p_up - 1) * float(np.abs(moves).mean())


def _above_zero(mean: float, deviation: float) -> float:
    return (1 + math.erf(mean / deviation / math.sqrt(2))) / 2


def _number(value: float) -> Decimal:
    return Decimal(significant(value))
