"""The gate: one order at a time, each seeing what the ones before it reserved, and one answer a proposal."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import identity
from core.errors import ConfigError
from core.money import Price, Quantity
from core.orders import OrderState, Side
from core.quotes import Feeds
from core.verdicts import AnswerKind, Receipt
from risk.codes import DenialCode
from tests.execution.conftest import Opened
from tests.execution.desk import T0, Desk, copied_books, denials

# One proposal.


async def test_an_allowed_order_reaches_the_venue_as_it_was_approved(desk: Desk) -> None:
    proposal = desk.buy("1", at="99.50")
    receipt = await desk.propose(proposal)
    (placed,) = desk.venue.placed
    assert receipt.kind is AnswerKind.WORKING
    assert (placed.symbol, placed.side, placed.quantity, placed.limit_price) == (
        "BTC/USDT",
        Side.BUY,
        Decimal(1),
        Decimal("99.50"),
    )
    assert placed.client_order_id == identity.client_order_id(proposal.proposal_id, 1)


async def test_a_denied_order_reserves_nothing(desk: Desk) -> None:
    receipt = await desk.propose(desk.buy("20.001", at="100"))
    assert (receipt.kind, denials(receipt)) == (AnswerKind.DENIED, [DenialCode.ASSET_EXPOSURE])
    assert desk.reserved() == {}
    assert desk.venue.placed == []


@pytest.mark.parametrize(
    ("feeds", "code"),
    [
        (Feeds({"book": Decimal("Infinity")}), DenialCode.STREAM_AGE),  # it cannot be proven
        (Feeds({"trades": Decimal(3600)}), DenialCode.STREAM_AGE),
        (Feeds(elsewhere={"second": Decimal(50)}), DenialCode.DIVERGENCE),
        (Feeds(elsewhere={"second": Decimal("NaN")}), DenialCode.DIVERGENCE),
    ],
)
async def test_what_the_feeds_tell_closes_a_market_for_entries_and_for_no_exit(
    desk: Desk, feeds: Feeds, code: DenialCode
) -> None:
    await desk.bought("2")
    desk.market.fed["BTC/USDT"] = feeds
    assert denials(await desk.propose(desk.buy("1"))) == [code]
    assert denials(await desk.propose(desk.sell("2"))) == []


async def test_a_receipt_carries_the_facts_that_were_judged(desk: Desk) -> None:
    receipt = await desk.propose(desk.buy("1"))
    assert receipt.facts["equity"] == "10000"
    assert receipt.facts["quotes"]["BTC/USDT"]["last"] == "100"


async def test_a_buy_reserves_its_worst_price_with_fees(open_desk: Opened) -> None:
    desk = open_desk(market_slippage="0.01")
    await desk.propose(desk.buy("1"))
    assert desk.reserved() == {"USDT": Decimal("101.101")}


async def test_a_limit_buy_reserves_its_limit_with_fees(desk: Desk) -> None:
    await desk.propose(desk.buy("1", at="98"))
    assert desk.reserved() == {"USDT": Decimal("98.098")}


async def test_a_sale_reserves_its_coins(desk: Desk) -> None:
    await desk.bought("3")
    await desk.propose(desk.sell("2", at="105"))
    assert desk.reserved() == {"BTC": Decimal(2)}


async def test_a_fill_gives_its_part_of_the_reservation_back(open_desk: Opened) -> None:
    desk = open_desk()
    await desk.propose(desk.buy("4", at="98"))
    await desk.trades("97", "97", "97", "97", volume="1")
    assert desk.reserved() == {"USDT": Decimal("3") * Decimal("98.098")}


async def test_without_a_quote_an_entry_is_denied(desk: Desk) -> None:
    receipt = await desk.propose(desk.buy("1", symbol="DOGE/USDT"))
    assert {DenialCode.INSTRUMENT, DenialCode.NO_PRICE} <= {*denials(receipt)}
    assert desk.venue.placed == []


@pytest.mark.parametrize("quantity", ["NaN", "sNaN", "Infinity", "-1", "0", "1E+40", "0.0000000000000000001"])
async def test_what_is_no_quantity_is_denied_however_often_it_is_asked(desk: Desk, quantity: str) -> None:
    proposal = desk.buy(quantity)
    for _ in range(2):
        assert (await desk.propose(proposal)).kind is AnswerKind.DENIED
    assert desk.venue.placed == []


@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity"])
async def test_an_exit_whose_limit_is_no_number_is_denied_beside_a_resting_entry(desk: Desk, price: str) -> None:
    await desk.bought("1")
    await desk.propose(desk.buy("0.5", at="95"))
    sale = desk.sell("1", at="100")
    broken = replace(sale, order=replace(sale.order, limit_price=Price(Decimal(price))))
    assert DenialCode.FINITE in denials(await desk.propose(broken))


async def test_another_accounts_proposal_never_reaches_the_venue(desk: Desk) -> None:
    foreign = desk.buy("1", account_id="theirs")
    with pytest.raises(ConfigError, match="theirs"):
        await desk.propose(foreign)
    assert desk.venue.placed == []


# The same proposal again.


async def test_the_same_proposal_twice_is_one_order(desk: Desk) -> None:
    proposal = desk.buy("1")
    first, second = await desk.propose(proposal), await desk.propose(proposal)
    assert first == second
    assert len(desk.venue.placed) == 1


async def test_the_same_proposal_at_the_same_time_is_one_order(desk: Desk) -> None:
    proposal = desk.buy("1")
    receipts = await asyncio.gather(*(desk.propose(proposal) for _ in range(5)))
    assert {r.kind for r in receipts} == {AnswerKind.WORKING}
    assert len(desk.venue.placed) == 1


async def test_the_same_proposal_after_a_restart_is_one_order(desk: Desk) -> None:
    proposal = desk.buy("1")
    await desk.propose(proposal)
    again = desk.restarted()
    assert (await again.propose(proposal)).kind is AnswerKind.WORKING
    assert again.venue.placed == []


async def test_a_denied_proposal_stays_denied_though_the_market_has_changed(desk: Desk) -> None:
    proposal = desk.buy("30")
    assert (await desk.propose(proposal)).kind is AnswerKind.DENIED
    desk.market.show("10", at_ns=T0)
    assert (await desk.propose(proposal)).kind is AnswerKind.DENIED
    assert desk.venue.placed == []


async def test_the_same_id_with_another_order_is_denied_and_nothing_is_sent(desk: Desk) -> None:
    proposal = desk.buy("1", at="96")
    await desk.propose(proposal)
    other = replace(proposal, order=replace(proposal.order, quantity=Quantity(Decimal(2))))
    receipt = await desk.propose(other)
    assert (receipt.kind, denials(receipt)) == (AnswerKind.DENIED, [DenialCode.PROPOSAL_ID])
    assert len(desk.venue.placed) == 1


async def test_the_first_order_keeps_its_id_after_another_asked_for_it(desk: Desk) -> None:
    proposal = desk.buy("1", at="96")
    first = await desk.propose(proposal)
    await desk.propose(replace(proposal, order=replace(proposal.order, quantity=Quantity(Decimal(2)))))
    assert await desk.propose(proposal) == first


async def test_asking_again_for_a_finished_exit_cancels_nothing(desk: Desk) -> None:
    await desk.bought("2")
    sale = desk.sell("1")
    await desk.propose(sale)
    await desk.trades("100", "100", "100", "100")
    await desk.propose(desk.buy("0.5", at="95"))
    await desk.propose(sale)
    assert desk.venue.cancelled == []


async def test_a_breaker_found_by_a_reused_id_voids_the_tickets_too(desk: Desk) -> None:
    proposal = desk.buy("1", at="96")
    await desk.propose(proposal)
    before, desk.kill.on = desk.office.epoch, True
    await desk.propose(replace(proposal, order=replace(proposal.order, quantity=Quantity(Decimal(2)))))
    assert desk.latched() == ["kill"]
    assert desk.office.epoch > before


async def test_a_proposal_that_was_never_made_has_no_receipt(desk: Desk) -> None:
    assert await desk.gate.receipt("nothing") is None


# Exits.


async def test_an_exit_cancels_our_own_entry_that_it_would_meet(desk: Desk) -> None:
    await desk.bought("2")
    entry = desk.buy("1", at="95")
    await desk.propose(entry)
    receipt = await desk.propose(desk.sell("2"))
    assert receipt.kind is AnswerKind.WORKING
    assert desk.order_of(entry).state is OrderState.CANCELLED


async def test_an_entry_never_cancels_our_own_exit(desk: Desk) -> None:
    await desk.bought("2")
    exit_ = desk.sell("1", at="101")
    await desk.propose(exit_)
    receipt = await desk.propose(desk.buy("1"))
    assert denials(receipt) == [DenialCode.SELF_TRADE]
    assert desk.order_of(exit_).state is OrderState.OPEN


async def test_a_malformed_exit_cancels_nothing(desk: Desk) -> None:
    await desk.bought("2")
    await desk.propose(desk.buy("1", at="95"))
    await desk.propose(desk.sell("0.0005"))
    assert desk.venue.cancelled == []


async def test_two_exits_cannot_sell_the_same_coins(desk: Desk) -> None:
    await desk.bought("2")
    first, second = await asyncio.gather(desk.propose(desk.sell("1.5")), desk.propose(desk.sell("0.6")))
    assert first.kind is AnswerKind.WORKING
    assert DenialCode.FREE_BALANCE in denials(second)


# Together.


def worth(receipts: Sequence[Receipt], sizes: Sequence[str], price: str = "100") -> Decimal:
    taken = (Decimal(s) for r, s in zip(receipts, sizes, strict=True) if r.kind is not AnswerKind.DENIED)
    return sum((size * Decimal(price) for size in taken), Decimal(0))


async def test_orders_that_are_each_allowed_alone_never_breach_the_exposure_together(desk: Desk) -> None:
    sizes = ["9", "8", "7", "6", "5"]
    receipts = await asyncio.gather(*(desk.propose(desk.buy(size, at="100")) for size in sizes))
    assert [r.kind is AnswerKind.DENIED for r in receipts] == [False, False, True, True, True]
    assert worth(receipts, sizes) <= 2000


async def test_orders_that_are_each_allowed_alone_never_breach_the_balance_together(open_desk: Opened) -> None:
    desk = open_desk(coins=["A", "B", "C", "D"])
    assert desk.cash() == 10_000
    symbols = ["A/USDT", "B/USDT", "C/USDT", "D/USDT", "BTC/USDT", "ETH/USDT"]
    receipts = await asyncio.gather(*(desk.propose(desk.buy("19.9", at="100", symbol=s)) for s in symbols))
    assert [r.kind is AnswerKind.DENIED for r in receipts] == [False] * 5 + [True]
    assert desk.reserved()["USDT"] <= 10_000


async def test_orders_that_are_each_allowed_alone_never_breach_the_number_together(open_desk: Opened) -> None:
    desk = open_desk(max_open_orders=3)
    sizes = ["1.9", "1.8", "1.7", "1.6", "1.5"]
    receipts = await asyncio.gather(*(desk.propose(desk.buy(size, at="95")) for size in sizes))
    assert [r.kind is AnswerKind.DENIED for r in receipts] == [False, False, False, True, True]
    assert denials(receipts[3]) == [DenialCode.OPEN_ORDERS]


async def test_a_flood_of_alike_orders_is_one_order(desk: Desk) -> None:
    receipts = await asyncio.gather(*(desk.propose(desk.buy("1")) for _ in range(10)))
    assert [r.kind for r in receipts].count(AnswerKind.WORKING) == 1
    assert denials(receipts[1]) == [DenialCode.NEAR_DUPLICATE]


async def test_an_order_that_is_still_being_sent_counts(desk: Desk) -> None:
    desk.venue.let_through.clear()
    slow = asyncio.create_task(desk.propose(desk.buy("15", at="100")))
    await desk.venue.reached.wait()
    receipt = await desk.propose(desk.buy("6", at="100"))
    assert denials(receipt) == [DenialCode.ASSET_EXPOSURE]
    desk.venue.let_through.set()
    await slow


async def test_a_slow_venue_does_not_hold_up_the_next_review(desk: Desk) -> None:
    desk.venue.let_through.clear()
    slow = asyncio.create_task(desk.propose(desk.buy("2", at="100")))
    await desk.venue.reached.wait()
    desk.venue.reached.clear()
    quick = asyncio.create_task(desk.propose(desk.buy("1", at="100")))
    await desk.venue.reached.wait()
    assert len(desk.venue.placed) == 2
    desk.venue.let_through.set()
    await asyncio.gather(slow, quick)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(sizes=st.lists(st.integers(1, 12_000), min_size=2, max_size=6), held=st.integers(0, 15))
def test_whatever_reaches_the_venue_was_approved_once_and_fits(
    tmp_path_factory: pytest.TempPathFactory, empty_books: Path, sizes: list[int], held: int
) -> None:
    async def all_at_once(desk: Desk) -> None:
        if held:
            await desk.bought(str(held))
        desk.venue.placed.clear()
        proposals = [desk.buy(Decimal(size) / 1000, at="100") for size in sizes]
        receipts = await asyncio.gather(*(desk.propose(p) for p in proposals))
        approved = {identity.client_order_id(r.proposal_id, 1) for r in receipts if r.kind is not AnswerKind.DENIED}
        assert sorted(o.client_order_id for o in desk.venue.placed) == sorted(approved)
        together = sum((o.quantity for o in desk.venue.placed), Decimal(held))
        assert not approved or together * 100 <= Decimal("0.2") * 10_000

    with copied_books(empty_books, tmp_path_factory.mktemp("desk")) as books:
        asyncio.run(all_at_once(Desk.open(books)))


async def test_a_halt_cancels_every_entry_though_the_market_has_forgotten_the_coin_of_one(desk: Desk) -> None:
    for symbol in ("ETH/USDT", "BTC/USDT"):
        assert (await desk.propose(desk.buy("1", at="96", symbol=symbol))).kind is AnswerKind.WORKING
    forgotten = desk.market.instruments.pop("ETH/USDT")
    await desk.gate.halt(by="ada", reason="enough")
    assert len(desk.venue.cancelled) == 2
    assert [a.symbol for a in desk.live()] == ["ETH/USDT"], "it counts until the venue's word on it can be booked"
    desk.market.instruments[forgotten.symbol] = forgotten
    await desk.step()
    assert desk.live() == []
