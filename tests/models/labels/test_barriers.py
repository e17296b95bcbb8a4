"""The triple barrier, beside a loop that walks each position bar by bar."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import ToolInputError
from models.indicators import atr
from models.labels import triple_barrier
from tests.models.builders import bars_of
from tests.models.features.builders import market


def walked(bars: Bars, at: int, horizon: int, up: float, down: float) -> tuple[float, int, float]:
    """Label, end and log return of one position, as the docstring says it."""
    reach = atr(bars.high, bars.low, bars.close)[at]
    entry = bars.close[at]
    if not reach > 0 or at + horizon >= len(bars):
        return np.nan, -1, np.nan
    for bar in range(at + 1, at + horizon + 1):
        if bars.low[bar] <= entry - down * reach:
            return -1.0, bar, np.log(min(bars.open[bar], entry - down * reach) / entry)
        if bars.high[bar] >= entry + up * reach:
            return 1.0, bar, np.log((entry + up * reach) / entry)
    return 0.0, at + horizon, np.log(bars.close[at + horizon] / entry)


@given(
    seed=st.integers(0, 10_000),
    horizon=st.integers(1, 25),
    up=st.floats(0.2, 5.0),
    down=st.floats(0.2, 5.0),
)
def test_every_label_is_what_a_position_would_have_met_first(seed: int, horizon: int, up: float, down: float) -> None:
    bars = market(90, seed=seed).bars
    found = triple_barrier(bars, horizon=horizon, up=up, down=down)
    expected = [walked(bars, at, horizon, up, down) for at in range(len(bars))]
    np.testing.assert_array_equal(found.label, [one[0] for one in expected])
    np.testing.assert_array_equal(found.end, [one[1] for one in expected])
    np.testing.assert_allclose(found.returns, [one[2] for one in expected], atol=1e-12)


def at_rest(*after: tuple[float, float, float, float]) -> Bars:
    """Fifteen bars of 2 around 100, so that the range is 2; then bars of open, high, low and close."""
    flat = np.full(15, 100.0)
    rows = np.array([(100.0, 101.0, 99.0, 100.0)] * 15 + list(after)).T
    bars = bars_of(rows[3], high=rows[1], low=rows[2])
    assert len(flat) + len(after) == len(bars)
    return replace(bars, open=rows[0])


@pytest.mark.parametrize(
    ("bar", "label", "price"),
    [
        ((100.0, 104.0, 100.0, 103.0), 1.0, 104.0),  # exactly at the upper one
        ((100.0, 103.9, 96.1, 103.0), 0.0, 103.0),  # short of both
        ((100.0, 101.0, 96.0, 97.0), -1.0, 96.0),  # exactly at the lower one
        ((100.0, 105.0, 95.0, 104.0), -1.0, 96.0),  # both: the lower one was first
        ((90.0, 91.0, 89.0, 91.0), -1.0, 90.0),  # it opened below
        ((110.0, 111.0, 109.0, 111.0), 1.0, 104.0),  # it opened above: a resting limit has its price
    ],
)
def test_a_touch_of_a_worked_example(bar: tuple[float, float, float, float], label: float, price: float) -> None:
    found = triple_barrier(at_rest(bar), horizon=1)
    assert (found.label[14], found.end[14]) == (label, 15)
    assert found.returns[14] == pytest.approx(np.log(price / 100.0))


def test_a_market_that_does_not_move_has_no_barriers() -> None:
    found = triple_barrier(bars_of([100.0] * 40), horizon=5)
    assert np.isnan(found.label).all()
    assert (found.end == -1).all()


@pytest.mark.parametrize(("up", "down"), [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_barriers_without_a_width_are_refused(up: float, down: float) -> None:
    with pytest.raises(ToolInputError, match="expected barriers more than 0 average true ranges away"):
        triple_barrier(market(60).bars, horizon=5, up=up, down=down)
