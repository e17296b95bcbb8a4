"""Nothing takes at any price: away from paper it gets a collar before its review, and an exit is never given up."""

from decimal import Decimal

import pytest

from core.algorithms import Marketable
from core.orders import OrderState, OrderType, TimeInForce
from core.verdicts import AnswerKind
from execution.venues.paper import PaperVenue
from memory.books import journal
from memory.books.words import ParentState
from tests.execution.algorithms.working import last, later, parent, show, worked
from tests.execution.conftest import Opened
from tests.execution.desk import T0, Desk, denials

D = Decimal


@pytest.fixture
def desk(open_desk: Opened, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """At a venue that is not paper."""
    monkeypatch.setattr(PaperVenue, "name", "exchange")
    opened = open_desk()
    show(opened, "100", at_ns=T0)
    return opened


async def holding(desk: Desk, quantity: str) -> None:
    await desk.propose(desk.buy(quantity))
    await later(desk, 120)
    assert desk.held() == D(quantity)


async def test_on_paper_a_market_order_stays_one(open_desk: Opened) -> None:
    desk = open_desk()
    await desk.propose(desk.buy("1"))
    assert (last(desk).type, last(desk).limit_price) == (OrderType.MARKET, None)


async def test_an_entry_takes_no_further_than_the_slippage_of_the_policy(desk: Desk) -> None:
    await desk.propose(desk.buy("1"))
    sent = last(desk)
    assert (sent.type, sent.time_in_force, sent.limit_price) == (OrderType.LIMIT, TimeInForce.IOC, D("100.5"))


async def test_what_is_reviewed_is_what_is_sent(desk: Desk) -> None:
    proposal = desk.buy("1")
    receipt = await desk.propose(proposal)
    assert receipt.review.order_hash != proposal.order.order_hash
    (row,) = desk.rows("orders")
    assert (row.type, row.limit_price, row.time_in_force) == (OrderType.LIMIT, D("100.5"), TimeInForce.IOC)
    assert row.reserved_amount == D("100.5") * D("1.001")


async def test_the_same_market_order_again_is_the_same_order(desk: Desk) -> None:
    proposal = desk.buy("1")
    await desk.propose(proposal)
    desk.market.show("101", at_ns=desk.clock.now_ns(), spread="0.02")
    assert (await desk.propose(proposal)).kind is AnswerKind.DONE
    assert len(desk.venue.placed) == 1


async def test_an_entry_that_found_nothing_inside_its_collar_is_over(desk: Desk) -> None:
    desk.market.depth(asks="103x9", bids="99.99x9", at_ns=T0)
    proposal = desk.buy("1")
    await desk.propose(proposal)
    await later(desk, 60)
    assert desk.held() == 0
    assert desk.rows("parents") == []


async def test_an_exit_reaches_the_best_price_whatever_the_spread(desk: Desk) -> None:
    await holding(desk, "2")
    desk.market.show("100", at_ns=desk.clock.now_ns(), spread="6")
    receipt = await desk.propose(desk.sell("2"))
    assert receipt.kind is not AnswerKind.DENIED, denials(receipt)
    assert last(desk).limit_price == 97


async def test_an_exit_that_found_nobody_is_tried_again_at_a_fresh_collar(desk: Desk) -> None:
    await holding(desk, "2")
    now_ns = desk.clock.now_ns()
    desk.market.depth(asks="100.01x9", bids="95x9", at_ns=now_ns)
    proposal = desk.sell("2")
    await desk.propose(proposal)
    assert desk.order_of(proposal).state is OrderState.EXPIRED
    assert last(desk).limit_price == 99
    await later(desk, 10, price="97", bids="95.5x9")
    await later(desk, 10, price="96", bids="95.99x1")
    assert [o.limit_price for o in desk.venue.placed[-2:]] == [D("96.03"), D("95.04")]
    assert desk.held() == 1
    await later(desk, 10, price="96")
    assert (desk.held(), parent(desk, proposal).state) == (D(0), ParentState.ENDED)


async def test_an_exit_is_tried_again_after_a_restart(desk: Desk) -> None:
    await holding(desk, "2")
    desk.market.depth(asks="100.01x9", bids="95x9", at_ns=desk.clock.now_ns())
    await desk.propose(desk.sell("2"))
    again = desk.restarted()
    await later(again, 10)
    assert again.held() == 0


async def test_while_it_is_tried_again_nobody_sells_the_same_coins(desk: Desk) -> None:
    await holding(desk, "2")
    desk.market.depth(asks="100.01x9", bids="95x9", at_ns=desk.clock.now_ns())
    await desk.propose(desk.sell("2"))
    assert (await desk.propose(desk.sell("1"))).kind is AnswerKind.DENIED


async def test_a_stop_of_the_watch_gets_a_collar_and_fires_until_it_is_done(desk: Desk) -> None:
    await holding(desk, "2")
    await later(desk, 10, price="89", bids="80x9")
    assert (last(desk).type, last(desk).time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    assert desk.held() == 2
    await later(desk, 10, price="88")
    assert desk.held() == 0
    assert desk.rows("parents") == []


async def test_a_collar_can_be_asked_for_on_paper(open_desk: Opened) -> None:
    desk = open_desk()
    show(desk, "100", at_ns=T0)
    receipt = await desk.propose(worked(desk.buy("1"), Marketable()))
    assert receipt.kind is not AnswerKind.DENIED, denials(receipt)
    assert (last(desk).limit_price, last(desk).time_in_force) == (D("100.5"), TimeInForce.IOC)
    assert desk.held() == 1


# Dust.


async def test_an_exit_that_would_leave_dust_closes_all_of_it(desk: Desk) -> None:
    await holding(desk, "2")
    await desk.propose(desk.sell("1.95"))
    assert (last(desk).quantity, desk.held()) == (D(2), D(0))


async def test_an_exit_that_leaves_enough_is_left_alone(desk: Desk) -> None:
    await holding(desk, "2")
    await desk.propose(desk.sell("1.85"))
    assert desk.held() == D("0.15")


async def test_what_became_dust_is_told_once_and_nobody_tries_to_sell_it(desk: Desk) -> None:
    await holding(desk, "2")
    desk.market.depth(asks="100.01x9", bids="99.99x1.95", at_ns=desk.clock.now_ns())
    await desk.propose(desk.sell("2"))
    sent = len(desk.venue.placed)
    for _ in range(3):
        await later(desk, 60)
    entries = desk.books.read(lambda conn: journal.entries(conn, desk.account_id))
    assert [e.body["quantity"] for e in entries if e.kind == "dust"] == ["0.05"]
    assert (len(desk.venue.placed), desk.held()) == (sent, D("0.05"))
    assert [row.state for row in desk.rows("parents")] == [ParentState.ENDED]
