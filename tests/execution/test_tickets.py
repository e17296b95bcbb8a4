"""No ticket, no order: whatever the door is shown that the office did not mint just now, the venue never sees."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.money import Price, Quantity
from core.orders import Order, OrderType, Side, TimeInForce
from core.time import SECOND_NS
from execution.tickets import ApprovedOrder, TicketOffice, TicketRefused
from tests.execution.conftest import Opened
from tests.execution.desk import T0, Desk

TTL_S = 5


@pytest.fixture
def order(desk: Desk) -> Order:
    return desk.order(Side.BUY, "1")


@pytest.fixture
def ticket(desk: Desk, order: Order) -> ApprovedOrder:
    return desk.office.mint(order, desk.office.epoch, T0)


async def refused(desk: Desk, shown: ApprovedOrder, why: str) -> None:
    with pytest.raises(TicketRefused, match=why):
        await desk.door.submit(shown, "client-1", T0)
    assert desk.venue.placed == []


async def test_a_minted_ticket_opens_the_door_once(desk: Desk, ticket: ApprovedOrder) -> None:
    await desk.door.submit(ticket, "client-1", T0)
    assert [o.client_order_id for o in desk.venue.placed] == ["client-1"]


async def test_a_forged_ticket_is_refused(desk: Desk, order: Order) -> None:
    await refused(desk, ApprovedOrder(order, "0" * 32), "never minted")


async def test_an_empty_ticket_is_refused(desk: Desk, order: Order) -> None:
    await refused(desk, ApprovedOrder(order, ""), "never minted")


async def test_a_replayed_ticket_is_refused(desk: Desk, ticket: ApprovedOrder) -> None:
    await desk.door.submit(ticket, "client-1", T0)
    with pytest.raises(TicketRefused, match="spent"):
        await desk.door.submit(ticket, "client-2", T0)
    assert [o.client_order_id for o in desk.venue.placed] == ["client-1"]


async def test_a_ticket_is_good_until_exactly_its_last_nanosecond(desk: Desk, ticket: ApprovedOrder) -> None:
    desk.clock.advance_to(T0 + TTL_S * SECOND_NS)
    await desk.door.submit(ticket, "client-1", T0)
    assert len(desk.venue.placed) == 1


async def test_an_expired_ticket_is_refused(desk: Desk, ticket: ApprovedOrder) -> None:
    desk.clock.advance_to(T0 + TTL_S * SECOND_NS + 1)
    await refused(desk, ticket, "expired")


ALTERED = [
    {"quantity": Quantity(Decimal("1.001"))},
    {"quantity": Quantity(Decimal("0.999"))},
    {"symbol": "ETH/USDT"},
    {"side": Side.SELL},
    {"type": OrderType.LIMIT, "limit_price": Price(Decimal(100))},
    {"trigger_price": Price(Decimal(100))},
    {"time_in_force": TimeInForce.IOC},
    {"reduce_only": True},
    {"owner": "another"},
    {"proposal_id": "another"},
    {"account_id": "another"},
]


@pytest.mark.parametrize("change", ALTERED, ids=lambda change: next(iter(change)))
async def test_an_altered_order_is_refused(desk: Desk, ticket: ApprovedOrder, change: dict[str, object]) -> None:
    await refused(desk, replace(ticket, order=replace(ticket.order, **change)), "not the one that was reviewed")  # type: ignore[arg-type]


async def test_an_altered_order_spends_the_ticket(desk: Desk, ticket: ApprovedOrder) -> None:
    await refused(desk, replace(ticket, order=replace(ticket.order, quantity=Quantity(Decimal(2)))), "not the one")
    await refused(desk, ticket, "spent")


async def test_an_order_of_another_account_is_refused(desk: Desk, order: Order) -> None:
    foreign = desk.office.mint(replace(order, account_id="theirs"), desk.office.epoch, T0)
    await refused(desk, foreign, "for account paper, not theirs")


async def test_a_ticket_of_another_accounts_office_is_refused(desk: Desk, order: Order) -> None:
    theirs = TicketOffice("theirs", TTL_S)
    await refused(desk, theirs.mint(replace(order, account_id="theirs"), theirs.epoch, T0), "never minted")


async def test_a_ticket_minted_before_a_halt_is_refused(desk: Desk, ticket: ApprovedOrder) -> None:
    desk.office.void_all()
    await refused(desk, ticket, "never minted")


async def test_a_review_made_before_a_halt_earns_no_good_ticket_after_it(desk: Desk, order: Order) -> None:
    reviewed_in = desk.office.epoch
    desk.office.void_all()
    await refused(desk, desk.office.mint(order, reviewed_in, T0), "risk epoch 0, now is 1")


async def test_a_halt_by_the_watch_voids_every_ticket(desk: Desk, ticket: ApprovedOrder) -> None:
    desk.kill.on = True
    await desk.step()
    await refused(desk, ticket, "never minted")


async def test_a_ticket_kept_over_a_restart_is_refused(desk: Desk, ticket: ApprovedOrder) -> None:
    await refused(desk.restarted(), ticket, "never minted")


def test_no_two_tickets_are_alike(desk: Desk, order: Order) -> None:
    nonces = {desk.office.mint(order, 0, T0).nonce for _ in range(100)}
    assert len(nonces) == 100
    assert all(len(nonce) == 32 for nonce in nonces)


async def test_the_venue_receives_plain_fields_without_ticket_or_account(desk: Desk, ticket: ApprovedOrder) -> None:
    await desk.door.submit(ticket, "client-1", T0)
    assert {"account_id", "nonce", "proposal_id"}.isdisjoint(desk.venue.placed[0].__dataclass_fields__)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_ticket_opens_the_door_twice_or_for_another_order(data: st.DataObject) -> None:
    """Whatever is minted, altered, voided and shown in whatever order, each success is one minting."""
    office, minted, spent, now_ns = TicketOffice("paper", TTL_S), dict[str, tuple[str, int, int]](), set[str](), T0
    for _ in range(data.draw(st.integers(1, 25))):
        action = data.draw(st.sampled_from(["mint", "show", "void", "wait"]))
        order = Order(
            "p", "paper", "me", "X", Side.BUY, OrderType.MARKET, Quantity(Decimal(data.draw(st.integers(1, 3))))
        )
        if action == "mint":
            approved = office.mint(order, office.epoch, now_ns)
            minted[approved.nonce] = (order.order_hash, office.epoch, now_ns)
        elif action == "void":
            office.void_all()
        elif action == "wait":
            now_ns += data.draw(st.integers(0, 4 * SECOND_NS))
        else:
            nonce = data.draw(st.sampled_from([*minted, "forged"]))
            try:
                office.redeem(ApprovedOrder(order, nonce), now_ns)
            except TicketRefused:
                spent.add(nonce)
                continue
            order_hash, epoch, at_ns = minted[nonce]
            assert nonce not in spent
            assert (order_hash, epoch) == (order.order_hash, office.epoch)
            assert now_ns - at_ns <= TTL_S * SECOND_NS
            spent.add(nonce)


async def test_an_order_that_the_gate_denied_is_never_sent(open_desk: Opened) -> None:
    desk = open_desk()
    await desk.propose(desk.buy("20.001"))
    assert desk.venue.placed == []
