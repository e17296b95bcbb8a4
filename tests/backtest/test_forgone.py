"""What a denied entry would have come to, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from backtest.forgone import MOST_NS, by_code, forgone, tally
from core.bars import Bars
from core.orders import Side
from core.time import DAY_NS, HOUR_NS, Timeframe
from desk.denials import Denial
from tests.backtest.builders import MIDNIGHT

BTC = "BTC/USDT"
ENTRY = Denial(BTC, Side.BUY, 2.0, MIDNIGHT, ("spread",), stop=95.0, target=120.0, time_limit_s=6 * 3_600)


def flat(n: int, **changed: dict[int, float]) -> Bars:
    """Hours at 100, with single prices changed."""
    columns = {name: np.full(n, 100.0) for name in ("open", "high", "low", "close")}
    for name, values in changed.items():
        for at, value in values.items():
            columns[name][at] = value
    return Bars(BTC, Timeframe.H1, MIDNIGHT + HOUR_NS * np.arange(n, dtype=np.int64), **columns, volume=np.ones(n))


def profit(denial: Denial, bars: Bars, *, fee_rate: float = 0.0, slippage: float = 0.0) -> tuple[float, int]:
    [found] = forgone([denial], {BTC: bars}, fee_rate=fee_rate, slippage=slippage)
    assert found is not None
    return found.profit, (found.closed_ns - MIDNIGHT) // HOUR_NS


def test_an_entry_is_left_at_its_stop_before_its_target_and_below_it_after_a_gap() -> None:
    both = flat(10, low={2: 94.0}, high={2: 130.0})
    assert profit(ENTRY, both) == (pytest.approx(-10.0), 3)
    gap = flat(10, open={2: 90.0}, low={2: 89.0})
    assert profit(ENTRY, gap) == (pytest.approx(-20.0), 3)


def test_a_target_fills_only_where_the_market_trades_through_it() -> None:
    reached = flat(10, high={1: 120.0, 3: 120.5}, close={5: 101.0})
    assert profit(ENTRY, reached) == (pytest.approx(40.0), 4)


def test_at_its_time_limit_it_is_left_unless_it_is_in_profit() -> None:
    assert profit(ENTRY, flat(40)) == (0.0, 6)
    rising = flat(40, close=dict.fromkeys(range(5, 9), 101.0))
    assert profit(ENTRY, rising) == (0.0, 10)


def test_without_a_way_out_it_is_left_after_the_longest_time_or_with_the_data() -> None:
    open_end = replace(ENTRY, stop=None, target=None, time_limit_s=None)
    assert profit(open_end, flat(MOST_NS // HOUR_NS + 5))[1] == MOST_NS // HOUR_NS
    assert profit(open_end, flat(5, close={4: 90.0})) == (pytest.approx(-20.0), 5)


def test_a_short_entry_gains_as_prices_fall_and_both_sides_pay_costs() -> None:
    short = replace(ENTRY, side=Side.SELL, stop=105.0, target=80.0)
    assert profit(short, flat(10, low={1: 79.0})) == (pytest.approx(40.0), 2)
    paid, _ = profit(ENTRY, flat(10), fee_rate=0.001, slippage=0.01)
    assert paid == pytest.approx(2 * (99 - 101) - 0.001 * 2 * (99 + 101))


def test_an_entry_after_the_last_bar_or_of_a_symbol_without_bars_has_no_worth() -> None:
    late = replace(ENTRY, decided_ns=MIDNIGHT + DAY_NS)
    other = replace(ENTRY, symbol="ETH/USDT")
    found = forgone([late, other, ENTRY], {BTC: flat(10)}, fee_rate=0.0, slippage=0.0)
    assert found[:2] == [None, None]
    told = tally(found)
    assert (told.count, told.valued, told.lost, told.profit) == (3, 1, 0, 0.0)


def test_what_several_rules_denied_stands_under_each_of_them() -> None:
    both = replace(ENTRY, codes=("spread", "volatility"))
    stopped = flat(10, low={1: 94.0})
    found = by_code([ENTRY, both], forgone([ENTRY, both], {BTC: stopped}, fee_rate=0.0, slippage=0.0))
    assert {code: (one.count, one.lost, one.profit) for code, one in found.items()} == {
        "spread": (2, 2, pytest.approx(-20.0)),
        "volatility": (1, 1, pytest.approx(-10.0)),
    }
