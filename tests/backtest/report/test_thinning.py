"""A long line on a small screen keeps every peak and trough, and candles keep what they are made of."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backtest.report.thinning import kept_of, wider
from tests.models.builders import walk


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=60), st.integers(1, 6))
def test_the_extremes_of_every_bucket_are_kept(values: list[float], buckets: int) -> None:
    line = np.array(values)
    kept = kept_of(line, buckets)
    assert (kept[0], kept[-1]) == (0, len(line) - 1)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(2 * buckets, 3 * buckets + 2)
    drawn = line[kept]
    for start, end in zip(*[np.linspace(0, len(line), buckets + 1).astype(int)[at:] for at in (0, 1)], strict=False):
        part = line[start:end]
        if len(line) > 2 * buckets and np.isfinite(part).any():
            inside = drawn[(kept >= start) & (kept < end)]
            assert np.nanmin(inside) == np.nanmin(part)
            assert np.nanmax(inside) == np.nanmax(part)
            assert np.isnan(inside).any() == np.isnan(part).any()


def test_a_gap_of_one_bar_in_a_long_line_stays_a_gap() -> None:
    line = np.sin(np.arange(10_000) / 100)
    line[4321] = np.nan
    assert 4321 in kept_of(line, 50)


def test_a_million_points_become_two_a_bucket() -> None:
    assert len(kept_of(np.random.default_rng(1).normal(size=1_000_000), 800)) <= 1602


def test_candles_are_made_of_whole_bars() -> None:
    bars = walk(1003)
    candles, each = wider(bars, 100)
    assert (each, len(candles)) == (11, 92)
    assert candles.high[3] == bars.high[33:44].max()
    assert candles.low[3] == bars.low[33:44].min()
    assert (candles.open[3], candles.close[3]) == (bars.open[33], bars.close[43])
    assert candles.close[-1] == bars.close[-1]
    assert candles.volume.sum() == bars.volume.sum()


def test_few_bars_stay_what_they_are() -> None:
    bars = walk(50)
    assert wider(bars, 50) == (bars, 1)
