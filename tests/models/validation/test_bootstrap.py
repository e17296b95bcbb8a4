"""Block-bootstrap intervals: they hold the truth as often as they say, also where rows depend on their neighbours."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ConfigError, DataRefused
from models.validation.bootstrap import block_length, interval, resampled_means


def autoregressive(n: int, rho: float, *, seed: int) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(size=n + 100)
    for at in range(1, len(noise)):
        noise[at] += rho * noise[at - 1]
    return noise[100:]


@pytest.mark.parametrize("circular", [False, True])
def test_ninety_percent_intervals_of_dependent_rows_hold_the_truth_about_that_often(circular: bool) -> None:
    held, naive = 0, 0
    for seed in range(100):
        values = autoregressive(600, 0.6, seed=seed)
        for length, hits in ((block_length(values, circular=circular), True), (1.0, False)):
            drawn = resampled_means(values[:, None], length=length, draws=200, seed=seed, circular=circular)
            found = interval(float(values.mean()), drawn[:, 0])
            inside = found.low <= 0 <= found.high
            held, naive = held + (inside and hits), naive + (inside and not hits)
    assert 0.80 <= held / 100 <= 0.95
    # Drawing rows one by one forgets that they belong together.
    assert naive / 100 < 0.70


@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_the_length_of_blocks_is_that_of_theory(rho: float) -> None:
    """For a first-order autoregression of the stationary bootstrap (2 rho / (1 - rho^2))^(2/3) n^(1/3)."""
    found = [block_length(autoregressive(4000, rho, seed=seed)) for seed in range(20)]
    assert np.median(found) == pytest.approx((2 * rho / (1 - rho**2)) ** (2 / 3) * 4000 ** (1 / 3), rel=0.25)


def test_rows_that_do_not_depend_on_each_other_need_no_blocks_to_speak_of() -> None:
    assert np.median([block_length(autoregressive(4000, 0.0, seed=seed)) for seed in range(20)]) < 4
    assert block_length(np.ones(100)) == 1


def test_means_of_many_draws_are_about_the_mean_of_every_column() -> None:
    columns = np.random.default_rng(4).normal([0.0, 5.0, -2.0], size=(500, 3))
    drawn = resampled_means(columns, length=10, draws=2000, seed=1)
    assert drawn.shape == (2000, 3)
    assert drawn.mean(axis=0) == pytest.approx(columns.mean(axis=0), abs=0.01)
    assert np.array_equal(drawn, resampled_means(columns, length=10, draws=2000, seed=1))


def test_what_cannot_be_drawn_from_is_refused() -> None:
    with pytest.raises(DataRefused, match="found 1 rows"):
        resampled_means(np.ones((1, 1)), length=1, seed=0)
    with pytest.raises(DataRefused, match="finite"):
        resampled_means(np.array([[1.0], [np.nan]]), length=1, seed=0)
    with pytest.raises(ConfigError, match=r"blocks of 0\.5 rows"):
        resampled_means(np.ones((9, 1)), length=0.5, seed=0)
