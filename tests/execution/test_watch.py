"""The watch: what it marks, and what a halt leaves standing. Stops have files of their own."""

import asyncio
from dataclasses import replace
from decimal import Decimal, InvalidOperation

import pytest
from sqlalchemy import update

from core.orders import OrderState
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from execution import orderbook, polling
from execution.ports import OrderReport
from memory.books import accounts, tables
from memory.books.words import IncidentKind
from risk.states import TradingState
from tests.execution.conftest import Opened
from tests.execution.desk import ACCOUNT, FREE, RESTING, T0, Desk, denials, lose

# Marks.


async def test_the_account_is_marked_to_the_last_trade(desk: Desk) -> None:
    await desk.bought("2")
    report = await desk.trades("100", "110", "100", "110")
    assert report.equity == Decimal("10000") - Decimal("0.2") + 2 * 10
    assert [m.equity for m in desk.rows("marks")][-1] == report.equity


async def test_the_clock_of_an_account_is_that_of_its_last_step(desk: Desk) -> None:
    await desk.trades("100", "100", "100", "100")
    assert desk.books.read(lambda conn: accounts.account(conn, ACCOUNT)).clock_ns == T0 + HOUR_NS


# A halt.


async def test_a_halt_cancels_resting_entries(desk: Desk) -> None:
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    desk.kill.on = True
    await desk.step()
    assert desk.order_of(entry).state is OrderState.CANCELLED
    assert desk.reserved() == {}


async def test_a_halt_keeps_positions_and_their_stops(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert desk.held() == desk.armed() == 2


@pytest.mark.parametrize("reduce_only", [True, False])
async def test_a_halt_keeps_resting_exits(desk: Desk, reduce_only: bool) -> None:
    await desk.bought("2", stop="90")
    exit_ = desk.sell("2", at="105", reduce_only=reduce_only)
    await desk.propose(exit_)
    desk.kill.on = True
    await desk.step()
    assert desk.order_of(exit_).state is OrderState.OPEN


async def test_a_halt_lets_a_position_be_closed(desk: Desk) -> None:
    await desk.bought("2", stop="90")
    desk.kill.on = True
    await desk.step()
    assert (await desk.propose(desk.sell("2"))).kind is AnswerKind.WORKING
    await desk.trades("100", "100", "100", "100")
    assert desk.held() == 0


async def test_only_reducing_keeps_resting_entries(desk: Desk) -> None:
    """A streak closes the desk for new risk; what was approved before it stands."""
    entry = desk.buy("1", at="96")
    await desk.propose(entry)
    lose(desk, 5)
    await desk.step()
    assert desk.order_of(entry).state is OrderState.OPEN


async def test_an_outage_expires_an_order_and_frees_what_it_reserved(open_desk: Opened) -> None:
    desk = open_desk(settings=FREE)
    proposal = desk.buy("1")
    await desk.propose(proposal)
    await desk.step(T0 + 5 * HOUR_NS)
    await desk.trades("100", "100", "100", "100")
    assert desk.order_of(proposal).state is OrderState.EXPIRED
    assert desk.reserved() == {}


async def test_a_halt_that_a_new_process_finds_cancels_before_it_asks_the_venue_anything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("BTC/USDT", "ETH/USDT"):
        assert (await desk.propose(desk.buy("1", at="96", symbol=symbol))).kind is AnswerKind.WORKING
    again, asked = desk.restarted(), []
    report, cancel = again.venue.report, again.venue.cancel

    async def reports(name: str, symbol: str) -> OrderReport | None:
        asked.append("report")
        return await report(name, symbol)

    async def cancels(name: str, symbol: str) -> None:
        asked.append("cancel")
        await cancel(name, symbol)

    monkeypatch.setattr(again.venue, "report", reports)
    monkeypatch.setattr(again.venue, "cancel", cancels)
    again.kill.on = True
    await again.step()
    assert asked == ["cancel", "report"] * 2
    assert again.live() == []


# What breaks holds up nothing else.


async def test_an_order_that_cannot_be_booked_closes_the_desk_and_holds_up_no_exit(desk: Desk) -> None:
    await desk.bought("2", symbol="ETH/USDT")
    await desk.propose(desk.buy("1", at="96"))
    del desk.market.instruments["BTC/USDT"]
    report = await desk.trades("100", "100", "85", "85", symbol="ETH/USDT")
    assert len(report.fired) == 1
    assert desk.held("ETH/USDT") == 0
    (incident,) = desk.rows("incidents")
    assert incident.kind is IncidentKind.IRREGULARITY
    assert "does not know BTC/USDT" in incident.detail
    assert desk.state() is TradingState.REDUCING


@pytest.mark.parametrize("part", ["_carry.book", "algorithms.step", "reconcile", "_dead_man.beat", "_resting.protect"])
async def test_no_part_of_a_step_holds_up_the_others(
    open_desk: Opened, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object) -> None:
        raise InvalidOperation(part)

    desk = replace(open_desk(settings=RESTING if part == "_resting.protect" else FREE), reconcile_every_s=0)
    await desk.bought("2")
    owner = desk.watch
    *path, name = part.split(".")
    for each in path:
        owner = getattr(owner, each)
    monkeypatch.setattr(owner, name, breaks)
    report = await desk.trades("100", "100", "85", "85")
    assert (desk.held(), report.equity, report.state) == (0, desk.cash(), TradingState.REDUCING)
    assert part in " ".join(incident.detail for incident in desk.rows("incidents"))


async def test_an_order_that_the_venue_keeps_silent_about_holds_up_no_step_and_is_asked_about_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "LONGEST_S", 0.05)
    desk = replace(desk, reconcile_every_s=10**9)
    silent, told = desk.buy("1", at="96"), desk.buy("1", at="96", symbol="ETH/USDT")
    for proposal in (silent, told):
        await desk.propose(proposal)
    name, answers, asked = desk.order_of(silent).client_order_id, asyncio.Event(), []
    report = desk.venue.report

    async def reports(client_order_id: str, symbol: str) -> OrderReport | None:
        if client_order_id == name:
            asked.append(name)
            await answers.wait()
        return await report(client_order_id, symbol)

    monkeypatch.setattr(desk.venue, "report", reports)
    async with asyncio.timeout(5):
        await desk.trades("100", "100", "95", "98")
        await desk.trades("100", "100", "95", "98", symbol="ETH/USDT")
    assert (desk.order_of(told).state, desk.order_of(silent).state) == (OrderState.FILLED, OrderState.OPEN)
    assert asked == [name]
    answers.set()
    await desk.step()
    assert desk.order_of(silent).state is OrderState.FILLED
    await desk.watch.close()


async def test_an_order_of_somebody_else_without_a_quantity_stops_neither_a_review_nor_a_step(desk: Desk) -> None:
    await desk.bought("2")
    theirs = desk.buy("1", at="96")
    await desk.propose(theirs)
    row = {"owner": orderbook.EXTERNAL, "quantity": Decimal(0)}
    name, orders = desk.order_of(theirs).client_order_id, tables.orders
    desk.books.write(lambda conn: conn.execute(update(orders).where(orders.c.client_order_id == name).values(**row)))
    await desk.gate.halt(by="ada", reason="a drill")
    receipt = await desk.propose(desk.sell("1", at="105", reduce_only=True))
    assert receipt.kind is AnswerKind.WORKING, denials(receipt)
    await desk.trades("100", "106", "100", "105")
    assert desk.held() == 1
