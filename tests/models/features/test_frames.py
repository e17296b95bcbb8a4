"""Every feature by the same rules: nothing known later, the same wherever history begins, silent while it warms up."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from models import indicators
from models.features import CATALOGUE, SERIES, SETS, Feature, Inputs, frame, frames
from models.features.frames import needed_series, warmup_of
from models.rolling import lagged
from tests.models.features.builders import another_future, first, market, real_inputs, since

NAMES = SETS["all"]
# Of a feature's own deviation: what may remain of another beginning.
STABLE = 1e-5


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few hundred bars are many blocks."""
    monkeypatch.setattr(frames, "BLOCK", 128)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three features with the faults that the checks below exist for."""
    faulty = (
        Feature("leak", 0, lambda of: -lagged(of.close[::-1], 1)[::-1]),
        Feature("forgetful", 14, lambda of: indicators.rsi(of.close, 14)),
        Feature("from_the_start", 1, lambda of: of.close / of.close[0]),
    )
    catalogue: Mapping[str, Feature] = {**CATALOGUE, **{feature.name: feature for feature in faulty}}
    monkeypatch.setattr(frames, "CATALOGUE", catalogue)


def seen_too_early(names: tuple[str, ...], inputs: Inputs, at: int) -> list[str]:
    """Features of which some value up to bar `at` is another one without the later bars, or with other ones."""
    whole = frame(inputs, names).values[: at + 1]
    without = frame(first(inputs, at + 1), names).values
    other = frame(another_future(inputs, at), names).values[: at + 1]
    return [
        name
        for n, name in enumerate(names)
        if not (_alike(whole[:, n], without[:, n]) and _alike(whole[:, n], other[:, n]))
    ]


def unstable(names: tuple[str, ...], inputs: Inputs, start: int) -> list[str]:
    """Features that, begun at `start`, differ from those of the whole history after the look-back that they declare."""
    whole, later = frame(inputs, names).values, frame(since(inputs, start), names).values
    found = []
    for n, name in enumerate(names):
        lookback = frames.CATALOGUE[name].lookback
        expected, got = whole[start + lookback :, n], later[lookback:, n]
        scale = np.nanstd(whole[:, n])
        if not np.allclose(got, expected, rtol=1e-6, atol=STABLE * scale, equal_nan=True):
            found.append(name)
    return found


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=True)


@given(seed=st.integers(0, 1_000), at=st.integers(0, 598))
def test_no_feature_knows_a_later_bar(seed: int, at: int) -> None:
    assert seen_too_early(NAMES, market(600, seed=seed), at) == []


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("at", [126, 127, 128, 400, 767, 768])
def test_no_feature_knows_a_later_bar_wherever_a_block_ends(at: int) -> None:
    assert seen_too_early(NAMES, market(900), at) == []


@pytest.mark.parametrize("start", [1, 100, 777, 4_000])
def test_the_declared_look_back_is_enough_on_real_bars(start: int) -> None:
    # The crash of March 2020 lies within.
    assert unstable(SETS["bars"], real_inputs(21_000, 6_000), start) == []


@pytest.mark.parametrize("start", [1, 100, 250])
def test_the_declared_look_back_is_enough_after_a_crash_and_in_a_dead_market(start: int) -> None:
    inputs = market(1_600, seed=start)
    bars = inputs.bars
    times = np.where(np.arange(1_600) < 300, 3.0, 1.0)  # a fall of two thirds in one bar
    columns = {name: getattr(bars, name) * times for name in ("open", "high", "low", "close")}
    still = slice(900, 1_250)
    for name in columns:
        columns[name][still] = columns["close"][899]
    bars = replace(bars, **columns)
    bars.volume[still] = 0.0
    assert unstable(NAMES, Inputs(bars, inputs.series), start) == []


@pytest.mark.usefixtures("planted")
def test_a_planted_leak_and_a_planted_short_memory_would_be_found() -> None:
    names = (*NAMES, "leak", "forgetful", "from_the_start")
    assert seen_too_early(names, market(600), 400) == ["leak"]
    assert unstable(names, market(900), 100) == ["forgetful", "from_the_start"]


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_is_nan_only_while_it_warms_up(name: str) -> None:
    values = frame(market(500), [name]).values[:, 0]
    np.testing.assert_array_equal(np.isnan(values), np.arange(500) < CATALOGUE[name].lookback)


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_without_its_series_is_unknown_and_not_neutral(name: str) -> None:
    alone = frame(Inputs(market(500).bars), [name]).values
    assert np.isnan(alone).all() == bool(CATALOGUE[name].needs)


@pytest.mark.parametrize("name", [name for name in NAMES if CATALOGUE[name].needs])
def test_a_gap_in_a_series_hides_the_bars_that_look_back_on_it_and_no_other(name: str) -> None:
    inputs, lookback = market(500), CATALOGUE[name].lookback
    whole = frame(inputs, [name]).values[:, 0]
    for values in inputs.series.values():
        values[200] = np.nan
    values = frame(inputs, [name]).values[:, 0]
    touched = np.arange(500) < lookback
    touched[200 : 200 + lookback + 1] = True
    clear = np.isfinite(values)
    assert clear[~touched].all()
    assert not clear[200]
    np.testing.assert_allclose(values[clear], whole[clear], rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_change_nothing_but_the_last_digits() -> None:
    inputs = market(900)
    in_blocks = frame(inputs, NAMES).values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "BLOCK", 10_000)
        at_once = frame(inputs, NAMES).values
    scale = np.nanstd(at_once, axis=0)
    np.testing.assert_allclose(in_blocks / scale, at_once / scale, rtol=1e-5, atol=STABLE)


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_a_short_history_is_no_error(n: int) -> None:
    made = frame(market(n), NAMES)
    assert made.values.shape == (n, len(NAMES))
    assert not made.complete().any()


@pytest.mark.parametrize("start", [1e-12, 30_000.0])
def test_a_feature_means_the_same_at_any_price(start: float) -> None:
    names = list(SETS["bars"])
    dear, cheap = (frame(market(600, start=price), names).values for price in (30_000.0, start))
    scale = np.nanstd(dear, axis=0)
    np.testing.assert_allclose(cheap / scale, dear / scale, rtol=1e-5, atol=1e-5)


def test_nothing_that_moves_and_nothing_that_trades_gives_numbers_or_nan_and_no_warning() -> None:
    inputs = market(600)
    bars = inputs.bars
    flat = np.full(600, 0.1)
    dead = Inputs(replace(bars, open=flat, high=flat, low=flat, close=flat, volume=np.zeros(600)))
    last = dict(zip(SETS["bars"], frame(dead, SETS["bars"]).values[-1].tolist(), strict=True))
    silent = {name for name, value in last.items() if np.isnan(value)}
    assert silent == {
        *("volume_zscore_100", "volume_sma_20", "obv_slope_5", "obv_10"),
        *("price_volume_divergence_20", "control_distance_48"),
    }
    assert (last["rsi_14"], last["stochastic_14"], last["close_position"]) == (50.0, 50.0, 0.5)
    assert (last["adx_14"], last["cci_20"], last["close_zscore_100"], last["volatility_20"]) == (0.0,) * 4


def test_a_frame_says_how_long_it_warms_up_and_what_it_needs() -> None:
    names = ("return_12", "sma_10", "funding_rate", "fear_greed_change_24", "fear_greed")
    made = frame(market(60), names)
    assert (made.names, made.warmup, made.values.dtype) == (names, 24, np.float32)
    np.testing.assert_array_equal(made.complete(), np.arange(60) >= 24)
    assert needed_series(names) == ("funding_rate", "fear_greed")


def test_the_desk_keeps_enough_history_for_every_feature() -> None:
    from models.settings import ModelSettings

    assert warmup_of(NAMES) < ModelSettings().history_bars


def test_every_series_has_a_feature_and_every_feature_its_series() -> None:
    assert set(needed_series(NAMES)) == set(SERIES)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected at least one feature, found none"),
        (["rsi_14", "rsi_15"], "found the features rsi_15, allowed are return_1, "),
        (["rsi_14", "roc_2", "rsi_14"], "found the features rsi_14 twice or more"),
    ],
)
def test_names_that_cannot_be_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        frame(market(30), names)
