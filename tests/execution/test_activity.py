"""What was sent lately: rates by the account's clock, conduct by owner, executions by plan."""

from dataclasses import replace

from core.errors import OrderStateUnknown
from core.orders import Proposal
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from core.verdicts import AnswerKind
from execution.activity import activity, executions
from risk.facts import Activity
from tests.execution.conftest import Opened
from tests.execution.desk import Desk


def seen(desk: Desk, owner: str = "trend") -> Activity:
    asking = desk.order(desk.buy("1").order.side, "1", owner=owner)
    now_ns = desk.clock.now_ns()
    return desk.books.read(lambda conn: activity(conn, asking, 5, now_ns))


async def resting(desk: Desk, quantity: str, **more: str) -> Proposal:
    proposal = desk.buy(quantity, at="96", **more)
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    return proposal


async def cancelled(desk: Desk, proposal: Proposal) -> None:
    attempt = desk.order_of(proposal)
    await desk.gate.cancel(attempt.client_order_id, attempt.symbol)


def later(desk: Desk, ns: int) -> None:
    desk.clock.advance_to(desk.clock.now_ns() + ns)


async def test_an_untouched_account_has_sent_nothing(desk: Desk) -> None:
    assert seen(desk) == Activity()


async def test_orders_leave_each_window_exactly_when_it_is_over(desk: Desk) -> None:
    await resting(desk, "5")
    assert (seen(desk).orders_second, seen(desk).orders_minute, seen(desk).orders_day) == (1, 1, 1)
    later(desk, SECOND_NS)
    assert (seen(desk).orders_second, seen(desk).orders_minute, seen(desk).orders_day) == (0, 1, 1)
    later(desk, MINUTE_NS - SECOND_NS)
    assert (seen(desk).orders_second, seen(desk).orders_minute, seen(desk).orders_day) == (0, 0, 1)


async def test_a_day_begins_at_midnight_utc(desk: Desk) -> None:
    await resting(desk, "5")  # at 13:00
    later(desk, 11 * HOUR_NS - 1)
    assert seen(desk).orders_day == 1
    later(desk, 1)
    assert seen(desk).orders_day == 0


async def test_a_cancel_is_a_message_and_no_order(desk: Desk) -> None:
    await cancelled(desk, await resting(desk, "5"))
    found = seen(desk)
    assert (found.orders_minute, found.messages_second, found.messages_minute, found.messages_day) == (1, 2, 2, 2)


async def test_an_order_that_is_asked_to_cancel_twice_counts_once(desk: Desk) -> None:
    proposal = await resting(desk, "5")
    await cancelled(desk, proposal)
    later(desk, MINUTE_NS)
    await cancelled(desk, proposal)
    assert (seen(desk).messages_minute, seen(desk).messages_day) == (0, 2)


async def test_an_owner_answers_for_its_own_cancels(desk: Desk) -> None:
    await cancelled(desk, await resting(desk, "5"))
    assert (seen(desk).owner_cancels, seen(desk, "other").owner_cancels) == (1, 0)


async def test_a_cancel_is_quick_within_the_seconds_of_the_policy(desk: Desk) -> None:
    first = await resting(desk, "5")
    later(desk, 5 * SECOND_NS)
    await cancelled(desk, first)
    assert seen(desk).owner_quick_cancels == 1
    second = await resting(desk, "4")
    later(desk, 5 * SECOND_NS + 1)
    await cancelled(desk, second)
    assert (seen(desk).owner_quick_cancels, seen(desk).owner_cancels) == (1, 2)


async def test_fills_of_the_day_stand_against_its_cancels(desk: Desk) -> None:
    await desk.bought("5")
    assert seen(desk).owner_fills == 1
    later(desk, DAY_NS)
    assert seen(desk).owner_fills == 0


async def test_a_cancelled_exit_is_nobodys_conduct(desk: Desk) -> None:
    await desk.bought("5")
    exit_ = desk.sell("5", at="104", reduce_only=True)
    await desk.propose(exit_)
    await cancelled(desk, exit_)
    found = seen(desk)
    assert (found.owner_cancels, found.owner_quick_cancels) == (0, 0)
    assert found.messages_day >= 3


async def test_an_owner_that_cancels_and_never_trades_is_stopped(open_desk: Opened) -> None:
    desk = open_desk(least_cancels=2, max_cancel_ratio="2", max_orders_second=20)
    for quantity in ("5", "4.9", "4.8"):
        await cancelled(desk, await resting(desk, quantity))
        later(desk, 2 * MINUTE_NS)
    receipt = await desk.propose(desk.buy("4.7", at="96"))
    assert [v.code for v in receipt.review.denials] == ["CANCEL_RATIO"]


def times(desk: Desk, proposal: Proposal) -> int:
    return desk.books.read(lambda conn: executions(conn, desk.account_id, proposal.plan_id, proposal.proposal_id))


async def test_a_plan_is_the_owners_trade_in_a_symbol_unless_it_has_a_name(desk: Desk) -> None:
    await resting(desk, "5")
    assert times(desk, desk.buy("1")) == 1
    assert times(desk, desk.buy("1", symbol="ETH/USDT")) == 0
    assert times(desk, replace(desk.buy("1"), plan="dca")) == 0


async def test_an_attempt_proven_absent_was_no_execution(desk: Desk) -> None:
    desk.venue.fails_before = OrderStateUnknown("lost")
    await desk.propose(desk.buy("5", at="96"))
    assert times(desk, desk.buy("1")) == 1
    desk.venue.fails_before = None
    await desk.watch.poll_live()
    assert times(desk, desk.buy("1")) == 0
