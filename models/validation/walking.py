"""A learner taken through folds: prepared, fitted and calibrated on one part of history, asked about another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import DataRefused
from models.features.frames import Frame
from models.features.preparing import fit_preparation
from models.learners.calibration import calibrated, fit_platt
from models.learners.port import LEVELS, Learner, Predicted, Sample
from models.validation.combinatorial import Combination, recombined
from models.validation.metrics import Scores, scores
from models.validation.splits import Fold, Spans, check_folds

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that are whole: features, what came, and when each was known and its label was.

    `features.values` has shape (n, f), `y` float64 (n,), `weights` (n,) or None.
    """

    features: Frame
    y: FloatArray
    spans: Spans
    weights: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Walked:
    """What was said out of sample: of the rows `rows` of the table, in order of time, and in which fold each lies."""

    name: str
    rows: IntArray
    fold: IntArray
    predicted: Predicted
    y: FloatArray

    def scores(self) -> Scores:
        return scores(self.predicted.p_up, self.y)

    def by_fold(self) -> tuple[Scores, ...]:
        """Of each fold; one without any opinion is left out."""
        found = []
        for number in np.unique(self.fold):
            here = self.fold == number
            if np.isfinite(self.predicted.p_up[here]).any():
                found.append(scores(self.predicted.p_up[here], self.y[here]))
        return tuple(found)


def table_of(features: Frame, y: FloatArray, ends: IntArray, *, rows: IntArray | None = None) -> Table:
    """Of a frame with as many rows as bars, what came after each (NaN where unknown) and the bar that decided it.

    `rows` are the bars to take, so that several tables have the same ones; without them, all that are whole.

    Raises DataRefused where one of those is not whole, or none is.
    """
    whole = features.complete() & np.isfinite(y)
    taken = np.flatnonzero(whole) if rows is None else rows
    if not len(taken) or not whole[taken].all():
        raise DataRefused(f"{len(taken)} rows were asked for, of which {int((~whole[taken]).sum())} are not whole")
    kept = Frame(features.names, features.values[taken], 0)
    return Table(kept, np.asarray(y[taken], np.float64), Spans(taken.astype(np.int64), ends[taken].astype(np.int64)))


def walked(
    learner: Learner,
    table: Table,
    folds: Sequence[Fold],
    *,
    seed: int,
    scaler: str = "robust",
    components: int | float | None = None,
    passed: Callable[[int], None] | None = None,
) -> Walked:
    """Fits `learner` anew in every fold and asks it about its test part.

    Preparation is fitted on the training rows alone, and Platt's calibration on the calibration rows where there are
    any. A model that reads rows before a row is given those before the test part: features only. `passed` is told the
    number of each fold that is done.

    Raises DataRefused for a fold that knows the future, or in which nothing can be learnt.
    """
    check_folds(table.spans, folds)
    parts = []
    for number, fold in enumerate(folds):
        parts.append(_asked(learner, table, fold, seed, scaler, components)(fold.test))
        if passed is not None:
            passed(number)
    rows = np.concatenate([fold.test for fold in folds])
    numbers = np.repeat(np.arange(len(folds)), [len(fold.test) for fold in folds])
    said = Predicted(
        np.concatenate([part.p_up for part in parts]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.quantiles for part in parts]),
        LEVELS,
    )
    return Walked(learner.name, rows, numbers, said, table.y[rows])


def crossed(
    learner: Learner,
    table: Table,
    combinations: Sequence[Combination],
    *,
    seed: int,
    scaler: str = "robust",
    components: int | float | None = None,
) -> FloatArray:
    """What is said of every row on each path of combinatorial cross-validation: p_up, shape (paths, rows)."""
    none = np.zeros(0, np.int64)
    said = []
    for one in combinations:
        ask = _asked(learner, table, Fold(one.train, none, none, none), seed, scaler, components)
        said.append(np.concatenate([ask(test).p_up for test in one.tests]))
    return recombined(combinations, said, len(table))


def _asked(
    learner: Learner, table: Table, fold: Fold, seed: int, scaler: str, components: int | float | None
) -> Callable[[IntArray], Predicted]:
    """What is said of neighbouring rows by a model of the training part, calibrated where the fold says on what."""
    preparation = fit_preparation(table.features, fold.train, scaler=scaler, components=components)
    x, names = preparation.apply(table.features), preparation.outputs

    def sample(rows: IntArray) -> Sample:
        weights = None if table.weights is None else table.weights[rows]
        return Sample(x[rows], table.y[rows], weights, names)

    fitted = learner.fit(sample(fold.train), sample(fold.valid) if len(fold.valid) else None, seed=seed)

    def raw(rows: IntArray) -> Predicted:
        before = max(int(rows[0]) - fitted.context, 0)
        told = fitted.predict(x[before : int(rows[-1]) + 1])
        kept = slice(len(told) - len(rows), None)
        return Predicted(told.p_up[kept], told.expected[kept], told.quantiles[kept], told.levels)

    if not len(fold.calibration):
        return raw
    calibration = fit_platt(raw(fold.calibration).p_up, table.y[fold.calibration])
    return lambda rows: calibrated(raw(rows), calibration)
