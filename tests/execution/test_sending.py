"""Sending: unknown is a state, nothing is resent blindly, and a crash loses and doubles no order."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from core import identity
from core.errors import ExchangeRejected, OrderStateUnknown
from core.orders import OrderState, Proposal
from core.verdicts import AnswerKind
from risk.codes import DenialCode
from risk.states import TradingState
from tests.execution.conftest import Opened
from tests.execution.desk import Desk, denials
from tests.execution.handmade import Exchange

# A venue that fails.

LOST = OrderStateUnknown("timed out")


@pytest.mark.parametrize("failure", [LOST, ConnectionError("reset"), ValueError("a bug in an adapter"), TimeoutError()])
async def test_a_send_without_proof_is_unknown(desk: Desk, failure: Exception) -> None:
    desk.venue.fails_before = failure
    proposal = desk.buy("1")
    receipt = await desk.propose(proposal)
    assert receipt.kind is AnswerKind.WORKING
    assert "no proof from the venue" in receipt.detail
    assert desk.order_of(proposal).state is OrderState.UNKNOWN


async def test_an_unknown_order_counts_at_its_worst(desk: Desk) -> None:
    desk.venue.fails_before = LOST
    await desk.propose(desk.buy("15", at="100"))
    assert desk.reserved() == {"USDT": Decimal("1501.5")}
    assert denials(await desk.propose(desk.buy("6", at="100"))) == [DenialCode.ASSET_EXPOSURE]


async def test_an_unknown_order_is_not_sent_again(desk: Desk) -> None:
    desk.venue.fails_before = LOST
    proposal = desk.buy("1")
    await desk.propose(proposal)
    desk.venue.fails_before = None
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert len(desk.venue.placed) == 1


async def test_an_unknown_order_is_not_sent_again_after_a_restart(desk: Desk) -> None:
    desk.venue.fails_before = LOST
    proposal = desk.buy("1")
    await desk.propose(proposal)
    again = desk.restarted()
    again.venue.unreadable = True
    await again.propose(proposal)
    assert again.venue.placed == []
    assert again.order_of(proposal).state is OrderState.UNKNOWN


async def test_an_unknown_order_stays_unknown_while_nothing_can_be_read(desk: Desk) -> None:
    desk.venue.fails_after, desk.venue.unreadable = LOST, True
    proposal = desk.buy("1")
    await desk.propose(proposal)
    assert desk.order_of(proposal).state is OrderState.UNKNOWN


async def test_an_unknown_order_that_the_venue_knows_is_booked(desk: Desk) -> None:
    desk.venue.fails_after = LOST
    proposal = desk.buy("1")
    await desk.propose(proposal)
    await desk.trades("100", "100", "100", "100")
    assert desk.order_of(proposal).state is OrderState.FILLED
    assert desk.held() == 1


async def test_an_accepted_order_whose_report_is_late_counts_as_it_was_sent(desk: Desk) -> None:
    desk.venue.unreadable = True
    proposal = desk.buy("1")
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert desk.order_of(proposal).state is OrderState.OPEN
    assert desk.reserved()["USDT"] > 0


async def test_a_rejected_order_is_done_and_its_reservation_free(desk: Desk) -> None:
    desk.venue.fails_before = ExchangeRejected("post-only")
    proposal = desk.buy("1")
    receipt = await desk.propose(proposal)
    assert (receipt.kind, desk.order_of(proposal).state) == (AnswerKind.DONE, OrderState.REJECTED)
    assert "post-only" in receipt.detail
    assert desk.reserved() == {}


async def test_a_rejected_order_is_not_tried_again(desk: Desk) -> None:
    desk.venue.fails_before = ExchangeRejected("post-only")
    proposal = desk.buy("1")
    await desk.propose(proposal)
    desk.venue.fails_before = None
    assert (await desk.propose(proposal)).kind is AnswerKind.DONE
    assert len(desk.venue.placed) == 1


async def test_a_venue_that_cannot_be_read_does_not_stop_the_breakers(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="96"))
    desk.venue.unreadable = desk.kill.on = True
    await desk.step()
    assert desk.latched() == ["kill"]


# A crash between the durable SENDING and the venue.


async def crashed(desk: Desk, source: str = "cycle:test") -> tuple[Desk, Proposal]:
    """A desk restarted over an order that was written as SENDING and never left."""
    proposal = desk.buy("1", source=source)
    desk.venue.fails_before = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await desk.propose(proposal)
    assert desk.order_of(proposal).state is OrderState.SENDING
    return desk.restarted(), proposal


async def test_an_order_that_was_being_sent_counts_after_a_crash(desk: Desk) -> None:
    again, _ = await crashed(desk)
    assert again.reserved()["USDT"] > 100


async def test_an_order_that_was_being_sent_is_not_resent_before_its_absence_is_proven(desk: Desk) -> None:
    again, proposal = await crashed(desk)
    again.venue.unreadable = True
    receipt = await again.propose(proposal)
    assert receipt.kind is AnswerKind.WORKING
    assert again.venue.placed == []


async def test_an_order_that_never_left_is_proven_absent(desk: Desk) -> None:
    again, proposal = await crashed(desk)
    await again.watch.poll_live()
    receipt = await again.gate.receipt(proposal.proposal_id)
    assert receipt is not None
    assert receipt.kind is AnswerKind.DONE
    assert again.reserved() == {}


@pytest.mark.parametrize("source", ["cycle:test", "person:ada"])
async def test_once_proven_absent_it_may_be_tried_again_under_a_new_name(desk: Desk, source: str) -> None:
    again, proposal = await crashed(desk, source)
    await again.watch.poll_live()
    assert (await again.propose(proposal)).kind is AnswerKind.WORKING
    assert [o.client_order_id for o in again.venue.placed] == [identity.client_order_id(proposal.proposal_id, 2)]
    assert [a.state for a in again.attempts(proposal)] == [OrderState.ABSENT, OrderState.OPEN]


async def test_an_order_that_arrived_before_the_crash_is_found_and_not_resent(desk: Desk) -> None:
    proposal = desk.buy("1")
    desk.venue.fails_after = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await desk.propose(proposal)
    again = desk.restarted()
    await again.watch.poll_live()
    assert (await again.propose(proposal)).kind is AnswerKind.WORKING
    assert again.venue.placed == []
    assert again.order_of(proposal).state is OrderState.OPEN


# A send that takes its time.


async def test_cancelling_whoever_proposed_does_not_cancel_the_send(desk: Desk) -> None:
    desk.venue.let_through.clear()
    proposal = desk.buy("1")
    cycle = asyncio.create_task(desk.propose(proposal))
    await desk.venue.reached.wait()
    cycle.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cycle
    assert desk.order_of(proposal).state is OrderState.SENDING
    desk.venue.let_through.set()
    await asyncio.gather(*desk.gate._sends.tasks)
    assert desk.order_of(proposal).state is OrderState.OPEN


async def test_a_cancelled_proposer_loses_no_exit_that_found_a_halt(desk: Desk) -> None:
    """The halt's own cancels are awaited before the answer: the exit is on its way by then."""
    await desk.bought("2")
    await desk.propose(desk.buy("1", at="96", symbol="ETH/USDT"))
    desk.kill.on = True
    desk.venue.cancel_let_through.clear()
    exit_ = desk.sell("2")
    cycle = asyncio.create_task(desk.propose(exit_))
    await desk.venue.cancel_reached.wait()
    cycle.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cycle
    desk.venue.cancel_let_through.set()
    await asyncio.gather(*desk.gate._sends.tasks)
    assert desk.order_of(exit_).state is OrderState.OPEN


