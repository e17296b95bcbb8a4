"""Who earned it and when: shares add up, and months compound."""

import numpy as np
import pytest

from backtest.attribution import BY, NOBODY, attributed, by_month
from backtest.curves import Unmeasured, curve_of, total_return
from core.time import DAY_NS, HOUR_NS, parse_time
from tests.backtest.builders import spans_of, trade, traded, walk_of
from tests.models.builders import walk


@pytest.mark.parametrize("by", list(BY))
def test_shares_add_up_to_the_whole(by: str) -> None:
    trades = traded(walk(2000), spans_of(2000, 60)).trades
    shares = attributed(trades, BY[by])
    assert sum(one.trades for one in shares) == 60
    assert sum(one.profit for one in shares) == pytest.approx(sum(one.profit for one in trades))
    assert sum(one.won for one in shares) == sum(one.profit > 0 for one in trades)
    assert [one.profit for one in shares] == sorted((one.profit for one in shares), reverse=True)


def test_what_nobody_wanted_in_particular_is_said_to_be_nobodys() -> None:
    (share,) = attributed([trade(5, cost=1), trade(-2, cost=1)], BY["agent"])
    assert (share.name, share.trades, share.won, share.profit, share.cost) == (NOBODY, 2, 1, 3.0, 2.0)


def test_months_compound_to_the_total() -> None:
    line = walk_of(24 * 500)
    curve = curve_of(parse_time("2020-11-17T05:00Z") + HOUR_NS * np.arange(len(line), dtype=np.int64), line)
    years = by_month(curve)
    assert [one.year for one in years] == [2020, 2021, 2022]
    assert np.prod([1 + one.whole for one in years]) - 1 == pytest.approx(total_return(curve))
    assert years[0].months[:10] == (None,) * 10
    assert None not in years[1].months


def test_a_bar_that_closes_at_midnight_belongs_to_the_month_that_ends() -> None:
    closes = parse_time("2021-01-31T00:00Z") + DAY_NS * np.arange(3, dtype=np.int64)
    (year,) = by_month(curve_of(closes, np.array([100.0, 110.0, 121.0])))
    assert year.months[:2] == pytest.approx((0.1, 0.1))


def test_a_first_close_at_midnight_of_the_first_is_no_month_of_its_own() -> None:
    closes = parse_time("2021-01-01T00:00Z") + DAY_NS * np.arange(3, dtype=np.int64)
    (year,) = by_month(curve_of(closes, np.array([100.0, 110.0, 121.0])))
    assert (year.year, year.months[0]) == (2021, pytest.approx(0.21))


def test_a_month_without_a_bar_changed_nothing() -> None:
    closes = np.array([parse_time(day) for day in ("2021-01-05", "2021-03-05")], np.int64)
    (year,) = by_month(curve_of(closes, np.array([100.0, 110.0])))
    assert year.months[:3] == pytest.approx((0.0, 0.0, 0.1))


def test_lost_equity_has_no_months() -> None:
    with pytest.raises(Unmeasured, match="nothing was left"):
        by_month(curve_of(np.array([1, 2]) * DAY_NS, np.array([1.0, 0.0])))
