"""The watch: stops that need no agent, breakers that read the account, and what a halt leaves standing."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from core.errors import ConfigError
from core.orders import OrderState, OrderType, Side
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from memory.books import accounts, tables
from memory.books.words import StopState
from risk.codes import DenialCode
from risk.states import TradingState
from tests.execution.conftest import Opened
from tests.execution.desk import ACCOUNT, FREE, T0, Desk, denials

# Stops.


def exits(desk: Desk) -> list[tuple[str, str]]:
    """Quantity and price of everything that was sold."""
    return [(str(f.quantity.normalize()), str(f.price.normalize())) for f in desk.rows("fills") if f.side is Side.SELL]


async def test_an_entry_that_filled_has_a_stop_of_its_size(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    assert desk.armed() == 2


async def test_an_entry_that_has_not_filled_has_none(desk: Desk) -> None:
    await desk.propose(desk.buy("2", at="96"))
    await desk.trades("100", "100", "100", "100")
    assert desk.rows("stops") == []


async def test_a_stop_grows_with_its_entry(desk: Desk) -> None:
    await desk.propose(desk.buy("3"))
    await desk.trades("100", "100", "100", "100", volume="2")
    assert desk.armed() == 2
    await desk.trades("100", "100", "100", "100")
    assert desk.armed() == 3


async def test_a_stop_off_the_tick_is_armed_on_the_nearest(desk: Desk) -> None:
    await desk.bought("2", stop="90.004")
    (stop,) = desk.rows("stops")
    assert stop.trigger_price == Decimal("90.00")


async def test_a_stop_that_is_touched_fills_in_that_bar(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    report = await desk.trades("100", "100", "90", "100")
    assert [r.kind for r in report.fired] == [AnswerKind.WORKING]
    assert exits(desk) == [("2", "9E+1")]
    assert desk.held() == 0


async def test_a_stop_that_is_missed_by_a_tick_does_not_fire(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    report = await desk.trades("100", "100", "90.01", "100")
    assert report.fired == ()
    assert desk.held() == 2


async def test_a_gap_beyond_the_stop_fills_at_the_open(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.trades("70", "75", "65", "75")
    assert exits(desk) == [("2", "7E+1")]


async def test_a_stop_hit_between_two_cycles_fills_there(desk: Desk) -> None:
    """Three hours pass in one step; the second of them touched the stop, and the price is long back."""
    await desk.bought("2", stop="90")
    start = desk.clock.now_ns()
    for hour, low in enumerate(("99", "89", "99")):
        desk.market.bar("100", "100", low, "100", open_ns=start + hour * HOUR_NS)
    await desk.step(start + 3 * HOUR_NS)
    (sale,) = [f for f in desk.rows("fills") if f.side is Side.SELL]
    assert (sale.price, sale.ts_event_ns) == (Decimal(90), start + 2 * HOUR_NS)


async def test_a_market_entry_may_be_stopped_in_the_bar_that_filled_it(desk: Desk) -> None:
    await desk.propose(desk.buy("2", stop="90"))
    await desk.trades("100", "101", "89", "100")
    assert exits(desk) == [("2", "9E+1")]


async def test_a_limit_entry_may_be_stopped_in_the_bar_that_filled_it(desk: Desk) -> None:
    """It fell through the limit and then through the stop: that it first recovered is not known, so it did not."""
    await desk.propose(desk.buy("2", at="96", stop="90"))
    await desk.trades("100", "101", "89", "100")
    assert exits(desk) == [("2", "9E+1")]


async def test_a_bar_from_before_the_entry_does_not_fire_its_stop(desk: Desk) -> None:
    await desk.trades("100", "100", "80", "100")
    await desk.bought("2", stop="90")
    await desk.trades("100", "100", "99", "100")
    assert desk.held() == 2


async def test_a_stop_that_fired_does_not_fire_again(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.trades("100", "100", "90", "90")
    await desk.trades("90", "90", "80", "80")
    assert [s.state for s in desk.rows("stops")] == [StopState.DONE]
    assert len([o for o in desk.rows("orders") if o.type is OrderType.STOP]) == 1


async def test_a_stop_sells_no_more_than_is_held(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("1.5"))
    await desk.trades("100", "100", "100", "100")
    await desk.trades("100", "100", "90", "100")
    assert exits(desk) == [("1.5", "1E+2"), ("0.5", "9E+1")]


async def test_a_resting_exit_does_not_disarm_the_stop(desk: Desk) -> None:
    """It is cancelled for the stop: coins that wait for a better price are the ones that a stop is there for."""
    await desk.bought("2", stop="90")
    target = desk.sell("1.5", at="105")
    await desk.propose(target)
    await desk.trades("100", "100", "85", "88")
    assert desk.order_of(target).state is OrderState.CANCELLED
    assert exits(desk) == [("2", "9E+1")]


async def test_a_target_that_filled_before_it_could_be_cancelled_leaves_the_stop_nothing_to_do(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2", at="105"))
    desk.venue.trades_before_cancel = desk.clock.now_ns() + HOUR_NS
    report = await desk.trades("100", "110", "85", "100")
    assert report.fired == ()
    assert exits(desk) == [("2", "105")]
    assert desk.held() == desk.armed() == 0


async def test_a_stop_comes_before_a_target_in_the_same_bar(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2", at="105"))
    await desk.trades("100", "110", "85", "100")
    assert exits(desk) == [("2", "9E+1")]


async def test_after_an_agents_exit_its_stop_does_nothing(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2"))
    await desk.trades("100", "100", "100", "100")
    report = await desk.trades("100", "100", "80", "100")
    assert report.fired == ()
    assert desk.balances()["BTC"] == desk.held() == 0


async def test_an_exit_and_a_stop_in_the_same_bar_sell_once(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2"))
    await desk.trades("100", "100", "80", "100")
    assert exits(desk) == [("2", "1E+2")]


async def test_a_stop_that_could_only_sell_a_part_sells_the_rest_later(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.trades("100", "100", "90", "90", volume="0.5")
    assert desk.held() == Decimal("1.5")
    await desk.trades("88", "88", "88", "88")
    assert exits(desk) == [("0.5", "9E+1"), ("1.5", "88")]


async def test_the_stop_of_one_entry_leaves_the_other_entry_alone(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.bought("1", stop="70")
    await desk.trades("100", "100", "90", "90")
    await desk.trades("89", "89", "85", "85")
    assert exits(desk) == [("2", "9E+1")]
    assert desk.held() == desk.armed() == 1


async def test_what_fills_after_its_stop_fired_is_protected_too(desk: Desk) -> None:
    await desk.propose(desk.buy("3", stop="90"))
    await desk.trades("100", "100", "89", "95", volume="1")
    assert desk.held() == 0
    await desk.trades("95", "95", "95", "95", volume="1")
    assert desk.armed() == desk.held()


async def test_a_position_that_was_opened_again_is_guarded_by_its_own_stop(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2"))
    await desk.trades("100", "100", "100", "100")
    await desk.bought("1", stop="80")
    await desk.trades("100", "100", "85", "95")
    assert desk.held() == desk.armed() == 1


async def test_a_stop_is_reached_by_a_quote_between_bars(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    at_ns = desk.clock.now_ns() + HOUR_NS // 2
    desk.market.show("89", at_ns=at_ns)
    report = await desk.step(at_ns)
    assert [r.kind for r in report.fired] == [AnswerKind.WORKING]


@pytest.mark.parametrize("condition", ["killed", "reducing"])
async def test_a_stop_fires_whatever_the_state(desk: Desk, condition: str) -> None:
    await desk.bought("2", stop="90")
    if condition == "killed":
        desk.kill.on = True
    else:
        lose(desk, 5)
    await desk.trades("100", "100", "90", "90")
    assert desk.state() is not TradingState.ACTIVE
    assert desk.held() == 0


async def test_a_stop_cancels_our_own_entry_that_it_would_meet(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    entry = desk.buy("1", at="96", stop="85")
    await desk.propose(entry)
    at_ns = desk.clock.now_ns() + HOUR_NS // 2
    desk.market.show("89", at_ns=at_ns)
    report = await desk.step(at_ns)
    assert denials(report.fired[0]) == []
    assert desk.order_of(entry).state is OrderState.CANCELLED


async def test_a_stop_that_fired_before_a_restart_does_not_fire_after_it(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.trades("100", "100", "90", "90")
    again = desk.restarted()
    assert (await again.step()).fired == ()


async def test_a_stop_that_was_hit_while_nobody_watched_fires_after_the_restart(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    again, start = desk.restarted(), desk.clock.now_ns()
    again.market.bar("100", "100", "89", "100", open_ns=start)
    await again.step(start + HOUR_NS)
    assert exits(again) == [("2", "9E+1")]


# Marks.


async def test_the_account_is_marked_to_the_last_trade(desk: Desk) -> None:
    await desk.bought("2")
    report = await desk.trades("100", "110", "100", "110")
    assert report.equity == Decimal("10000") - Decimal("0.2") + 2 * 10
    assert [m.equity for m in desk.rows("marks")][-1] == report.equity


async def test_a_holding_without_a_price_allows_only_reducing_until_it_has_one(desk: Desk) -> None:
    await desk.bought("2")
    known = desk.market._quotes.pop("BTC/USDT")
    report = await desk.step(desk.clock.now_ns() + 1)
    assert (report.equity, report.state, desk.latched()) == (None, TradingState.REDUCING, [])
    desk.market._quotes["BTC/USDT"] = known
    assert (await desk.step()).state is TradingState.ACTIVE


async def test_the_clock_of_an_account_is_that_of_its_last_step(desk: Desk) -> None:
    await desk.trades("100", "100", "100", "100")
    assert desk.books.read(lambda conn: accounts.account(conn, ACCOUNT)).clock_ns == T0 + HOUR_NS


# Breakers.


def lose(desk: Desk, times: int, pnl: str = "-1") -> None:
    """So many round trips that ended at a loss."""
    row: dict[str, Any] = {
        "account_id": ACCOUNT,
        "symbol": "BTC/USDT",
        "closed_ns": desk.clock.now_ns(),
        "pnl": Decimal(pnl),
    }
    row |= {"quantity": Decimal(1), "entry_price": Decimal(100), "exit_price": Decimal(99)}
    for _ in range(times):
        desk.books.write(lambda conn: conn.execute(insert(tables.round_trips).values(**row)))


def withdraw(desk: Desk, amount: str) -> None:
    taken, now_ns = Decimal(amount), desk.clock.now_ns()
    desk.books.write(lambda conn: accounts.withdraw(conn, ACCOUNT, "USDT", taken, ts_ns=now_ns, reason="rent"))


async def test_the_kill_file_halts_at_the_next_step(desk: Desk) -> None:
    desk.kill.on = True
    report = await desk.step()
    assert (report.state, [t.cause.value for t in report.tripped]) == (TradingState.HALTED, ["kill"])


async def test_the_kill_file_halts_at_the_next_review_without_any_step(desk: Desk) -> None:
    desk.kill.on = True
    receipt = await desk.propose(desk.buy("1"))
    assert denials(receipt) == [DenialCode.TRADING_STATE]
    assert desk.state() is TradingState.HALTED


async def test_taking_the_kill_file_away_does_not_open_the_desk(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    assert (await desk.step()).state is TradingState.HALTED


async def test_a_cause_trips_once(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    assert (await desk.step()).tripped == ()
    assert desk.latched() == ["kill"]


async def test_equity_below_its_floor_halts(desk: Desk) -> None:
    await desk.bought("19", stop="5")
    assert (await desk.trades("22", "22", "22", "22")).state is TradingState.ACTIVE  # 8 516.10
    report = await desk.trades("21", "21", "21", "21")  # 8 497.10
    assert (report.state, desk.latched()) == (TradingState.HALTED, ["equity_floor"])


async def test_a_withdrawal_is_no_loss(desk: Desk) -> None:
    withdraw(desk, "5000")
    assert (await desk.step()).state is TradingState.ACTIVE


async def test_a_deposit_hides_no_loss(desk: Desk) -> None:
    await desk.bought("19", stop="5")
    now_ns = desk.clock.now_ns()
    desk.books.write(lambda conn: accounts.deposit(conn, ACCOUNT, "USDT", Decimal(9000), ts_ns=now_ns, reason="more"))
    assert (await desk.trades("21", "21", "21", "21")).state is TradingState.HALTED


async def test_five_losses_in_a_row_allow_only_reducing(desk: Desk) -> None:
    lose(desk, 4)
    assert (await desk.step()).state is TradingState.ACTIVE
    lose(desk, 1)
    assert ((await desk.step()).state, desk.latched()) == (TradingState.REDUCING, ["losing_streak"])


async def test_a_gain_ends_a_losing_streak(desk: Desk) -> None:
    lose(desk, 4)
    lose(desk, 1, pnl="0.01")
    lose(desk, 4)
    assert (await desk.step()).state is TradingState.ACTIVE


async def test_a_streak_is_counted_from_its_re_arming(desk: Desk) -> None:
    lose(desk, 5)
    await desk.step()
    assert desk.rearm("losing_streak")
    assert (await desk.step()).state is TradingState.ACTIVE
    desk.clock.advance_to(T0 + 1)
    lose(desk, 4)
    assert (await desk.step()).state is TradingState.ACTIVE
    lose(desk, 1)
    assert (await desk.step()).state is TradingState.REDUCING


async def test_latches_survive_a_restart(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    again = desk.restarted()
    assert denials(await again.propose(again.buy("1"))) == [DenialCode.TRADING_STATE]
    assert (await again.step()).state is TradingState.HALTED


async def test_a_person_re_arms_one_latch_and_not_the_state(desk: Desk) -> None:
    lose(desk, 5)
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    assert desk.rearm("kill")
    assert (desk.state(), desk.latched()) == (TradingState.REDUCING, ["losing_streak"])


async def test_a_latch_that_does_not_exist_cannot_be_re_armed(desk: Desk) -> None:
    assert not desk.rearm("kill")


async def test_a_latch_is_re_armed_once(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.kill.on = False
    assert desk.rearm("kill")
    assert not desk.rearm("kill")


async def test_a_cause_that_still_holds_trips_again_after_its_re_arming(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.rearm("kill")
    assert (await desk.step()).state is TradingState.HALTED


async def test_trips_and_re_armings_are_journaled(desk: Desk) -> None:
    desk.kill.on = True
    await desk.step()
    desk.rearm("kill")
    kinds = [entry.kind for entry in desk.rows("journal")]
    assert (kinds.count("breaker"), kinds.count("rearmed")) == (1, 1)


# A halt.


async def test_a_halt_cancels_resting_entries(desk: Desk) -> None:
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    desk.kill.on = True
    await desk.step()
    assert desk.order_of(entry).state is OrderState.CANCELLED
    assert desk.reserved() == {}


async def test_a_halt_keeps_positions_and_their_stops(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert desk.held() == desk.armed() == 2


@pytest.mark.parametrize("reduce_only", [True, False])
async def test_a_halt_keeps_resting_exits(desk: Desk, reduce_only: bool) -> None:
    await desk.bought("2", stop="90")
    exit_ = desk.sell("2", at="105", reduce_only=reduce_only)
    await desk.propose(exit_)
    desk.kill.on = True
    await desk.step()
    assert desk.order_of(exit_).state is OrderState.OPEN


async def test_a_halt_lets_a_position_be_closed(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert (await desk.propose(desk.sell("2"))).kind is AnswerKind.WORKING
    await desk.trades("100", "100", "100", "100")
    assert desk.held() == 0


async def test_only_reducing_keeps_resting_entries(desk: Desk) -> None:
    """A streak closes the desk for new risk; what was approved before it stands."""
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    lose(desk, 5)
    await desk.step()
    assert desk.order_of(entry).state is OrderState.OPEN


async def test_an_order_in_a_symbol_that_the_market_no_longer_knows_is_named(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    del desk.market.instruments["BTC/USDT"]
    with pytest.raises(ConfigError, match="does not know BTC/USDT"):
        await desk.step()


async def test_an_outage_expires_an_order_and_frees_what_it_reserved(open_desk: Opened) -> None:
    desk = open_desk(settings=FREE)
    proposal = desk.buy("1")
    await desk.propose(proposal)
    await desk.step(T0 + 5 * HOUR_NS)
    await desk.trades("100", "100", "100", "100")
    assert desk.order_of(proposal).state is OrderState.EXPIRED
    assert desk.reserved() == {}