async def test_an_order_in_flight_is_not_proven_absent_by_a_venue_that_has_not_seen_it_yet(desk: Desk) -> None:
    desk.venue.let_through.clear()
    proposal = desk.buy("1")
    sending = asyncio.create_task(desk.propose(proposal))
    await desk.venue.reached.wait()
    await desk.watch.poll_live()
    assert desk.order_of(proposal).state is OrderState.SENDING
    desk.venue.let_through.set()
    await sending


async def test_an_order_in_flight_is_not_sent_twice_when_it_is_proposed_again_after_a_step(desk: Desk) -> None:
    desk.venue.let_through.clear()
    proposal = desk.buy("1")
    sending = asyncio.create_task(desk.propose(proposal))
    await desk.venue.reached.wait()
    await desk.step()
    again = asyncio.create_task(desk.propose(proposal))
    await asyncio.sleep(0)
    desk.venue.let_through.set()
    await asyncio.gather(sending, again)
    assert len(desk.venue.placed) == 1


async def test_a_halt_between_review_and_send_stops_the_send(desk: Desk) -> None:
    """The send begins one turn of the loop after its review; whatever voids the tickets in between wins."""
    proposal = desk.buy("1")
    cycle = asyncio.create_task(desk.propose(proposal))
    while not desk.attempts(proposal):
        await asyncio.sleep(0)
    desk.office.void_all()
    receipt = await cycle
    assert (receipt.kind, desk.venue.placed) == (AnswerKind.DONE, [])
    assert desk.order_of(proposal).state is OrderState.ABSENT
    assert desk.reserved() == {}


