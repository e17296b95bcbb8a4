"""Directions and returns: by hand, mirrored, and from the bars between now and the horizon alone."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import ToolInputError
from models.indicators import atr
from models.labels import forward_return, three_class, triple_barrier, two_class
from tests.models.builders import FloatArray, bars_of, mirrored, walk
from tests.models.features.builders import another_future, first, market

Label = Callable[[Bars, int], FloatArray]
LABELS: dict[str, Label] = {
    "forward_return": lambda bars, h: forward_return(bars, horizon=h),
    "two_class": lambda bars, h: two_class(bars, horizon=h),
    "three_class": lambda bars, h: three_class(bars, horizon=h),
    "triple_barrier": lambda bars, h: triple_barrier(bars, horizon=h).label,
    "triple_barrier_returns": lambda bars, h: triple_barrier(bars, horizon=h).returns,
}
seeds, horizons = st.integers(0, 10_000), st.integers(1, 30)


@pytest.mark.parametrize("name", LABELS)
@given(seed=seeds, horizon=horizons, at=st.integers(0, 149))
def test_a_label_depends_on_no_bar_after_its_horizon(name: str, seed: int, horizon: int, at: int) -> None:
    inputs = market(180, seed=seed)
    whole, other = (LABELS[name](one.bars, horizon) for one in (inputs, another_future(inputs, at + horizon)))
    np.testing.assert_array_equal(whole[: at + 1], other[: at + 1])
    known = LABELS[name](first(inputs, at + horizon + 1).bars, horizon)
    np.testing.assert_array_equal(whole[: at + 1], known[: at + 1])


@pytest.mark.parametrize("name", LABELS)
@given(seed=seeds, horizon=horizons)
def test_bars_whose_horizon_has_not_passed_have_no_label(name: str, seed: int, horizon: int) -> None:
    label = LABELS[name](market(100, seed=seed).bars, horizon)
    assert len(label) == 100
    assert np.isnan(label[-horizon:]).all()
    assert np.isfinite(label[20:-horizon]).all()


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("n", [0, 1, 12, 13])
def test_a_history_no_longer_than_the_horizon_has_no_label_and_is_no_error(name: str, n: int) -> None:
    label = LABELS[name](market(n).bars, 13)
    assert len(label) == n
    assert np.isnan(label).all()


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("horizon", [0, -1])
def test_a_horizon_that_is_none_is_refused(name: str, horizon: int) -> None:
    with pytest.raises(ToolInputError, match=f"expected a horizon of at least 1 bar, found {horizon}"):
        LABELS[name](market(100).bars, horizon)


def test_returns_and_two_classes_of_a_worked_example() -> None:
    bars = bars_of([100.0, 110.0, 110.0, 99.0])
    np.testing.assert_allclose(forward_return(bars, horizon=1), [np.log(1.1), 0.0, np.log(0.9), np.nan])
    np.testing.assert_array_equal(two_class(bars, horizon=1), [1.0, 0.5, 0.0, np.nan])
    np.testing.assert_array_equal(two_class(bars, horizon=2), [1.0, 0.0, np.nan, np.nan])


@given(seed=seeds, horizon=horizons)
def test_the_market_upside_down_has_the_mirrored_labels(seed: int, horizon: int) -> None:
    bars = walk(100, seed=seed)
    np.testing.assert_array_equal(two_class(mirrored(bars), horizon=horizon), 1 - two_class(bars, horizon=horizon))
    turned, returns = (forward_return(one, horizon=horizon) for one in (mirrored(bars), bars))
    np.testing.assert_allclose(turned, -returns, atol=1e-12)


def test_a_move_of_exactly_the_band_is_within_it() -> None:
    # Every bar is 8 high, so the average true range is 8 to the last bit, and half of it 4.
    close = np.full(20, 100.0)
    close[15], close[17], close[19] = 104.0, 104.5, 95.0
    bars = bars_of(close, high=np.maximum(close, 100.0) + 0.0, low=np.minimum(close, 100.0) - 0.0)
    flat = np.full(20, 100.0)
    bars = bars_of(close, high=np.maximum(flat + 4, close), low=np.minimum(flat - 4, close))
    assert atr(bars.high, bars.low, bars.close)[14] == 8.0
    label = three_class(bars, horizon=1, band=0.5)
    assert label[14] == 0.0
    assert (label[16], label[18]) == (1.0, -1.0)
    assert np.isnan(label[:14]).all()


def test_without_a_band_three_classes_are_the_direction() -> None:
    bars = walk(100)
    np.testing.assert_array_equal(three_class(bars, horizon=3, band=0.0)[14:], 2 * two_class(bars, horizon=3)[14:] - 1)


@pytest.mark.parametrize("band", [-0.1, float("nan")])
def test_a_band_that_is_none_is_refused(band: float) -> None:
    with pytest.raises(ToolInputError, match=f"expected a band of 0 or more average true ranges, found {band}"):
        three_class(walk(100), horizon=3, band=band)


@pytest.mark.parametrize("name", LABELS)
def test_a_price_that_is_no_price_is_refused(name: str) -> None:
    bars = walk(100)
    bars.close[17] = float("nan")
    with pytest.raises(ToolInputError, match="close: expected finite prices > 0, found nan at bar 17"):
        LABELS[name](bars, 3)
