"""Every learner through the one port: it finds what is there, finds nothing in noise, and repeats itself."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.learners.neural import Network
from models.learners.port import LEVELS, Fitted, Learner, Sample
from models.learners.trees_lightgbm import LightGBM
from models.learners.trees_xgboost import XGBoost
from tests.models.learners.builders import LEARNERS, SHORT, TREES, brier, naive_brier, network, noise, planted

EVERY = pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)


@cache
def taught(number: int) -> tuple[Fitted, Sample]:
    """A learner that has seen the planted signal, and what it has not seen."""
    sample = planted()
    fitted = LEARNERS[number].fit(sample.rows(slice(1500)), sample.rows(slice(1500, 2200)), seed=1)
    return fitted, sample.rows(slice(2200, None))


@EVERY
def test_a_planted_signal_is_found(learner: Learner) -> None:
    fitted, test = taught(LEARNERS.index(learner))
    assert 1 - brier(fitted.predict(test.x), test) / naive_brier(test) > 0.10


@EVERY
def test_in_noise_nothing_is_found(learner: Learner) -> None:
    sample = noise(2000)
    fitted = learner.fit(sample.rows(slice(1000)), sample.rows(slice(1000, 1500)), seed=1)
    test = sample.rows(slice(1500, None))
    assert abs(1 - brier(fitted.predict(test.x), test) / naive_brier(test)) < 0.04


@EVERY
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(learner: Learner) -> None:
    sample = planted(600)
    if isinstance(learner, Network):
        learner = replace(
            learner, training=replace(SHORT, epochs=2), architecture=replace(learner.architecture, dropout=0.2)
        )
    once, again, other = (learner.fit(sample, None, seed=seed).predict(sample.x) for seed in (1, 1, 2))
    assert np.array_equal(once.p_up, again.p_up, equal_nan=True)
    assert np.array_equal(once.quantiles, again.quantiles, equal_nan=True)
    assert not np.array_equal(once.p_up, other.p_up, equal_nan=True)


@EVERY
def test_a_row_is_told_from_it_and_its_context_alone(learner: Learner) -> None:
    fitted, sample = taught(LEARNERS.index(learner))
    whole = fitted.predict(sample.x)
    at, context = 300, fitted.context
    alone = fitted.predict(sample.x[at - context : at + 1])
    assert np.allclose(alone.p_up[-1], whole.p_up[at], rtol=1e-5, atol=0)
    assert np.isnan(whole.p_up).sum() == context
    changed = sample.x.copy()
    changed[at + 1 :] = 9.0
    assert np.allclose(fitted.predict(changed).p_up[: at + 1], whole.p_up[: at + 1], rtol=1e-5, atol=0, equal_nan=True)


@EVERY
def test_quantiles_are_in_order_and_hold_the_share_that_they_say(learner: Learner) -> None:
    fitted, test = taught(LEARNERS.index(learner))
    said = fitted.predict(test.x)
    spoke = np.isfinite(said.p_up)
    assert said.levels == LEVELS
    assert (np.diff(said.quantiles[spoke], axis=1) >= 0).all()
    held = (test.y[spoke, None] < said.quantiles[spoke]).mean(axis=0)
    assert np.abs(held - LEVELS).max() < 0.08
    assert np.corrcoef(said.expected[spoke], test.y[spoke])[0, 1] > 0.4


def test_weights_say_which_rows_are_learnt_from() -> None:
    right, wrong = planted(800), planted(800)
    x, y = np.concatenate([right.x, wrong.x]), np.concatenate([right.y, -wrong.y])
    weights = np.repeat([1.0, 0.0], 800)
    for learner in (XGBoost(boosting=TREES), LightGBM(boosting=TREES), network("lstm")):
        test = planted(800, seed=11)
        said = learner.fit(Sample(x, y, weights), None, seed=1).predict(test.x)
        spoke = np.isfinite(said.p_up)
        assert np.corrcoef(said.p_up[spoke], test.y[spoke])[0, 1] > 0.4, learner.name
