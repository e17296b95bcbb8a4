"""Nothing is judged without being counted, and what differs in anything that decides counts apart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from core.bars import Bars
from core.errors import DataRefused
from core.ports import Trial
from models.features import Frame
from models.labels.directions import forward_return
from models.learners.naive import AlwaysUp, LastSign
from models.learners.neural import Network
from models.learners.port import Fitted, Sample
from models.learners.watching import Tensorboard
from models.validation.judging import Way, judged, settings_of
from models.validation.splits import Fold, walk_forward
from models.validation.trials import TrialsInMemory, ratio
from models.validation.walking import Table, table_of
from tests.models.builders import walk


@pytest.fixture(scope="module")
def bars() -> Bars:
    return walk(1200)


@pytest.fixture(scope="module")
def table(bars: Bars) -> Table:
    moves = np.concatenate([[np.nan], np.diff(np.log(bars.close))])
    features = Frame(("return_1",), moves[:, None].astype(np.float32), 1)
    return table_of(features, forward_return(bars, horizon=1), np.arange(len(bars)) + 1)


@pytest.fixture(scope="module")
def folds(table: Table) -> tuple[Fold, ...]:
    return walk_forward(table.spans, folds=3, valid=0, calibration=0)


WAY = Way(seed=1, scaler="none")


@dataclass
class Failing:
    name: str = "failing"

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> Fitted:
        raise DataRefused("nothing to learn")


def test_what_is_judged_is_counted_once_and_what_fails_is_counted_too(
    bars: Bars, table: Table, folds: tuple[Fold, ...]
) -> None:
    trials = TrialsInMemory()
    for learner in (LastSign(0), LastSign(0), AlwaysUp()):
        found = judged(learner, table, folds, bars, WAY, trials=trials, study="btc", draws=20)
    with pytest.raises(DataRefused, match="nothing to learn"):
        judged(Failing(), table, folds, bars, WAY, trials=trials, study="btc", draws=20)
    counted = trials.of("btc")
    assert [(one.name, one.sharpe is None) for one in counted] == [
        ("last_sign", False),
        ("always_up", False),
        ("failing", True),
    ]
    assert found.deflated.trials == 2


def test_more_trials_of_a_study_make_the_same_result_less_believable(
    bars: Bars, table: Table, folds: tuple[Fold, ...]
) -> None:
    def probability(trials: TrialsInMemory) -> float:
        found = judged(AlwaysUp(), table, folds, bars, WAY, trials=trials, study="btc", draws=20)
        return found.deflated.probability

    many = TrialsInMemory()
    for number in range(50):
        sharpe = np.random.default_rng(number).normal(0, 0.05)
        many.count(Trial("btc", "noise", str(number), ratio(sharpe)))
    assert probability(many) < probability(TrialsInMemory())


def test_baselines_and_costs_are_on_the_same_rows(bars: Bars, table: Table, folds: tuple[Fold, ...]) -> None:
    said = {"even": np.full(sum(len(fold.test) for fold in folds), 0.5)}
    found = judged(LastSign(0), table, folds, bars, WAY, trials=TrialsInMemory(), study="btc", baselines=said, draws=50)
    assert found.intervals["brier_skill"].value == pytest.approx(1 - found.scores.brier / 0.25)
    free = replace(WAY, costs=replace(WAY.costs, fee_rate=0.0, slippage=0.0))
    cheap = judged(LastSign(0), table, folds, bars, free, trials=TrialsInMemory(), study="btc", draws=50)
    assert cheap.result.gross == found.result.gross
    assert cheap.result.total > found.result.total
    # The last forecast could only be traded at an open that is not there yet.
    assert len(found.result.returns) == len(said["even"]) - 1


def test_everything_that_decides_is_in_the_settings_and_who_looks_on_is_not(
    table: Table, folds: tuple[Fold, ...], tmp_path: object
) -> None:
    changed: Mapping[str, str] = {
        "as it was": settings_of(Network(), table, folds, WAY),
        "learner": settings_of(Network(training=replace(Network().training, rate=0.1)), table, folds, WAY),
        "way": settings_of(Network(), table, folds, replace(WAY, buy_above=0.6)),
        "folds": settings_of(Network(), table, folds[1:], WAY),
        "outcomes": settings_of(Network(), replace(table, y=-table.y), folds, WAY),
        "weights": settings_of(Network(), replace(table, weights=np.ones(len(table))), folds, WAY),
    }
    assert len(set(changed.values())) == len(changed)
    watched = Network(watcher=Tensorboard(tmp_path))  # type: ignore[arg-type]
    assert settings_of(watched, table, folds, WAY) == changed["as it was"]
