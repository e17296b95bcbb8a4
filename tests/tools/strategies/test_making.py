"""Market making by its paper's formula, within its bounds, on simulated books alone."""

import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from agents.instructions import Strategy
from core.errors import ConfigError
from tools.simulation.books import Session, made_market
from tools.strategies.making import MarketMaking, Quoted

MAKER = MarketMaking(aversion=0.1, arrivals=1.5, most=1_000)


def middle(quoted: Quoted) -> float:
    assert quoted.bid is not None
    assert quoted.ask is not None
    return (quoted.bid + quoted.ask) / 2


def test_the_quotes_are_those_of_the_published_formula() -> None:
    quoted = MAKER.quoted(100.0, 3, variance=4.0, left=0.5)
    assert middle(quoted) == pytest.approx(100 - 3 * 0.1 * 4 * 0.5)
    assert quoted.bid is not None
    assert quoted.ask is not None
    assert quoted.ask - quoted.bid == pytest.approx(0.1 * 4 * 0.5 + 2 / 0.1 * math.log(1 + 0.1 / 1.5))


def test_the_price_leans_against_what_is_held_and_less_as_the_session_ends() -> None:
    long, flat, short = (middle(MAKER.quoted(100.0, held, variance=4.0, left=1.0)) for held in (1, 0, -1))
    assert long < flat == 100 < short
    assert middle(MAKER.quoted(100.0, 1, variance=4.0, left=0.0)) == 100


def test_no_side_is_offered_beyond_the_bound_and_none_crosses_the_mid() -> None:
    maker = MarketMaking(most=5)
    assert maker.quoted(100.0, 5, variance=4.0, left=1.0).bid is None
    assert maker.quoted(100.0, -5, variance=4.0, left=1.0).ask is None
    assert maker.quoted(100.0, 4, variance=4.0, left=1.0).bid is not None
    far = MarketMaking(most=1_000).quoted(100.0, 500, variance=4.0, left=1.0)
    assert far.ask == 100.0


def test_inventory_stays_within_its_bound_whatever_comes() -> None:
    found = made_market(MarketMaking(most=3), Session(), sessions=100, seed=4)
    assert found.most.max() == 3
    assert found.fills.mean() > 20


def test_leaning_gives_a_little_profit_for_far_less_risk_as_the_paper_shows() -> None:
    """The paper's own setting: the same spread of about 1.49, and less than two thirds of the deviations."""
    leaning = made_market(MAKER, Session(), sessions=400, seed=1)
    even = made_market(MAKER, Session(), sessions=400, seed=1, lean=False)
    assert leaning.spread.mean() == pytest.approx(1.49, abs=0.01)
    assert leaning.profit.std() < 0.65 * even.profit.std()
    assert leaning.inventory.std() < 0.5 * even.inventory.std()
    assert 0.85 * even.profit.mean() < leaning.profit.mean() < even.profit.mean()
    assert abs(leaning.inventory.mean()) < 0.6


def test_sessions_are_the_same_for_a_seed() -> None:
    one, two, other = (made_market(MAKER, Session(), sessions=5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.profit, two.profit)
    assert not np.array_equal(one.profit, other.profit)


def test_a_rate_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ConfigError, match="a rate of 140 over 100 steps is no probability"):
        Session(steps=100)


@pytest.mark.parametrize("kind", ["making", "arbitrage"])
def test_it_cannot_be_a_standing_instruction(kind: str) -> None:
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        TypeAdapter(Strategy).validate_python({"kind": kind})
