"""What cannot be learnt from, or cannot be had here, is named: what was found and what is allowed."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from models.learners.naive import AlwaysUp
from models.learners.neural import Architecture, Network
from models.learners.port import Learner, Sample, check_rows
from models.learners.trees_lightgbm import LightGBM
from models.learners.trees_xgboost import XGBoost
from tests.models.learners.builders import LEARNERS, SHORT, SMALL, TREES, network, planted


def test_what_is_no_number_is_named_with_its_column() -> None:
    x = planted(100).x.copy()
    x[3, 1], x[4, 1], x[5, 2] = np.nan, np.inf, -np.inf
    with pytest.raises(DataRefused, match=r"3 values that are NaN or infinite, in beta, gamma"):
        Sample(x, np.zeros(100), names=("alpha", "beta", "gamma", "delta"))
    y = np.zeros(100)
    y[7] = np.nan
    with pytest.raises(DataRefused, match=r"y holds 1 values"):
        Sample(planted(100).x, y)


def test_a_wrong_shape_or_dtype_is_named() -> None:
    with pytest.raises(DataRefused, match=r"found float64 of shape \(100, 4\)"):
        check_rows(planted(100).x.astype(np.float64))  # type: ignore[arg-type]
    with pytest.raises(DataRefused, match=r"y must be float64 of shape \(100,\), found float64 of shape \(99,\)"):
        Sample(planted(100).x, np.zeros(99))
    with pytest.raises(DataRefused, match="not all 0"):
        Sample(planted(100).x, np.zeros(100), np.zeros(100))


@pytest.mark.parametrize("learner", [*LEARNERS, AlwaysUp()], ids=lambda learner: learner.name)
def test_too_few_rows_and_columns_that_never_vary_are_refused(learner: Learner) -> None:
    sample = planted(600)
    with pytest.raises(DataRefused, match=r"training needs at least \d+ rows, found 9"):
        learner.fit(sample.rows(slice(9)), None, seed=1)
    x = sample.x.copy()
    x[:, 2] = 1.5
    with pytest.raises(DataRefused, match="never vary tell nothing, found gamma"):
        learner.fit(Sample(x, sample.y, names=sample.names), None, seed=1)
    with pytest.raises(DataRefused, match="nothing to tell apart"):
        learner.fit(Sample(sample.x, np.zeros(600)), None, seed=1)


@pytest.mark.parametrize("learner", [XGBoost(boosting=TREES), network("lstm")], ids=lambda one: one.name)
def test_rows_with_other_features_than_were_trained_on_are_refused(learner: Learner) -> None:
    fitted = learner.fit(planted(200), None, seed=1)
    with pytest.raises(DataRefused, match="trained on 4 features, asked about 3"):
        fitted.predict(planted(200).x[:, :3])


def test_a_card_that_is_not_there_is_named() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    sample = planted(200)
    for learner in (
        XGBoost(boosting=replace(TREES, device="cuda")),
        LightGBM(boosting=replace(TREES, device="cuda")),
        Network("lstm", SMALL, replace(SHORT, device="cuda")),
    ):
        with pytest.raises(ConfigError, match="cuda was asked for"):
            learner.fit(sample, None, seed=1)
    with pytest.raises(ConfigError, match="device must be one of"):
        Network("lstm", SMALL, replace(SHORT, device="tpu")).fit(sample, None, seed=1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"window": 1}, "window must be 2 or more"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"cell": "rnn"}, "lstm, gru or transformer"),
        ({"cell": "transformer", "hidden": 20, "heads": 8}, "multiple of twice the heads"),
        ({"cell": "transformer", "bidirectional": True}, "sees both ways"),
    ],
)
def test_a_network_that_cannot_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Architecture(**settings)  # type: ignore[arg-type]
