"""What equity alone tells: held to other libraries, to sums by hand, and to its word where it cannot be told."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from backtest import curves
from backtest.curves import Curve, Unmeasured, curve_of
from core.errors import DataRefused
from core.time import DAY_NS, HOUR_NS
from tests.backtest.builders import MIDNIGHT, FloatArray, walk_of

EVERY = [
    curves.annual_return,
    curves.volatility,
    curves.sharpe,
    curves.sortino,
    curves.value_at_risk,
    curves.expected_shortfall,
    curves.tail_ratio,
    curves.probabilistic_sharpe,
]


def daily(equity: FloatArray | list[float], step_ns: int = DAY_NS, first_ns: int = MIDNIGHT) -> Curve:
    line = np.asarray(equity, np.float64)
    return curve_of(first_ns + step_ns * np.arange(len(line), dtype=np.int64), line)


def of_returns(returns: FloatArray) -> Curve:
    return daily(np.concatenate([[1.0], np.cumprod(1 + returns)]))


def hand_written(n: int = 400) -> FloatArray:
    """Returns that every machine and library reads alike."""
    at = np.arange(n)
    return 0.01 * np.sin(1.7 * at) + 0.015 * np.sin(0.37 * at * at) + 0.0007


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # empyrical-reloaded 0.7.1 and quantstats 0.0.86, both with 365 periods a year, agree on these.
        (curves.total_return, 0.4960924982445447),
        (curves.volatility, 0.2480276620439298),
        (curves.sharpe, 1.6065089949911944),
        (curves.sortino, 2.420491604388446),
        (curves.max_drawdown, 0.1022304534600810),
        (curves.tail_ratio, 1.0479804696755657),
        # empyrical-reloaded (it calls this annual_return; quantstats rounds years otherwise).
        (curves.annual_return, 0.44427396086576554),
        (curves.calmar, 4.345808375380481),
        # skfolio 1.12.2; the shortfall is empyrical's too, whose value at risk interpolates between two days.
        (curves.value_at_risk, 0.02066347560576933),
        (curves.expected_shortfall, 0.022411750919188685),
        (curves.probabilistic_sharpe, 0.9529657097570939),
    ],
)
def test_a_figure_is_that_of_other_libraries(metric: Callable[[Curve], float], expected: float) -> None:
    assert metric(of_returns(hand_written())) == pytest.approx(expected, rel=1e-5)


def test_the_tail_of_days_that_do_not_divide_by_twenty_is_that_of_skfolio() -> None:
    odd = of_returns(hand_written(333))
    assert curves.value_at_risk(odd) == pytest.approx(0.020679874421363577)
    assert curves.expected_shortfall(odd) == pytest.approx(0.02241223913217437)


def test_hours_are_measured_by_the_day() -> None:
    hours = walk_of(24 * 60 + 1)
    fine, coarse = daily(hours, HOUR_NS), daily(hours[::24])
    assert fine.returns == pytest.approx(coarse.returns)
    assert curves.sharpe(fine) == pytest.approx(curves.sharpe(coarse))
    assert curves.max_drawdown(fine) >= curves.max_drawdown(coarse)


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends_there() -> None:
    curve = daily([100.0, 110.0, 121.0], DAY_NS)
    assert curve.returns.tolist() == pytest.approx([0.1, 0.1])
    assert curve.day_ns.tolist() == [MIDNIGHT + DAY_NS, MIDNIGHT + 2 * DAY_NS]


def test_days_compound_to_the_whole_also_where_the_first_is_cut() -> None:
    curve = daily(walk_of(24 * 40), HOUR_NS, MIDNIGHT + 7 * HOUR_NS)
    assert float(np.prod(1 + curve.returns)) - 1 == pytest.approx(curves.total_return(curve))


def test_a_day_without_a_bar_changes_nothing_and_is_counted() -> None:
    line = np.array([100.0, 110.0, 121.0])
    curve = curve_of(MIDNIGHT + DAY_NS * np.array([0, 1, 4]), line)
    assert curve.silent == 2
    assert curve.returns.tolist() == pytest.approx([0.1, 0.0, 0.0, 0.1])


@pytest.mark.parametrize(
    ("equity", "days"),
    [
        ([100, 101, 102, 103], 0),
        ([100, 100, 100], 0),
        ([100, 99, 100, 101], 2),
        ([100, 99, 98, 97], 3),
        ([100, 101, 100], 1),
        ([100, 90, 95, 100, 80, 90, 95, 99, 101], 5),
    ],
)
def test_a_drawdown_lasts_until_its_height_is_reached_again_or_to_the_end(equity: list[float], days: int) -> None:
    assert curves.drawdown_days(daily(equity)) == days


@pytest.mark.parametrize("metric", EVERY)
def test_less_than_a_month_is_too_short_for_a_figure_a_year(metric: Callable[[Curve], float]) -> None:
    with pytest.raises(Unmeasured, match="days are the least, found"):
        metric(daily(walk_of(30)))


@pytest.mark.parametrize("metric", [*EVERY, curves.calmar])
def test_ruin_has_no_returns(metric: Callable[[Curve], float]) -> None:
    line = walk_of(200)
    line[150:] = -5.0
    with pytest.raises(Unmeasured, match="nothing was left on 2021-"):
        metric(daily(line))


def test_ruin_is_told_as_a_loss_and_a_drawdown_of_more_than_all() -> None:
    ruined = daily([100.0, 120.0, -12.0])
    assert curves.total_return(ruined) == pytest.approx(-1.12)
    assert curves.max_drawdown(ruined) == pytest.approx(1.1)


@pytest.mark.parametrize("metric", [*EVERY, curves.total_return, curves.max_drawdown, curves.drawdown_days])
def test_equity_that_is_no_number_has_no_figure(metric: Callable[[Curve], float]) -> None:
    line = walk_of(200)
    line[17] = math.nan
    with pytest.raises(Unmeasured, match="equity is not a number at 1 of 200 bars, first on 2021-"):
        metric(daily(line))


def test_one_bar_is_no_history() -> None:
    with pytest.raises(Unmeasured, match="one bar is no history"):
        curves.total_return(daily([100.0]))


@pytest.mark.parametrize("line", [np.full(200, 100.0), 100.0 * 1.001 ** np.arange(200)])
def test_days_that_are_all_alike_have_no_ratio(line: FloatArray) -> None:
    with pytest.raises(Unmeasured, match="do not vary"):
        curves.sharpe(daily(line))
    assert curves.max_drawdown(daily(line)) == pytest.approx(0, abs=1e-12)


def test_what_never_lost_has_no_ratio_to_its_losses() -> None:
    rising = of_returns(np.abs(hand_written(200)))
    for metric, why in [(curves.sortino, "no day lost"), (curves.calmar, "never fell"), (curves.tail_ratio, "no loss")]:
        with pytest.raises(Unmeasured, match=why):
            metric(rising)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(DataRefused, match="each of 1 or more closes"):
        curve_of(np.zeros(0, np.int64), np.zeros(0))
    with pytest.raises(DataRefused, match="each of 1 or more closes"):
        curve_of(np.arange(3), np.ones(2))
    with pytest.raises(DataRefused, match="in order of time"):
        curve_of(np.array([3, 3]), np.ones(2))
