"""What single bars do to a simulated account, one rule at a time, and what is refused before anything is simulated."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from core.time import Timeframe
from risk.breakers import STANDARD
from risk.readings import Reading
from tests.tools.simulation.markets import START_NS, bars_of, wild, wishes
from tools.simulation import running
from tools.simulation.grid import grid
from tools.simulation.outcome import ExitReason, Outcome
from tools.simulation.settings import Exits, Terms, Tier, tiers_of

FREE: dict[str, Any] = {"fee": 0.0, "slippage": 0.0, "impact": 0.0, "participation": math.inf, "latency_ms": 0.0}
Row = tuple[float, float, float, float, float]


def flat(price: float, volume: float = 1000.0) -> Row:
    return (price, price, price, price, volume)


def outcome(
    rows: Sequence[Row],
    wanted: Sequence[float],
    *,
    missing: Sequence[int] = (),
    ways: Exits | None = None,
    **terms: Any,
) -> Outcome:
    market = grid([bars_of(rows, missing=missing)])
    return running.outcome(market, np.array(wanted)[:, None], Terms(**{**FREE, **terms}), ways or Exits())


# Fills.


def test_a_target_is_filled_at_the_next_open_and_never_at_its_own_close() -> None:
    rows = [flat(100), (110, 111, 104, 105, 1000), flat(120)]
    (trade,) = outcome(rows, [1, 1, 1], units=1).trades
    assert (trade.entry, trade.exit, trade.reason) == (110, 120, ExitReason.END)


def test_costs_are_those_of_the_leaf_functions() -> None:
    found = outcome([flat(100)] * 4, [1, 0, 0, 0], units=2, fee=0.001, slippage=0.01)
    (trade,) = found.trades
    assert (trade.entry, trade.exit) == (pytest.approx(101), pytest.approx(99))
    assert trade.fees == pytest.approx(0.001 * 2 * 200)
    assert trade.slippage == pytest.approx(4)
    assert trade.profit == pytest.approx(-4 - trade.fees)
    assert found.equity[-1] == pytest.approx(10_000 + trade.profit)


def test_a_missing_bar_fills_nothing_and_the_order_is_decided_anew() -> None:
    rows = [flat(100), flat(100), flat(200), flat(210), flat(220)]
    (trade,) = outcome(rows, [1, math.nan, 1, 1, 1], missing=[1], units=1).trades
    assert trade.entry == 210


def test_a_bar_fills_its_share_of_volume_and_the_next_one_goes_on() -> None:
    rows = [flat(100, 100), flat(100, 10), flat(101, 10), flat(102, 1000)]
    (trade,) = outcome(rows, [1] * 4, units=2.5, participation=0.1).trades
    assert trade.entry == pytest.approx((100 + 101 + 0.5 * 102) / 2.5)


def test_without_volume_a_share_of_it_is_refused() -> None:
    with pytest.raises(DataRefused, match="no volume"):
        outcome([flat(100, 0)] * 3, [1, 1, 1], participation=0.1)


def test_the_other_side_is_a_new_order_one_bar_later() -> None:
    rows = [flat(100), flat(100), flat(90), flat(80), flat(70)]
    first, second = outcome(rows, [1, -1, -1, -1, -1], units=1, shorts=True).trades
    assert (first.direction, first.exit) == (1, 90)
    assert (second.direction, second.entry, second.profit) == (-1, 80, 10)


def test_a_short_that_is_not_allowed_is_no_position() -> None:
    assert outcome([flat(100)] * 3, [-1, -1, -1]).trades == ()


# Ways out.


def test_a_stop_that_gapped_fills_at_the_open_and_comes_before_a_target_of_the_same_bar() -> None:
    rows = [flat(100), flat(100), (80, 130, 70, 90, 1000), flat(90)]
    (trade,) = outcome(rows, [1] * 4, units=1, ways=Exits(stop=0.1, take=((0.2, 1.0),))).trades
    assert (trade.exit, trade.stop, trade.reason) == (80, 90, ExitReason.STOP)
    assert trade.slippage == 10


def test_a_target_fills_at_its_price_once_traded_through_and_not_when_touched() -> None:
    touched = [flat(100), flat(100), (100, 110, 100, 105, 1000), flat(105)]
    through = [flat(100), flat(100), (115, 120, 114, 118, 1000), flat(105)]
    ways = Exits(take=((0.1, 1.0),))
    assert outcome(touched, [1] * 4, units=1, ways=ways).trades[0].reason is ExitReason.END
    (trade,) = outcome(through, [1] * 4, units=1, ways=ways).trades
    assert (trade.exit, trade.reason) == (pytest.approx(110), ExitReason.TARGET)


def test_what_was_stopped_out_stays_out_until_another_side_is_wanted() -> None:
    rows = [flat(100), flat(100), (100, 100, 85, 95, 1000), flat(95), flat(95), flat(95), flat(95)]
    found = outcome(rows, [1, 1, 1, 1, 0, 1, 1], units=1, ways=Exits(stop=0.1)).trades
    assert [(t.reason, t.entry) for t in found] == [(ExitReason.STOP, 100), (ExitReason.END, 95)]
    assert found[1].opened_ns == START_NS + 6 * Timeframe.H4.ns


def test_a_trailing_stop_follows_only_what_the_bars_before_have_shown() -> None:
    rows = [flat(100), (100, 150, 100, 140, 1000), (140, 140, 134, 136, 1000), flat(136)]
    (trade,) = outcome(rows, [1] * 4, units=1, ways=Exits(trail=0.1)).trades
    assert (trade.exit, trade.closed_ns) == (pytest.approx(135), START_NS + 3 * Timeframe.H4.ns)


def test_a_short_at_twice_its_price_is_liquidated_and_loses_its_margin() -> None:
    rows = [flat(100), flat(100), (150, 250, 150, 240, 1000), flat(240)]
    (trade,) = outcome(rows, [-1] * 4, units=1, shorts=True).trades
    assert trade.reason is ExitReason.LIQUIDATION
    assert trade.profit == pytest.approx(-100)


def test_leverage_is_liquidated_earlier() -> None:
    rows = [flat(100), flat(100), (100, 100, 80, 85, 1000), flat(85)]
    (trade,) = outcome(rows, [1] * 4, units=1, leverage=10.0).trades
    assert (trade.reason, trade.profit) == (ExitReason.LIQUIDATION, pytest.approx(-10))


# Limits.


def test_a_target_beyond_a_cap_is_shrunk_to_it_and_counted_once() -> None:
    found = outcome([flat(100)] * 5, [1] * 5, max_asset=0.2)
    assert found.trades[0].quantity == pytest.approx(20, rel=1e-6)
    assert found.trades[0].quantity * 100 < 0.2 * 10_000
    assert found.vetoes == {"ASSET_EXPOSURE": 1}


def test_assets_share_their_cash() -> None:
    market = grid([bars_of([flat(100)] * 4, symbol=s) for s in ("A/USDT", "B/USDT")])
    found = running.outcome(market, np.ones((4, 2)), Terms(**{**FREE, "max_gross": 1.0}), Exits())
    assert sum(t.quantity for t in found.trades) * 100 <= 10_000
    assert found.vetoes == {"GROSS_EXPOSURE": 1}


def test_all_of_the_equity_can_be_spent_with_its_costs_and_not_more() -> None:
    found = outcome([flat(100)] * 3, [1, 1, 1], fee=0.001, slippage=0.0005)
    assert found.vetoes == {}
    spent = found.trades[0].quantity * found.trades[0].entry + found.trades[0].fees
    assert 10_000 * (1 - 1e-8) < spent <= 10_000


def test_below_the_least_notional_there_is_no_order() -> None:
    found = outcome([flat(100)] * 3, [0.01] * 3, lots={"BTC/USDT": (0.001, 200.0)})
    assert (found.trades, found.vetoes) == ((), {"MIN_NOTIONAL": 1})


def test_a_loss_of_the_shipped_policys_halt_denies_what_comes_after() -> None:
    rows = [flat(100), flat(100), flat(94), flat(94), flat(94), flat(94), flat(94), flat(94)]
    found = outcome(rows, [1, 1, 1, 0, 0, 1, 1, 1], tiers=tiers_of(STANDARD))
    assert len(found.trades) == 1
    assert found.vetoes["TRADING_STATE"] == 1


HALT = Tier(Reading.START_LOSS, 0.05, severity=2, caps=1.0, lasts_s=None)


def test_a_halt_keeps_what_is_held_unless_it_is_asked_to_close() -> None:
    rows = [flat(100), flat(100), flat(94), flat(93), flat(95)]
    assert outcome(rows, [1] * 5, tiers=(HALT,)).trades[0].reason is ExitReason.END
    (trade,) = outcome(rows, [1] * 5, tiers=(HALT,), closes=True).trades
    assert (trade.reason, trade.exit) == (ExitReason.TIER, 93)


def test_a_latch_that_is_re_armed_counts_losses_anew() -> None:
    rows = [flat(100), flat(100), flat(94), *[flat(94)] * 6]
    wanted = [1, 1, 1, 0, 1, 1, 1, 1, 1]
    assert len(outcome(rows, wanted, tiers=(HALT,)).trades) == 1
    again = outcome(rows, wanted, tiers=(HALT,), rearm_bars=3).trades
    assert [t.reason for t in again] == [ExitReason.SIGNAL, ExitReason.END]


def test_caps_of_a_tier_halve_what_may_be_bought() -> None:
    half = Tier(Reading.START_LOSS, 0.01, severity=0, caps=0.5, lasts_s=None)
    rows = [flat(100), flat(100), flat(98), flat(98), flat(98), flat(98)]
    _, second = outcome(rows, [1, 1, 0, 1, 1, 1], tiers=(half,)).trades
    assert second.quantity * second.entry == pytest.approx(0.5 * 9_800, rel=1e-6)


# What is refused.


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"capital": 0.0}, "capital is more than 0"),
        ({"capital": math.nan}, "capital is more than 0"),
        ({"fee": -0.001}, "fee is a fraction"),
        ({"slippage": -0.1}, "slippage is a fraction"),
        ({"impact": -1.0}, "impact is 0 or more"),
        ({"participation": 2.0}, "a share of a bar's volume"),
    ],
)
def test_terms_that_are_none_are_refused(terms: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Terms(**terms)


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ({"stop": 1.0}, "stop is a fraction"),
        ({"trail": 0.0}, "trail is a fraction"),
        ({"hold_bars": 0.0}, "hold_bars is more than 0"),
        ({"chandelier": 2.0, "chandelier_bars": 0}, "chandelier_bars is a whole number"),
        ({"take": ((0.1, 0.7), (0.2, 0.7))}, "take-profits rise"),
        ({"take": ((0.2, 0.5), (0.1, 0.5))}, "take-profits rise"),
    ],
)
def test_ways_out_that_are_none_are_refused(ways: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Exits(**ways)


def test_exposures_of_another_shape_are_refused() -> None:
    market = wild(0, 20, 2)
    with pytest.raises(DataRefused, match=r"expected exposures of shape \(sets, 20, 2\), found \(1, 20, 1\)"):
        running.figures(market, np.zeros((1, 20, 1)), Terms(), [Exits()])


def test_a_look_back_that_leaves_no_bar_is_refused() -> None:
    with pytest.raises(DataRefused, match="leave none to trade on"):
        running.figures(wild(0, 20, 1), np.zeros((1, 20, 1)), Terms(), [Exits()], begin=19)


# Many sets.


def test_sets_come_out_the_same_in_threads_alone_and_as_an_outcome() -> None:
    market = wild(3, 80, 2)
    targets = np.stack([wishes(seed, 80, 2) for seed in range(7)])
    ways = [Exits(stop=0.02 * (k + 1), take=((0.1, 1.0),) if k % 2 else ()) for k in range(7)]
    terms = Terms(shorts=True, tiers=tiers_of(STANDARD))
    together = running.figures(market, targets, terms, ways, workers=3)
    for k in range(7):
        alone = running.figures(market, targets[k : k + 1], terms, ways[k : k + 1], workers=1)
        told = running.outcome(market, targets[k], terms, ways[k])
        assert together.equity[k] == alone.equity[0] == told.equity[-1]
        returns = np.diff(told.equity) / told.equity[:-1]
        assert together.sharpe[k] == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-6)
        peak = np.maximum.accumulate(told.equity)
        assert together.drawdown[k] == pytest.approx((1 - told.equity / peak).max())
        open_profit = sum(t.profit for t in told.trades)
        assert told.equity[-1] == pytest.approx(terms.capital + open_profit)
        assert together.fees[k] == pytest.approx(sum(t.fees for t in told.trades))


def test_no_later_bar_changes_what_was_done_before() -> None:
    whole, wanted = wild(5, 60, 1), wishes(5, 60, 1)
    terms, ways = Terms(shorts=True), Exits(trail=0.05, chandelier=2.0, chandelier_bars=5)
    before = running.outcome(whole, wanted, terms, ways).equity
    for cut in (20, 37):
        cut_bars = whole.bars[0]
        kept = type(cut_bars)(cut_bars.symbol, cut_bars.timeframe, *(getattr(cut_bars, c)[:cut] for c in _COLUMNS))
        rates = {kept.symbol: (whole.close_ns - Timeframe.H4.ns, whole.rate[:, 0])}
        short = running.outcome(grid([kept], funding=rates), wanted[:cut], terms, ways).equity
        assert (short == before[:cut]).all()


_COLUMNS = ("open_ns", "open", "high", "low", "close", "volume")


def test_held_is_bought_once_after_the_same_costs() -> None:
    rows = [flat(100), flat(100), flat(150)]
    found = outcome(rows, [0, 0, 0], fee=0.001, slippage=0.0005).held
    assert found[0] == 10_000
    assert found[2] == pytest.approx(10_000 * 1.5 / (1.0005 * 1.001))
