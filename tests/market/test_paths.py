import numpy as np
import pytest

from market.instruments import spot
from market.paths import CHARACTERS, LEAD_MINUTES, Path, market_factor, simulate
from market.regimes import DAY_MINUTES, Regime, climate

DAYS = 120
MINUTES = DAYS * DAY_MINUTES


def path_of(symbol: str, seed: int = 7, minutes: int = MINUTES) -> Path:
    return simulate(symbol, seed, market_factor(seed, climate(Regime.MIXED, seed, minutes)))


@pytest.fixture(scope="module")
def btc() -> Path:
    return path_of("BTC/USDT")


@pytest.fixture(scope="module")
def eth() -> Path:
    return path_of("ETH/USDT")


def hourly(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    returns: np.ndarray[tuple[int], np.dtype[np.float64]] = np.diff(np.log(path.ticks[::60].astype(np.float64)))
    return returns


def test_a_path_has_one_point_more_than_minutes(btc: Path) -> None:
    assert (len(btc.ticks), len(btc.spread_bps), len(btc.lots)) == (MINUTES + 1, MINUTES + 1, MINUTES)


@pytest.mark.parametrize("symbol", CHARACTERS)
def test_a_path_starts_at_its_stated_price_and_stays_positive(symbol: str) -> None:
    path = path_of(symbol, minutes=10 * DAY_MINUTES)
    assert path.ticks[0] * float(spot(symbol).tick_size) == pytest.approx(CHARACTERS[symbol].price)
    assert path.ticks.min() >= 1
    assert path.lots.min() >= 0


def test_another_seed_is_another_path(btc: Path) -> None:
    assert not np.array_equal(path_of("BTC/USDT", seed=8).ticks, btc.ticks)


def test_a_shorter_path_is_the_beginning_of_a_longer_one(btc: Path) -> None:
    short = path_of("BTC/USDT", minutes=90)
    assert np.array_equal(short.ticks, btc.ticks[:91])
    assert np.array_equal(short.spread_bps, btc.spread_bps[:91])
    assert np.array_equal(short.lots, btc.lots[:90])
    assert np.array_equal(short.own_jumps, btc.own_jumps[: 90 + LEAD_MINUTES])


def test_bitcoin_and_ether_move_together(btc: Path, eth: Path) -> None:
    assert 0.5 < np.corrcoef(hourly(btc), hourly(eth))[0, 1] < 0.97


def test_volatility_clusters(btc: Path) -> None:
    size = np.abs(hourly(btc))
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1


def test_returns_have_fat_tails(btc: Path) -> None:
    returns = hourly(btc)
    assert np.mean(returns**4) / np.mean(returns**2) ** 2 > 4


def test_a_days_volatility_is_a_few_percent(btc: Path, eth: Path) -> None:
    assert 0.02 < hourly(btc).std() * 24**0.5 < 0.045
    assert hourly(btc).std() < hourly(eth).std() < 0.06 / 24**0.5 * 1.2


def test_the_drift_changes_by_regime_and_lasts_hours() -> None:
    drift = climate(Regime.MIXED, 7, MINUTES).drift
    changes = np.flatnonzero(np.diff(drift)) + 1
    assert len(np.unique(drift)) >= 4
    assert 10 <= len(changes) <= 80
    assert (changes % 60 == 0).all()


def test_volume_rises_with_the_size_of_the_move(btc: Path) -> None:
    moves = np.abs(np.diff(np.log(btc.ticks.astype(np.float64))))
    assert np.corrcoef(moves, btc.lots)[0, 1] > 0.4


def test_a_calm_spread_is_about_one_basis_point_for_bitcoin_and_some_for_ether(btc: Path, eth: Path) -> None:
    assert 0.8 < np.median(btc.spread_bps) < 1.5
    assert 2.0 < np.median(eth.spread_bps) < 3.5


def test_a_jump_widens_the_spread_at_once_and_it_narrows_within_the_hour(eth: Path) -> None:
    at = int(np.argmax(np.abs(eth.own_jumps[: MINUTES - 60])))
    before, after, later = eth.spread_bps[at], eth.spread_bps[at + 1], eth.spread_bps[at + 61]
    assert after > before + 30
    assert later - before < (after - before) / 4
