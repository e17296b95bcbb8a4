"""Reconciliation: what is booked, what contradicts the books, what is left alone, and that nothing happens twice."""

import asyncio
import json
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from core.errors import ExchangeUnavailable, NotOffered, OrderStateUnknown
from core.money import Price, Quantity
from core.orders import OrderState, Proposal, Side
from core.time import DAY_NS, SECOND_NS
from core.verdicts import AnswerKind
from execution.comparing import balances_off, positions_off
from execution.mismatches import MismatchKind, Reconciled
from execution.orderbook import EXTERNAL
from execution.ports import OrderReport, VenuePosition, VenueTransfer
from execution.reads import Reads
from memory.books import accounts, tables
from memory.books.database import Books
from risk.codes import DenialCode
from risk.states import TradingState
from tests.execution.conftest import Opened
from tests.execution.desk import ACCOUNT, T0, Desk, copied_books, denials
from tests.execution.handmade import Exchange, dump


@pytest.fixture
def exchange(desk: Desk) -> Exchange:
    return Exchange.under(desk)


async def agreed(desk: Desk) -> Reconciled:
    desk.clock.advance_to(desk.clock.now_ns() + 10 * SECOND_NS)
    found = await desk.watch.reconcile()
    assert found is not None
    return found


def kinds(found: Reconciled) -> list[MismatchKind]:
    return [mismatch.kind for mismatch in found.mismatches]


async def resting(desk: Desk) -> tuple[Proposal, str]:
    proposal = desk.buy("5", at="96")
    await desk.propose(proposal)
    return proposal, desk.order_of(proposal).client_order_id


# Agreement.


async def test_an_account_that_did_nothing_is_clean(desk: Desk, exchange: Exchange) -> None:
    assert (await agreed(desk)).clean


async def test_books_and_venue_that_agree_are_clean_and_nothing_is_written_twice(
    desk: Desk, exchange: Exchange
) -> None:
    proposal, name = await resting(desk)
    exchange.fills_some(name, "2", fee="0.1")
    first = await agreed(desk)
    assert (first.clean, first.fills) == (True, 1)
    assert (desk.order_of(proposal).state, desk.held(), desk.armed()) == (OrderState.PARTIAL, 2, 2)
    before = dump(desk, "reconciled")
    again = await agreed(desk)
    assert (again.clean, again.fills) == (True, 0)
    assert dump(desk, "reconciled") == before


