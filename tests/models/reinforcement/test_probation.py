"""A policy in the desk, on disk, and in the table of all forecasters."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.bars import Bars
from core.errors import ConfigError
from core.ports import Abstain, Forecast
from core.time import Timeframe
from models import artefacts
from models.features import Inputs, fit_preparation, frame
from models.learners.naive import AlwaysUp, Drift
from models.learners.trained import Card, Trained
from models.reinforcement.policies import PolicyLearner
from models.reinforcement.probation import across, probation
from models.reinforcement.schools import School
from models.validation.splits import walk_forward
from models.validation.walking import table_of
from tests.models.builders import bars_of, walk
from tests.models.reinforcement.builders import spells

LEARNER = PolicyLearner("ppo", School(steps=2048, hidden=(16,)))


@cache
def forecaster() -> tuple[Bars, Trained]:
    """A policy on two features of a walk, that it cannot read, behind the port of the desk."""
    bars = walk(400)
    names = ("return_1", "rsi_7")
    preparation = fit_preparation(frame(Inputs(bars), names), slice(20, 300))
    until = int(bars.open_ns[300])
    card = Card("ppo", names, "1h", 1, "direction", 280, 3, int(bars.open_ns[0]), until, until)
    return bars, Trained(card, preparation, LEARNER.fit(spells(), None, seed=3))


def test_the_desk_gets_a_forecast_or_an_abstention() -> None:
    bars, model = forecaster()
    told = model.predicted(frame(Inputs(bars), model.card.features)).p_up[-1]
    found = model.predict(bars, horizon=1)
    if np.isnan(told):
        assert isinstance(found, Abstain)
    else:
        assert isinstance(found, Forecast)
        assert float(found.p_up) == pytest.approx(told, rel=1e-4)
    assert isinstance(model.predict(bars, horizon=4), Abstain)


def test_seeds_intervals_and_costs_stand_in_one_table_with_the_baselines() -> None:
    sample = spells(1200)
    bars = bars_of(100 * np.exp(np.concatenate([[0.0], np.cumsum(sample.y)])), timeframe=Timeframe.H1)
    features = frame(Inputs(bars), ("return_1", "return_4"))
    values = features.values.copy()
    values[:-1, 0] = sample.x[:, 0]
    y = np.append(sample.y, np.nan)
    table = table_of(replace(features, values=values), y, np.arange(len(bars)) + 1)
    folds = walk_forward(table.spans, folds=2, valid=0.0, calibration=0.0)
    rows = probation(LEARNER, bars, table, folds, seeds=(1, 2), baselines=(AlwaysUp(), Drift()), draws=100)
    assert [(row.name, row.seed) for row in rows] == [("ppo", 1), ("ppo", 2)]
    for row in rows:
        assert row.scores is not None
        assert row.intervals["brier_skill"].low <= row.intervals["brier_skill"].value
        assert row.result.cost > 0
        assert row.sharpe.low < row.result.sharpe < row.sharpe.high
        assert any("leakage until shown otherwise" in said for said in row.said)
    assert rows[0].result.total != rows[1].result.total
    sharpe = across(rows)["sharpe"]
    assert sharpe.least < sharpe.mean < sharpe.greatest
    with pytest.raises(ConfigError, match="at least one seed"):
        probation(LEARNER, bars, table, folds, seeds=())


def test_nothing_but_numbers_is_written(tmp_path: Path) -> None:
    bars, model = forecaster()
    digest = artefacts.save(model, tmp_path / "policy")
    assert {file.name for file in (tmp_path / "policy").iterdir()} == {"card.json", "arrays.safetensors"}
    for file in (tmp_path / "policy").iterdir():
        assert b"pickle" not in file.read_bytes()
        assert not file.read_bytes().startswith((b"\x80", b"PK"))
    back = artefacts.load(tmp_path / "policy", digest=digest)
    features = frame(Inputs(bars), model.card.features)
    assert np.array_equal(model.predicted(features).p_up, back.predicted(features).p_up, equal_nan=True)
    assert artefacts.save(back, tmp_path / "again") == digest
