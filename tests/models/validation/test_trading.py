"""What a signal earns after costs, held against fills that can be counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from core.bars import Bars
from core.errors import ConfigError, DataRefused
from core.fills import fee, slipped
from core.time import Timeframe
from models.validation.trading import Costs, sides, traded
from tests.models.builders import bars_of, walk

FREE = Costs(0.0, 0.0)


def opening(opens: list[float], timeframe: Timeframe = Timeframe.D1) -> Bars:
    bars = bars_of(opens, timeframe=timeframe)
    return replace(bars, open=np.array(opens))


def test_a_position_is_taken_at_the_open_after_it_was_wanted_and_left_at_the_next() -> None:
    bars = opening([100, 110, 121, 60, 60])
    result = traded(bars, np.array([0]), np.array([1.0]), costs=FREE)
    assert result.returns.tolist() == pytest.approx([0.1])
    assert (result.trades, result.cost) == (1, 0)


def test_a_round_trip_pays_fee_and_slippage_twice_as_fills_do() -> None:
    bars, costs = opening([100, 100, 100, 100]), Costs(fee_rate=0.001, slippage=0.0005)
    bought, sold = slipped(100.0, 1, 0.0005, 0.0, 0.0), slipped(100.0, -1, 0.0005, 0.0, 0.0)
    lost = (bought - sold + fee(bought, 0.001) + fee(sold, 0.001)) / 100
    result = traded(bars, np.array([0]), np.array([1.0]), costs=costs)
    assert result.cost == pytest.approx(lost)
    assert result.total == pytest.approx(-lost)
    assert lost == pytest.approx(0.003)


def test_what_is_held_on_is_not_paid_for_again() -> None:
    bars = walk(300)
    always = traded(bars, np.arange(200), np.ones(200))
    assert always.trades == 1
    assert always.cost == pytest.approx(0.003, rel=1e-3)
    flipping = traded(bars, np.arange(200), np.where(np.arange(200) % 2, 1.0, -1.0))
    assert flipping.trades == 200
    assert flipping.cost == pytest.approx(0.0015 * 400, rel=0.01)


def test_without_costs_a_buyer_and_holder_has_what_the_price_did() -> None:
    bars = walk(300)
    result = traded(bars, np.arange(200), np.ones(200), costs=FREE)
    assert result.total == pytest.approx(bars.open[201] / bars.open[1] - 1)
    assert result.drawdown == pytest.approx(float((1 - result.equity / np.maximum.accumulate(result.equity)).max()))


def test_overlapping_holdings_share_equity() -> None:
    bars = opening([100, 100, 110, 110, 110, 110])
    result = traded(bars, np.array([0, 1]), np.array([1.0, 1.0]), horizon=2, costs=FREE)
    assert result.returns.tolist() == pytest.approx([0.05, 0.0, 0.0])


def test_nothing_after_the_last_open_is_assumed() -> None:
    bars = walk(100)
    shorter = traded(bars, np.arange(90), np.ones(90), costs=FREE)
    longest = traded(bars, np.arange(100), np.ones(100), costs=FREE)
    assert len(shorter.returns) == 90
    assert len(longest.returns) == 98
    assert longest.returns[:90].tolist() == shorter.returns.tolist()


def test_thresholds_and_silence_give_the_side() -> None:
    p_up = np.array([0.65, 0.64, 0.35, 0.36, np.nan])
    assert sides(p_up, buy_above=0.65, sell_below=0.35).tolist() == [1, 0, -1, 0, 0]
    assert sides(p_up, buy_above=0.65, sell_below=0.35, short=False).tolist() == [1, 0, 0, 0, 0]
    assert sides(np.array([0.5, 0.51, 0.49])).tolist() == [0, 1, -1]


def test_no_position_has_no_ratio() -> None:
    result = traded(walk(50), np.arange(40), np.zeros(40))
    assert np.isnan(result.sharpe)
    assert (result.trades, result.total, result.turnover) == (0, 0, 0)


def test_what_cannot_be_traded_is_refused() -> None:
    with pytest.raises(DataRefused, match="in order of time at bars 0 to 49"):
        traded(walk(50), np.array([3, 2]), np.ones(2))
    with pytest.raises(DataRefused, match="from -1 to 1"):
        traded(walk(50), np.array([2, 3]), np.array([1.0, np.nan]))
    with pytest.raises(ConfigError, match="fractions below 1"):
        Costs(fee_rate=-0.001)
    with pytest.raises(ConfigError, match="in order"):
        sides(np.array([0.5]), buy_above=0.4, sell_below=0.6)
