"""The box on top: met, not met or not decided, and every doubt in words."""

from dataclasses import replace

import numpy as np
import pytest

from backtest.curves import curve_of
from backtest.honesty import THRESHOLDS, Finding, Honesty, Threshold, Verdict, _verdict, honesty
from backtest.metrics import measured, of_equity, run_of
from models.validation.bootstrap import Interval
from tests.backtest.builders import outcome, spans_of, trade, traded, walk_of
from tests.models.builders import walk
from tools.simulation.outcome import ExitReason, Outcome


def told(made: Outcome, minimum_notional: float = 5.0) -> Honesty:
    run = run_of(made)
    held = of_equity(curve_of(made.close_ns, made.held))
    return honesty(run, measured(run), held, minimum_notional=minimum_notional, draws=100)


def finding(made: Outcome, metric: str) -> Finding:
    return next(one for one in told(made).findings if one.threshold.metric == metric)


ABOVE, BELOW = Threshold("sharpe", 1.5), Threshold("max_drawdown", 0.2, above=False)


@pytest.mark.parametrize(
    ("threshold", "value", "ends", "verdict"),
    [
        (ABOVE, 2.0, (1.51, 3.0), Verdict.MET),
        (ABOVE, 2.0, (1.5, 3.0), Verdict.UNDECIDED),
        (ABOVE, 1.0, (0.2, 1.6), Verdict.UNDECIDED),
        (ABOVE, 1.0, (0.2, 1.5), Verdict.NOT_MET),
        (ABOVE, 9.0, None, Verdict.UNDECIDED),
        (BELOW, 0.1, (0.05, 0.19), Verdict.MET),
        (BELOW, 0.1, (0.05, 0.2), Verdict.UNDECIDED),
        (BELOW, 0.1, None, Verdict.UNDECIDED),
        # It happened: no interval makes it undone.
        (BELOW, 0.2, (0.05, 0.19), Verdict.NOT_MET),
        (BELOW, 0.3, None, Verdict.NOT_MET),
    ],
)
def test_a_threshold_is_met_where_its_whole_interval_meets_it(
    threshold: Threshold, value: float, ends: tuple[float, float] | None, verdict: Verdict
) -> None:
    assert _verdict(threshold, value, ends and Interval(value, *ends)) is verdict


def test_the_published_thresholds_are_these() -> None:
    assert {one.metric: (one.bound, one.above) for one in THRESHOLDS} == {
        "sharpe": (1.5, True),
        "max_drawdown": (0.20, False),
        "win_rate": (0.52, True),
        "profit_factor": (1.5, True),
        "average_trade": (0.003, True),
    }


def test_noise_meets_nothing_and_a_good_run_of_three_trades_decides_nothing() -> None:
    noise = told(traded(walk(24 * 300), spans_of(24 * 300, 200)))
    assert Verdict.MET not in {one.verdict for one in noise.findings if one.threshold.above}
    lucky = finding(outcome(walk_of(300), trades=[trade(50), trade(60), trade(70)]), "win_rate")
    assert (lucky.value, lucky.verdict) == (1.0, Verdict.UNDECIDED)
    assert lucky.why == "30 trades are the least for an interval, found 3"


def test_a_planted_edge_is_found() -> None:
    random = np.random.default_rng(4)
    trades = [trade(float(profit), closed=at) for at, profit in enumerate(random.normal(20, 15, 300))]
    line = 10_000 * np.cumprod(1 + random.normal(0.004, 0.01, 600))
    box = told(outcome(line, trades=trades))
    assert {one.verdict for one in box.findings} == {Verdict.MET}


def test_what_is_not_measured_is_not_decided_and_says_why() -> None:
    found = finding(outcome(np.full(100, 1.0)), "win_rate")
    assert (found.value, found.interval, found.verdict, found.why) == (
        None,
        None,
        Verdict.UNDECIDED,
        "no trade was made",
    )


def test_who_did_nothing_has_not_met_the_drawdown_either() -> None:
    found = finding(outcome(np.full(100, 1.0)), "max_drawdown")
    assert (found.value, found.verdict, found.why) == (0.0, Verdict.UNDECIDED, "no trade was made")


def test_the_least_equity_reckons_with_the_equity_before_each_trade() -> None:
    box = told(outcome([10_000.0, 10_000.0, 40_000.0], trades=[trade(0, worth=1000, opened=1, closed=2)]))
    assert box.least_equity is not None
    assert box.least_equity.every == pytest.approx(50)


def test_the_least_equity_is_that_of_the_smallest_share() -> None:
    sizes = [trade(0, worth=1000), trade(0, worth=100)]
    box = told(outcome(np.full(100, 10_000.0), trades=sizes), minimum_notional=5)
    assert box.least_equity is not None
    assert box.least_equity.every == pytest.approx(500)  # a hundredth of it is 5
    assert box.least_equity.most == pytest.approx(50 + 0.95 * 450)


def test_an_exit_that_is_worth_less_than_its_entry_needs_more() -> None:
    box = told(outcome(np.full(100, 10_000.0), trades=[trade(-500, worth=1000)]), minimum_notional=5)
    assert box.least_equity is not None
    assert box.least_equity.every == pytest.approx(100)


def test_few_trades_and_a_ratio_beyond_belief_are_alarms() -> None:
    line = 10_000 * np.cumprod(1 + np.random.default_rng(5).normal(0.01, 0.01, 100))
    doubts = " · ".join(told(outcome(line, trades=[trade(1)])).doubts)
    assert "1 trades are no evidence" in doubts
    assert "is above 3: leakage until shown otherwise" in doubts


def test_costs_above_the_edge_are_an_alarm() -> None:
    made = outcome(walk_of(400), trades=[trade(-1, cost=3, closed=at) for at in range(200)])
    assert any("turnover eats the edge" in doubt for doubt in told(made).doubts)


def test_the_gravest_doubt_comes_first() -> None:
    line = walk_of(100)
    line[50:] = 0.0
    assert told(outcome(line)).doubts[0].startswith("RUIN: nothing was left on 2021-")
    line[10] = np.nan
    assert told(outcome(line)).doubts[0].startswith("equity is not a number at 1 of 100 bars")


def test_what_else_a_reader_should_know_is_said() -> None:
    trades = [trade(1, reason=ExitReason.LIQUIDATION), trade(1, reason=ExitReason.END)]
    made = outcome([100.0, 90.0, 90.0], held=[100.0, 120.0, 130.0], trades=trades, trials=400)
    made = replace(made, close_ns=made.close_ns + np.array([0, 0, 5]) * 86_400 * 10**9)
    doubts = " · ".join(told(made).doubts)
    for words in (
        "buying and holding the same earned +30.0%, this -10.0%",
        "one of 400 trials",
        "7 days are less than a year",
        "5 of 7 days have no bar",
        "1 of 2 trades were liquidated",
        "1 of 2 trades were open at the end",
        "equity changed by -10.00, but the profits of all trades add up to +2.00",
    ):
        assert words in doubts


def test_trades_and_equity_that_agree_raise_no_doubt() -> None:
    assert not any("add up to" in doubt for doubt in told(traded(walk(2000), spans_of(2000, 50))).doubts)
