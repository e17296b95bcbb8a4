"""Working a parent: every child passes the gate, nothing is counted twice, and nothing that is unproven is built on."""

import asyncio
from decimal import Decimal

import pytest

from core.algorithms import Iceberg, LimitChase, Marketable, Twap
from core.errors import ConfigError, ExchangeRejected, OrderStateUnknown
from core.orders import OrderState, Proposal
from core.time import SECOND_NS
from core.verdicts import AnswerKind
from execution import parents
from memory.books.words import ParentState
from risk.codes import DenialCode
from tests.execution.algorithms.working import last, later, parent, show, sizes, worked
from tests.execution.conftest import Opened
from tests.execution.desk import RESTING, T0, Desk, denials

D = Decimal
HOUR = Twap(duration_s=3600, slices=4)
LOST = OrderStateUnknown("timed out")


@pytest.fixture
def desk(open_desk: Opened) -> Desk:
    opened = open_desk(coins=("SOL",))
    for symbol in opened.market.instruments:
        show(opened, "100", at_ns=T0, symbol=symbol)
    return opened


async def begun(desk: Desk, quantity: str = "4", plan: Twap = HOUR) -> Proposal:
    """A parent whose first slice is filled."""
    proposal = worked(desk.buy(quantity), plan)
    receipt = await desk.propose(proposal)
    assert receipt.kind is AnswerKind.WORKING, denials(receipt)
    await later(desk, 0)
    assert parent(desk, proposal).filled == D(quantity) / plan.slices
    return proposal


async def holding(desk: Desk, quantity: str) -> None:
    """A position with its stop at 90, and nothing of it fresh."""
    await desk.propose(desk.buy(quantity, stop="90"))
    await later(desk, 120)
    assert desk.held() == D(quantity)


# What is asked for.


@pytest.mark.parametrize(
    "plan", [Twap(0, 4), Twap(3600, 0), Twap(3600, 4, D(1)), Twap(3600, 4, D("NaN")), Twap(3600, 501)]
)
async def test_a_plan_that_is_out_of_range_is_denied(desk: Desk, plan: Twap) -> None:
    assert denials(await desk.propose(worked(desk.buy("4"), plan))) == [DenialCode.FIELDS]


async def test_an_exit_with_a_plan_that_is_out_of_range_is_denied_too(desk: Desk) -> None:
    await holding(desk, "2")
    assert denials(await desk.propose(worked(desk.sell("2"), Twap(0, 4)))) == [DenialCode.FIELDS]


@pytest.mark.parametrize("plan", [Iceberg(D(1)), LimitChase(60)])
async def test_what_rests_needs_a_limit(desk: Desk, plan: Iceberg | LimitChase) -> None:
    assert denials(await desk.propose(worked(desk.buy("4"), plan))) == [DenialCode.FIELDS]


async def test_what_takes_with_a_collar_has_no_limit_of_its_own(desk: Desk) -> None:
    assert denials(await desk.propose(worked(desk.buy("4", at="100"), Marketable()))) == [DenialCode.FIELDS]


async def test_nobody_proposes_a_slice_but_the_watch(desk: Desk) -> None:
    proposal = await begun(desk)
    with pytest.raises(ConfigError, match="worked by the watch alone"):
        await desk.propose(desk.buy("1", source=f"parent:{proposal.proposal_id}"))


async def test_the_parent_is_reviewed_whole(desk: Desk) -> None:
    assert DenialCode.ASSET_EXPOSURE in denials(await desk.propose(worked(desk.buy("21"), HOUR)))
    assert desk.rows("parents") == []


async def test_the_same_parent_again_is_the_same_parent(desk: Desk) -> None:
    proposal = await begun(desk)
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert (len(desk.rows("parents")), sizes(desk)) == (1, [D(1)])


async def test_a_person_is_asked_once_for_the_parent(open_desk: Opened) -> None:
    desk = open_desk(approval="always")
    show(desk, "100", at_ns=T0)
    proposal = worked(desk.buy("4"), HOUR)
    assert (await desk.propose(proposal)).kind is AnswerKind.WAITING
    await later(desk, 1)
    assert desk.venue.placed == []
    await desk.gate.answer(proposal.proposal_id, approve=True, by="ada", reason="yes")
    await later(desk, 1)
    await later(desk, 900)
    assert sizes(desk) == [D(1), D(1)]
    assert len(desk.rows("approvals")) == 1


