from dataclasses import replace

import numpy as np
import pytest

from core.errors import DataRefused
from models.features import Inputs
from tests.models.features.builders import market


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("close", float("nan"), "close: expected finite prices > 0, found nan at bar 17"),
        ("high", float("inf"), "high: expected finite prices > 0, found inf at bar 17"),
        ("open", 0.0, "open: expected finite prices > 0, found 0.0 at bar 17"),
        ("low", -1.0, "low: expected finite prices > 0, found -1.0 at bar 17"),
        ("volume", -1.0, "volume: expected finite volumes >= 0, found -1.0 at bar 17"),
        ("volume", float("nan"), "volume: expected finite volumes >= 0, found nan at bar 17"),
        ("open", 1e9, "expected low <= open, close <= high, found open 1000000000.0, .* at bar 17"),
        ("low", 1e9, "expected low <= open, close <= high, .* at bar 17"),
    ],
)
def test_a_bar_that_is_none_is_refused_with_its_place(name: str, value: float, message: str) -> None:
    bars = market(30).bars
    getattr(bars, name)[17] = value
    with pytest.raises(DataRefused, match=message):
        Inputs(bars)


@pytest.mark.parametrize("back_ns", [0, 1])
def test_time_that_stands_still_or_goes_backwards_is_refused(back_ns: int) -> None:
    bars = market(30).bars
    bars.open_ns[17] = bars.open_ns[16] - back_ns
    with pytest.raises(DataRefused, match="time must run forward: bar 17 opens at 2021-05-0"):
        Inputs(bars)


@pytest.mark.parametrize(
    ("column", "found"), [(np.ones(29), r"float64 of \(29,\)"), (np.ones(30, dtype=np.float32), "float32")]
)
def test_a_column_of_another_length_or_dtype_is_refused(column: np.ndarray, found: str) -> None:
    inputs = market(30)
    with pytest.raises(DataRefused, match=rf"volume: expected float64 of shape \(30,\), found {found}"):
        Inputs(replace(inputs.bars, volume=column))
    with pytest.raises(DataRefused, match=rf"sentiment: expected float64 of shape \(30,\), found {found}"):
        Inputs(inputs.bars, {"sentiment": column})


def test_stamps_that_are_no_whole_nanoseconds_are_refused() -> None:
    bars = market(30).bars
    with pytest.raises(DataRefused, match="open_ns: expected int64 nanoseconds, found float64"):
        Inputs(replace(bars, open_ns=bars.open_ns.astype(np.float64)))


def test_a_series_may_be_unknown_but_not_infinite() -> None:
    values = np.zeros(30)
    values[3] = np.nan
    assert len(Inputs(market(30).bars, {"sentiment": values})) == 30
    values[4] = np.inf
    with pytest.raises(DataRefused, match="sentiment: expected finite numbers or NaN, found inf at bar 4"):
        Inputs(market(30).bars, {"sentiment": values})


def test_a_series_that_nobody_knows_is_refused_and_not_left_out() -> None:
    with pytest.raises(DataRefused, match="found a series 'fundng_rate', allowed are spread_bps, "):
        Inputs(market(30).bars, {"fundng_rate": np.zeros(30)})
