"""The whole table of figures: each has its formula, and each that cannot be told says why."""

from dataclasses import replace

import numpy as np
import pytest

from backtest.metrics import catalogue, measured, run_of
from core.errors import DataRefused
from models.validation.overfitting import deflated_sharpe
from tests.backtest.builders import outcome, spans_of, trade, traded, walk_of
from tests.models.builders import walk


def test_every_figure_is_measured_once_and_has_a_formula() -> None:
    run = run_of(traded(walk(24 * 200), spans_of(24 * 200, 80)))
    found = measured(run)
    assert list(found) == list(catalogue())
    assert {name: one.why for name, one in found.items() if one.value is None} == {}
    for metric in catalogue().values():
        assert len(metric.formula) > 20, metric.name


def test_no_trades_and_flat_equity_say_so() -> None:
    found = measured(run_of(outcome(np.full(200, 10_000.0))))
    assert {name for name, one in found.items() if one.why == "no trade was made"} == {
        *("win_rate", "profit_factor", "average_trade", "expectancy", "cost_share")
    }
    zeros = ["total_return", "annual_return", "volatility", "max_drawdown", "drawdown_days", "trades", "turnover"]
    assert [found[name].value for name in (*zeros, "exposure", "time_in_market")] == [0.0] * 9
    assert found["sharpe"].why == found["deflated_sharpe"].why == "daily returns do not vary"


def test_one_bar_measures_nothing_but_that_nothing_was_done() -> None:
    found = measured(run_of(outcome([10_000.0])))
    assert {name for name, one in found.items() if one.value is not None} == {
        *("trades", "turnover", "exposure", "time_in_market")
    }


def test_turnover_counts_both_sides_of_every_trade() -> None:
    run = run_of(outcome(np.full(366, 10_000.0), trades=[trade(0), trade(0, worth=500)]))
    assert measured(run)["turnover"].value == pytest.approx(3000 / 10_000)


def test_exposure_is_a_mean_and_a_share_of_bars() -> None:
    found = measured(run_of(outcome(np.ones(4), exposure=[0, 0.5, 1.5, 0])))
    assert (found["exposure"].value, found["time_in_market"].value) == (0.5, 0.5)
    unknown = measured(run_of(outcome(np.ones(4), exposure=[0, np.nan, 1, 0])))
    assert unknown["exposure"].why == "exposure is not a number at 1 bars"


def test_the_luckier_the_best_would_have_been_the_less_a_ratio_is_worth() -> None:
    line = walk_of(500, drift=0.002)
    lucky = [measured(run_of(outcome(line, trials=9, luck=luck)))["deflated_sharpe"].value for luck in (0.0, 0.05, 0.5)]
    assert lucky[0] is not None
    assert lucky == sorted(lucky, key=lambda one: -(one or 0))
    assert lucky[0] == pytest.approx(measured(run_of(outcome(line)))["probabilistic_sharpe"].value)


def test_a_deflated_ratio_is_the_ledgers() -> None:
    line, tried = walk_of(500, drift=0.002), np.random.default_rng(1).normal(0, 0.1, 50).tolist()
    known = deflated_sharpe(outcome(line).returns, tried)
    run = run_of(outcome(line, trials=50, luck=known.threshold))
    assert measured(run)["deflated_sharpe"].value == known.probability


def test_without_the_ratios_of_its_trials_nothing_is_deflated() -> None:
    found = measured(run_of(outcome(walk_of(500), trials=50)))["deflated_sharpe"]
    assert found.why == "the ratios of the 50 trials that it was picked from are not known"


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(DataRefused, match="held has the shape"):
        run_of(replace(outcome(np.ones(5)), held=np.ones(4)))