# What counts.


async def test_two_parents_cannot_breach_a_limit_together(desk: Desk) -> None:
    assert (await desk.propose(worked(desk.buy("12"), HOUR))).kind is AnswerKind.WORKING
    assert DenialCode.ASSET_EXPOSURE in denials(await desk.propose(worked(desk.buy("9"), HOUR)))


async def test_what_a_parent_may_still_buy_counts_for_everybody(desk: Desk) -> None:
    await begun(desk, "12")
    assert DenialCode.ASSET_EXPOSURE in denials(await desk.propose(desk.buy("9", at="99")))


async def test_a_child_is_not_counted_twice(desk: Desk) -> None:
    """The parent takes all that the asset may have: any child counted beside it would be denied."""
    proposal = await begun(desk, "19.9")
    for _ in range(3):
        await later(desk, 900)
    assert parent(desk, proposal).filled == D("19.9")


async def test_a_parent_that_ended_counts_no_longer(desk: Desk) -> None:
    proposal = await begun(desk, "12")
    await desk.watch.algorithms.cancel([proposal.proposal_id], "enough")
    receipt = await desk.propose(desk.buy("9", at="99"))
    assert DenialCode.ASSET_EXPOSURE not in denials(receipt)


async def test_its_own_children_are_no_duplicates_and_the_parent_asked_twice_is(desk: Desk) -> None:
    proposal = await begun(desk, "4", Twap(duration_s=40, slices=4))
    await later(desk, 10)
    assert parent(desk, proposal).filled == 2
    assert DenialCode.NEAR_DUPLICATE in denials(await desk.propose(worked(desk.buy("4"), HOUR)))


async def test_a_parent_is_one_execution_of_its_plan(open_desk: Opened) -> None:
    desk = open_desk(max_repeats=2)
    show(desk, "100", at_ns=T0)
    await begun(desk)
    for _ in range(3):
        await later(desk, 900)
    assert len(sizes(desk)) == 4
    assert (await desk.propose(desk.buy("1", at="99"))).kind is AnswerKind.WORKING
    assert DenialCode.REPEATED in denials(await desk.propose(desk.buy("0.5", at="98")))


async def test_all_children_have_one_guard(desk: Desk) -> None:
    proposal = await begun(desk)
    await later(desk, 900)
    (stop,) = desk.rows("stops")
    assert (stop.stop_id, stop.quantity) == (proposal.proposal_id, 2)


# Unproven children.


