"""Learners taken through folds: each is judged on rows, and prepared on numbers, that it had no part in."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from core.errors import DataRefused
from models.features import Frame
from models.learners.naive import AlwaysUp, FittedNaive
from models.learners.port import Parts, Predicted, Sample
from models.learners.trees import Boosting
from models.learners.trees_xgboost import XGBoost
from models.validation.combinatorial import combinatorial
from models.validation.metrics import scores
from models.validation.splits import Fold, Spans, walk_forward
from models.validation.walking import Table, crossed, table_of, walked
from tests.models.learners.builders import NAMES, planted

TREES = XGBoost(boosting=Boosting(trees=40, rate=0.1, jobs=1))


def table(n: int = 1500, *, horizon: int = 1) -> Table:
    sample = planted(n)
    spans = Spans.ahead(np.arange(n, dtype=np.int64), horizon)
    return Table(Frame(NAMES, sample.x, 0), sample.y, spans)


@dataclass
class Listening:
    """Says always up, and remembers what it was given."""

    name: str = "listening"
    heard: list[tuple[Sample, Sample | None]] = field(default_factory=list)

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedNaive:
        self.heard.append((train, valid))
        return AlwaysUp().fit(train, valid, seed=seed)


def test_what_is_learnt_from_is_scaled_by_itself_alone() -> None:
    whole, listener = table(), Listening()
    folds = walk_forward(whole.spans, folds=3, calibration=0.2)
    walked(listener, whole, folds, seed=0, scaler="standard")
    for (train, valid), fold in zip(listener.heard, folds, strict=True):
        assert train.x.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-5)
        assert train.y.tolist() == whole.y[fold.train].tolist()
        assert valid is not None
        assert len(valid) == len(fold.valid)


def test_nothing_that_comes_later_changes_what_was_said() -> None:
    whole = table()
    folds = walk_forward(whole.spans, folds=3, calibration=0.2)
    cut = int(folds[1].test[0])
    features = replace(whole.features, values=np.vstack([whole.features.values[:cut], -whole.features.values[cut:]]))
    other = replace(whole, features=features, y=np.concatenate([whole.y[:cut], -whole.y[cut:]]))
    first, again = (walked(TREES, one, folds, seed=1).predicted.p_up[: len(folds[0].test)] for one in (whole, other))
    assert first.tolist() == again.tolist()


def test_a_signal_that_is_there_is_found_and_each_fold_is_scored() -> None:
    whole = table()
    found = walked(TREES, whole, walk_forward(whole.spans, folds=3, calibration=0.2), seed=1)
    assert found.scores().accuracy > 0.6
    assert [one.n for one in found.by_fold()] == [375, 375, 375]


@dataclass
class Sums:
    """Tells the sum of a row's first feature and of the two rows before it, as one fitted on anything."""

    name: str = "sums"
    context: int = 2

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> "Sums":
        return self

    def predict(self, x: np.ndarray) -> Predicted:
        told = np.full(len(x), np.nan)
        told[2:] = x[2:, 0] + x[1:-1, 0] + x[:-2, 0]
        return Predicted(told, told, np.repeat(told[:, None], 3, axis=1))

    def parts(self) -> Parts:
        raise NotImplementedError


def test_a_model_that_reads_rows_before_a_row_is_given_those_before_the_test() -> None:
    whole = table(900)
    folds = walk_forward(whole.spans, folds=2, valid=0, calibration=0)
    found = walked(Sums(), whole, folds, seed=1, scaler="none")
    x = whole.features.values[:, 0]
    assert found.predicted.p_up == pytest.approx((x[2:] + x[1:-1] + x[:-2])[298:])


def test_a_fold_that_knows_the_future_is_refused_before_anything_is_learnt() -> None:
    whole, listener = table(horizon=10), Listening()
    none = np.zeros(0, np.int64)
    with pytest.raises(DataRefused, match="reaches into"):
        walked(listener, whole, [Fold(np.arange(700), none, none, np.arange(700, 1500))], seed=0)
    assert listener.heard == []


def test_every_path_of_combinatorial_cross_validation_speaks_of_every_row() -> None:
    whole = table(800)
    paths = crossed(TREES, whole, combinatorial(whole.spans, parts=4, tested=2), seed=1)
    assert paths.shape == (3, 800)
    assert min(scores(path, whole.y).accuracy for path in paths) > 0.6


def test_rows_that_are_not_whole_are_left_out_or_refused() -> None:
    values = np.random.default_rng(1).normal(size=(100, 2)).astype(np.float32)
    values[:5, 1] = np.nan
    y, ends = np.append(np.ones(98), [np.nan, np.nan]), np.arange(100) + 2
    found = table_of(Frame(("one", "two"), values, 5), y, ends)
    assert found.spans.start.tolist() == list(range(5, 98))
    with pytest.raises(DataRefused, match="of which 1 are not whole"):
        table_of(Frame(("one", "two"), values, 5), y, ends, rows=np.arange(4, 50))
