"""Regimes: known by the bar that they are told of, by no later one and by no more than their window."""

import numpy as np
import pytest

from models.regimes import ANY, RANGING, TRENDING, WINDOW, regimes
from models.scores import newest, until
from tests.models.builders import bars_of, walk


def test_until_a_window_has_passed_there_is_no_regime() -> None:
    found = regimes(walk(WINDOW + 1))
    assert (set(found[:-1]), len(found)) == ({ANY}, WINDOW + 1)
    assert found[-1] != ANY
    assert set(regimes(walk(WINDOW))) == {ANY}
    assert len(regimes(walk(0))) == 0


@pytest.mark.parametrize(
    ("closes", "regime"),
    [
        (100 * 1.01 ** np.arange(60), TRENDING),
        (100 * 0.99 ** np.arange(60), TRENDING),
        (np.tile([100.0, 101.0], 30), RANGING),
        (np.full(60, 100.0), RANGING),
    ],
)
def test_a_market_that_goes_somewhere_trends_and_one_that_comes_back_ranges(closes: np.ndarray, regime: str) -> None:
    assert set(regimes(bars_of(closes.tolist()))[WINDOW:]) == {regime}


def test_a_random_walk_is_in_either_half_of_the_time() -> None:
    found = regimes(walk(20_000))[WINDOW:]
    assert np.mean(found == TRENDING) == pytest.approx(0.5, abs=0.05)


def test_later_bars_and_bars_before_the_window_change_nothing() -> None:
    bars = walk(400)
    assert (regimes(until(bars, 300)) == regimes(bars)[:300]).all()
    assert (regimes(newest(bars, 200))[WINDOW:] == regimes(bars)[200 + WINDOW :]).all()
