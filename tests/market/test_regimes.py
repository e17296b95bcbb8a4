"""Each regime puts its kind of market on the stage, and none of it depends on how long somebody looks."""

import numpy as np
import pytest

from market.paths import market_factor
from market.regimes import DAY_MINUTES, Regime, climate
from market.simulated import START_NS, SimulatedMarket

MINUTES = 90 * DAY_MINUTES
STAGED = [regime for regime in Regime if regime is not Regime.MIXED]


def level(regime: Regime, seed: int = 7) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The factor's way from its start, hour by hour."""
    moves = market_factor(seed, climate(regime, seed, MINUTES)).moves
    added: np.ndarray[tuple[int], np.dtype[np.float64]] = np.add.accumulate(moves)[::60]
    return added


@pytest.mark.parametrize("regime", Regime)
def test_a_shorter_climate_is_the_beginning_of_a_longer_one(regime: Regime) -> None:
    short, long = climate(regime, 7, 5_000), climate(regime, 7, MINUTES)
    assert np.array_equal(short.drift, long.drift[:5_000])
    assert np.array_equal(short.heat, long.heat[:5_000])
    moves = market_factor(7, short).moves
    assert np.array_equal(moves, market_factor(7, long).moves[:5_000])


@pytest.mark.parametrize("regime", [Regime.TREND, Regime.CRASH, Regime.MELT_UP])
def test_another_seed_has_its_episodes_at_other_times(regime: Regime) -> None:
    assert not np.array_equal(climate(regime, 7, MINUTES).drift, climate(regime, 8, MINUTES).drift)


def test_a_trend_goes_one_way_for_ten_days_at_least() -> None:
    turns = np.flatnonzero(np.diff(np.sign(climate(Regime.TREND, 7, MINUTES).drift)))
    assert 3 <= len(turns) <= 9
    assert np.diff(turns).min() >= 10 * DAY_MINUTES


def test_a_range_comes_back_and_everyday_life_need_not() -> None:
    spans = {regime: np.mean([np.ptp(level(regime, seed)) for seed in range(8)]) for regime in Regime}
    assert spans[Regime.RANGE] < spans[Regime.MIXED] / 2


def test_a_crash_takes_a_fifth_in_two_days_and_is_hotter_than_what_was_before() -> None:
    for seed in range(4):
        way = level(Regime.CRASH, seed)
        assert (way[48:] - way[:-48]).min() < -0.18
    heat = climate(Regime.CRASH, 7, MINUTES).heat
    assert heat.max() > 3 * heat.min()


def test_a_melt_up_rises_ever_faster_and_then_falls() -> None:
    drift = climate(Regime.MELT_UP, 7, MINUTES).drift
    top = int(np.argmax(drift < 0))
    days = drift[:top:DAY_MINUTES]
    assert (np.diff(days) > 0).all()
    assert drift[top : top + 3 * DAY_MINUTES].max() < 0


@pytest.mark.parametrize("regime", STAGED)
def test_a_regime_is_another_market_with_bars_that_hold(regime: Regime) -> None:
    market = SimulatedMarket(7, days=20, regime=regime)
    assert market.fingerprint() != SimulatedMarket(7, days=20).fingerprint()
    bars = market.closed_bars("ETH/USDT", after_ns=START_NS, until_ns=START_NS + 20 * DAY_MINUTES * 60 * 10**9)
    assert len(bars) == 20 * 288
    assert all(0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
