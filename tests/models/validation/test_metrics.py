"""Scores of probabilities, checked against scikit-learn and against cases that can be counted by hand."""

import numpy as np
import pytest

from core.errors import DataRefused
from models.validation.metrics import intervals, scores, spread

NAN = float("nan")


def test_the_figures_are_scikit_learns() -> None:
    from sklearn import metrics

    random = np.random.default_rng(2)
    p_up, y = random.random(500), random.normal(size=500)
    came, said = y > 0, p_up > 0.5
    found = scores(p_up, y)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(came, said))
    assert found.precision == pytest.approx(metrics.precision_score(came, said))
    assert found.recall == pytest.approx(metrics.recall_score(came, said))
    assert found.f1 == pytest.approx(metrics.f1_score(came, said))
    assert found.brier == pytest.approx(metrics.brier_score_loss(came, p_up))
    assert found.log_loss == pytest.approx(metrics.log_loss(came, p_up))


def test_an_even_forecast_and_a_price_that_stays_are_half_right() -> None:
    assert scores(np.array([0.5, 0.9]), np.array([0.01, 0.0])).accuracy == 0.5


def test_no_opinion_counts_nowhere_but_is_told() -> None:
    found = scores(np.array([NAN, 0.9, NAN]), np.array([-0.1, 0.1, NAN]))
    assert (found.n, found.silent, found.accuracy) == (1, 2, 1.0)


def test_a_market_upside_down_has_the_same_accuracy_and_losses() -> None:
    random = np.random.default_rng(3)
    p_up, y = random.random(200), random.normal(size=200)
    up, down = scores(p_up, y), scores(1 - p_up, -y)
    assert (up.accuracy, up.brier, up.log_loss) == pytest.approx((down.accuracy, down.brier, down.log_loss))


@pytest.mark.parametrize(
    ("p_up", "y", "said"),
    [
        ([NAN, NAN], [0.1, 0.2], "no opinion on any of 2 rows"),
        ([1.1], [0.1], "from 0 to 1"),
        ([0.5], [np.inf], "finite outcomes"),
        ([0.5, 0.5], [0.1], "an outcome for each"),
    ],
)
def test_what_cannot_be_scored_is_refused(p_up: list[float], y: list[float], said: str) -> None:
    with pytest.raises(DataRefused, match=said):
        scores(np.array(p_up), np.array(y))


def test_folds_spread_about_their_mean_and_leave_out_what_was_not_measured() -> None:
    falls = scores(np.array([0.4, 0.3]), np.array([-0.1, 0.1]))
    rise = scores(np.array([0.9]), np.array([0.1]))
    found = spread([falls, rise])
    assert (found["accuracy"].mean, found["accuracy"].least, found["accuracy"].greatest) == (0.75, 0.5, 1.0)
    assert found["precision"].mean == 1.0
    assert np.isnan(found["precision"].deviation)


def test_skill_is_held_against_the_best_baseline_on_the_same_rows_and_noise_has_none() -> None:
    random = np.random.default_rng(5)
    y = random.normal(0.3, 1, 2000)
    knows = np.clip(0.5 + 0.3 * np.sign(y) * (random.random(2000) < 0.8), 0, 1)
    base = {"always_up": np.full(2000, np.mean(y > 0))}
    best = base["always_up"]
    good, noise = intervals(knows, y, baselines=base), intervals(random.random(2000), y, baselines=base)
    value = 1 - np.mean((knows - (y > 0)) ** 2) / np.mean((best - (y > 0)) ** 2)
    assert good["brier_skill"].value == pytest.approx(value)
    assert good["brier_skill"].low > 0.3
    assert noise["brier_skill"].high < 0
    assert good["accuracy"].low < good["accuracy"].value < good["accuracy"].high
