"""Moving means and deviations beside numpy's of each window alone, on the series that break running sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rolling import held, lagged, memory, moments, ratio, zscore
from tests.models.builders import FloatArray


def alone(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Each window measured by itself, around its own first value."""
    mean, deviation = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for at in range(window - 1, len(values)):
        part = values[at - window + 1 : at + 1]
        mean[at], deviation[at] = (part - part[0]).mean() + part[0], (part - part[0]).std()
    return mean, deviation


@st.composite
def awkward(draw: st.DrawFn) -> FloatArray:
    """Noise at some level and scale, with spikes, stretches of one value and gaps."""
    n = draw(st.integers(1, 900))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    values = draw(st.sampled_from([0.0, 1e-14, 1.0, 1e9])) + draw(st.sampled_from([1e-15, 1e-3, 1.0])) * random.normal(
        size=n
    )
    if draw(st.booleans()):
        values = np.cumsum(values)
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, n - 1))
        kind = draw(st.sampled_from(["spike", "still", "gap"]))
        if kind == "spike":
            values[first] *= 1e6
        else:
            values[first : first + draw(st.integers(1, 150))] = np.nan if kind == "gap" else values[first]
    return values


@given(values=awkward(), window=st.integers(1, 120))
def test_moments_are_those_of_each_window_alone(values: FloatArray, window: int) -> None:
    mean, deviation = moments(values, window)
    expected_mean, expected = alone(values, window)
    size = np.nanmax(np.abs(values), initial=0.0)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-7, atol=1e-12 * size)
    np.testing.assert_allclose(deviation, expected, rtol=1e-6, atol=1e-15 * size)
    np.testing.assert_array_equal(deviation == 0, expected == 0)


@given(values=awkward(), window=st.integers(1, 60), data=st.data())
def test_no_moment_depends_on_a_later_value(values: FloatArray, window: int, data: st.DataObject) -> None:
    keep = data.draw(st.integers(1, len(values)))
    for whole, known in zip(moments(values, window), moments(values[:keep], window), strict=True):
        np.testing.assert_array_equal(whole[:keep], known)


def test_a_calm_window_after_a_crash_keeps_its_digits() -> None:
    calm = 1.0 + 1e-9 * np.sin(np.arange(100.0))
    values = np.concatenate([[1e6], calm])
    assert moments(values, 20)[1][-1] == pytest.approx(calm[-20:].std(), rel=1e-6)


def test_a_zscore_of_alike_values_is_nothing_and_of_one_that_differs_the_most_there_is() -> None:
    values = np.array([0.1] * 30 + [0.2])
    np.testing.assert_allclose(zscore(values, 10)[9:], [0.0] * 21 + [3.0])


def test_held_counts_what_came_before_alike() -> None:
    np.testing.assert_array_equal(held(np.array([5.0, 5.0, 5.0, 4.0, 4.0, 5.0])), [0, 1, 2, 0, 1, 0])


@pytest.mark.parametrize(("n", "expected"), [(1, [np.nan, 1.0, 2.0]), (3, [np.nan] * 3), (9, [np.nan] * 3)])
def test_lagged_begins_with_what_nobody_knows(n: int, expected: list[float]) -> None:
    np.testing.assert_array_equal(lagged(np.array([1.0, 2.0, 3.0]), n), expected)


def test_a_ratio_to_nothing_is_what_the_caller_says_and_an_unknown_one_stays_unknown() -> None:
    found = ratio(np.array([1.0, 1.0, np.nan]), np.array([2.0, 0.0, 0.0]), 7.0)
    np.testing.assert_array_equal(found, [0.5, 7.0, 7.0])
    assert np.isnan(ratio(np.array([np.nan]), np.array([2.0]), 7.0)[0])


def test_memory_is_how_long_an_average_takes_to_forget() -> None:
    bars = memory(13 / 14)
    assert (13 / 14) ** bars < 1e-8 <= (13 / 14) ** (bars - 1)
