"""Orders that nobody can prove anything about: what looks prove, what they do not, and what a person may say."""

from typing import Any

import pytest

from core import identity
from core.errors import ConfigError, OrderStateUnknown
from core.orders import OrderState, Proposal
from core.time import SECOND_NS
from core.verdicts import AnswerKind
from execution import orderbook, resolution
from execution.ports import AbsenceProof
from risk.codes import DenialCode
from tests.execution.desk import ACCOUNT, Desk, denials
from tests.execution.handmade import Exchange

THREE = AbsenceProof(looks=3, spread_ns=60 * SECOND_NS, final=False)
FINAL = AbsenceProof(looks=3, spread_ns=60 * SECOND_NS, final=True)


async def unknown(desk: Desk, proof: AbsenceProof) -> tuple[Exchange, Proposal]:
    """An order whose request was lost, at a venue that takes this much proof."""
    exchange = Exchange.under(desk)
    exchange.proof = proof
    desk.venue.fails_before = OrderStateUnknown("timed out")
    proposal = desk.buy("15", at="100")
    await desk.propose(proposal)
    desk.venue.fails_before = None
    assert desk.order_of(proposal).state is OrderState.UNKNOWN
    return exchange, proposal


async def look(desk: Desk, *, after_s: int) -> None:
    desk.clock.advance_to(desk.clock.now_ns() + after_s * SECOND_NS)
    await desk.watch.poll_live()


def row(desk: Desk) -> Any:
    (found,) = desk.rows("orders")
    return found


async def test_two_looks_are_not_three(desk: Desk) -> None:
    _, proposal = await unknown(desk, FINAL)
    await look(desk, after_s=20)
    await look(desk, after_s=20)
    assert (desk.order_of(proposal).state, row(desk).looks) == (OrderState.UNKNOWN, 2)
    await look(desk, after_s=20)
    assert desk.order_of(proposal).state is OrderState.ABSENT


async def test_looks_in_a_row_are_one_look(desk: Desk) -> None:
    _, proposal = await unknown(desk, FINAL)
    await look(desk, after_s=20)
    for _ in range(5):
        await look(desk, after_s=1)
    assert (desk.order_of(proposal).state, row(desk).looks) == (OrderState.UNKNOWN, 1)


async def test_no_look_counts_before_its_time_from_the_send(desk: Desk) -> None:
    await unknown(desk, FINAL)
    await look(desk, after_s=19)
    assert row(desk).looks == 0
    await look(desk, after_s=1)
    assert row(desk).looks == 1


async def test_a_look_that_failed_counts_for_nothing_and_undoes_nothing(desk: Desk) -> None:
    _, proposal = await unknown(desk, FINAL)
    await look(desk, after_s=20)
    await look(desk, after_s=20)
    desk.venue.unreadable = True
    await look(desk, after_s=20)
    assert (desk.order_of(proposal).state, row(desk).looks) == (OrderState.UNKNOWN, 2)
    desk.venue.unreadable = False
    await look(desk, after_s=1)
    assert desk.order_of(proposal).state is OrderState.ABSENT


async def test_an_order_that_turns_up_begins_to_be_looked_for_anew(desk: Desk) -> None:
    exchange, proposal = await unknown(desk, FINAL)
    await look(desk, after_s=20)
    await look(desk, after_s=20)
    exchange.takes("15", name=desk.order_of(proposal).client_order_id, at="100")
    await look(desk, after_s=20)
    assert (desk.order_of(proposal).state, row(desk).looks) == (OrderState.OPEN, 0)


async def test_what_may_still_arrive_is_presumed_absent_and_counts(desk: Desk) -> None:
    _, proposal = await unknown(desk, THREE)
    for _ in range(5):
        await look(desk, after_s=20)
    assert (desk.order_of(proposal).state, row(desk).presumed_absent) == (OrderState.UNKNOWN, True)
    assert [e.kind for e in desk.rows("journal")].count("presumed_absent") == 1
    assert denials(await desk.propose(desk.buy("6", at="100"))) == [DenialCode.ASSET_EXPOSURE]
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert len(desk.venue.placed) == 1


async def test_what_was_presumed_absent_and_arrives_is_an_order_like_any(desk: Desk) -> None:
    exchange, proposal = await unknown(desk, THREE)
    for _ in range(3):
        await look(desk, after_s=20)
    exchange.takes("15", name=desk.order_of(proposal).client_order_id, at="100")
    await look(desk, after_s=20)
    assert (desk.order_of(proposal).state, row(desk).presumed_absent) == (OrderState.OPEN, False)


async def test_a_cancel_does_not_begin_the_looks_anew(desk: Desk) -> None:
    _, proposal = await unknown(desk, FINAL)
    await look(desk, after_s=20)
    await look(desk, after_s=20)
    await desk.gate.cancel(desk.order_of(proposal).client_order_id, "BTC/USDT")
    assert (desk.order_of(proposal).state, row(desk).looks) == (OrderState.CANCEL_UNKNOWN, 2)
    await look(desk, after_s=20)
    assert desk.order_of(proposal).state is OrderState.ABSENT


