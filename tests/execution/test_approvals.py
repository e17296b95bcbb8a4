"""Approval: a person is asked about a proposal, not about an order; the release is a review of its own."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import ConfigError
from core.orders import OrderState, Proposal
from core.taint import Taint
from core.time import MINUTE_NS, SECOND_NS
from core.verdicts import AnswerKind, Receipt
from execution import orderbook
from memory.books.words import ApprovalState
from risk.codes import DenialCode
from tests.execution.conftest import Opened
from tests.execution.desk import T0, Desk, denials


@pytest.fixture
def asking(open_desk: Opened) -> Desk:
    return open_desk(approval="always", approval_ttl_s=900, approval_drift="0.01")


async def waiting(desk: Desk, quantity: str = "1") -> Proposal:
    proposal = desk.buy(quantity)
    assert (await desk.propose(proposal)).kind is AnswerKind.WAITING
    return proposal


async def answered(desk: Desk, proposal: Proposal, *, approve: bool = True) -> Receipt:
    return await desk.gate.answer(proposal.proposal_id, approve=approve, by="ada", reason="I looked")


def approval_of(desk: Desk, proposal: Proposal) -> ApprovalState:
    row = desk.books.read(lambda conn: orderbook.approval(conn, proposal.proposal_id))
    assert row is not None
    state: ApprovalState = row.state
    return state


def moves(desk: Desk, price: str) -> None:
    desk.market.show(price, at_ns=desk.clock.now_ns())


async def test_a_waiting_proposal_reserves_nothing_and_sends_nothing(asking: Desk) -> None:
    await waiting(asking)
    assert (asking.reserved(), asking.venue.placed) == ({}, [])


async def test_a_waiting_proposal_does_not_count_against_the_next(asking: Desk) -> None:
    await waiting(asking, "15")
    await waiting(asking, "14")


async def test_the_same_proposal_again_still_waits(asking: Desk) -> None:
    proposal = await waiting(asking)
    assert (await asking.propose(proposal)).kind is AnswerKind.WAITING


async def test_a_denied_proposal_is_not_put_before_a_person(asking: Desk) -> None:
    assert (await asking.propose(asking.buy("21"))).kind is AnswerKind.DENIED
    assert asking.rows("approvals") == []


async def test_approval_releases_the_order(asking: Desk) -> None:
    proposal = await waiting(asking)
    assert (await answered(asking, proposal)).kind is AnswerKind.WORKING
    assert len(asking.venue.placed) == 1
    assert approval_of(asking, proposal) is ApprovalState.RELEASED


async def test_a_released_order_fills_after_its_release_and_not_before(asking: Desk) -> None:
    proposal = await waiting(asking)
    asking.clock.advance_to(T0 + 10 * MINUTE_NS)
    moves(asking, "100")
    await answered(asking, proposal)
    assert asking.venue.placed[0].decided_ns == T0 + 10 * MINUTE_NS


async def test_approval_is_a_review_on_fresh_facts(asking: Desk) -> None:
    proposal = await waiting(asking)
    asking.kill.on = True
    receipt = await answered(asking, proposal)
    assert (receipt.kind, denials(receipt)) == (AnswerKind.DENIED, [DenialCode.TRADING_STATE])
    assert asking.venue.placed == []


async def test_proposals_allowed_alone_do_not_breach_when_all_are_approved(asking: Desk) -> None:
    proposals = [await waiting(asking, size) for size in ("15", "14", "13")]
    receipts = await asyncio.gather(*(answered(asking, p) for p in proposals))
    assert [r.kind for r in receipts].count(AnswerKind.WORKING) == 1
    assert sum((o.quantity for o in asking.venue.placed), Decimal(0)) <= 20


async def test_a_price_at_the_edge_of_the_approved_band_is_released(asking: Desk) -> None:
    proposal = await waiting(asking)
    moves(asking, "101")
    assert (await answered(asking, proposal)).kind is AnswerKind.WORKING


@pytest.mark.parametrize("price", ["101.01", "98.99"])
async def test_a_price_beyond_the_approved_band_voids_the_approval(asking: Desk, price: str) -> None:
    proposal = await waiting(asking)
    moves(asking, price)
    receipt = await answered(asking, proposal)
    assert receipt.kind is AnswerKind.DENIED
    assert "the price moved 1.01% since it was proposed" in receipt.detail
    assert asking.venue.placed == []


async def test_a_rejected_proposal_is_denied(asking: Desk) -> None:
    proposal = await waiting(asking)
    receipt = await answered(asking, proposal, approve=False)
    assert (receipt.kind, receipt.detail) == (AnswerKind.DENIED, "rejected by ada: I looked")
    assert approval_of(asking, proposal) is ApprovalState.REJECTED
    assert asking.venue.placed == []


@pytest.mark.parametrize("approve", [True, False])
async def test_a_proposal_is_answered_once(asking: Desk, approve: bool) -> None:
    proposal = await waiting(asking)
    await answered(asking, proposal, approve=approve)
    with pytest.raises(ConfigError, match="already; only a waiting one can be answered"):
        await answered(asking, proposal)
    assert len(asking.venue.placed) == int(approve)


async def test_two_answers_at_once_release_one_order(asking: Desk) -> None:
    proposal = await waiting(asking)
    both = await asyncio.gather(answered(asking, proposal), answered(asking, proposal), return_exceptions=True)
    assert [type(answer) for answer in both].count(ConfigError) == 1
    assert len(asking.venue.placed) == 1


async def test_a_proposal_that_does_not_wait_cannot_be_answered(desk: Desk) -> None:
    proposal = desk.buy("1")
    await desk.propose(proposal)
    with pytest.raises(ConfigError, match="no proposal"):
        await answered(desk, proposal)


async def test_an_approval_is_good_until_exactly_its_last_second(asking: Desk) -> None:
    proposal = await waiting(asking)
    asking.clock.advance_to(T0 + 900 * SECOND_NS)
    moves(asking, "100")
    assert (await answered(asking, proposal)).kind is AnswerKind.WORKING


async def test_an_expired_approval_cannot_be_answered(asking: Desk) -> None:
    proposal = await waiting(asking)
    asking.clock.advance_to(T0 + 900 * SECOND_NS + 1)
    with pytest.raises(ConfigError, match="expired at 2021-05-19 13:15:00Z by the account's clock"):
        await answered(asking, proposal)
    assert asking.venue.placed == []


async def test_the_watch_lets_approvals_expire_by_the_accounts_clock(asking: Desk) -> None:
    proposal = await waiting(asking)
    await asking.step(T0 + 900 * SECOND_NS)
    assert approval_of(asking, proposal) is ApprovalState.WAITING
    await asking.step(T0 + 900 * SECOND_NS + 1)
    assert approval_of(asking, proposal) is ApprovalState.EXPIRED


async def test_an_expired_proposal_no_longer_says_that_it_waits(asking: Desk) -> None:
    proposal = await waiting(asking)
    await asking.step(T0 + 900 * SECOND_NS + 1)
    receipt = await asking.gate.receipt(proposal.proposal_id)
    assert receipt is not None
    assert receipt.kind is AnswerKind.DENIED


async def test_an_approval_waits_over_a_restart(asking: Desk) -> None:
    proposal = await waiting(asking)
    again = asking.restarted()
    assert (await answered(again, proposal)).kind is AnswerKind.WORKING


async def test_an_exit_does_not_wait(asking: Desk) -> None:
    entry = await waiting(asking, "2")
    await answered(asking, entry)
    await asking.trades("100", "100", "100", "100")
    assert (await asking.propose(asking.sell("2"))).kind is AnswerKind.WORKING


async def test_a_stop_does_not_wait(asking: Desk) -> None:
    entry = await waiting(asking, "2")
    await answered(asking, entry)
    await asking.trades("100", "100", "100", "100")
    report = await asking.trades("95", "95", "80", "95")
    assert len(report.fired) == 1
    assert asking.held() == 0


async def test_a_released_order_that_never_left_can_be_put_before_the_person_again(asking: Desk) -> None:
    proposal = await waiting(asking)
    asking.venue.fails_before = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await answered(asking, proposal)
    again = asking.restarted()
    await again.watch.poll_live()
    assert again.order_of(proposal).state is OrderState.ABSENT
    assert (await again.propose(proposal)).kind is AnswerKind.WAITING
    assert (await answered(again, proposal)).kind is AnswerKind.WORKING


# Who is asked.


def tainted(desk: Desk, taint: Taint) -> Proposal:
    return replace(desk.buy("1"), taint=taint)


@pytest.mark.parametrize(
    ("policy", "taint", "answer"),
    [
        ("never", Taint.TRUSTED, AnswerKind.WORKING),
        ("never", Taint.DERIVED, AnswerKind.WORKING),
        ("never", Taint.UNTRUSTED, AnswerKind.DENIED),
        ("tainted", Taint.TRUSTED, AnswerKind.WORKING),
        ("tainted", Taint.DERIVED, AnswerKind.WAITING),
        ("tainted", Taint.UNTRUSTED, AnswerKind.WAITING),
        ("tainted", Taint.HOSTILE, AnswerKind.DENIED),
        ("over", Taint.DERIVED, AnswerKind.WORKING),
        ("over", Taint.UNTRUSTED, AnswerKind.WAITING),
        ("over", Taint.HOSTILE, AnswerKind.DENIED),
        ("always", Taint.TRUSTED, AnswerKind.WAITING),
        ("always", Taint.UNTRUSTED, AnswerKind.WAITING),
        ("always", Taint.HOSTILE, AnswerKind.DENIED),
    ],
)
async def test_who_is_asked_depends_on_the_policy_and_on_what_the_order_rests_on(
    open_desk: Opened, policy: str, taint: Taint, answer: AnswerKind
) -> None:
    desk = open_desk(approval=policy)
    assert (await desk.propose(tainted(desk, taint))).kind is answer


async def test_only_an_order_worth_more_than_the_limit_waits_under_over(open_desk: Opened) -> None:
    desk = open_desk(approval="over", approval_over="500")
    assert (await desk.propose(desk.buy("5"))).kind is AnswerKind.WORKING
    assert (await desk.propose(desk.buy("5.001", symbol="ETH/USDT"))).kind is AnswerKind.WAITING


async def test_small_orders_that_are_one_large_one_together_wait_under_over(open_desk: Opened) -> None:
    desk = open_desk(approval="over", approval_over="500")
    assert (await desk.propose(desk.buy("3"))).kind is AnswerKind.WORKING
    assert (await desk.propose(desk.buy("2.001"))).kind is AnswerKind.WAITING
    assert (await desk.propose(desk.buy("3", symbol="ETH/USDT"))).kind is AnswerKind.WORKING


async def test_a_symbol_may_have_a_policy_of_its_own(open_desk: Opened) -> None:
    desk = open_desk(approval="never", approvals={"ETH/USDT": "always"})
    assert (await desk.propose(desk.buy("1"))).kind is AnswerKind.WORKING
    assert (await desk.propose(desk.buy("1", symbol="ETH/USDT"))).kind is AnswerKind.WAITING


async def test_what_a_person_could_not_save_is_not_put_before_one(open_desk: Opened) -> None:
    desk = open_desk(approval="tainted")
    too_large = replace(desk.buy("21"), taint=Taint.UNTRUSTED)
    assert DenialCode.TAINT in denials(await desk.propose(too_large))
    assert desk.rows("approvals") == []


async def test_a_person_who_releases_it_vouches_for_untrusted_text(open_desk: Opened) -> None:
    desk = open_desk(approval="tainted")
    proposal = tainted(desk, Taint.UNTRUSTED)
    asked = await desk.propose(proposal)
    assert denials(asked) == [DenialCode.TAINT]
    released = await answered(desk, proposal)
    assert (released.kind, denials(released)) == (AnswerKind.WORKING, [])


async def test_an_exit_never_waits_for_anybody(open_desk: Opened) -> None:
    desk = open_desk(approval="never", approvals={"ETH/USDT": "always"})
    await desk.bought("5")
    asking = replace(desk, policy=desk.policy.model_copy(update={"approval": "always"}))
    assert (await asking.propose(asking.sell("5"))).kind is not AnswerKind.WAITING


async def test_a_plan_that_ran_too_often_waits_for_a_person_and_starts_afresh(open_desk: Opened) -> None:
    desk = open_desk(approval="tainted", max_repeats=2, duplicate_tolerance="0.5")
    for quantity in ("4", "1.9"):
        assert (await desk.propose(desk.buy(quantity, at="95"))).kind is AnswerKind.WORKING
    third = desk.buy("0.9", at="95")
    assert denials(await desk.propose(third)) == [DenialCode.REPEATED]
    assert (await answered(desk, third)).kind is AnswerKind.WORKING
    assert (await desk.propose(desk.buy("0.4", at="95"))).kind is AnswerKind.WORKING


async def test_a_plan_that_ran_too_often_is_denied_where_nobody_is_asked(open_desk: Opened) -> None:
    desk = open_desk(max_repeats=1)
    await desk.propose(desk.buy("4", at="95"))
    assert denials(await desk.propose(desk.buy("1.9", at="95"))) == [DenialCode.REPEATED]


async def test_a_standing_instruction_is_held_to_the_count_that_a_person_confirmed(open_desk: Opened) -> None:
    desk = open_desk()
    first = replace(desk.buy("4", at="95"), plan="dca", confirmed=1)
    assert (await desk.propose(first)).kind is AnswerKind.WORKING
    second = replace(desk.buy("1.9", at="95"), plan="dca", confirmed=1)
    assert denials(await desk.propose(second)) == [DenialCode.REPEATED]
