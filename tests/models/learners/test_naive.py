"""The naive baselines: asked of bars as the desk does, and fitted on a sample as every learner is."""

from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest

from core.ports import Abstain, Forecast, Forecaster
from models.learners.naive import AlwaysUp, Drift, LastSign
from models.learners.port import Sample
from tests.models.builders import bars_of, mirrored, walk
from tests.models.learners.builders import planted


def spoken(forecaster: Forecaster, closes: list[float], horizon: int) -> Forecast:
    forecast = forecaster.predict(bars_of(closes), horizon=horizon)
    assert isinstance(forecast, Forecast)
    return forecast


@pytest.mark.parametrize(("forecaster", "least"), [(LastSign(), 61), (Drift(), 50)])
def test_one_bar_too_few_is_an_abstention_that_says_how_many_are_needed(forecaster: Forecaster, least: int) -> None:
    answer = forecaster.predict(walk(least - 1), horizon=12)
    assert isinstance(answer, Abstain)
    assert f"needs {least} bars" in answer.reason
    assert f"found {least - 1}" in answer.reason
    assert isinstance(forecaster.predict(walk(least), horizon=12), Forecast)


@pytest.mark.parametrize("forecaster", [LastSign(), Drift()])
def test_a_price_that_never_moved_is_no_basis_for_an_opinion(forecaster: Forecaster) -> None:
    assert isinstance(forecaster.predict(bars_of([100.0] * 80), horizon=12), Abstain)


@pytest.mark.parametrize("forecaster", [LastSign(), Drift()])
def test_the_opinion_on_the_market_upside_down_is_the_opposite(forecaster: Forecaster) -> None:
    bars = walk(300, drift=0.002)
    up, down = forecaster.predict(bars, horizon=12), forecaster.predict(mirrored(bars), horizon=12)
    assert isinstance(up, Forecast)
    assert isinstance(down, Forecast)
    assert down.p_up == pytest.approx(1 - up.p_up)
    assert down.expected_return == pytest.approx(-up.expected_return)


def test_the_last_sign_counts_persistence_with_laplace_smoothing() -> None:
    # Moves: up, up, down, up, up. Of four pairs two went on: (2 + 1) / (4 + 2) is one half, and so no opinion.
    assert spoken(LastSign(), [1.0, 2.0, 4.0, 2.0, 4.0, 8.0], 1).p_up == Decimal("0.5")
    # Moves: five times up. Four of four went on: (4 + 1) / (4 + 2).
    assert spoken(LastSign(), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 1).p_up == Decimal("0.833333333")
    # Moves: five times down.
    assert spoken(LastSign(), [32.0, 16.0, 8.0, 4.0, 2.0, 1.0], 1).p_up == Decimal("0.166666667")


def test_overlapping_pairs_count_once_a_horizon() -> None:
    # 30 rises hold 27 overlapping pairs of 2-bar moves, which are worth 13.5.
    rises = [1.1**n for n in range(31)]
    assert float(spoken(LastSign(), rises, 2).p_up) == pytest.approx((13.5 + 1) / (13.5 + 2), abs=1e-8)


def test_a_market_that_always_turns_is_expected_to_turn() -> None:
    zigzag = [100.0, 101.0] * 30
    forecast = spoken(LastSign(), zigzag, 1)
    assert forecast.p_up < Decimal("0.05")
    assert forecast.expected_return < 0


def test_drift_is_a_normal_walk_with_the_mean_and_deviation_seen() -> None:
    bars = walk(300, drift=0.001)
    returns = np.diff(np.log(bars.close))
    over = NormalDist(12 * returns.mean(), np.sqrt(12) * returns.std(ddof=1))
    forecast = Drift().predict(bars, horizon=12)
    assert isinstance(forecast, Forecast)
    assert float(forecast.p_up) == pytest.approx(1 - over.cdf(0), abs=1e-8)
    assert float(forecast.expected_return) == pytest.approx(over.mean, rel=1e-8)
    assert [level for level, _ in forecast.quantiles] == [Decimal("0.1"), Decimal("0.5"), Decimal("0.9")]
    for level, log_return in forecast.quantiles:
        assert float(log_return) == pytest.approx(over.inv_cdf(float(level)), rel=1e-8)


@pytest.mark.parametrize("forecaster", [LastSign(), Drift()])
def test_numbers_leave_with_nine_significant_digits(forecaster: Forecaster) -> None:
    forecast = forecaster.predict(walk(300), horizon=12)
    assert isinstance(forecast, Forecast)
    for value in (forecast.p_up, forecast.expected_return, *(value for _, value in forecast.quantiles)):
        assert len(value.as_tuple().digits) <= 9


# As learners


def test_last_sign_says_how_often_a_move_went_on() -> None:
    moved = np.array([1, 1, -1, -1] * 5, np.float32)
    y = 0.01 * np.array([1, 1, 1, -1] * 5)
    sample = Sample(np.column_stack([np.arange(20, dtype=np.float32), moved]), y)
    fitted = LastSign(column=1).fit(sample, None, seed=0)
    # Went on in 3 of 4, and one each way imagined: (15 + 1) / (20 + 2).
    assert fitted.predict(sample.x).p_up[[0, 2]] == pytest.approx([16 / 22, 6 / 22])


def test_last_sign_knows_where_a_scaler_put_no_move() -> None:
    sample = planted(200)
    shifted = Sample(sample.x + np.float32(5), sample.y)
    plain = LastSign(column=0).fit(sample, None, seed=0).predict(sample.x)
    assert np.array_equal(LastSign(column=0, zero=5.0).fit(shifted, None, seed=0).predict(shifted.x).p_up, plain.p_up)


def test_always_up_is_never_undecided() -> None:
    falling = planted(100)
    falling = Sample(falling.x, falling.y - 0.05)
    assert (AlwaysUp().fit(falling, None, seed=0).predict(falling.x).p_up > 0.5).all()
    assert (Drift().fit(falling, None, seed=0).predict(falling.x).p_up < 0.01).all()
