"""Intervals hold the truth, are those of theory where there is one, and are not made of too little."""

import math

import numpy as np
import pytest

from backtest.curves import Unmeasured, max_drawdown
from backtest.intervals import _ways, interval_of
from backtest.metrics import run_of
from core.time import HOUR_NS
from models.validation.bootstrap import resampled_rows
from tests.backtest.builders import outcome, trade, walk_of


def test_the_interval_of_a_win_rate_is_that_of_independent_trades() -> None:
    wins = np.random.default_rng(2).random(400) < 0.55
    run = run_of(outcome([1.0, 1.0], trades=[trade(1 if won else -1, closed=at) for at, won in enumerate(wins)]))
    found = interval_of("win_rate", run)
    wide = 1.645 * math.sqrt(wins.mean() * (1 - wins.mean()) / 400)
    assert found.value == wins.mean()
    assert [found.low, found.high] == pytest.approx([wins.mean() - wide, wins.mean() + wide], abs=0.015)


def test_every_interval_holds_its_figure() -> None:
    random = np.random.default_rng(3)
    trades = [trade(float(profit), closed=at) for at, profit in enumerate(random.normal(3, 20, 100))]
    run = run_of(outcome(walk_of(300), trades=trades))
    for name in ("sharpe", "max_drawdown", "win_rate", "profit_factor", "average_trade"):
        found = interval_of(name, run, draws=200)
        assert found.low < found.value < found.high, name


def test_a_drawdown_within_a_day_counts_also_when_days_are_drawn_again() -> None:
    """Every day falls by a fifth and ends where it began: daily closes alone would know of no drawdown."""
    day = np.concatenate([np.linspace(100, 80, 12), np.linspace(81, 100, 12)])
    run = run_of(outcome(np.concatenate([[100.0], np.tile(day, 60)]), step_ns=HOUR_NS))
    found = interval_of("max_drawdown", run, draws=20)
    assert [found.low, found.value, found.high] == pytest.approx([0.2, 0.2, 0.2])


def test_the_ways_of_days_in_their_own_order_give_the_drawdown_of_all_bars() -> None:
    curve = run_of(outcome(walk_of(24 * 50 + 1), step_ns=HOUR_NS)).curve
    inside, low, high = _ways(curve)
    began = np.concatenate([[1.0], np.cumprod(1 + curve.returns)[:-1]])
    peak = np.maximum.accumulate(np.concatenate([[1.0], began * high]))[:-1]
    assert max(inside.max(), (1 - began * low / peak).max()) == pytest.approx(max_drawdown(curve))


def test_rows_are_drawn_in_blocks_that_run_on() -> None:
    drawn = list(resampled_rows(1000, length=50, draws=20, seed=1))
    assert all(len(rows) == 1000 and rows.min() >= 0 and rows.max() < 1000 for rows in drawn)
    run_on = np.mean([((np.diff(rows) % 1000) == 1).mean() for rows in drawn])
    assert run_on == pytest.approx(0.98, abs=0.01)


@pytest.mark.parametrize("name", ["win_rate", "profit_factor", "average_trade"])
def test_a_few_trades_have_no_interval(name: str) -> None:
    run = run_of(outcome([1.0, 1.0], trades=[trade(1), trade(2), trade(-1)]))
    with pytest.raises(Unmeasured, match="30 trades are the least for an interval, found 3"):
        interval_of(name, run)


def test_a_factor_whose_draws_have_no_loser_has_no_upper_end() -> None:
    run = run_of(outcome([1.0, 1.0], trades=[*(trade(1, closed=at) for at in range(39)), trade(-1, closed=50)]))
    found = interval_of("profit_factor", run)
    assert found.value == 39
    assert found.high == math.inf
