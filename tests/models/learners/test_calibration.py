"""A probability after calibration is how often it came true."""

from collections.abc import Callable

import numpy as np
import pytest

from core.errors import DataRefused
from models.learners.calibration import Calibration, Isotonic, Platt, fit_isotonic, fit_platt, read

Fit = Callable[..., Calibration]
FITS = pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])


def boasting(n: int = 20_000, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Whoever says so has log odds three times too far from even."""
    random = np.random.default_rng(seed)
    odds = random.normal(0, 0.5, n)
    y = np.where(random.random(n) < 1 / (1 + np.exp(-odds)), 0.01, -0.01)
    return 1 / (1 + np.exp(-3 * odds)), y


@FITS
def test_boasts_are_cut_to_what_came(fit: Fit) -> None:
    fitted = fit(*boasting())
    said, y = boasting(seed=2)
    found = fitted.apply(said)
    assert np.mean((found - (y > 0)) ** 2) < np.mean((said - (y > 0)) ** 2) - 0.02
    for low, high in ((0.3, 0.4), (0.45, 0.55), (0.6, 0.7)):
        there = (found >= low) & (found < high)
        assert np.mean(y[there] > 0) == pytest.approx(found[there].mean(), abs=0.03)


def test_platt_finds_the_slope_that_was_planted() -> None:
    fitted = fit_platt(*boasting())
    assert fitted.slope == pytest.approx(1 / 3, abs=0.03)
    assert fitted.offset == pytest.approx(0.0, abs=0.05)


@FITS
def test_a_larger_probability_never_becomes_a_smaller_one(fit: Fit) -> None:
    said, y = boasting(200, seed=3)
    assert (np.diff(fit(said, y).apply(np.linspace(0, 1, 101))) >= 0).all()


@FITS
def test_who_is_mostly_wrong_says_the_share_and_is_not_read_upside_down(fit: Fit) -> None:
    said, y = boasting()
    found = fit(said, -y).apply(said)
    assert np.ptp(np.quantile(found, [0.05, 0.95])) < 0.02
    assert found.mean() == pytest.approx(0.5, abs=0.02)


@FITS
def test_nothing_becomes_certain_and_an_abstention_stays_one(fit: Fit) -> None:
    said = np.array([*np.linspace(0.4, 0.45, 30), *np.linspace(0.55, 0.6, 30), np.nan])
    fitted = fit(said, np.where(said > 0.5, 0.01, -0.01))
    found = fitted.apply(np.array([0.0, 0.42, 0.58, 1.0, np.nan]))
    assert found[0] > 0
    assert found[3] < 1
    assert found[1] < 0.2 < 0.8 < found[2]
    assert np.isnan(found[4])


@pytest.mark.parametrize("fitted", [fit_platt(*boasting(100)), fit_isotonic(*boasting(100))])
def test_it_comes_back_from_its_arrays_to_the_last_bit(fitted: Platt | Isotonic) -> None:
    said = np.linspace(0, 1, 33)
    assert np.array_equal(read(fitted.kind, fitted.arrays()).apply(said), fitted.apply(said))


@FITS
def test_what_cannot_be_calibrated_on_is_refused(fit: Fit) -> None:
    said, y = boasting(100)
    with pytest.raises(DataRefused, match="needs 50 forecasts with their outcomes, found 49"):
        fit(said[:49], y[:49])
    with pytest.raises(DataRefused, match="went one way"):
        fit(said, np.abs(y))
    with pytest.raises(DataRefused, match="probabilities from 0 to 1"):
        fit(said + 1, y)
    with pytest.raises(DataRefused, match="an outcome for each probability"):
        fit(said, y[:-1])
    with pytest.raises(DataRefused, match="platt or isotonic"):
        read("beta", {})


@FITS
def test_who_always_says_the_same_says_how_often_it_came(fit: Fit) -> None:
    y = np.where(np.arange(400) % 4 == 0, -0.01, 0.01)
    assert fit(np.full(400, 0.6), y).apply(np.array([0.2, 0.6])) == pytest.approx(0.75, abs=0.01)
