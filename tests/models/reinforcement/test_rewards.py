"""Rewards against the ratios that they are the derivatives of, and where they are silent."""

import math

import numpy as np
import pytest

from core.errors import ConfigError
from models.reinforcement.rewards import MOST, SETTLED, DifferentialSharpe, DifferentialSortino, ReturnLessRisk, Reward
from models.reinforcement.rules import Rules

RETURNS = np.random.default_rng(3).normal(0.001, 0.01, 200).tolist()


def sharpe(rate: float, returns: list[float]) -> float:
    mean = square = 0.0
    for r in returns[:-1]:
        mean, square = mean + 0.01 * (r - mean), square + 0.01 * (r * r - square)
    last = returns[-1]
    mean, square = mean + rate * (last - mean), square + rate * (last * last - square)
    return mean / math.sqrt(square - mean * mean)


def sortino(rate: float, returns: list[float]) -> float:
    mean = downside = 0.0
    for r in returns[:-1]:
        mean, downside = mean + 0.01 * (r - mean), downside + 0.01 * (min(r, 0) ** 2 - downside)
    last = returns[-1]
    mean, downside = mean + rate * (last - mean), downside + rate * (min(last, 0) ** 2 - downside)
    return mean / math.sqrt(downside)


@pytest.mark.parametrize(("kind", "ratio"), [(DifferentialSharpe, sharpe), (DifferentialSortino, sortino)])
@pytest.mark.parametrize("n", [50, 51, 52, 53, 200])
def test_a_reward_is_the_derivative_of_its_ratio_by_the_rate(kind: type[Reward], ratio: object, n: int) -> None:
    assert callable(ratio)
    reward, h = kind(), 1e-6
    told = [reward(r) for r in RETURNS[:n]][-1]
    assert told == pytest.approx((ratio(h, RETURNS[:n]) - ratio(-h, RETURNS[:n])) / (2 * h), rel=1e-4)


def test_a_return_less_its_risk() -> None:
    assert ReturnLessRisk(aversion=2.0)(-0.1) == pytest.approx(-0.12)
    assert ReturnLessRisk(aversion=0.0)(0.1) == 0.1


@pytest.mark.parametrize("kind", [DifferentialSharpe, DifferentialSortino])
def test_a_ratio_is_silent_until_it_settles_and_never_jumps(kind: type[Reward]) -> None:
    reward, mostly_gains = kind(), [0.01, 0.01, -0.005] * SETTLED
    assert [reward(r) for r in mostly_gains[:SETTLED]] == [0.0] * SETTLED
    assert reward(mostly_gains[SETTLED]) != 0
    assert reward(-0.9) == -MOST
    still = kind()
    assert {still(0.0) for _ in range(100)} == {0.0}


def test_a_reward_that_there_is_not_is_named() -> None:
    with pytest.raises(ConfigError, match="one of return, sharpe, sortino, found 'calmar'"):
        Rules(reward="calmar")
