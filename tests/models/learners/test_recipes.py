"""From bars to a model that the desk may ask: nothing after now is learnt from, and no part sees another's outcomes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.bars import Bars
from core.errors import ConfigError, DataRefused
from core.ports import Abstain, Forecast
from models.artefacts import load, save
from models.features.inputs import Inputs
from models.learners.naive import Drift, FittedNaive
from models.learners.port import Sample
from models.learners.recipes import COMPOSITE, Recipe, cut, make
from models.learners.trees_xgboost import XGBoost
from tests.models.builders import START_NS, bars_of, walk
from tests.models.learners.builders import TREES, network

HOUR = 3600 * 10**9
FEATURES = ("return_1", "return_4", "rsi_7")
REVERTING = Recipe("reverting", XGBoost(boosting=TREES), FEATURES, 1, most_dissimilar=None)


def reverting(n: int = 2500, *, seed: int = 4) -> Bars:
    """Most of every move is taken back by the next bar."""
    random = np.random.default_rng(seed)
    moves = np.zeros(n)
    for at in range(1, n):
        moves[at] = -0.7 * moves[at - 1] + 0.01 * random.normal()
    return bars_of(30_000 * np.exp(np.cumsum(moves)))


def closes(bars: Bars, n: int) -> int:
    """When bar `n` is closed."""
    return int(bars.open_ns[n]) + HOUR


def first(bars: Bars, n: int) -> Bars:
    return Bars(bars.symbol, bars.timeframe, *(getattr(bars, column)[:n] for column in Bars.__slots__[2:]))


@pytest.mark.parametrize("learner", [XGBoost(boosting=TREES), network("lstm")], ids=lambda one: one.name)
def test_a_market_that_takes_moves_back_is_found_out(learner: object) -> None:
    bars = reverting()
    model = make(replace(REVERTING, learner=learner), Inputs(bars), seed=1, as_of_ns=closes(bars, 1999))  # type: ignore[arg-type]
    right = []
    for n in range(2100, 2500, 8):
        said = model.predict(first(bars, n), horizon=1)
        assert isinstance(said, Forecast)
        right.append((float(said.p_up) > 0.5) == (bars.close[n] > bars.close[n - 1]))
    assert np.mean(right) > 0.62


def test_what_comes_after_now_changes_nothing() -> None:
    bars = reverting()
    now = closes(bars, 1499)
    later = np.arange(2500) >= 1500
    other = replace(bars, **{c: np.where(later, getattr(bars, c) * 3, getattr(bars, c)) for c in Bars.__slots__[3:]})
    models = [make(REVERTING, Inputs(one), seed=1, as_of_ns=now) for one in (bars, other, first(bars, 1500))]
    assert len({str(one.predict(first(bars, 1500), horizon=1)) for one in models}) == 1
    assert all(one.card == models[0].card for one in models)
    assert models[0].card.trained_until_ns == now


def test_a_bar_that_is_not_closed_is_not_known() -> None:
    bars = reverting()
    card = make(REVERTING, Inputs(bars), seed=1, as_of_ns=closes(bars, 1499) - 1).card
    assert card.trained_until_ns == closes(bars, 1498)


@pytest.mark.parametrize("horizon", [1, 12])
def test_no_part_sees_an_outcome_of_the_next(horizon: int) -> None:
    recipe = replace(REVERTING, horizon=horizon)
    parts = cut(recipe, np.arange(100, 1100))
    assert parts.train[-1] + horizon == parts.valid[0] - 1
    assert parts.valid[-1] + horizon == parts.calibration[0] - 1
    assert (len(parts.calibration), parts.calibration[-1]) == (150, 1099)
    without = cut(replace(recipe, valid_share=0.0), np.arange(100, 1100))
    assert without.train[-1] + horizon == without.calibration[0] - 1
    assert not len(without.valid)


def test_a_train_window_takes_the_newest_rows_alone() -> None:
    parts = cut(replace(REVERTING, train_window=200, valid_share=0.0, calibration_share=0.0), np.arange(1000))
    assert parts.train.tolist() == list(range(800, 1000))
    bars = reverting()
    recipe = replace(REVERTING, train_window=500)
    assert (
        make(recipe, Inputs(bars), seed=1, as_of_ns=closes(bars, 2499)).card.trained_from_ns == START_NS + 1999 * HOUR
    )


class Kept:
    """Learns nothing, and keeps what it was given to learn from."""

    name = "kept"

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedNaive:
        self.train = train
        return Drift().fit(train, valid, seed=seed)


def test_overlapping_labels_share_their_weight_and_age_takes_it() -> None:
    bars = reverting(600)

    def weights(**changes: object) -> np.ndarray | None:
        learner = Kept()
        recipe = replace(REVERTING, learner=learner, **changes)  # type: ignore[arg-type]
        make(recipe, Inputs(bars), seed=1, as_of_ns=closes(bars, 599))
        return learner.train.weights

    assert weights() is None
    assert weights(horizon=4, unique=False) is None
    shared, aged = weights(horizon=4), weights(half_life=100.0)
    assert shared is not None
    assert aged is not None
    assert shared[0] > 2 * shared[100]
    assert aged[-1] == pytest.approx(2 * aged[-101])
    with pytest.raises(ConfigError, match="half_life must be more than 0 bars"):
        replace(REVERTING, half_life=0.0)


def test_a_model_of_a_score_is_no_forecast_of_a_return() -> None:
    bars = walk(1200)
    recipe = replace(REVERTING, learner=Drift(), label=COMPOSITE, horizon=4)
    model = make(recipe, Inputs(bars), seed=1, as_of_ns=closes(bars, 1199))
    found = model.predict(bars, horizon=4)
    assert isinstance(found, Abstain)
    assert "forecasts the composite" in found.reason


def test_a_made_model_can_be_kept(tmp_path: Path) -> None:
    bars = reverting()
    model = make(replace(REVERTING, components=2), Inputs(bars), seed=1, as_of_ns=closes(bars, 1499))
    save(model, tmp_path)
    assert load(tmp_path).predict(bars, horizon=1) == model.predict(bars, horizon=1)


def test_what_cannot_be_made_is_named() -> None:
    bars = reverting(300)
    with pytest.raises(DataRefused, match="not one bar has all of its features"):
        make(REVERTING, Inputs(bars), seed=1, as_of_ns=closes(bars, 10))
    with pytest.raises(DataRefused, match="not one bar"):
        make(REVERTING, Inputs(bars), seed=1, as_of_ns=0)
    for changes, said in (
        ({"label": "volume"}, "label must be direction or composite"),
        ({"calibration": "beta"}, "calibration must be"),
        ({"horizon": 0}, "horizon must be"),
        ({"valid_share": 0.6, "calibration_share": 0.4}, "below 1 together"),
    ):
        with pytest.raises(ConfigError, match=said):
            replace(REVERTING, **changes)  # type: ignore[arg-type]