async def test_an_order_that_the_venue_took_is_never_absent(desk: Desk) -> None:
    exchange = Exchange.under(desk)
    exchange.proof = FINAL
    proposal = desk.buy("5", at="96")
    await desk.propose(proposal)
    exchange.hidden.add(desk.order_of(proposal).client_order_id)
    for _ in range(3):
        await look(desk, after_s=20)
    assert desk.order_of(proposal).state is OrderState.OPEN
    assert "mismatch" not in desk.latched(), "the first look began to count"
    await look(desk, after_s=20)
    assert "mismatch" in desk.latched()


# A person's word.


def says(desk: Desk, to: OrderState, order: str, *, reason: str = "seen at the venue") -> None:
    now_ns = desk.clock.now_ns()
    desk.books.write(lambda conn: resolution.resolve(conn, ACCOUNT, order, to, by="ada", reason=reason, now_ns=now_ns))


async def test_a_person_resolves_what_is_unknown_and_the_journal_has_who_and_why(desk: Desk) -> None:
    _, proposal = await unknown(desk, THREE)
    says(desk, OrderState.ABSENT, proposal.proposal_id)
    assert (desk.order_of(proposal).state, desk.reserved()) == (OrderState.ABSENT, {})
    (told,) = [e.body for e in desk.rows("journal") if e.kind == "resolved"]
    assert all(word in told for word in ("ada", "seen at the venue", "absent"))


async def test_after_a_person_called_it_absent_it_may_be_tried_again_under_a_new_name(desk: Desk) -> None:
    _, proposal = await unknown(desk, THREE)
    says(desk, OrderState.ABSENT, proposal.proposal_id)
    assert (await desk.propose(proposal)).kind is AnswerKind.WORKING
    assert desk.venue.placed[-1].client_order_id == identity.client_order_id(proposal.proposal_id, 2)


async def test_an_order_that_is_known_cannot_be_resolved(desk: Desk) -> None:
    Exchange.under(desk)
    proposal = desk.buy("5", at="96")
    await desk.propose(proposal)
    with pytest.raises(ConfigError, match="is open: only an unknown one can be resolved"):
        says(desk, OrderState.ABSENT, proposal.proposal_id)


@pytest.mark.parametrize("to", [OrderState.OPEN, OrderState.UNKNOWN, OrderState.SENDING])
async def test_nobody_can_call_an_order_live(desk: Desk, to: OrderState) -> None:
    _, proposal = await unknown(desk, THREE)
    with pytest.raises(ConfigError, match="can be resolved as absent, filled"):
        says(desk, to, proposal.proposal_id)


async def test_a_resolution_needs_a_reason(desk: Desk) -> None:
    _, proposal = await unknown(desk, THREE)
    with pytest.raises(ConfigError, match="needs a reason"):
        says(desk, OrderState.ABSENT, proposal.proposal_id, reason="")


async def test_what_reached_the_venue_is_not_called_absent(desk: Desk) -> None:
    exchange = Exchange.under(desk)
    proposal = desk.buy("5", at="96")
    await desk.propose(proposal)
    name = desk.order_of(proposal).client_order_id
    exchange.hidden.add(name)
    await desk.step()
    assert desk.order_of(proposal).state is OrderState.CANCEL_UNKNOWN
    with pytest.raises(ConfigError, match="reached the venue"):
        says(desk, OrderState.ABSENT, name)
    says(desk, OrderState.CANCELLED, name)
    assert desk.order_of(proposal).state is OrderState.CANCELLED


async def test_what_a_person_calls_filled_without_its_fills_is_a_contradiction(desk: Desk) -> None:
    _, proposal = await unknown(desk, THREE)
    says(desk, OrderState.FILLED, proposal.proposal_id)
    await desk.step()
    assert "mismatch" in desk.latched()


async def test_an_order_is_found_by_what_it_begins_with_and_never_by_nothing(desk: Desk) -> None:
    _, proposal = await unknown(desk, THREE)
    name = desk.order_of(proposal).client_order_id

    def find(prefix: str) -> Any:
        return desk.books.read(lambda conn: resolution.find(conn, ACCOUNT, prefix))

    assert find(name[:6]).client_order_id == find(proposal.proposal_id).client_order_id == name
    for nothing in ("", "nobody"):
        with pytest.raises(ConfigError, match="no order has an id that starts with"):
            find(nothing)


async def test_one_beginning_of_two_orders_is_refused(desk: Desk) -> None:
    Exchange.under(desk)
    await desk.propose(desk.buy("1", at="96"))
    await desk.propose(desk.buy("1", at="95", symbol="ETH/USDT"))
    assert len(desk.books.read(lambda conn: orderbook.live_attempts(conn, ACCOUNT))) == 2
    with pytest.raises(ConfigError, match="more than one order starts with 'p'"):
        desk.books.read(lambda conn: resolution.find(conn, ACCOUNT, "p"))
