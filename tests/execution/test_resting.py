"""Stops that rest at the venue: there while nobody of ours is awake, and in no exit's way."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core.errors import ExchangeRejected, OrderStateUnknown
from core.exits import ExitPlan, Rung
from core.orders import OrderState, OrderType, Side
from core.time import HOUR_NS, MINUTE_NS
from core.verdicts import AnswerKind
from execution.orderbook import Attempt
from execution.settings import PaperSettings
from risk.codes import DenialCode
from tests.execution.desk import FREE, RESTING, Desk, denials

TRAIL = ExitPlan(trail=Decimal("0.05"))


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(settings=RESTING)


def resting(desk: Desk) -> list[tuple[str, str]]:
    """Quantity and trigger of every stop at the venue."""
    return [(str(a.remaining.normalize()), str(a.trigger_price)) for a in at_venue(desk)]


def at_venue(desk: Desk) -> list[Attempt]:
    return [a for a in desk.live() if a.protective and a.type is OrderType.STOP]


def sold(desk: Desk) -> Decimal:
    return sum((f.quantity for f in desk.rows("fills") if f.side is Side.SELL), Decimal(0))


# What rests.


async def test_the_stop_of_an_entry_rests_as_soon_as_it_filled(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    assert resting(desk) == [("2", "90")]
    (order,) = [o for o in desk.rows("orders") if o.protective]
    assert (order.reduce_only, order.side) == (True, Side.SELL)


async def test_nothing_rests_where_the_venue_holds_no_stops(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(settings=FREE)
    await desk.bought("2", stop="90")
    assert resting(desk) == []


def test_a_venue_that_can_hold_stops_does() -> None:
    assert PaperSettings().rests_stops


async def test_it_is_placed_once(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    for _ in range(3):
        await desk.trades("100", "100", "100", "100")
    assert len(desk.venue.placed) == 2, "the entry and its stop"
    assert desk.venue.cancelled == []


async def test_it_grows_with_its_entry_without_holding_it_up(desk: Desk) -> None:
    entry = desk.buy("3")
    await desk.propose(entry)
    await desk.trades("100", "100", "100", "100", volume="2")
    assert resting(desk) == [("2", "90")]
    assert desk.order_of(entry).state is OrderState.PARTIAL
    await desk.trades("100", "100", "100", "100")
    assert resting(desk) == [("3", "90")]


async def test_it_is_replaced_when_the_trigger_tightens(desk: Desk) -> None:
    await desk.bought("2", exits=TRAIL)
    (before,) = at_venue(desk)
    await desk.trades("100", "120", "100", "119")
    assert resting(desk) == [("2", "114")]
    assert desk.venue.cancelled == [before.client_order_id]


async def test_a_trigger_that_stays_on_its_tick_replaces_nothing(desk: Desk) -> None:
    await desk.bought("2", exits=TRAIL)
    await desk.trades("100", "120", "100", "119")
    placed = len(desk.venue.placed)
    await desk.trades("119", "120", "118", "118")
    assert len(desk.venue.placed) == placed


async def test_what_is_too_little_for_the_venue_rests_nowhere_and_asks_for_nothing(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("1.95"))
    await desk.trades("100", "100", "100", "100")
    placed = len(desk.venue.placed)
    await desk.trades("100", "100", "100", "100")
    assert (resting(desk), len(desk.venue.placed)) == ([], placed)


async def test_each_entry_has_its_own(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.bought("1", stop="70")
    assert sorted(resting(desk)) == [("1", "70"), ("2", "90")]


async def test_nothing_rests_once_the_position_is_gone(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("2"))
    await desk.trades("100", "100", "100", "100")
    assert (desk.held(), desk.live()) == (0, [])


async def test_a_stop_that_the_venue_filled_leaves_the_watch_nothing_to_send(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    placed = len(desk.venue.placed)
    report = await desk.trades("100", "100", "85", "88")
    assert (report.fired, sold(desk), desk.held(), desk.armed()) == ((), 2, 0, 0)
    assert len(desk.venue.placed) == placed


async def test_it_fills_while_nobody_watches(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    start = desk.clock.now_ns()
    desk.market.bar("100", "100", "85", "99", open_ns=start)
    desk.clock.advance_to(start + HOUR_NS)
    await desk.venue.advance(start + HOUR_NS)
    again = desk.restarted()
    await again.watch.poll_live()
    assert (again.held(), again.armed(), sold(again)) == (0, 0, 2)


async def test_a_halt_keeps_it(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert resting(desk) == [("2", "90")]


async def test_stops_that_follow_the_price_use_up_no_entrys_room(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(settings=RESTING, max_orders_day=2, max_messages_day=2)
    await desk.bought("2", exits=TRAIL)
    await desk.trades("100", "103", "100", "103")
    await desk.trades("103", "106", "103", "106")
    assert denials(await desk.propose(desk.buy("1"))) == []


# Nobody's exit waits for it.


@pytest.mark.parametrize("source", ["cycle:test", "person:ada:1"])
async def test_an_exit_takes_the_coins_that_a_stop_rests_on(desk: Desk, source: str) -> None:
    await desk.bought("2", stop="90")
    receipt = await desk.propose(desk.sell("2", source=source))
    assert (receipt.kind, receipt.review.reducing) == (AnswerKind.WORKING, True)
    await desk.trades("100", "100", "100", "100")
    assert (desk.held(), sold(desk)) == (0, 2)


async def test_what_an_exit_leaves_is_protected_again_at_the_next_step(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("0.5"))
    assert resting(desk) == []
    await desk.step()
    assert resting(desk) == [("1.5", "90")]


async def test_until_then_the_watch_guards_it(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("0.5"))
    assert resting(desk) == []
    await desk.trades("100", "100", "85", "88")
    assert (desk.held(), sold(desk)) == (0, 2)


@pytest.mark.parametrize(
    "waits",
    [{"at": "104"}, {"type": OrderType.STOP, "trigger_price": Decimal("50")}],
    ids=["for a better price", "for a worse one"],
)
async def test_an_exit_that_waits_takes_no_stops_place(desk: Desk, waits: dict[str, Any]) -> None:
    """It would leave the position to a price that may never come, with nothing at the venue below it."""
    await desk.bought("2", stop="90")
    assert (await desk.propose(desk.sell("1.5", **waits))).kind is AnswerKind.DENIED
    assert (resting(desk), desk.venue.cancelled) == ([("2", "90")], [])


async def test_a_limit_that_trades_at_once_waits_for_nothing(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    assert (await desk.propose(desk.sell("2", at="100"))).kind is AnswerKind.WORKING
    assert resting(desk) == []


async def test_beside_an_exit_that_waited_before_only_the_rest_is_protected_there(desk: Desk) -> None:
    """It was there when the venue refused the stop."""
    await desk.propose(desk.buy("2", stop="90"))
    desk.venue.fails_before = ExchangeRejected("no stops today")
    await desk.trades("100", "100", "100", "100")
    desk.venue.fails_before = None
    target = desk.sell("1.5", at="104")
    await desk.propose(target)
    await desk.step(desk.clock.now_ns() + MINUTE_NS)
    assert (desk.order_of(target).state, resting(desk), desk.armed()) == (OrderState.OPEN, [("0.5", "90")], 2)


async def test_an_exit_moves_no_more_stops_than_it_needs_and_the_loosest_first(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    await desk.bought("1", stop="70")
    await desk.propose(desk.sell("1"))
    assert resting(desk) == [("2", "90")]


@pytest.mark.parametrize("wanted", ["2.001", "0.0005", "NaN", "-1"])
async def test_an_exit_that_is_denied_anyway_costs_no_protection(desk: Desk, wanted: str) -> None:
    await desk.bought("2", stop="90")
    receipt = await desk.propose(desk.sell(Decimal(wanted)))
    assert receipt.kind is AnswerKind.DENIED
    assert resting(desk) == [("2", "90")]


async def test_asking_again_for_an_exit_moves_nothing(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    sale = desk.sell("1")
    await desk.propose(sale)
    await desk.trades("100", "100", "100", "100")
    cancelled = len(desk.venue.cancelled)
    await desk.propose(sale)
    assert len(desk.venue.cancelled) == cancelled
    assert resting(desk) == [("1", "90")]


async def test_a_stop_that_fills_before_it_can_be_cancelled_was_the_exit(desk: Desk) -> None:
    """The race: the price falls through the trigger while the agent's own exit is on its way."""
    await desk.bought("2", stop="90")
    start = desk.clock.now_ns()
    desk.market.bar("100", "100", "85", "88", open_ns=start)
    desk.clock.advance_to(start + HOUR_NS)
    desk.venue.trades_before_cancel = start + HOUR_NS
    receipt = await desk.propose(desk.sell("2"))
    assert receipt.kind is AnswerKind.DENIED
    await desk.step()
    assert (desk.held(), sold(desk), desk.balances()["BTC"]) == (0, 2, 0)