async def test_an_unknown_child_pauses_its_schedule(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.venue.fails_before = LOST
    desk.venue.unreadable = True
    await later(desk, 900)
    await later(desk, 900)
    assert (sizes(desk), parent(desk, proposal).left) == ([D(1), D(1)], D(2))


async def test_an_unknown_child_that_never_arrived_is_made_up_for_under_a_new_name(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.venue.fails_before = LOST
    await later(desk, 900)
    desk.venue.fails_before = None
    await later(desk, 900)
    assert sizes(desk) == [D(1), D(1), D(2)]
    assert len({order.client_order_id for order in desk.venue.placed}) == 3
    assert parent(desk, proposal).filled == 3


async def test_an_unknown_child_that_arrived_is_booked_and_not_bought_again(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.venue.fails_after = LOST
    await later(desk, 900)
    desk.venue.fails_after = None
    await later(desk, 900)
    assert (sizes(desk), parent(desk, proposal).filled) == ([D(1), D(1), D(1)], D(3))


async def test_a_child_on_its_way_is_waited_for(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.venue.let_through.clear()
    desk.venue.reached.clear()
    step = asyncio.create_task(later(desk, 900))
    await desk.venue.reached.wait()
    await desk.watch.algorithms.step()
    assert sizes(desk) == [D(1), D(1)]
    desk.venue.let_through.set()
    await step
    assert parent(desk, proposal).filled == 2


async def test_a_cancel_without_proof_releases_nothing_more(desk: Desk) -> None:
    proposal = worked(desk.buy("4", at="100"), LimitChase(3600, every_s=10))
    await desk.propose(proposal)
    await later(desk, 0)
    desk.venue.unreadable = True
    await later(desk, 20, price="100.5")
    await later(desk, 20, price="100.5")
    assert (len(sizes(desk)), len(desk.venue.cancelled)) == (1, 1)
    assert [c.state for c in parent(desk, proposal).live] == [OrderState.CANCEL_UNKNOWN]


async def test_three_rejections_in_a_row_end_an_entry(desk: Desk) -> None:
    desk.venue.fails_before = ExchangeRejected("not here")
    proposal = worked(desk.buy("4"), HOUR)
    await desk.propose(proposal)
    for _ in range(5):
        await later(desk, 900)
    assert (len(sizes(desk)), parent(desk, proposal).state) == (3, ParentState.ENDED)
    assert "rejected 3 slices" in parent(desk, proposal).reason


async def test_a_denied_child_is_asked_again_at_its_next_time_and_not_before(desk: Desk) -> None:
    proposal = await begun(desk)
    for seconds, slices in ((900, 2), (1, 2), (10, 2), (889, 3)):
        at_ns = desk.clock.now_ns() + seconds * SECOND_NS
        desk.market.show("100", at_ns=at_ns, spread="2")  # wider than the policy allows
        await desk.step(at_ns)
        assert parent(desk, proposal).slices == slices
    assert sizes(desk) == [D(1)]


# The end.


async def test_cancelling_a_parent_cancels_its_live_child(desk: Desk) -> None:
    proposal = worked(desk.buy("4", at="95"), Iceberg(D(1)))
    await desk.propose(proposal)
    await later(desk, 0)
    await desk.watch.algorithms.cancel([proposal.proposal_id], "ada: enough")
    assert desk.live() == []
    assert (parent(desk, proposal).state, parent(desk, proposal).reason) == (ParentState.ENDED, "ada: enough")
    receipt = await desk.gate.receipt(proposal.proposal_id)
    assert receipt is not None
    assert (receipt.kind, receipt.detail) == (AnswerKind.DONE, "ada: enough")


async def test_a_child_that_cannot_be_reached_is_cancelled_when_it_can(desk: Desk) -> None:
    proposal = worked(desk.buy("4", at="95"), Iceberg(D(1)))
    await desk.propose(proposal)
    await later(desk, 0)
    desk.venue.unreadable = True
    await desk.watch.algorithms.cancel([proposal.proposal_id], "enough")
    assert parent(desk, proposal).state is ParentState.ENDING
    assert len(desk.live()) == 1
    desk.venue.unreadable = False
    await later(desk, 5)
    assert (parent(desk, proposal).state, desk.live()) == (ParentState.ENDED, [])


async def test_a_halt_ends_entries_and_takes_their_child_along(desk: Desk) -> None:
    proposal = worked(desk.buy("4", at="95"), Iceberg(D(1)))
    await desk.propose(proposal)
    await later(desk, 0)
    await desk.gate.halt(by="ada", reason="drill")
    await later(desk, 1)
    assert (desk.live(), parent(desk, proposal).state) == ([], ParentState.ENDED)
    assert parent(desk, proposal).reason == "halted"


async def test_a_halt_does_not_stop_an_exit(desk: Desk) -> None:
    await holding(desk, "4")
    proposal = worked(desk.sell("4"), HOUR)
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    await later(desk, 0)
    await desk.gate.halt(by="ada", reason="drill")
    for _ in range(3):
        await later(desk, 900)
    assert (desk.held(), parent(desk, proposal).state) == (D(0), ParentState.ENDED)


async def test_the_pulled_switch_lets_no_entry_go_on(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.kill.on = True
    await later(desk, 900)
    await later(desk, 900)
    assert (sizes(desk), parent(desk, proposal).state) == ([D(1)], ParentState.ENDED)


async def test_what_it_opened_and_a_stop_closed_ends_it(desk: Desk) -> None:
    proposal = await begun(desk)
    await later(desk, 10, price="89")
    await later(desk, 10, price="89")
    assert desk.held() == 0
    await later(desk, 880, price="100")
    assert parent(desk, proposal).reason == "what it had opened was closed"


# Exits.


async def test_every_child_of_an_exit_is_proven_to_reduce(desk: Desk) -> None:
    await holding(desk, "4")
    await desk.propose(worked(desk.sell("4"), HOUR))
    for _ in range(5):
        await later(desk, 900)
    assert desk.held() == 0
    assert all(order.reduce_only for order in desk.venue.placed[1:])


async def test_a_stop_goes_before_an_exit_that_takes_its_time(desk: Desk) -> None:
    await holding(desk, "4")
    proposal = worked(desk.sell("4"), HOUR)
    await desk.propose(proposal)
    await later(desk, 1)
    await later(desk, 10, price="89")
    assert desk.held() == 0
    await later(desk, 10, price="89")
    assert (parent(desk, proposal).state, parent(desk, proposal).reason) == (
        ParentState.ENDED,
        "nothing is left to close",
    )


async def test_two_exits_are_not_promised_the_same_coins(desk: Desk) -> None:
    await holding(desk, "4")
    assert (await desk.propose(worked(desk.sell("3"), HOUR))).kind is AnswerKind.WORKING
    assert DenialCode.UNMANAGED in denials(await desk.propose(worked(desk.sell("2"), HOUR)))


async def test_an_exit_works_beside_stops_that_rest_at_the_venue(open_desk: Opened) -> None:
    desk = open_desk(settings=RESTING)
    show(desk, "100", at_ns=T0)
    await desk.propose(desk.buy("4", stop="90"))
    await later(desk, 1)
    assert [a.remaining for a in desk.live()] == [D(4)]
    proposal = worked(desk.sell("4"), HOUR)
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    await later(desk, 1)
    assert (desk.held(), [a.remaining for a in desk.live()]) == (D(3), [D(3)])
    for _ in range(3):
        await later(desk, 900)
    assert (desk.held(), desk.live()) == (D(0), [])
    assert parent(desk, proposal).filled == 4


# Restarts, in the middle of everything.


@pytest.mark.parametrize(
    ("plan", "at"),
    [
        (HOUR, None),
        (HOUR, "100.5"),
        (Iceberg(D(1)), "100.5"),
    ],
)
async def test_a_restart_after_every_step_changes_nothing(desk: Desk, plan: Twap | Iceberg, at: str | None) -> None:
    proposal = worked(desk.buy("4", at=at), plan)
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    for _ in range(12):
        desk = desk.restarted()
        await later(desk, 600, asks="100.01x0.7 100.2x9")
    assert parent(desk, proposal).filled == desk.held() == 4


async def test_a_crash_while_a_child_is_sent_doubles_nothing(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.venue.fails_after = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await later(desk, 900)
    again = desk.restarted()
    for _ in range(4):
        await later(again, 900)
    assert (again.held(), parent(again, proposal).filled) == (D(4), D(4))


async def test_a_crash_before_a_child_left_loses_nothing(desk: Desk) -> None:
    proposal = await begun(desk)
    desk.venue.fails_before = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await later(desk, 900)
    again = desk.restarted()
    for _ in range(4):
        await later(again, 900)
    assert (again.held(), parent(again, proposal).filled) == (D(4), D(4))


async def test_nothing_of_a_parent_is_released_that_is_not_in_the_books(desk: Desk) -> None:
    """The slice is counted in the very write that reserves it."""
    proposal = await begun(desk)
    desk.venue.fails_before = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await later(desk, 900)
    found = parent(desk, proposal)
    assert (found.slices, [c.number for c in found.children], found.left) == (2, [0, 1], D(2))
    assert desk.books.read(lambda conn: parents.unended(conn, desk.account_id))[0].slices == 2
    assert last(desk).quantity == 1


@pytest.mark.parametrize(("parts", "placed"), [(0, "1"), (4, "1"), (5, "4"), (10, "4")])
async def test_a_venue_that_hides_the_rest_of_an_iceberg_gets_it_whole(desk: Desk, parts: int, placed: str) -> None:
    """With one part to spare: what shows may be cut to the venue's lot."""
    desk.venue.iceberg_parts = parts
    await desk.propose(worked(desk.buy("4", at="99"), Iceberg(D(1))))
    await later(desk, 0)
    (sent,) = desk.venue.placed
    assert sent.quantity == D(placed)
    await later(desk, 1)
    assert len(desk.venue.placed) == 1
