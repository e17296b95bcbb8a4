"""Every way out but a plain stop: what follows the price, what takes profit, what the clock and the thesis end.

Each is an exit through the gate, says in its thesis which way it was, and ends the same on either venue.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from core import identity
from core.errors import ExchangeRejected
from core.exits import Chandelier, ExitPlan, Rung
from core.orders import OrderState, OrderType, Side
from core.time import HOUR_NS, MINUTE_NS
from core.verdicts import AnswerKind
from risk.codes import DenialCode
from tests.execution.desk import FREE, RESTING, Desk, denials

# Where stops rest at the venue, an exit that waits finds no free coins: only what closes now moves a stop.
watched_only = pytest.mark.parametrize("desk", [FREE], ids=["watched"], indirect=True)


@pytest.fixture(params=[FREE, RESTING], ids=["watched", "resting"])
def desk(request: pytest.FixtureRequest, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(settings=request.param)


def d(text: str) -> Decimal:
    return Decimal(text)


def ladder(*rungs: tuple[str, str]) -> ExitPlan:
    return ExitPlan(ladder=tuple(Rung(d(price), d(fraction)) for price, fraction in rungs))


TRAIL = ExitPlan(trail=d("0.05"))
SIX_HOURS = ExitPlan(time_limit_s=6 * 3600)


def exits(desk: Desk) -> list[tuple[str, str, str]]:
    """Quantity, price and thesis of everything that was sold, in order."""
    orders = {o.client_order_id: o for o in desk.rows("orders")}
    return [
        (str(f.quantity.normalize()), str(f.price.normalize()), desk.thesis_of(orders[f.client_order_id].proposal_id))
        for f in desk.rows("fills")
        if f.side is Side.SELL
    ]


def journal(desk: Desk, kind: str) -> list[Any]:
    return [row for row in desk.rows("journal") if row.kind == kind]


# What follows the price.


async def test_a_trailing_stop_sells_where_it_came_to(desk: Desk) -> None:
    await desk.bought("2", exits=TRAIL)
    await desk.trades("100", "120", "100", "120")
    await desk.trades("120", "120", "113", "113")
    ((quantity, price, thesis),) = exits(desk)
    assert (quantity, price) == ("2", "114")
    assert thesis.startswith("trailing stop")


async def test_a_trigger_that_its_own_bar_has_left_behind_sells_at_the_market(desk: Desk) -> None:
    """The hour rose to 120 and closed at 110: the trail of its high is at 114, and the price is below it."""
    await desk.bought("2", exits=TRAIL)
    report = await desk.trades("100", "120", "100", "110")
    assert [r.kind for r in report.fired] == [AnswerKind.WORKING]
    await desk.trades("109", "109", "109", "109")
    assert exits(desk) == [("2", "109", "trailing stop")]


async def test_a_trigger_that_moves_is_journaled_and_one_that_stays_is_not(desk: Desk) -> None:
    await desk.bought("2", exits=TRAIL)
    await desk.trades("100", "120", "100", "120")
    await desk.trades("120", "120", "116", "117")
    assert len(journal(desk, "stop_moved")) == 1


async def test_a_quote_between_bars_reaches_a_trigger_and_moves_none(desk: Desk) -> None:
    """A bar that closes later would be held against a trigger that was tighter than the one it traded under."""
    await desk.bought("2", exits=TRAIL)
    desk.market.show("120", at_ns=desk.clock.now_ns() + MINUTE_NS)
    await desk.step(desk.clock.now_ns() + MINUTE_NS)
    assert [s.trigger_price for s in desk.rows("stops")] == [90]


async def test_a_chandelier_follows_the_market(desk: Desk) -> None:
    await desk.bought("2", exits=ExitPlan(chandelier=Chandelier(bars=3, multiple=d("1"))))
    for price in ("104", "108", "112"):
        before = str(desk.last())
        await desk.trades(before, price, before, price)
    (stop,) = desk.rows("stops")
    assert (stop.trigger_price, stop.set_by) == (108, "chandelier")  # 112 less a mean range of 4
    await desk.trades("112", "112", "107", "107")
    assert desk.held() == 0


async def test_a_stop_at_break_even_loses_nothing_but_what_slips(desk: Desk) -> None:
    await desk.bought("2", exits=ExitPlan(break_even=d("0.02")))
    cash = desk.cash()
    await desk.trades("100", "103", "100", "103")
    await desk.trades("103", "103", "95", "95")
    assert d("200.2") <= desk.cash() - cash <= d("200.22")  # what it had cost with its fee, to the tick


# What takes profit.


async def test_a_rung_that_is_touched_sells_its_part(desk: Desk) -> None:
    await desk.bought("4", exits=ladder(("110", "0.25"), ("120", "0.5")))
    await desk.trades("100", "111", "100", "108")
    await desk.trades("107", "107", "107", "107")
    assert exits(desk) == [("1", "107", "took profit at rung 1")]
    assert desk.held() == desk.armed() == 3


async def test_rungs_of_one_bar_are_taken_at_once(desk: Desk) -> None:
    await desk.bought("4", exits=ladder(("110", "0.25"), ("120", "0.5")))
    await desk.trades("100", "121", "100", "121")
    await desk.trades("121", "121", "121", "121")
    assert exits(desk) == [("3", "121", "took profit at rung 2")]


async def test_a_rung_is_taken_once(desk: Desk) -> None:
    await desk.bought("4", exits=ladder(("110", "0.25")))
    for _ in range(3):
        await desk.trades("108", "111", "108", "111")
    assert [quantity for quantity, _, _ in exits(desk)] == ["1"]


async def test_a_target_is_a_ladder_of_one_rung(desk: Desk) -> None:
    await desk.bought("2", target="110")
    await desk.trades("100", "111", "100", "111")
    await desk.trades("111", "111", "111", "111")
    assert exits(desk) == [("2", "111", "took profit at rung 1")]
    assert desk.armed() == 0


async def test_a_stop_comes_before_a_rung_in_the_same_bar(desk: Desk) -> None:
    await desk.bought("2", stop="90", target="110")
    await desk.trades("100", "111", "89", "111")
    ((quantity, price, thesis),) = exits(desk)
    assert (quantity, price) == ("2", "9E+1")
    assert thesis.startswith("protective stop")


@watched_only
async def test_a_rung_leaves_an_exit_that_rests_alone(desk: Desk) -> None:
    """Both take profit, and together no more than is held."""
    await desk.bought("4", exits=ladder(("110", "0.75")))
    target = desk.sell("2", at="104.9")
    await desk.propose(target)
    desk.venue.unreadable = True  # so that its fill is not known yet
    await desk.trades("100", "111", "100", "111")
    desk.venue.unreadable = False
    await desk.trades("111", "111", "111", "111")
    assert desk.order_of(target).state is OrderState.FILLED
    assert {quantity for quantity, _, _ in exits(desk)} == {"2"}
    await desk.trades("111", "111", "111", "111")
    assert desk.held() == desk.armed()


async def test_a_rest_that_could_not_be_sold_goes_with_the_rung(desk: Desk) -> None:
    """A tenth of 0.5 coins is worth 5.5: the venue would never take it."""
    await desk.bought("0.5", exits=ladder(("110", "0.9")))
    await desk.trades("100", "111", "100", "111")
    await desk.trades("111", "111", "111", "111")
    assert (exits(desk)[0][0], desk.held()) == ("0.5", 0)


async def test_a_rung_that_is_too_little_is_taken_with_the_next(desk: Desk) -> None:
    await desk.bought("0.5", exits=ladder(("105", "0.1"), ("110", "0.4")))
    await desk.trades("100", "106", "100", "106")
    assert exits(desk) == []
    await desk.trades("106", "111", "106", "111")
    await desk.trades("111", "111", "111", "111")
    assert exits(desk) == [("0.25", "111", "took profit at rung 2")]


async def test_a_rung_whose_exit_came_to_nothing_is_still_due(desk: Desk) -> None:
    await desk.bought("4", exits=ladder(("110", "0.25")))
    desk.venue.fails_before = ExchangeRejected("try later")
    await desk.trades("100", "111", "100", "111")
    desk.venue.fails_before = None
    await desk.trades("111", "111", "111", "111")
    await desk.trades("111", "111", "111", "111")
    assert [quantity for quantity, _, _ in exits(desk)] == ["1"]


# What the clock ends.


async def test_a_trade_that_is_not_in_profit_after_its_time_is_left(desk: Desk) -> None:
    await desk.bought("2", exits=SIX_HOURS)  # its first fill is an hour old by now
    for _ in range(4):
        await desk.trades("100", "100", "100", "100")
        assert exits(desk) == []
    await desk.trades("100", "100", "100", "100")  # six hours
    await desk.trades("100", "100", "100", "100")
    assert exits(desk) == [("2", "1E+2", "time stop: not in profit after 6 h")]


async def test_a_trade_in_profit_net_of_its_costs_may_stay(desk: Desk) -> None:
    await desk.bought("2", exits=SIX_HOURS)
    for _ in range(8):
        await desk.trades("100.3", "100.3", "100.3", "100.3")
    assert exits(desk) == []


async def test_a_trade_that_only_earned_its_fees_is_not_in_profit(desk: Desk) -> None:
    await desk.bought("2", exits=ExitPlan(time_limit_s=5400))
    await desk.trades("100.2", "100.2", "100.2", "100.2")
    await desk.trades("100.2", "100.2", "100.2", "100.2")
    assert exits(desk) == [("2", "100.2", "time stop: not in profit after 5400 s")]


# What the thesis ends.


async def test_a_thesis_that_has_ended_is_left(desk: Desk) -> None:
    await desk.bought("2", stop="80", ends=("last < 95 and age_h > 1",))
    await desk.trades("94", "94", "94", "94")
    await desk.trades("94", "94", "94", "94")
    assert exits(desk) == [("2", "94", "thesis ended: last < 95 and age_h > 1")]


@watched_only
async def test_a_thesis_cancels_the_exit_that_waits_for_a_better_price(desk: Desk) -> None:
    await desk.bought("2", stop="80", ends=("gain < -5%",))
    target = desk.sell("1.5", at="104")
    await desk.propose(target)
    await desk.trades("94", "94", "94", "94")
    await desk.trades("94", "94", "94", "94")
    assert desk.order_of(target).state is OrderState.CANCELLED
    assert desk.held() == 0


@pytest.mark.parametrize(
    "text",
    [
        "high >= 107 and low <= 97 and entry <= 100 and entry >= 100",
        "bid <= 99 and ask >= 99 and mid <= 99 and spread_bps <= 1",
        "gain <= -1% and gain >= -1%",
        "age_h >= 2 and age_h <= 2",
        "volatility_ratio > 1 and age_h >= 2",
    ],
)
async def test_a_predicate_reads_the_market_and_the_position(desk: Desk, text: str) -> None:
    await desk.bought("2", ends=(text,))
    report = await desk.trades("100", "107", "97", "99")
    assert [desk.thesis_of(r.proposal_id) for r in report.fired] == [f"thesis ended: {text}"]


async def test_a_predicate_that_cannot_be_decided_ends_nothing_and_is_told_once(desk: Desk) -> None:
    await desk.bought("2", ends=("funding_rate > 1%", "last <= 1"))
    for _ in range(3):
        await desk.trades("100", "100", "100", "100")
    assert exits(desk) == []
    (told,) = journal(desk, "thesis")
    assert "funding_rate > 1%" in told.body
    assert "last <= 1" not in told.body


async def test_what_the_rest_of_a_predicate_decides_is_decided(desk: Desk) -> None:
    await desk.bought("2", ends=("funding_rate > 1% or last < 95",))
    await desk.trades("94", "94", "94", "94")
    await desk.trades("94", "94", "94", "94")
    assert desk.held() == 0


# Of all of them.


async def test_two_ways_out_at_once_close_the_position_once(desk: Desk) -> None:
    """The target was touched, the time is up and the thesis has ended, and one of them sells."""
    plan = ExitPlan(time_limit_s=3600, ladder=(Rung(d("101"), d("0.5")),))
    await desk.bought("2", exits=plan, ends=("age_h > 1",))
    await desk.trades("100", "102", "100", "100")
    await desk.trades("100", "100", "100", "100")
    assert sum(Decimal(quantity) for quantity, _, _ in exits(desk)) == 2
    assert desk.balances()["BTC"] == 0


async def test_every_exit_has_an_identity_of_its_own_and_a_source(desk: Desk) -> None:
    entry = await desk.bought("4", exits=ladder(("110", "0.25"), ("120", "0.25")))
    await desk.trades("100", "111", "100", "111")
    await desk.trades("111", "121", "111", "121")
    sent = [o.proposal_id for o in desk.rows("orders") if o.protective]
    assert len(sent) == len({*sent})
    assert {*sent} <= {identity.stop_proposal_id(entry.proposal_id, hit) for hit in range(1, len(sent) + 1)}
    rows = {row.proposal_id: row.body for row in desk.rows("proposals")}
    assert {rows[proposal_id]["source"] for proposal_id in sent} == {f"stop:{entry.proposal_id}"}


async def test_exits_but_a_stop_are_market_orders_that_only_reduce(desk: Desk) -> None:
    await desk.bought("2", target="110")
    report = await desk.trades("100", "111", "100", "111")
    (fired,) = report.fired
    (order,) = [o for o in desk.rows("orders") if o.proposal_id == fired.proposal_id]
    assert (order.type, order.reduce_only, fired.review.reducing) == (OrderType.MARKET, True, True)


@pytest.mark.parametrize("halted", [True, False])
async def test_ways_out_are_open_whatever_the_state(desk: Desk, halted: bool) -> None:
    await desk.bought("2", target="110")
    desk.kill.on = halted
    await desk.trades("100", "111", "100", "111")
    await desk.trades("111", "111", "111", "111")
    assert desk.held() == 0


async def test_a_plan_goes_on_after_a_restart(desk: Desk) -> None:
    await desk.bought("2", exits=TRAIL)
    await desk.trades("100", "120", "100", "120")
    again = desk.restarted()
    await again.trades("120", "120", "113", "113")
    ((quantity, price, _),) = exits(again)
    assert (quantity, price) == ("2", "114")


async def test_bars_that_nobody_watched_move_a_guard_in_their_order(desk: Desk) -> None:
    """Two hours in one step: the first moves the trigger to 114, and the second falls through it."""
    await desk.bought("2", exits=TRAIL)
    again, start = desk.restarted(), desk.clock.now_ns()
    again.market.bar("100", "120", "100", "119", open_ns=start)
    again.market.bar("119", "119", "113", "116", open_ns=start + HOUR_NS)
    await again.step(start + 2 * HOUR_NS)
    assert exits(again) == [("2", "114", "trailing stop")]


@pytest.mark.parametrize(
    "plan",
    [
        ExitPlan(trail=d("1")),
        ExitPlan(trail=d("NaN")),
        ExitPlan(time_limit_s=0),
        ladder(("110", "0.6"), ("120", "0.6")),
        ladder(("NaN", "0.5")),
    ],
    ids=["a trail of everything", "no number", "no time", "more than the whole", "a rung at no price"],
)
async def test_a_plan_that_is_out_of_range_never_becomes_a_position(desk: Desk, plan: ExitPlan) -> None:
    assert DenialCode.STOP in denials(await desk.propose(desk.buy("2", exits=plan)))


async def test_a_target_at_no_price_never_becomes_a_position(desk: Desk) -> None:
    assert DenialCode.STOP in denials(await desk.propose(desk.buy("2", target="NaN")))
