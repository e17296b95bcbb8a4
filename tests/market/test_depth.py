from decimal import Decimal
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import on_grid
from core.quotes import Level
from market.depth import LEVELS, best_ticks, levels
from market.instruments import spot
from market.paths import CHARACTERS, Path, market_factor, simulate
from market.regimes import DAY_MINUTES, Regime, climate

MINUTES = 5 * DAY_MINUTES


@cache
def path_of(symbol: str) -> Path:
    return simulate(symbol, 7, market_factor(7, climate(Regime.MIXED, 7, MINUTES)))


def worth(side: tuple[Level, ...]) -> Decimal:
    return sum((level.price * level.quantity for level in side), Decimal(0))


@given(symbol=st.sampled_from(sorted(CHARACTERS)), minute=st.integers(0, MINUTES))
def test_a_book_is_sorted_uncrossed_and_on_its_increments(symbol: str, minute: int) -> None:
    instrument = spot(symbol)
    bids, asks = levels(path_of(symbol), minute, instrument, seed=7)
    assert (len(bids), len(asks)) == (LEVELS, LEVELS)
    assert all(a.price > b.price for a, b in pairwise(bids))
    assert all(a.price < b.price for a, b in pairwise(asks))
    assert 0 < bids[-1].price < bids[0].price < asks[0].price
    for level in (*bids, *asks):
        assert on_grid(level.price, instrument.tick_size)
        assert on_grid(level.quantity, instrument.lot_size)
        assert level.quantity > 0


@given(symbol=st.sampled_from(sorted(CHARACTERS)), minute=st.integers(0, MINUTES))
def test_the_last_price_lies_between_the_best_prices(symbol: str, minute: int) -> None:
    path = path_of(symbol)
    bid, ask = best_ticks(path, minute)
    assert bid <= path.ticks[minute] <= ask
    assert bid < ask
    assert abs((bid + ask) / 2 - path.ticks[minute]) <= 0.5
    asked = path.spread_bps[minute] / 10_000 * path.ticks[minute]
    assert ask - bid == pytest.approx(max(asked, 1), abs=0.5001)


def test_the_same_minute_has_the_same_book_and_the_next_another() -> None:
    path, instrument = path_of("ETH/USDT"), spot("ETH/USDT")
    assert levels(path, 100, instrument, 7) == levels(path, 100, instrument, 7)
    assert levels(path, 100, instrument, 7) != levels(path, 101, instrument, 7)


def test_depth_thins_when_the_spread_is_stressed() -> None:
    path, instrument = path_of("ETH/USDT"), spot("ETH/USDT")
    stressed = int(np.argmax(path.stress))
    calm = int(np.argmin(path.stress))
    assert path.stress[stressed] > 20
    assert worth(levels(path, stressed, instrument, 7)[1]) < worth(levels(path, calm, instrument, 7)[1]) / 2
