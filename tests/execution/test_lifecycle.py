"""The life of an order: what may follow what, who may say so, and what becomes of a word that nobody expects."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from core.errors import ExchangeUnavailable, OrderStateUnknown
from core.orders import LIVE_STATES, OrderState, Proposal
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from execution import lifecycle
from execution.lifecycle import TABLE, Stage, Teller, may_follow
from risk.states import TradingState
from tests.execution.desk import Desk
from tests.execution.handmade import Exchange

OVER = {Stage.DENIED, Stage.FILLED, Stage.CANCELLED, Stage.EXPIRED, Stage.REJECTED, Stage.ABSENT}
SEEN = {Stage.OPEN, Stage.PARTIAL, Stage.FILLED, Stage.CANCELLED, Stage.EXPIRED, Stage.REJECTED}
D, V, P = Teller.DESK, Teller.VENUE, Teller.PERSON
# Written down a second time, pair by pair: what a change of the table must be a change of, too.
LEGAL = {
    *((Stage.PROPOSED, to, D) for to in (Stage.DENIED, Stage.WAITING, Stage.APPROVED)),
    *((Stage.WAITING, to, D) for to in (Stage.DENIED, Stage.APPROVED)),
    (Stage.WAITING, Stage.DENIED, P),
    (Stage.APPROVED, Stage.SENDING, D),
    *((Stage.SENDING, to, D) for to in (Stage.UNKNOWN, Stage.PENDING_CANCEL, Stage.ABSENT)),
    *((before, to, V) for before in (Stage.SENDING, Stage.UNKNOWN) for to in SEEN),
    *((before, to, V) for before in (Stage.PENDING_CANCEL, Stage.CANCEL_UNKNOWN) for to in SEEN),
    *((Stage.OPEN, to, V) for to in SEEN - {Stage.OPEN}),
    *((Stage.PARTIAL, to, V) for to in SEEN - {Stage.OPEN, Stage.PARTIAL}),
    *((before, Stage.PENDING_CANCEL, D) for before in (Stage.OPEN, Stage.PARTIAL, Stage.UNKNOWN, Stage.CANCEL_UNKNOWN)),
    *((before, Stage.ABSENT, D) for before in (Stage.UNKNOWN, Stage.PENDING_CANCEL, Stage.CANCEL_UNKNOWN)),
    (Stage.PENDING_CANCEL, Stage.CANCEL_UNKNOWN, D),
    *((before, to, P) for before in (Stage.UNKNOWN, Stage.CANCEL_UNKNOWN) for to in OVER - {Stage.DENIED}),
}
STATES = list(OrderState)


@pytest.mark.parametrize("before", list(Stage))
def test_every_pair_is_as_it_is_written_down(before: Stage) -> None:
    for after, by in product(Stage, Teller):
        assert may_follow(before, after, by) == ((before, after, by) in LEGAL), f"{before} → {after} by {by}"


def test_what_is_over_has_nothing_after_it_and_everything_else_has() -> None:
    assert {stage for stage in Stage if not TABLE[stage]} == OVER
    assert {Stage(state) for state in OrderState if not state.live} <= OVER


def test_no_other_place_sets_a_state_of_an_order() -> None:
    """Of what else writes a state, approvals and parents have their own, and a row is born with one."""
    for path in Path(lifecycle.__file__).parent.glob("*.py"):
        if path.name not in ("lifecycle.py", "orderbook.py", "parents.py"):
            assert "state=state" not in path.read_text(), path
            assert "values(state=" not in path.read_text(), path


# One order, brought into a state.


async def placed(desk: Desk) -> tuple[Exchange, Proposal, str]:
    exchange = Exchange.under(desk)
    proposal = desk.buy("5", at="96")
    await desk.propose(proposal)
    return exchange, proposal, desk.order_of(proposal).client_order_id


def put(desk: Desk, name: str, state: OrderState) -> None:
    desk.books.write(
        lambda conn: lifecycle.move(conn, lifecycle.order(conn, name), state, Teller.VENUE, desk.clock.now_ns())
    )


def moved(desk: Desk, name: str, to: OrderState, by: Teller) -> bool:
    now_ns = desk.clock.now_ns()
    return desk.books.write(lambda conn: lifecycle.move(conn, lifecycle.order(conn, name), to, by, now_ns))


def irregular(desk: Desk) -> list[str]:
    return [row.detail for row in desk.rows("incidents") if row.kind.value == "irregularity"]


async def test_a_step_of_our_own_that_nobody_knows_is_refused_and_alarmed(desk: Desk) -> None:
    _, proposal, name = await placed(desk)
    put(desk, name, OrderState.CANCELLED)
    assert not moved(desk, name, OrderState.PENDING_CANCEL, Teller.DESK)
    assert desk.order_of(proposal).state is OrderState.CANCELLED
    assert irregular(desk) == ["we said pending_cancel of an order that was cancelled"]


async def test_what_the_venue_says_is_true_even_where_it_cannot_be(desk: Desk) -> None:
    _, proposal, name = await placed(desk)
    put(desk, name, OrderState.CANCELLED)
    assert moved(desk, name, OrderState.OPEN, Teller.VENUE)
    assert desk.order_of(proposal).state is OrderState.OPEN
    assert irregular(desk) == ["the venue said open of an order that was cancelled"]


async def test_a_legal_step_raises_no_alarm(desk: Desk) -> None:
    _, _, name = await placed(desk)
    assert moved(desk, name, OrderState.PENDING_CANCEL, Teller.DESK)
    assert irregular(desk) == []


# Fills that come late, twice, or beyond the order.


@pytest.mark.parametrize("over", [OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED])
async def test_a_late_fill_is_booked_and_alarmed_and_only_reducing_is_left(desk: Desk, over: OrderState) -> None:
    exchange, proposal, name = await placed(desk)
    exchange.ends(name, over)
    await desk.step(desk.clock.now_ns() + HOUR_NS)
    assert (desk.order_of(proposal).state, irregular(desk)) == (over, [])
    exchange.fills_some(name, "2")
    await desk.step(desk.clock.now_ns() + HOUR_NS)
    assert (desk.held(), desk.order_of(proposal).state) == (2, over)
    assert irregular(desk) == [f"it filled after it was {over.value}"]
    assert desk.state() is TradingState.REDUCING


async def test_a_late_fill_of_an_absent_order_is_booked_and_alarmed(desk: Desk) -> None:
    exchange = Exchange.under(desk)
    desk.venue.fails_after = OrderStateUnknown("lost")
    proposal = desk.buy("5", at="96")
    await desk.propose(proposal)
    name = desk.order_of(proposal).client_order_id
    exchange.hidden.add(name)
    await desk.step()
    assert desk.order_of(proposal).state is OrderState.ABSENT
    exchange.hidden.clear()
    exchange.fills_some(name, "5")
    await desk.step(desk.clock.now_ns() + HOUR_NS)
    assert (desk.held(), desk.order_of(proposal).state) == (5, OrderState.FILLED)
    assert "it filled after it was absent" in irregular(desk)[0]


async def test_an_overfill_is_booked_and_alarmed_and_only_reducing_is_left(desk: Desk) -> None:
    exchange, proposal, name = await placed(desk)
    exchange.fills_some(name, "5.001")
    await desk.step(desk.clock.now_ns() + HOUR_NS)
    assert (desk.held(), desk.order_of(proposal).state) == (Decimal("5.001"), OrderState.FILLED)
    assert irregular(desk) == ["5.001 of it filled, 5 was ordered"]
    assert (desk.state(), desk.latched()) == (TradingState.REDUCING, ["irregularity"])


async def test_exactly_filled_is_no_overfill(desk: Desk) -> None:
    exchange, _, name = await placed(desk)
    exchange.fills_some(name, "5")
    await desk.step(desk.clock.now_ns() + HOUR_NS)
    assert (desk.state(), irregular(desk)) == (TradingState.ACTIVE, [])


async def test_a_report_told_twice_changes_nothing(desk: Desk) -> None:
    exchange, proposal, name = await placed(desk)
    exchange.fills_some(name, "2")
    assert await desk.gate.poll(name, "BTC/USDT")
    before = (desk.rows("journal"), desk.rows("orders"), desk.rows("balances"))
    assert not await desk.gate.poll(name, "BTC/USDT")
    assert (desk.rows("journal"), desk.rows("orders"), desk.rows("balances")) == before
    assert desk.order_of(proposal).filled_quantity == 2


async def test_an_old_report_takes_no_order_back(desk: Desk) -> None:
    exchange, proposal, name = await placed(desk)
    exchange.fills_some(name, "2")
    old = await exchange.report(name, "BTC/USDT")
    exchange.fills_some(name, "3")
    await desk.gate.poll(name, "BTC/USDT")
    await desk.gate._sends._hears(name, "BTC/USDT", old)
    assert (desk.order_of(proposal).state, desk.order_of(proposal).filled_quantity) == (OrderState.FILLED, 5)
    assert irregular(desk) == []


async def test_an_old_report_does_not_open_what_was_cancelled(desk: Desk) -> None:
    exchange, proposal, name = await placed(desk)
    old = await exchange.report(name, "BTC/USDT")
    exchange.ends(name)
    await desk.gate.poll(name, "BTC/USDT")
    await desk.gate._sends._hears(name, "BTC/USDT", old)
    assert (desk.order_of(proposal).state, irregular(desk)) == (OrderState.CANCELLED, [])


# Cancels.


async def test_a_cancel_is_in_the_books_before_it_leaves(desk: Desk) -> None:
    _, proposal, name = await placed(desk)
    desk.venue.cancel_let_through.clear()
    asking = asyncio.create_task(desk.gate.cancel(name, "BTC/USDT"))
    await desk.venue.cancel_reached.wait()
    assert desk.order_of(proposal).state is OrderState.PENDING_CANCEL
    assert desk.reserved()["USDT"] > 480
    desk.venue.cancel_let_through.set()
    await asking
    assert desk.order_of(proposal).state is OrderState.CANCELLED


async def test_a_cancel_without_proof_is_unknown_until_a_report_settles_it(desk: Desk) -> None:
    _, proposal, name = await placed(desk)
    desk.venue.unreadable = True
    with pytest.raises(ExchangeUnavailable):
        await desk.gate.cancel(name, "BTC/USDT")
    assert desk.order_of(proposal).state is OrderState.CANCEL_UNKNOWN
    assert desk.reserved()["USDT"] > 480
    desk.venue.unreadable = False
    await desk.step()
    assert desk.order_of(proposal).state is OrderState.CANCELLED


async def test_a_cancel_that_lost_to_a_fill_is_a_fill(desk: Desk) -> None:
    exchange, proposal, name = await placed(desk)
    exchange.fills_some(name, "5")
    await desk.gate.cancel(name, "BTC/USDT")
    assert (desk.order_of(proposal).state, desk.held()) == (OrderState.FILLED, 5)


async def test_what_is_over_is_not_cancelled(desk: Desk) -> None:
    exchange, _, name = await placed(desk)
    exchange.ends(name)
    await desk.gate.poll(name, "BTC/USDT")
    await desk.gate.cancel(name, "BTC/USDT")
    assert (desk.venue.cancelled, irregular(desk)) == ([], [])


async def test_a_crash_in_a_cancel_restarts_as_a_cancel_without_proof(desk: Desk) -> None:
    exchange, proposal, name = await placed(desk)
    desk.books.write(lambda conn: lifecycle.asks_cancel(conn, name, desk.clock.now_ns()))
    again = desk.restarted()
    again.venue._venue = exchange
    again.venue.unreadable = True
    with pytest.raises(ExchangeUnavailable):
        await again.watch.recover()
    assert again.order_of(proposal).state is OrderState.CANCEL_UNKNOWN
    again.venue.unreadable = False
    await again.watch.recover()
    assert again.order_of(proposal).state is OrderState.OPEN


async def test_a_crash_in_a_send_restarts_as_unknown(desk: Desk) -> None:
    exchange = Exchange.under(desk)
    desk.venue.fails_before = asyncio.CancelledError()
    proposal = desk.buy("5", at="96")
    with pytest.raises(asyncio.CancelledError):
        await desk.propose(proposal)
    assert desk.order_of(proposal).state is OrderState.SENDING
    again = desk.restarted()
    again.venue._venue = exchange
    again.venue.unreadable = True
    with pytest.raises(ExchangeUnavailable):
        await again.watch.recover()
    assert again.order_of(proposal).state is OrderState.UNKNOWN
    assert again.reserved()["USDT"] > 480


async def test_an_accepted_order_of_which_nothing_is_told_yet_is_open(desk: Desk) -> None:
    exchange = Exchange.under(desk)
    exchange.proof = replace(exchange.proof, looks=3)
    proposal = desk.buy("5", at="96")
    desk.venue.unreadable = True
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert desk.order_of(proposal).state is OrderState.OPEN


def test_every_live_state_counts() -> None:
    assert {state for state in STATES if state.live} == LIVE_STATES
