"""The composite score: beside pandas, of a later bar, and honest about how much of it was known already."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import DataRefused, ToolInputError
from models.labels import LOOKBACK, agreement, composite_ahead, composite_score, persistence
from tests.models.builders import FloatArray, bars_of
from tests.models.features.builders import another_future, first, market, real_inputs, since


def by_pandas(bars: Bars) -> FloatArray:
    """T as its docstring says it, in the words of the published set-up."""
    high, low, close = (pd.Series(x) for x in (bars.high, bars.low, bars.close))
    volume = pd.Series(bars.volume)

    def z(column: "pd.Series[float]", window: int) -> "pd.Series[float]":
        return (column - column.rolling(window).mean()) / column.rolling(window).std()

    def wilder(column: "pd.Series[float]", period: int) -> "pd.Series[float]":
        return column.ewm(alpha=1 / period, adjust=False).mean()

    ma = close.rolling(10).mean()
    mid, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    moves, before = close.diff(), close.shift(1)
    rsi = 100 * wilder(moves.clip(lower=0), 10) / wilder(moves.abs(), 10)
    macd = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    typical = (high + low + close) / 3
    apart = typical.rolling(20).apply(lambda w: np.abs(w - w.mean()).mean(), raw=True)
    cci = (typical - typical.rolling(20).mean()) / (0.015 * apart)
    lowest = low.rolling(5).min()
    stochastic = (100 * (close - lowest) / (high.rolling(5).max() - lowest)).rolling(3).mean()
    atr = wilder(np.maximum(high, before) - np.minimum(low, before), 14)
    obv = (np.sign(moves.fillna(0)) * volume).cumsum()
    strength = (ma - close).abs()
    strong = strength > strength.rolling(14).mean() + 1.5 * strength.rolling(14).std()
    score = (
        0.10 * z(close, 10)
        + 0.15 * z(macd, 26)
        + 0.10 * z(close.pct_change(2), 2)
        + 0.15 * z(rsi, 10)
        + 0.15 * np.where(strong, 1.5, 1.0) * z(close.diff(4), 4)
        + 0.10 * z(4 * deviation, 20)
        + 0.10 * z(cci, 20)
        + 0.10 * z(obv, 14)
        + 0.05 * z(atr, 14)
        + 0.15 * z(stochastic, 14)
    ) / 1.15
    side = (close > mid + 2 * deviation).astype(float) - (close < mid - 2 * deviation).astype(float)
    trend = np.where(close > close.rolling(100).mean(), 1.0, -1.0)
    total = score * side * trend / (4 * deviation / mid) / (atr / close)
    found: FloatArray = total.to_numpy()
    return found


def test_the_score_is_what_pandas_makes_of_real_bars() -> None:
    bars = real_inputs(22_000, 1_500).bars
    got, expected = composite_score(bars)[LOOKBACK:], by_pandas(bars)[LOOKBACK:]
    assert (expected != 0).mean() > 0.05
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * expected.std())


@given(seed=st.integers(0, 10_000), at=st.integers(LOOKBACK, 498))
def test_the_score_knows_no_later_bar(seed: int, at: int) -> None:
    inputs = market(500, seed=seed)
    whole = composite_score(inputs.bars)[: at + 1]
    np.testing.assert_array_equal(composite_score(first(inputs, at + 1).bars), whole)
    np.testing.assert_array_equal(composite_score(another_future(inputs, at).bars)[: at + 1], whole)


@pytest.mark.parametrize("start", [1, 50, 300])
def test_the_declared_look_back_is_enough(start: int) -> None:
    inputs = market(1_200)
    whole, later = composite_score(inputs.bars), composite_score(since(inputs, start).bars)
    scale = np.nanstd(whole)
    np.testing.assert_allclose(later[LOOKBACK:], whole[start + LOOKBACK :], rtol=1e-5, atol=1e-5 * scale)


def test_the_label_is_the_score_of_a_later_bar() -> None:
    bars = market(600).bars
    label, score = composite_ahead(bars, horizon=7), composite_score(bars)
    np.testing.assert_array_equal(label[:-7], score[7:])
    assert np.isnan(label[-7:]).all()


def test_a_label_from_later_bars_alone_needs_a_horizon_beyond_the_look_back() -> None:
    bars = market(1_000).bars
    with pytest.raises(ToolInputError, match=f"a horizon of at least {LOOKBACK + 1}, found {LOOKBACK}"):
        composite_ahead(bars, horizon=LOOKBACK, disjoint=True)
    at = 400
    past = np.arange(len(bars)) <= at
    columns = {name: getattr(bars, name) * np.where(past, 1.1, 1.0) for name in ("open", "high", "low", "close")}
    another_past = replace(bars, **columns)
    label, other = (composite_ahead(one, horizon=LOOKBACK + 1, disjoint=True) for one in (bars, another_past))
    scale = np.nanstd(label)
    np.testing.assert_allclose(other[at:], label[at:], rtol=1e-4, atol=1e-4 * scale)
    near, near_other = (composite_ahead(one, horizon=12) for one in (bars, another_past))
    assert np.nanmax(np.abs(near_other[at:] - near[at:])) > 0.01 * scale


def test_the_score_is_the_same_at_any_price() -> None:
    inputs = market(500)
    cheap = market(500, start=1e-10)
    np.testing.assert_allclose(composite_score(cheap.bars), composite_score(inputs.bars), rtol=1e-5, atol=1e-3)


def test_a_market_that_does_not_move_scores_nothing() -> None:
    score = composite_score(bars_of([0.1] * (LOOKBACK + 50)))
    assert np.isnan(score[:LOOKBACK]).all()
    assert (score[LOOKBACK:] == 0).all()


@pytest.mark.parametrize("name", ["close", "high", "volume"])
@pytest.mark.parametrize("at", [0, 17])
def test_a_bar_that_is_none_is_refused_with_its_place(name: str, at: int) -> None:
    bars = market(LOOKBACK + 10).bars
    getattr(bars, name)[at] = np.nan
    with pytest.raises(ToolInputError, match=f"{name}: expected finite .* found nan at bar {at}"):
        composite_score(bars)


@pytest.mark.parametrize("n", [0, 1, LOOKBACK])
def test_a_short_history_has_no_score_and_is_no_error(n: int) -> None:
    assert np.isnan(composite_score(market(n).bars)).all()
    assert len(composite_ahead(market(n).bars, horizon=3)) == n


def test_agreement_of_a_worked_example() -> None:
    nan = np.nan
    said = np.array([1.0, -1.0, 0.0, 2.0, nan, 1.0])
    became = np.array([2.0, 1.0, 0.0, 0.0, 1.0, nan])
    found = agreement(said, became)
    assert (found.n, found.zero_share, found.right, found.right_outside) == (4, 0.5, 0.5, 0.5)
    assert found.skill == pytest.approx(1 - (1 + 4 + 0 + 4) / 5)
    assert found.correlation == pytest.approx(np.corrcoef(said[:4], became[:4])[0, 1])


def test_agreement_with_what_is_always_nothing_has_no_skill_to_tell() -> None:
    found = agreement(np.array([1.0, 0.0]), np.zeros(2))
    assert (found.zero_share, found.right) == (1.0, 0.5)
    assert np.isnan([found.right_outside, found.skill, found.correlation]).all()
    with pytest.raises(DataRefused, match="found no bar at which both"):
        agreement(np.array([np.nan]), np.zeros(1))


def test_the_score_foretells_its_own_next_bars_less_and_less() -> None:
    bars = real_inputs(21_000, 6_000).bars
    near, far = persistence(bars, horizon=1), persistence(bars, horizon=12)
    assert near.zero_share == pytest.approx(0.87, abs=0.05)
    assert near.correlation > far.correlation + 0.1
    # Saying nothing all the time is right as often as the close is within its bands.
    silent = agreement(np.zeros(len(bars)), composite_ahead(bars, horizon=1))
    assert silent.right == pytest.approx(silent.zero_share)
