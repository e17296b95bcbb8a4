"""What round trips tell, by sums that can be done by hand."""

import math
from collections.abc import Callable

import pytest

from backtest import trades
from backtest.curves import Unmeasured
from backtest.trades import Closed, closed_of
from tests.backtest.builders import trade

EVERY = [trades.win_rate, trades.profit_factor, trades.average_trade, trades.expectancy, trades.cost_share]


def test_figures_of_four_trades() -> None:
    closed = closed_of([trade(30), trade(-10), trade(0), trade(20, worth=500)])
    assert trades.win_rate(closed) == 0.5  # nothing gained is no win
    assert trades.profit_factor(closed) == 5
    assert trades.expectancy(closed) == 10
    assert trades.average_trade(closed) == pytest.approx((0.03 - 0.01 + 0 + 0.04) / 4)


def test_expectancy_is_what_its_formula_says() -> None:
    closed = closed_of([trade(30), trade(-10), trade(-20), trade(60)])
    assert trades.expectancy(closed) == pytest.approx(0.5 * 45 - 0.5 * 15)


def test_costs_are_held_against_what_was_earned_before_them() -> None:
    closed = closed_of([trade(30, cost=10), trade(-10, cost=10, slippage=5.0, funding=5.0)])
    assert trades.cost_share(closed) == pytest.approx(30 / 50)


def test_received_funding_lowers_the_costs() -> None:
    assert trades.cost_share(closed_of([trade(30, cost=10, funding=-4.0)])) == pytest.approx(6 / 36)


def test_without_an_edge_there_is_none_to_eat() -> None:
    with pytest.raises(Unmeasured, match="no edge"):
        trades.cost_share(closed_of([trade(-30, cost=10)]))


@pytest.mark.parametrize("metric", EVERY)
def test_no_trade_has_no_figure(metric: Callable[[Closed], float]) -> None:
    with pytest.raises(Unmeasured, match="no trade was made"):
        metric(closed_of([]))


@pytest.mark.parametrize("metric", EVERY)
def test_a_number_that_is_none_is_named(metric: Callable[[Closed], float]) -> None:
    with pytest.raises(Unmeasured, match="a number of 1 of 2 trades is not finite"):
        metric(closed_of([trade(1), trade(math.nan)]))


@pytest.mark.parametrize("strange", [{"quantity": 0.0}, {"entry": -1.0}, {"direction": 0}])
def test_a_trade_of_nothing_is_named(strange: dict[str, float]) -> None:
    with pytest.raises(Unmeasured, match="1 of 1 trades have no quantity, price or direction"):
        trades.win_rate(closed_of([trade(1, **strange)]))


def test_without_a_loser_there_is_no_profit_factor() -> None:
    with pytest.raises(Unmeasured, match="no trade lost"):
        trades.profit_factor(closed_of([trade(1), trade(2)]))


def test_without_a_winner_it_is_nothing() -> None:
    assert trades.profit_factor(closed_of([trade(-1)])) == 0


def test_trades_are_put_in_the_order_in_which_they_were_closed() -> None:
    closed = closed_of([trade(1, closed=9), trade(2, closed=3)])
    assert closed.profit.tolist() == [2, 1]