async def test_a_fill_that_the_desk_heard_of_is_not_booked_again(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    exchange.fills_some(name, "2")
    await desk.gate.poll(name, "BTC/USDT")
    assert (await agreed(desk)).fills == 0
    assert desk.held() == 2


async def test_what_ended_while_nobody_looked_is_over(desk: Desk, exchange: Exchange) -> None:
    proposal, name = await resting(desk)
    exchange.fills_some(name, "2")
    exchange.ends(name)
    assert (await agreed(desk)).clean
    assert (desk.order_of(proposal).state, desk.held()) == (OrderState.CANCELLED, 2)
    assert desk.reserved() == {}


async def test_fills_of_several_orders_are_booked_in_the_order_of_their_times(desk: Desk, exchange: Exchange) -> None:
    """What is sold was bought before: the books never hold less than nothing on the way."""
    entry, name = await resting(desk)
    exchange.fills_some(name, "5")
    desk.clock.advance_to(T0 + SECOND_NS)
    exchange.fills_some(exchange.takes("5", name="aaaa", at="97", side=Side.SELL), "5", at="97")
    found = await agreed(desk)
    assert (found.fills, desk.held()) == (2, 0)
    assert MismatchKind.UNBOOKABLE not in kinds(found)
    assert desk.order_of(entry).state is OrderState.FILLED


async def test_fills_of_one_moment_are_booked_whatever_their_numbers(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    exchange.trades.append(replace(exchange.fills_some(name, "5"), trade_id="BTCUSDT/9/9"))
    exchange.trades.append(
        replace(exchange.fills_some(exchange.takes("5", name="aaaa", side=Side.SELL), "5"), trade_id="BTCUSDT/10/10")
    )
    exchange.trades = exchange.trades[1:2] + exchange.trades[3:]
    found = await agreed(desk)
    assert (found.fills, desk.held(), kinds(found)) == (2, 0, [MismatchKind.UNKNOWN_ORDER])


async def test_cash_of_a_sale_pays_for_a_buy_of_the_same_moment(desk: Desk, exchange: Exchange) -> None:
    exchange.fills_some(exchange.takes("100", at="96"), "100")
    await agreed(desk)
    desk.clock.advance_to(desk.clock.now_ns() + SECOND_NS)
    exchange.fills_some(exchange.takes("100", side=Side.SELL), "100")
    exchange.fills_some(exchange.takes("90"), "90")
    assert MismatchKind.UNBOOKABLE not in kinds(await agreed(desk))
    assert desk.held() == 90


async def test_our_order_is_ours_with_the_hyphens_that_a_venue_adds(desk: Desk, exchange: Exchange) -> None:
    proposal, name = await resting(desk)
    exchange.fills_some(name, "2")
    hyphened = str(UUID(name))
    exchange.orders[hyphened] = replace(exchange.orders.pop(name), client_order_id=hyphened)
    exchange.trades = [replace(fill, client_order_id=hyphened) for fill in exchange.trades]
    assert (await agreed(desk)).clean
    assert ([row.client_order_id for row in desk.rows("orders")], desk.armed()) == ([name], 2)
    assert desk.order_of(proposal).state is OrderState.PARTIAL


async def test_one_order_whose_report_cannot_be_read_is_left_alone(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    other = desk.buy("1", at="96", symbol="ETH/USDT")
    await desk.propose(other)
    gone = desk.order_of(other).client_order_id
    exchange.ends(gone)
    exchange.fills_some(name, "2")
    report = exchange.report

    async def stumbles(client_order_id: str, symbol: str) -> OrderReport | None:
        if symbol == "ETH/USDT":
            raise ExchangeUnavailable("it is in no list of markets")
        return await report(client_order_id, symbol)

    exchange.report = stumbles  # type: ignore[method-assign]
    del desk.market.instruments["ETH/USDT"]
    found = await desk.reconciler.reconcile()
    assert (found.mismatches, found.left_alone, desk.held()) == ((), (gone,), 2)


async def test_an_unknown_order_is_found_in_the_list(desk: Desk, exchange: Exchange) -> None:
    desk.venue.fails_after = OrderStateUnknown("lost")
    proposal, _ = await resting(desk)
    assert desk.order_of(proposal).state is OrderState.UNKNOWN
    assert (await agreed(desk)).clean
    assert desk.order_of(proposal).state is OrderState.OPEN


async def test_a_venue_that_cannot_be_read_changes_nothing(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    exchange.fills_some(name, "2")
    before = dump(desk)
    desk.venue.unreadable = True
    with pytest.raises(ExchangeUnavailable):
        await agreed(desk)
    assert dump(desk) == before
    assert (await desk.watch.step()).state is TradingState.ACTIVE, "it does not hold the watch up"


def test_a_reconciler_is_given_no_way_to_act(desk: Desk) -> None:
    given = {name for name in dir(desk.reads) if not name.startswith("_")}
    assert given == {
        "absence", "balances", "fills", "fundings", "name", "open_orders", "positions", "report", "transfers"
    }  # fmt: skip
    assert not any(hasattr(Reads, verb) for verb in ("place", "cancel", "keep_alive"))


# Each contradiction, and what it trips.


async def told_once(desk: Desk, kind: MismatchKind) -> Reconciled:
    """One reconciliation that finds this alone; the next finds it again or not at all, and opens no second incident."""
    found = await agreed(desk)
    assert kinds(found) == [kind]
    assert (desk.state(), desk.latched()) == (TradingState.HALTED, ["mismatch"])
    opened = len(desk.rows("incidents"))
    await agreed(desk)
    assert len(desk.rows("incidents")) == opened
    return found


async def test_an_order_of_somebody_else_is_adopted_counts_and_is_not_cancelled(desk: Desk, exchange: Exchange) -> None:
    name = exchange.takes("15", at="100")
    found = await told_once(desk, MismatchKind.UNKNOWN_ORDER)
    (adopted,) = desk.live()
    assert (found.adopted, adopted.client_order_id, adopted.owner) == (1, name, EXTERNAL)
    assert desk.reserved() == {"USDT": Decimal("1501.5")}
    desk.rearm("mismatch")
    assert (await agreed(desk)).clean, "what is known is no contradiction any more"
    assert denials(await desk.propose(desk.buy("6", at="100"))) == [DenialCode.ASSET_EXPOSURE]
    await desk.gate.halt(by="ada", reason="a drill")
    assert desk.venue.cancelled == []


async def test_a_person_can_cancel_an_order_of_somebody_else(desk: Desk, exchange: Exchange) -> None:
    name = exchange.takes("15", at="100")
    await agreed(desk)
    await desk.gate.cancel(name, "BTC/USDT")
    await agreed(desk)
    assert (desk.live(), exchange.orders[name].state) == ([], OrderState.CANCELLED)


async def test_fills_of_somebody_elses_order_are_booked_once_and_end_it(desk: Desk, exchange: Exchange) -> None:
    name = exchange.takes("5")
    await agreed(desk)
    exchange.fills_some(name, "2")
    await agreed(desk)
    assert (desk.held(), desk.live()[0].remaining) == (2, 3)
    exchange.fills_some(name, "3")
    await agreed(desk)
    assert (desk.held(), desk.live(), desk.cash()) == (5, [], Decimal(10_000 - 5 * 96))
    assert (await agreed(desk)).clean


async def test_somebody_elses_order_that_is_listed_no_more_has_ended(desk: Desk, exchange: Exchange) -> None:
    name = exchange.takes("5")
    await agreed(desk)
    exchange.ends(name)
    assert (await agreed(desk)).clean
    assert desk.live() == []


async def test_a_trade_of_an_order_that_nobody_saw_is_booked_once(desk: Desk, exchange: Exchange) -> None:
    exchange.fills_some(exchange.takes("2"), "2")
    await told_once(desk, MismatchKind.UNKNOWN_ORDER)
    assert (desk.held(), desk.cash()) == (2, Decimal(10_000 - 2 * 96))


async def test_what_somebody_else_sold_is_guarded_no_longer(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    exchange.fills_some(name, "5")
    await agreed(desk)
    assert desk.armed() == 5
    exchange.fills_some(exchange.takes("3", side=Side.SELL), "3")
    await agreed(desk)
    assert (desk.held(), desk.armed()) == (2, 2)


async def test_a_fill_that_the_venue_claims_and_does_not_tell_is_missing(desk: Desk, exchange: Exchange) -> None:
    proposal, name = await resting(desk)
    fill = exchange.fills_some(name, "5", told=False)
    found = await agreed(desk)
    assert kinds(found)[0] is MismatchKind.MISSING_FILL
    assert desk.order_of(proposal).state is OrderState.OPEN
    exchange.untold.discard(fill.trade_id)
    assert (await agreed(desk)).clean
    assert (desk.held(), [row.closed_by for row in desk.rows("incidents")]) == (5, ["desk"] * len(found.mismatches))


async def test_a_fill_that_is_booked_and_that_the_venue_forgot_is_missing(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    fill = exchange.fills_some(name, "5")
    await desk.gate.poll(name, "BTC/USDT")
    exchange.untold.add(fill.trade_id)
    await told_once(desk, MismatchKind.MISSING_FILL)


async def test_a_fee_that_is_told_otherwise_now_is_off(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    fill = exchange.fills_some(name, "5", fee="0.1")
    await agreed(desk)
    exchange.trades = [replace(fill, fee=Decimal("0.10000001"))]
    await told_once(desk, MismatchKind.FEE_OFF)


async def test_a_fill_that_is_told_with_another_price_now_cannot_be_booked(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    fill = exchange.fills_some(name, "5")
    await agreed(desk)
    exchange.trades = [replace(fill, price=Price(Decimal(97)))]
    await told_once(desk, MismatchKind.UNBOOKABLE)
    assert [str(row.price) for row in desk.rows("fills")] == ["96"]


async def test_coins_sold_that_nobody_held_cannot_be_booked(desk: Desk, exchange: Exchange) -> None:
    exchange.fills_some(exchange.takes("2", side=Side.SELL), "2")
    found = await agreed(desk)
    assert MismatchKind.UNBOOKABLE in kinds(found)
    assert (desk.rows("fills"), desk.state()) == ([], TradingState.HALTED)


async def test_an_order_that_the_venue_knows_no_more_has_vanished(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    await agreed(desk)
    exchange.hidden.add(name)
    found = await agreed(desk)
    assert kinds(found) == [MismatchKind.ORDER_VANISHED]
    assert (desk.state(), desk.live()[0].client_order_id) == (TradingState.HALTED, name)


@pytest.mark.parametrize("amount", ["0.00000001", "-0.00000001"])
async def test_a_balance_off_by_the_last_digit_is_off(desk: Desk, exchange: Exchange, amount: str) -> None:
    exchange.purse["USDT"] += Decimal(amount)
    await told_once(desk, MismatchKind.BALANCE_OFF)


async def test_coins_that_nobody_booked_are_a_balance_off(desk: Desk, exchange: Exchange) -> None:
    exchange.purse["DOGE"] = Decimal(1)
    await told_once(desk, MismatchKind.BALANCE_OFF)


async def test_a_balance_that_agrees_again_is_closed_and_the_latch_waits_for_a_person(
    desk: Desk, exchange: Exchange
) -> None:
    exchange.purse["USDT"] += 1
    await agreed(desk)
    exchange.purse["USDT"] -= 1
    assert (await agreed(desk)).clean
    assert [row.closed_by for row in desk.rows("incidents")] == ["desk"]
    assert desk.latched() == ["mismatch"]


async def test_a_position_that_the_books_do_not_have_is_off(desk: Desk, exchange: Exchange) -> None:
    one = Decimal(1)
    exchange.held = [VenuePosition("BTC/USDT:USDT", Side.BUY, Quantity(one), Price(one), one, one, True)]
    await told_once(desk, MismatchKind.POSITION_OFF)


def test_a_position_on_the_other_side_is_off_and_an_empty_one_is_none() -> None:
    one = Decimal(1)
    empty = VenuePosition("BTC/USDT:USDT", Side.BUY, Quantity(Decimal(0)), Price(one), one, one, True)
    assert positions_off([], [empty]) == []


@pytest.mark.parametrize(
    ("book", "venue", "off"),
    [
        ("1", "1.0", False),
        ("0.123456789", "0.12345679", False),
        ("0.12345678", "0.1", True),
        ("0.123456784", "0.12345679", True),
        ("0.1234567891", "0.123456789", False),
        ("0.1234567899", "0.123456789", True),
        ("0", "0.0", False),
    ],
)
def test_balances_are_compared_to_the_last_digit_that_a_venue_keeps(book: str, venue: str, off: bool) -> None:
    assert bool(balances_off({"BTC": Decimal(book)}, {"BTC": Decimal(venue)})) is off


def test_a_currency_on_one_side_alone_is_off_unless_it_is_nothing() -> None:
    assert [m.subject for m in balances_off({"BTC": Decimal(1)}, {"ETH": Decimal(2), "XRP": Decimal(0)})] == [
        "BTC",
        "ETH",
    ]


# Late fills of our own.


async def test_a_fill_that_comes_after_its_order_ended_is_booked_and_only_reducing_is_left(
    desk: Desk, exchange: Exchange
) -> None:
    proposal, name = await resting(desk)
    exchange.ends(name)
    await agreed(desk)
    exchange.fills_some(name, "2")
    assert (await agreed(desk)).fills == 1
    await desk.step()
    assert (desk.held(), desk.order_of(proposal).state) == (2, OrderState.CANCELLED)
    assert (desk.state(), desk.latched()) == (TradingState.REDUCING, ["irregularity"])


async def test_an_order_that_is_listed_as_open_after_it_ended_counts_again(desk: Desk, exchange: Exchange) -> None:
    proposal, name = await resting(desk)
    exchange.ends(name)
    await agreed(desk)
    exchange.ends(name, OrderState.OPEN)
    await agreed(desk)
    assert desk.order_of(proposal).state is OrderState.OPEN
    assert [row.kind.value for row in desk.rows("incidents")] == ["irregularity"]


# Transfers.


async def test_a_deposit_and_a_withdrawal_are_booked_once_and_are_no_profit_and_no_loss(
    desk: Desk, exchange: Exchange
) -> None:
    for number, amount in enumerate(("500", "-2000")):
        exchange.purse["USDT"] += Decimal(amount)
        exchange.moved.append(VenueTransfer(f"m{number}", "USDT", Decimal(amount), T0 + number))
    first = await agreed(desk)
    assert (first.clean, first.transfers, desk.cash()) == (True, 2, Decimal(8_500))
    assert (await agreed(desk)).transfers == 0
    report = await desk.step()
    assert (report.state, report.equity) == (TradingState.ACTIVE, Decimal(8_500))
    assert desk.books.read(lambda conn: accounts.transferred(conn, ACCOUNT)) == -1500


def set_outside(desk: Desk, exchange: Exchange, currency: str, amount: int) -> None:
    desk.books.write(lambda conn: accounts.set_outside(conn, ACCOUNT, {currency: Decimal(amount)}))
    exchange.purse[currency] = Decimal(amount)


async def test_ones_own_coins_from_outside_may_be_withdrawn(desk: Desk, exchange: Exchange) -> None:
    set_outside(desk, exchange, "BTC", 1)
    assert (await agreed(desk)).clean
    exchange.purse["BTC"] = Decimal(0)
    exchange.moved.append(VenueTransfer("m1", "BTC", Decimal(-1), desk.clock.now_ns()))
    found = await agreed(desk)
    assert (found.clean, found.transfers, desk.state()) == (True, 1, TradingState.ACTIVE)


@pytest.mark.parametrize(("taken", "left"), [("1.5", "3.5"), ("5", "0")])
async def test_coins_that_are_withdrawn_leave_their_position_and_its_stop_sells_the_rest(
    desk: Desk, exchange: Exchange, taken: str, left: str
) -> None:
    _, name = await resting(desk)
    exchange.fills_some(name, "5")
    assert (await agreed(desk)).clean
    exchange.purse["BTC"] -= Decimal(taken)
    exchange.moved.append(VenueTransfer("m1", "BTC", -Decimal(taken), desk.clock.now_ns()))
    assert (await agreed(desk)).clean
    assert desk.held() == desk.armed() == Decimal(left)
    assert desk.rows("round_trips") == [], "nothing was won or lost"
    sent = len(desk.venue.placed)
    await desk.trades("96", "96", "80", "80")
    assert [str(order.quantity) for order in desk.venue.placed[sent:]] == ([left] if desk.held() else [])


async def test_ones_own_coins_from_outside_may_be_sold_by_hand(desk: Desk, exchange: Exchange) -> None:
    set_outside(desk, exchange, "BTC", 1)
    exchange.fills_some(exchange.takes("1", at="100", side=Side.SELL), "1", at="100")
    assert kinds(await agreed(desk)) == [MismatchKind.UNKNOWN_ORDER]
    assert (await agreed(desk)).clean
    assert (desk.cash(), desk.books.read(lambda conn: accounts.transferred(conn, ACCOUNT))) == (10_100, 100)


async def test_coins_without_a_price_and_moves_of_nothing_hold_nothing_up(desk: Desk, exchange: Exchange) -> None:
    exchange.purse["SPAM"] = Decimal(7)
    exchange.moved += [VenueTransfer("m1", "SPAM", Decimal(7), T0), VenueTransfer("m2", "USDT", Decimal(0), T0)]
    found = await agreed(desk)
    assert (found.clean, found.transfers, "SPAM" in desk.balances()) == (True, 1, False)
    assert (await agreed(desk)).transfers == 0


async def test_our_own_fill_is_booked_and_guarded_whatever_coin_paid_its_fee(desk: Desk, exchange: Exchange) -> None:
    set_outside(desk, exchange, "BNB", 1)
    _, name = await resting(desk)
    fill = exchange.fills_some(name, "5")
    exchange.trades[-1] = replace(fill, fee=Decimal("0.001"), fee_currency="BNB")
    exchange.purse["BNB"] -= Decimal("0.001")
    await desk.step(desk.clock.now_ns() + SECOND_NS)
    assert (desk.held(), desk.armed()) == (5, 5)
    assert (await agreed(desk)).clean


async def test_a_fee_that_nobody_has_is_a_balance_off_until_its_coins_are_told(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)
    exchange.trades.append(replace(exchange.fills_some(name, "5"), fee=Decimal("0.5"), fee_currency="BNB"))
    del exchange.trades[0]
    exchange.purse["BNB"] = Decimal("1.5")
    assert kinds(await agreed(desk)) == [MismatchKind.BALANCE_OFF]
    assert desk.armed() == 5
    exchange.moved.append(VenueTransfer("m1", "BNB", Decimal(2), T0))
    assert (await agreed(desk)).clean


async def test_a_deposit_is_heard_of_that_was_credited_days_after_its_time(desk: Desk, exchange: Exchange) -> None:
    desk.clock.advance_to(T0 + DAY_NS)
    seen_ns = desk.clock.now_ns()
    for _ in range(3):
        desk.clock.advance_to(desk.clock.now_ns() + DAY_NS)
        assert (await agreed(desk)).clean
    exchange.purse["USDT"] += 1000
    exchange.moved.append(VenueTransfer("m1", "USDT", Decimal(1000), seen_ns))
    found = await agreed(desk)
    assert (found.clean, found.transfers) == (True, 1)


async def test_what_was_deposited_is_booked_before_what_spent_it(desk: Desk, exchange: Exchange) -> None:
    exchange.purse["USDT"] += 10_000
    exchange.fills_some(exchange.takes("150", at="100"), "150", at="100")
    assert MismatchKind.UNBOOKABLE in kinds(await agreed(desk))
    exchange.moved.append(VenueTransfer("m1", "USDT", Decimal(10_000), T0))
    assert kinds(await agreed(desk)) == [MismatchKind.UNKNOWN_ORDER]
    told = {row.subject.partition(":")[0] for row in desk.rows("incidents") if row.closed_ns is None}
    assert (desk.held(), told) == (150, {"unknown order"}), "what is booked by now is unbookable no longer"


async def test_what_a_venue_does_not_tell_is_journaled_once(desk: Desk, exchange: Exchange) -> None:
    async def transfers(since_ns: int) -> tuple[VenueTransfer, ...]:
        raise NotOffered("no such permission")

    exchange.transfers = transfers  # type: ignore[method-assign]
    assert [(await agreed(desk)).clean for _ in range(2)] == [True, True]
    told = [json.loads(row.body) for row in desk.rows("journal") if row.kind == "untold"]
    assert told == [{"transfers": "no such permission"}]


async def test_a_withdrawal_of_more_than_there_is_cannot_be_booked(desk: Desk, exchange: Exchange) -> None:
    exchange.moved.append(VenueTransfer("m1", "USDT", Decimal(-10_001), T0))
    await told_once(desk, MismatchKind.UNBOOKABLE)
    assert desk.cash() == 10_000


# The quiet period.


@pytest.fixture
def patient(open_desk: Opened) -> Desk:
    return replace(open_desk(), quiet_s=5)


async def test_what_has_just_been_active_is_left_alone_until_it_has_been_quiet(patient: Desk) -> None:
    exchange = Exchange.under(patient)
    _, name = await resting(patient)
    exchange.hidden.add(name)
    patient.clock.advance_to(T0 + 5 * SECOND_NS - 1)
    early = await patient.reconciler.reconcile()
    assert (early.mismatches, early.clean, name in early.left_alone) == ((), False, True)
    patient.clock.advance_to(T0 + 5 * SECOND_NS)
    assert kinds(await patient.reconciler.reconcile()) == [MismatchKind.ORDER_VANISHED]


async def test_a_balance_is_not_judged_while_an_order_of_its_currency_moves(patient: Desk) -> None:
    exchange = Exchange.under(patient)
    await resting(patient)
    exchange.purse["USDT"] -= 7
    found = await patient.reconciler.reconcile()
    assert (found.mismatches, "USDT" in found.left_alone) == ((), True)


async def test_a_balance_is_off_when_it_is_off_by_the_same_a_quiet_period_later(patient: Desk) -> None:
    exchange = Exchange.under(patient)
    exchange.purse["USDT"] -= 7
    first = await patient.reconciler.reconcile()
    assert (first.mismatches, first.left_alone) == ((), ("USDT",))
    patient.clock.advance_to(T0 + 5 * SECOND_NS)
    assert kinds(await patient.reconciler.reconcile()) == [MismatchKind.BALANCE_OFF]


async def test_what_is_off_by_the_same_is_off_however_the_totals_move(patient: Desk) -> None:
    exchange = Exchange.under(patient)
    proposal = patient.buy("15", at="96")
    await patient.propose(proposal)
    exchange.purse["USDT"] -= 500
    found = await patient.reconciler.reconcile()
    for _ in range(2):
        exchange.fills_some(patient.order_of(proposal).client_order_id, "1")
        patient.clock.advance_to(patient.clock.now_ns() + 60 * SECOND_NS)
        await patient.watch.poll_live()
        patient.clock.advance_to(patient.clock.now_ns() + 30 * SECOND_NS)
        found = await patient.reconciler.reconcile()
    assert [(m.kind, m.subject) for m in found.mismatches] == [(MismatchKind.BALANCE_OFF, "USDT")]


async def test_an_account_that_never_rests_is_judged_in_the_end(patient: Desk) -> None:
    exchange = Exchange.under(patient)
    proposal = patient.buy("15", at="96")
    await patient.propose(proposal)
    exchange.purse["USDT"] -= 500
    rounds = []
    for _ in range(8):
        exchange.fills_some(patient.order_of(proposal).client_order_id, "1")
        patient.clock.advance_to(patient.clock.now_ns() + SECOND_NS)
        rounds.append(bool((await patient.reconciler.reconcile()).mismatches))
    assert rounds == [False] * 7 + [True]


async def test_an_order_that_is_being_sent_is_left_alone(desk: Desk, exchange: Exchange) -> None:
    _, name = await resting(desk)

    def sending(conn: Any) -> None:
        conn.execute(update(tables.orders).values(state=OrderState.SENDING))

    desk.books.write(sending)
    exchange.hidden.add(name)
    found = await agreed(desk)
    assert (found.mismatches, name in found.left_alone) == ((), True)
    assert desk.live()[0].state is OrderState.SENDING


# Whatever happens.

WORDS = st.lists(
    st.tuples(
        st.sampled_from(["order", "foreign", "fill", "cancel", "expire", "hide", "show", "poll", "agree", "restart"]),
        st.integers(0, 5),
        st.integers(1, 3),
    ),
    max_size=14,
)


@given(story=WORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happened_the_books_come_to_hold_what_the_venue_holds(
    story: list[tuple[str, int, int]], empty_books: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with copied_books(empty_books, tmp_path_factory.mktemp("story")) as books:
        asyncio.run(_play(books, story))


async def _play(books: Books, story: list[tuple[str, int, int]]) -> None:
    desk = Desk.open(books)
    exchange = Exchange.under(desk)
    for what, which, amount in story:
        desk.clock.advance_to(desk.clock.now_ns() + SECOND_NS)
        names = list(exchange.orders)
        name = names[which % len(names)] if names else None
        if what == "order":
            await desk.propose(desk.buy("3", at="96"))
        elif what == "foreign":
            exchange.takes("3")
        elif what == "restart":
            desk = replace(desk)
            desk.venue._venue = exchange
            await desk.watch.recover()
        elif what == "agree":
            await desk.watch.reconcile()
        elif name is None:
            continue
        elif what == "fill":
            exchange.fills_some(name, str(amount), told=which % 3 > 0)
        elif what in ("cancel", "expire"):
            exchange.ends(name, OrderState.CANCELLED if what == "cancel" else OrderState.EXPIRED)
        elif what == "hide":
            exchange.untold |= {trade.trade_id for trade in exchange.trades if trade.client_order_id == name}
        elif what == "show":
            exchange.untold.clear()
        elif what == "poll":
            await desk.watch.poll_live()
    exchange.untold.clear()
    await agreed(desk)
    last = await agreed(desk)
    assert last.clean, last
    assert {c: a for c, a in desk.balances().items() if a} == {c: a for c, a in exchange.purse.items() if a}
    assert len(desk.rows("fills")) == len(exchange.trades)
    filled = {row.client_order_id: row.filled_quantity for row in desk.rows("orders")}
    for name, order in exchange.orders.items():
        assert filled.get(name, order.filled_quantity) == order.filled_quantity
        (row,) = [r for r in desk.rows("orders") if r.client_order_id == name] or [None]
        assert row is None or row.state.live == order.state.live
    before = dump(desk, "reconciled")
    await agreed(desk)
    assert dump(desk, "reconciled") == before


def test_a_report_of_a_reconciliation_is_clean_only_when_everything_was_judged() -> None:
    assert Reconciled(1).clean
    assert not Reconciled(1, left_alone=("USDT",)).clean
    assert [field.name for field in fields(Reconciled)][:3] == ["at_ns", "mismatches", "left_alone"]


async def test_the_watch_reconciles_once_with_the_step_after_a_lost_stream(open_desk: Opened) -> None:
    desk = replace(open_desk(), reconcile_every_s=3600)
    exchange = Exchange.under(desk)
    await desk.step()
    name = exchange.takes("5", name="manual-1", at="96")
    await desk.step(T0 + 20 * SECOND_NS)
    assert name not in {attempt.client_order_id for attempt in desk.live()}
    desk.watch.reconcile_soon()
    await desk.step(T0 + 40 * SECOND_NS)
    assert name in {attempt.client_order_id for attempt in desk.live()}
    exchange.takes("1", name="manual-2", at="96")
    await desk.step(T0 + 60 * SECOND_NS)
    assert "manual-2" not in {attempt.client_order_id for attempt in desk.live()}


async def test_the_watch_reconciles_by_its_timer(open_desk: Opened) -> None:
    desk = replace(open_desk(), reconcile_every_s=60)
    exchange = Exchange.under(desk)
    await desk.step()
    exchange.purse["USDT"] += 1
    await desk.step(T0 + 59 * SECOND_NS)
    assert desk.latched() == []
    assert (await desk.step(T0 + 60 * SECOND_NS)).state is TradingState.HALTED
    assert (await desk.propose(desk.buy("1", at="96"))).kind is AnswerKind.DENIED
