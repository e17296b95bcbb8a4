"""A fixed stop needs no agent, and ends the same whether the watch alone guards it or it rests at the venue too."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import groupby

import pytest

from core.errors import ExchangeRejected
from core.orders import OrderState, OrderType, Side
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from memory.books.words import StopState
from risk.states import TradingState
from tests.execution.desk import BTC, FREE, RESTING, Desk, denials, lose

# Where stops rest at the venue, an exit that waits finds no free coins: only what closes now moves a stop.
watched_only = pytest.mark.parametrize("desk", [FREE], ids=["watched"], indirect=True)


@pytest.fixture(params=[FREE, RESTING], ids=["watched", "resting"])
def desk(request: pytest.FixtureRequest, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(settings=request.param)


def exits(desk: Desk) -> list[tuple[str, str]]:
    """Quantity and price of everything that was sold, in order; what was sold at one price is told as one."""
    sales = [f for f in desk.rows("fills") if f.side is Side.SELL]
    told = [(price, sum((f.quantity for f in fills), Decimal(0))) for price, fills in groupby(sales, lambda f: f.price)]
    return [(str(quantity.normalize()), str(price.normalize())) for price, quantity in told]


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
    await desk.trades("100", "100", "90", "100")
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
    assert len([o for o in desk.rows("orders") if o.protective]) == 1


async def test_a_stop_sells_no_more_than_is_held(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("1.5"))
    await desk.trades("100", "100", "100", "100")
    await desk.trades("100", "100", "90", "100")
    assert exits(desk) == [("1.5", "1E+2"), ("0.5", "9E+1")]


@watched_only
async def test_a_resting_exit_does_not_disarm_the_stop(desk: Desk) -> None:
    """It is cancelled for the stop: coins that wait for a better price are the ones that a stop is there for."""
    await desk.bought("2", stop="90")
    target = desk.sell("1.5", at="105")
    await desk.propose(target)
    await desk.trades("100", "100", "85", "88")
    assert desk.order_of(target).state is OrderState.CANCELLED
    assert exits(desk) == [("2", "9E+1")]


@watched_only
async def test_a_target_that_filled_before_it_could_be_cancelled_leaves_the_stop_nothing_to_do(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2", at="105"))
    desk.venue.trades_before_cancel = desk.clock.now_ns() + HOUR_NS
    report = await desk.trades("100", "110", "85", "100")
    assert report.fired == ()
    assert exits(desk) == [("2", "105")]
    assert desk.held() == desk.armed() == 0


@watched_only
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


@watched_only
async def test_a_stop_beyond_what_the_venue_takes_at_once_sells_the_rest_later(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.market.instruments["BTC/USDT"] = replace(BTC, max_quantity=Decimal("1.5"))
    await desk.trades("100", "100", "90", "90")
    assert desk.held() == Decimal(1)
    await desk.trades("88", "88", "88", "88")
    assert exits(desk) == [("1", "9E+1"), ("1", "88")]


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


async def test_a_stop_that_is_still_selling_does_not_sell_the_other_entrys_coins(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.bought("1", stop="70")
    await desk.trades("100", "100", "90", "90", volume="0.5")
    await desk.trades("89", "89", "89", "89", volume="0.5")
    await desk.trades("89", "89", "89", "89")
    assert exits(desk) == [("0.5", "9E+1"), ("1.5", "89")]
    assert desk.held() == desk.armed() == 1


async def test_what_somebody_sold_is_guarded_no_longer_the_oldest_entry_first(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.bought("1", stop="70")
    await desk.propose(desk.sell("2.5"))
    await desk.trades("100", "100", "100", "100")
    assert {str(s.trigger_price): s.quantity for s in desk.rows("stops")} == {"90": 0, "70": Decimal("0.5")}


async def test_what_an_owner_sold_is_taken_off_its_own_guard(desk: Desk) -> None:
    await desk.bought("2", stop="90", owner="trend")
    await desk.bought("1", stop="70", owner="value")
    await desk.propose(desk.sell("1", owner="value"))
    await desk.trades("100", "100", "100", "100")
    await desk.trades("100", "100", "85", "85")
    assert exits(desk) == [("1", "1E+2"), ("2", "9E+1")]


async def test_a_stop_says_in_its_thesis_that_it_was_one(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    at_ns = desk.clock.now_ns() + HOUR_NS // 2
    desk.market.show("89", at_ns=at_ns)
    (fired,) = (await desk.step(at_ns)).fired
    assert desk.thesis_of(fired.proposal_id) == "protective stop"


async def test_what_is_too_little_to_sell_stays_guarded_and_cancels_nobodys_order(desk: Desk) -> None:
    """0.11 coins at 90 are below what the venue takes, and at 100 they were not."""
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("1.89"))
    await desk.trades("100", "100", "100", "100")
    report = await desk.trades("100", "100", "80", "80")
    assert (report.fired, desk.held(), desk.armed()) == ((), Decimal("0.11"), Decimal("0.11"))


async def test_a_book_without_one_side_holds_up_no_stop(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    at_ns = desk.clock.now_ns() + HOUR_NS // 2
    desk.market.show("80", at_ns=at_ns, spread="160")  # nobody bids
    report = await desk.step(at_ns)
    assert [r.kind for r in report.fired] == [AnswerKind.WORKING]


@pytest.mark.parametrize("last", ["0", "NaN"])
async def test_a_price_that_is_none_fires_nothing(desk: Desk, last: str) -> None:
    await desk.bought("2", stop="90")
    at_ns = desk.clock.now_ns() + HOUR_NS // 2
    desk.market.show(last, at_ns=at_ns)
    assert (await desk.step(at_ns)).fired == ()


async def test_a_stop_that_was_hit_and_that_nobody_took_is_still_due(desk: Desk) -> None:
    """The price is long back, and the coins should have been sold."""
    await desk.propose(desk.buy("2", stop="90"))
    desk.venue.fails_before = ExchangeRejected("try again")
    await desk.trades("100", "100", "100", "100")
    await desk.trades("100", "100", "80", "99")
    assert desk.held() == 2
    desk.venue.fails_before = None
    await desk.trades("99", "99", "99", "99")
    await desk.trades("99", "99", "99", "99")
    assert exits(desk) == [("2", "99")]


async def test_an_exit_that_waits_far_away_disarms_no_stop(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2", type=OrderType.STOP, trigger_price=Decimal(1), reduce_only=True))
    await desk.trades("100", "100", "80", "80")
    assert exits(desk) == [("2", "9E+1")]