async def test_a_stop_that_cannot_be_cancelled_is_not_sold_past(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.venue.unreadable = True
    assert denials(await desk.propose(desk.sell("2"))) != []
    desk.venue.unreadable = False
    await desk.trades("100", "100", "100", "100")
    assert (desk.held(), desk.armed(), resting(desk)) == (2, 2, [("2", "90")])


async def test_a_fired_stop_gives_way_to_nobody(desk: Desk) -> None:
    """It sells already: an agent's limit order far away must not take its place."""
    await desk.bought("2", stop="90")
    await desk.trades("100", "100", "88", "89", volume="0.5")
    receipt = await desk.propose(desk.sell("1.5", at="93"))
    assert receipt.kind is AnswerKind.DENIED
    await desk.trades("89", "89", "89", "89")
    assert desk.held() == 0


async def test_an_entry_above_a_resting_stop_meets_nothing(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    assert denials(await desk.propose(desk.buy("1", at="96"))) == []
    assert denials(await desk.propose(desk.buy("0.5"))) == []
    await desk.trades("100", "100", "95", "100")
    assert (desk.held(), desk.armed()) == (Decimal("3.5"), Decimal("3.5"))


@pytest.mark.parametrize(("at", "meets"), [("96.01", False), ("96", True), ("95.99", True)])
async def test_an_entry_that_would_still_rest_when_the_stop_trades_would_meet_it(
    desk: Desk, at: str, meets: bool
) -> None:
    await desk.bought("2", stop="96")
    found = denials(await desk.propose(desk.buy("1", at=at)))
    assert found == ([DenialCode.SELF_TRADE] if meets else [])


async def test_a_stop_comes_before_our_own_entry_that_it_would_meet(desk: Desk) -> None:
    entry = desk.buy("3", at="95.5", stop="80")
    await desk.propose(entry)
    await desk.bought("2", stop="96")
    assert resting(desk) == [("2", "96")]
    assert desk.order_of(entry).state is OrderState.CANCELLED


# The second line.


async def test_a_price_beyond_the_trigger_that_the_venue_did_not_take_is_taken_over(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    at_ns = desk.clock.now_ns() + MINUTE_NS
    desk.market.show("89", at_ns=at_ns)
    (fired,) = (await desk.step(at_ns)).fired
    assert (fired.kind, desk.thesis_of(fired.proposal_id)) == (AnswerKind.WORKING, "protective stop")
    assert resting(desk) == []
    at_ns = desk.clock.now_ns() + MINUTE_NS
    desk.market.show("88", at_ns=at_ns)
    assert (await desk.step(at_ns)).fired == (), "it is on its way"
    desk.market.bar("88", "88", "88", "88", open_ns=desk.clock.now_ns() + 58 * MINUTE_NS)
    await desk.step(desk.clock.now_ns() + 118 * MINUTE_NS)
    assert (desk.held(), sold(desk)) == (0, 2)


async def test_a_bar_that_began_before_the_stop_rested_is_the_watchs_to_fire(desk: Desk) -> None:
    """The venue looks at what trades after it has the order; the hour's low may have been before."""
    await desk.bought("2", stop="90")
    await desk.propose(desk.sell("0.5"))
    start = desk.clock.now_ns()
    await desk.step(start + 20 * MINUTE_NS)
    assert resting(desk) == [("1.5", "90")]
    desk.market.bar("100", "100", "85", "99", open_ns=start)
    await desk.step(start + HOUR_NS)
    assert (desk.held(), sold(desk)) == (0, 2)


async def test_a_rung_sells_from_what_rests_and_the_rest_is_protected_in_the_same_step(desk: Desk) -> None:
    await desk.bought("4", exits=ExitPlan(ladder=(Rung(Decimal(110), Decimal("0.25")),)))
    await desk.trades("100", "111", "100", "111")
    assert resting(desk) == [("3", "90")]
    await desk.trades("111", "111", "111", "111")
    assert (desk.held(), desk.armed(), resting(desk)) == (3, 3, [("3", "90")])


@pytest.mark.parametrize("failure", [ExchangeRejected("no stops today"), OrderStateUnknown("lost")])
async def test_where_it_cannot_rest_the_watch_is_the_stop(desk: Desk, failure: Exception) -> None:
    entry = desk.buy("2", stop="90")
    await desk.propose(entry)
    desk.venue.fails_before = failure
    await desk.trades("100", "100", "100", "100")
    assert desk.order_of(entry).state is OrderState.FILLED
    desk.venue.fails_before = None
    await desk.trades("100", "100", "85", "88")
    assert (desk.held(), sold(desk)) == (0, 2)


async def test_a_venue_that_refuses_it_is_not_asked_at_every_step(desk: Desk) -> None:
    await desk.propose(desk.buy("2", stop="90"))
    desk.venue.fails_before = ExchangeRejected("no stops today")
    await desk.trades("100", "100", "100", "100")
    placed = len(desk.venue.placed)
    for second in range(1, 5):
        await desk.step(desk.clock.now_ns() + second * 1_000_000_000)
    assert len(desk.venue.placed) == placed
    desk.venue.fails_before = None
    await desk.step(desk.clock.now_ns() + MINUTE_NS)
    assert resting(desk) == [("2", "90")]


# Crashes and races.


async def test_a_restart_arms_and_places_nothing_twice(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    again = desk.restarted()
    await again.watch.poll_live()
    await again.step()
    assert again.venue.placed == []
    assert (resting(again), again.armed()) == ([("2", "90")], 2)


async def test_a_stop_that_was_lost_on_its_way_is_placed_again_after_the_restart(desk: Desk) -> None:
    await desk.propose(desk.buy("2", stop="90"))
    desk.venue.fails_before = OrderStateUnknown("the process died here")
    await desk.trades("100", "100", "100", "100")
    again = desk.restarted()
    await again.watch.poll_live()
    await again.step()
    assert resting(again) == [("2", "90")]
    assert len(again.venue.placed) == 1


async def test_a_stop_whose_answer_was_lost_is_found_at_the_venue_and_not_placed_again(desk: Desk) -> None:
    await desk.propose(desk.buy("2", stop="90"))
    desk.venue.fails_after = OrderStateUnknown("the process died here")
    await desk.trades("100", "100", "100", "100")
    again = desk.restarted()
    await again.watch.poll_live()
    await again.step()
    assert again.venue.placed == []
    assert resting(again) == [("2", "90")]


async def test_a_crash_between_a_stop_and_its_sending_leaves_it_to_the_next_step(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.propose(desk.buy("2", stop="90"))

    async def died(proposal: object) -> None:
        raise asyncio.CancelledError("power cut")

    monkeypatch.setattr(desk.gate, "propose", died)
    with pytest.raises(asyncio.CancelledError):
        await desk.trades("100", "100", "100", "100")
    again = desk.restarted()
    await again.step()
    assert (resting(again), again.armed()) == ([("2", "90")], 2)


async def test_a_crash_between_a_hit_and_its_exit_loses_no_stop(
    open_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(settings=FREE)
    await desk.bought("2", stop="90")

    async def died(proposal: object) -> None:
        raise asyncio.CancelledError("power cut")

    monkeypatch.setattr(desk.gate, "propose", died)
    with pytest.raises(asyncio.CancelledError):
        await desk.trades("100", "100", "85", "99")
    again = desk.restarted()
    await again.step()
    assert (again.held(), sold(again)) == (0, 2)


async def test_an_exit_and_the_watch_at_the_same_time_sell_no_more_than_is_held(desk: Desk) -> None:
    await desk.bought("2", stop="90", target="110")
    now_ns = desk.clock.now_ns()
    desk.market.bar("100", "111", "100", "111", open_ns=now_ns)
    desk.clock.advance_to(now_ns + HOUR_NS)
    await asyncio.gather(desk.step(), desk.propose(desk.sell("2")), desk.propose(desk.sell("1")))
    await desk.trades("111", "111", "111", "111")
    await desk.trades("111", "111", "111", "111")
    assert (desk.held(), sold(desk), desk.balances()["BTC"]) == (0, 2, 0)