async def test_a_send_that_comes_too_late_is_not_made(desk: Desk) -> None:
    desk = replace(desk, ticket_ttl_s=1)
    proposal = desk.buy("1")
    cycle = asyncio.create_task(desk.propose(proposal))
    while not desk.attempts(proposal):
        await asyncio.sleep(0)
    desk.clock.advance_to(desk.clock.now_ns() + 1_000_000_001)
    receipt = await cycle
    assert (receipt.kind, desk.venue.placed) == (AnswerKind.DONE, [])
    assert "never sent" in receipt.detail


async def test_a_cancel_that_came_before_its_order_is_sent_again(desk: Desk) -> None:
    exchange = Exchange.under(desk)
    proposal = desk.buy("5", at="96")
    desk.venue.let_through.clear()
    sending = asyncio.create_task(desk.propose(proposal))
    await desk.venue.reached.wait()
    attempt = desk.order_of(proposal)
    await desk.gate.cancel(attempt.client_order_id, attempt.symbol)
    assert desk.order_of(proposal).state is OrderState.PENDING_CANCEL
    desk.venue.let_through.set()
    await sending
    assert desk.order_of(proposal).state is OrderState.CANCELLED
    assert exchange.orders[attempt.client_order_id].state is OrderState.CANCELLED


async def test_a_cancel_that_hangs_holds_up_neither_another_exit_nor_a_halt(open_desk: Opened) -> None:
    desk = open_desk()
    await desk.bought("2")
    await desk.bought("2", symbol="ETH/USDT")
    assert (await desk.propose(desk.buy("1", at="99.9", owner="another"))).kind is AnswerKind.WORKING
    desk.venue.cancel_let_through.clear()
    # An exit there would meet our own entry, which is cancelled first.
    first = asyncio.create_task(desk.propose(desk.sell("2", at="99.9", reduce_only=True)))
    await desk.venue.cancel_reached.wait()
    other = await desk.propose(desk.sell("2", symbol="ETH/USDT", reduce_only=True))
    halting = asyncio.create_task(desk.gate.halt(by="ada", reason="now"))
    await asyncio.sleep(0.05)
    halted = desk.standing().state
    desk.venue.cancel_let_through.set()
    await asyncio.gather(first, halting)
    assert other.kind is AnswerKind.WORKING
    assert halted is TradingState.HALTED
