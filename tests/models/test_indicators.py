from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import ToolInputError
from models import indicators
from tests.models.builders import FloatArray, bars_of, mirrored, real_bitcoin, walk

Series = Callable[[Bars], FloatArray]
Feature = Callable[[Bars], float]

# Each with the fewest bars that it takes.
SERIES: dict[str, tuple[int, Series]] = {
    "ema": (12, lambda b: indicators.ema(b.close, 12)),
    "rsi": (15, lambda b: indicators.rsi(b.close)),
    "atr": (15, lambda b: indicators.atr(b.high, b.low, b.close)),
    "adx": (28, lambda b: indicators.adx(b.high, b.low, b.close)),
    "bollinger_width": (20, lambda b: indicators.bollinger_width(b.close)),
    "bollinger_position": (20, lambda b: indicators.bollinger_position(b.close)),
    "macd": (26, lambda b: indicators.macd(b.close)),
    "sma": (10, lambda b: indicators.sma(b.close, 10)),
    "cci": (20, lambda b: indicators.cci(b.high, b.low, b.close)),
    "stochastic": (14, lambda b: indicators.stochastic(b.high, b.low, b.close)),
    "stochastic_slowed": (7, lambda b: indicators.stochastic(b.high, b.low, b.close, 5, 3)),
    "on_balance_volume": (1, lambda b: indicators.on_balance_volume(b.close, b.volume)),
    "macd_difference": (34, lambda b: indicators.macd_difference(b.close)),
    "rate_of_change": (25, lambda b: indicators.rate_of_change(b.close, 24)),
}
ODD: dict[str, tuple[int, Feature]] = {
    "trend": (27, lambda b: indicators.trend(b.close)),
    "momentum": (25, lambda b: indicators.momentum(b.close)),
    "log_rsi": (15, lambda b: indicators.log_rsi(b.close)),
    "channel_position": (48, lambda b: indicators.channel_position(b.high, b.low, b.close)),
}
EVEN: dict[str, tuple[int, Feature]] = {
    "volatility": (2, lambda b: indicators.volatility(b.close)),
    "log_atr": (15, lambda b: indicators.log_atr(b.high, b.low, b.close)),
    "log_adx": (28, lambda b: indicators.log_adx(b.high, b.low, b.close)),
    "realized_volatility": (3, lambda b: indicators.realized_volatility(b.close, bars_per_year=8760)),
}
ALL: dict[str, tuple[int, Callable[[Bars], FloatArray | float]]] = {**SERIES, **ODD, **EVEN}
seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("name", ALL)
def test_one_bar_too_few_is_refused_with_both_numbers(name: str) -> None:
    least, measure = ALL[name]
    with pytest.raises(ToolInputError, match=f"expected at least {least} bars, found {least - 1}"):
        measure(walk(least - 1))


