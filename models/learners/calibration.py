"""Probabilities that mean what they say: a map from what a model said to how often it was so.

Fitted on rows after training and before the test, never on either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from core.errors import DataRefused
from models.learners.port import Predicted, logistic, rises

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.learners.port import Array

_LEAST_ROWS: Final = 50
_STEPS: Final = 100
_CLOSE: Final = 1e-9


class Calibration(Protocol):
    @property
    def kind(self) -> str: ...

    def apply(self, p_up: FloatArray) -> FloatArray:
        """Shape (n,); NaN stays NaN."""

    def arrays(self) -> Mapping[str, Array]: ...


@dataclass(frozen=True, slots=True)
class Platt:
    """sigma(slope * logit(p) + offset), flat outside the probabilities `lowest` to `highest` that it was fitted on.

    Never decreasing: a model that is mostly wrong is not read upside down.
    """

    slope: float
    offset: float
    lowest: float = 0.0
    highest: float = 1.0
    kind: str = "platt"

    def apply(self, p_up: FloatArray) -> FloatArray:
        return logistic(self.slope * _logit(np.clip(p_up, self.lowest, self.highest)) + self.offset)

    def arrays(self) -> Mapping[str, Array]:
        return {"numbers": np.array([self.slope, self.offset, self.lowest, self.highest])}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Linear between the points (`said`, `came`), both never decreasing; flat outside them."""

    said: FloatArray
    came: FloatArray
    kind: str = "isotonic"

    def apply(self, p_up: FloatArray) -> FloatArray:
        return np.where(np.isnan(p_up), np.nan, np.interp(np.nan_to_num(p_up), self.said, self.came))

    def arrays(self) -> Mapping[str, Array]:
        return {"said": self.said, "came": self.came}


def fit_platt(p_up: FloatArray, y: FloatArray) -> Platt:
    """Logistic regression of what came on what was said, in Newton steps, one outcome each way imagined beside them.

    `p_up` and `y` (log returns) have shape (n,); rows that abstained are left out.

    Platt, *Probabilistic Outputs for Support Vector Machines* (1999); Lin, Lin and Weng, *A Note on Platt's
    Probabilistic Outputs* (2007).
    """
    said, came = _paired(p_up, y)
    up = came.sum()
    high, low = (up + 1) / (up + 2), 1 / (len(came) - up + 2)
    target = low + (high - low) * came
    table = np.column_stack([_logit(said), np.ones(len(said))])
    seen = float(said.min()), float(said.max())
    slope, offset = _newton(table, target)
    if slope > 0:
        return Platt(slope, offset, *seen)
    share = float(target.mean())
    return Platt(0.0, float(np.log(share / (1 - share))), *seen)


def fit_isotonic(p_up: FloatArray, y: FloatArray) -> Isotonic:
    """The never decreasing map of least squares, by pooling adjacent violators; each pool stands at its mean.

    A rise is imagined beside the least probability and a fall beside the greatest, so that none becomes certain.
    Zadrozny and Elkan, *Transforming Classifier Scores into Accurate Multiclass Probability Estimates* (2002).
    """
    said, came = _paired(p_up, y)
    values, where, counts = np.unique(said, return_inverse=True, return_counts=True)
    rose = np.bincount(where, weights=came)
    weights = counts.astype(np.float64)
    rose[0] += 1
    weights[0] += 1
    weights[-1] += 1
    pools: list[tuple[float, float, float]] = []  # weight, sum of what was said, sum of what came
    for pool in zip(weights.tolist(), (weights * values).tolist(), rose.tolist(), strict=True):
        weight, told, came_up = pool
        while pools and pools[-1][2] / pools[-1][0] >= came_up / weight:
            before = pools.pop()
            weight, told, came_up = weight + before[0], told + before[1], came_up + before[2]
        pools.append((weight, told, came_up))
    weight_of, told_of, rose_of = np.array(pools).T
    return Isotonic(told_of / weight_of, rose_of / weight_of)


def calibrated(predicted: Predicted, calibration: Calibration | None) -> Predicted:
    """The same forecast with the probability that its words turned out to mean."""
    return predicted if calibration is None else replace(predicted, p_up=calibration.apply(predicted.p_up))


def read(kind: str, arrays: Mapping[str, Any]) -> Calibration:
    if kind == "platt":
        slope, offset, lowest, highest = arrays["numbers"].tolist()
        return Platt(slope, offset, lowest, highest)
    if kind == "isotonic":
        return Isotonic(arrays["said"], arrays["came"])
    raise DataRefused(f"a calibration is platt or isotonic, found {kind!r}")


def _newton(table: FloatArray, target: FloatArray) -> tuple[float, float]:
    """Slope and offset of least log loss; each Newton step is halved until it does not make the loss worse."""
    # So small a pull to the identity decides only what the data leave open: all that was said alike.
    pull, start = 1e-3, np.array([1.0, 0.0])
    answer = start

    def loss(at: FloatArray) -> float:
        odds = table @ at
        return float((np.logaddexp(0.0, odds) - target * odds).sum() + pull / 2 * ((at - start) ** 2).sum())

    for _ in range(_STEPS):
        p = logistic(table @ answer)
        gradient = table.T @ (p - target) + pull * (answer - start)
        hessian = (table * (p * (1 - p))[:, None]).T @ table + pull * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        now = loss(answer)
        while loss(answer - step) > now and np.abs(step).max() > _CLOSE:
            step = step / 2
        if np.abs(step).max() <= _CLOSE:
            break
        answer = answer - step
    return float(answer[0]), float(answer[1])


def _paired(p_up: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    if p_up.shape != y.shape or p_up.ndim != 1:
        raise DataRefused(f"calibration needs an outcome for each probability, found {y.shape} for {p_up.shape}")
    spoken = ~np.isnan(p_up)
    said, came = p_up[spoken], rises(y[spoken])
    if len(said) < _LEAST_ROWS:
        raise DataRefused(f"calibration needs {_LEAST_ROWS} forecasts with their outcomes, found {len(said)}")
    if not np.isfinite(came).all() or (said < 0).any() or (said > 1).any():
        raise DataRefused("calibration needs probabilities from 0 to 1 and finite outcomes")
    if came.min() == came.max():
        raise DataRefused(f"all of {len(came)} outcomes went one way: nothing to calibrate on")
    return said, came


def _logit(p: FloatArray) -> FloatArray:
    kept = np.clip(p, 1e-6, 1 - 1e-6)
    found: FloatArray = np.log(kept / (1 - kept))
    return found