@pytest.mark.parametrize("name", ALL)
def test_the_least_number_of_bars_gives_a_number(name: str) -> None:
    least, measure = ALL[name]
    assert np.isfinite(np.append([], measure(walk(least)))[-1])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("price", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_price_that_is_no_price_is_refused_with_its_place(name: str, price: float) -> None:
    bars = walk(60)
    bars.close[17] = price
    with pytest.raises(ToolInputError, match=rf"expected finite prices > 0, found {price} at bar 17"):
        ALL[name][1](bars)


@pytest.mark.parametrize("name", ["atr", "adx", "cci", "stochastic", "channel_position", "log_atr", "log_adx"])
def test_a_close_outside_its_bar_is_refused(name: str) -> None:
    bars = walk(60)
    bars.high[17] = bars.close[17] * 0.9
    with pytest.raises(ToolInputError, match=r"expected low <= close <= high, found .* at bar 17"):
        ALL[name][1](bars)


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(ToolInputError, match="expected series of one length"):
        indicators.atr(walk(30).high, walk(31).low, walk(30).close)


@pytest.mark.parametrize("name", SERIES)
@given(seed=seeds, keep=st.integers(60, 119))
def test_no_value_of_a_series_depends_on_a_later_bar(name: str, seed: int, keep: int) -> None:
    whole = walk(120, seed=seed)
    known = bars_of(whole.close[:keep], high=whole.high[:keep], low=whole.low[:keep])
    np.testing.assert_array_equal(SERIES[name][1](known), SERIES[name][1](whole)[:keep])


@pytest.mark.parametrize("name", SERIES)
def test_a_series_is_nan_only_while_it_warms_up(name: str) -> None:
    least, measure = SERIES[name]
    np.testing.assert_array_equal(np.isnan(measure(walk(60))), np.arange(60) < least - 1)


def test_ema_starts_at_the_mean_and_moves_by_its_alpha() -> None:
    np.testing.assert_allclose(indicators.ema(np.array([1.0, 2.0, 3.0, 10.0]), 3), [np.nan, np.nan, 2.0, 6.0])


def test_rsi_of_a_worked_example() -> None:
    closes = [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28]
    gains, losses = 3.34, 1.40
    assert indicators.rsi(np.array(closes))[-1] == pytest.approx(100 * gains / (gains + losses))


def test_rsi_is_fifty_until_something_moves() -> None:
    closes = np.array([5.0] * 20 + [6.0])
    np.testing.assert_array_equal(indicators.rsi(closes)[14:], [50.0] * 6 + [100.0])


@pytest.mark.parametrize(
    "name", ["rsi", "adx", "bollinger_width", "bollinger_position", "cci", "rate_of_change", "stochastic"]
)
def test_a_token_worth_almost_nothing_is_measured_like_a_dear_one(name: str) -> None:
    # A threshold in absolute prices, anywhere below us, would show here.
    measure = SERIES[name][1]
    np.testing.assert_allclose(measure(walk(60, start=1e-14)), measure(walk(60, start=30_000.0)), rtol=1e-9)


def test_bands_and_stochastic_of_a_worked_example() -> None:
    closes = np.array([10.0, 12.0, 14.0, 20.0])
    deviation = np.std(closes)
    assert indicators.bollinger_position(closes, 4)[-1] == pytest.approx(6.0 / (2 * deviation))
    assert indicators.bollinger_width(closes, 4)[-1] == pytest.approx(4 * deviation / 14.0)
    assert indicators.stochastic(closes + 2, closes - 2, closes, 4)[-1] == pytest.approx(100 * 12 / 14)
    slowed = indicators.stochastic(closes + 2, closes - 2, closes, 2, 3)[-1]
    assert slowed == pytest.approx(100 * (4 / 6 + 4 / 6 + 8 / 10) / 3)


@pytest.mark.parametrize("price", [0.1, 0.3, 30_000.1])
def test_what_does_not_move_is_nowhere_and_not_at_an_edge(price: float) -> None:
    flat = np.full(60, price)
    assert indicators.cci(flat, flat, flat)[-1] == 0.0
    assert indicators.stochastic(flat, flat, flat)[-1] == 50.0
    assert indicators.bollinger_position(flat)[-1] == 0.0


def test_cci_is_the_distance_from_the_mean_in_mean_absolute_deviations() -> None:
    closes = np.array([10.0, 12.0, 14.0, 20.0])
    assert indicators.cci(closes, closes, closes, 4)[-1] == pytest.approx(6.0 / (0.015 * 3.0))


def test_on_balance_volume_adds_with_the_sign_of_the_move() -> None:
    balance = indicators.on_balance_volume(np.array([5.0, 6.0, 6.0, 4.0]), np.array([9.0, 2.0, 3.0, 7.0]))
    np.testing.assert_array_equal(balance, [0.0, 2.0, 2.0, -5.0])


@pytest.mark.parametrize("volume", [-1.0, float("nan")])
def test_a_volume_that_is_none_is_refused_with_its_place(volume: float) -> None:
    bars = walk(30)
    bars.volume[17] = volume
    with pytest.raises(ToolInputError, match=f"volume: expected finite volumes >= 0, found {volume} at bar 17"):
        indicators.on_balance_volume(bars.close, bars.volume)


def test_atr_of_bars_of_one_height_is_that_height() -> None:
    flat = np.full(30, 100.0)
    assert indicators.atr(flat + 2, flat - 1, flat)[-1] == pytest.approx(3.0)


def test_adx_is_full_in_a_straight_rise_and_nothing_when_nothing_moves() -> None:
    rise = np.linspace(100, 200, 60)
    flat = np.full(60, 100.0)
    assert indicators.adx(rise + 1, rise - 1, rise)[-1] == pytest.approx(100.0)
    assert indicators.adx(flat, flat, flat)[-1] == 0.0


def test_adx_hardly_differs_between_prices_and_log_prices() -> None:
    bars = walk(200, volatility=0.001)
    on_logs = indicators.log_adx(bars.high, bars.low, bars.close)
    assert indicators.adx(bars.high, bars.low, bars.close)[-1] == pytest.approx(on_logs, rel=0.02)


def test_bollinger_width_is_four_deviations_over_the_mean() -> None:
    closes = np.array([99.0, 101.0] * 10)
    assert indicators.bollinger_width(closes)[-1] == pytest.approx(4 * 1 / 100)


def test_macd_difference_leans_with_an_accelerating_price() -> None:
    steps = np.arange(60.0)
    assert indicators.macd_difference(100 + steps**2 / 10)[-1] > 0
    assert indicators.macd_difference(1000 - steps**2 / 10)[-1] < 0
    assert indicators.macd_difference(np.full(60, 100.0))[-1] == 0


def test_rate_of_change_is_a_fraction() -> None:
    assert indicators.rate_of_change(np.array([100.0, 105.0, 110.0]), 2)[-1] == pytest.approx(0.10)


def test_realized_volatility_is_annualized_with_ddof_one() -> None:
    closes = np.exp(np.array([0.0, 0.01, 0.0, 0.01]))
    assert indicators.realized_volatility(closes, bars_per_year=365) == pytest.approx(
        np.sqrt(365) * np.std([0.01, -0.01, 0.01], ddof=1)
    )


@pytest.mark.parametrize("name", ODD)
@given(seed=seeds, drift=st.floats(-0.02, 0.02), c=st.floats(1e-6, 1e12))
def test_upside_down_a_directed_feature_has_the_other_sign(name: str, seed: int, drift: float, c: float) -> None:
    bars = walk(200, seed=seed, drift=drift)
    measure = ODD[name][1]
    assert measure(mirrored(bars, c)) == pytest.approx(-measure(bars), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", EVEN)
@given(seed=seeds, c=st.floats(1e-6, 1e12))
def test_upside_down_a_feature_without_direction_is_the_same(name: str, seed: int, c: float) -> None:
    bars = walk(200, seed=seed)
    measure = EVEN[name][1]
    assert measure(mirrored(bars, c)) == pytest.approx(measure(bars), rel=1e-9)


@pytest.mark.parametrize("name", [*ODD, *EVEN])
def test_a_feature_is_zero_when_nothing_moves(name: str) -> None:
    assert {**ODD, **EVEN}[name][1](bars_of([250.0] * 60)) == 0.0


@pytest.mark.parametrize("name", ODD)
def test_a_directed_feature_is_positive_in_a_rise(name: str) -> None:
    assert ODD[name][1](walk(200, drift=0.02)) > 0


def test_a_perfectly_steady_climb_has_finite_features() -> None:
    climb = 100 * 1.01 ** np.arange(100.0)
    assert indicators.momentum(climb, 24) == pytest.approx(np.sqrt(24))
    assert 0 < indicators.trend(climb) < np.sqrt(99)


@given(seed=seeds)
def test_log_rsi_is_the_index_of_log_prices_between_minus_one_and_one(seed: int) -> None:
    import talib

    closes = walk(200, seed=seed).close
    assert indicators.log_rsi(closes) == pytest.approx(talib.RSI(np.log(closes), 14)[-1] / 50 - 1, abs=1e-9)


def test_log_rsi_reaches_both_ends() -> None:
    rise = np.linspace(100, 200, 60)
    assert indicators.log_rsi(rise) == pytest.approx(1.0)
    assert indicators.log_rsi(rise[::-1]) == pytest.approx(-1.0)


def test_channel_position_is_one_at_the_highest_high_and_minus_one_at_the_lowest_low() -> None:
    rise = np.linspace(100, 200, 60)
    assert indicators.channel_position(rise, rise, rise) == pytest.approx(1.0)
    assert indicators.channel_position(rise[::-1], rise[::-1], rise[::-1]) == pytest.approx(-1.0)


def test_log_atr_counts_a_gap_from_the_previous_close() -> None:
    closes = np.array([100.0] * 15 + [110.0])
    assert indicators.log_atr(closes, closes, closes, 14) == pytest.approx(np.log(1.1) / 14)


@pytest.mark.parametrize("first", [5_000, 14_000, 27_000, 32_500])
def test_real_bitcoin_upside_down_mirrors_its_features(first: int) -> None:
    bars = real_bitcoin(first, 200)
    for name, (_, measure) in ODD.items():
        assert measure(mirrored(bars)) == pytest.approx(-measure(bars), rel=1e-9, abs=1e-9), name
    for name, (_, measure) in EVEN.items():
        assert measure(mirrored(bars)) == pytest.approx(measure(bars), rel=1e-9), name
