"""A whole desk holds perpetuals: a short with a stop, its funding and margin, and what the venue closes by itself."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.money import Price
from core.orders import OrderState, OrderType, Proposal, Side
from core.quotes import Feeds, Funding
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from desk import reports
from execution.ports import VenueFunding
from execution.settings import PaperSettings
from memory.books import ledger
from memory.books.words import IncidentKind
from risk.states import TradingState
from tests.execution.conftest import Opened
from tests.execution.desk import FREE, NOTHING, RESTING, T0, Desk, denials
from tests.execution.test_perpetuals import PERPETUAL, SYMBOL

THREE = PaperSettings(**NOTHING, rests_stops=False, leverage=Decimal(3))


def with_perpetual(open_desk: Opened, settings: PaperSettings = FREE, rate: str | None = "0.0001", **more: Any) -> Desk:
    desk = open_desk(settings=settings, **more)
    desk.market.instruments[SYMBOL] = PERPETUAL
    desk.market.show("100", at_ns=T0, symbol=SYMBOL)
    desk.market.fed[SYMBOL] = Feeds(funding_rate=None if rate is None else Decimal(rate))
    return desk


def short(desk: Desk, quantity: str = "5", *, stop: str = "110") -> Proposal:
    proposal = desk.buy(quantity, stop=stop, symbol=SYMBOL, ends=("last >= 1000",))
    return replace(proposal, order=replace(proposal.order, side=Side.SELL), thesis="it falls")


async def shorted(desk: Desk, quantity: str = "5", *, stop: str = "110") -> Proposal:
    proposal = short(desk, quantity, stop=stop)
    receipt = await desk.propose(proposal)
    assert receipt.kind is AnswerKind.WORKING, denials(receipt)
    await desk.trades("100", "100", "100", "100", symbol=SYMBOL)
    assert desk.order_of(proposal).state is OrderState.FILLED
    return proposal


def fund(desk: Desk, rate: str) -> None:
    at_ns = desk.clock.now_ns() + HOUR_NS
    desk.market.paid.append(Funding(SYMBOL, at_ns, Decimal(rate), Price(Decimal(100))))


def position(desk: Desk) -> Any:
    found = desk.books.read(lambda conn: ledger.positions(conn, desk.account_id))
    return next((p for p in found if p.symbol == SYMBOL), None)


async def test_a_short_is_held_with_its_stop_and_the_venues_margin(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk)
    await shorted(desk)
    held = position(desk)
    assert (held.side, held.quantity, held.margin) == (Side.SELL, 5, 500)
    assert desk.armed(SYMBOL) == 5


async def test_a_short_is_closed_by_its_stop_above(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk)
    await shorted(desk)
    report = await desk.trades("100", "111", "100", "108", symbol=SYMBOL)
    assert len(report.fired) == 1
    assert position(desk) is None
    assert desk.armed(SYMBOL) == 0
    # Ten a coin, and 0.1 % of 500 and 550.
    assert desk.cash() == 10_000 - 50 - Decimal("0.5") - Decimal("0.55")


async def test_a_shorts_stop_rests_at_the_venue(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, RESTING)
    await shorted(desk)
    (resting,) = desk.live()
    assert (resting.side, resting.trigger_price, resting.quantity) == (Side.BUY, Decimal(110), Decimal(5))
    await desk.trades("100", "111", "100", "108", symbol=SYMBOL)
    assert (position(desk), desk.live()) == (None, [])


async def test_an_entry_without_a_known_funding_rate_is_denied(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, rate=None)
    assert "FUNDING" in denials(await desk.propose(short(desk)))


async def test_margin_that_is_posted_buys_nothing_else(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, THREE, max_leverage="3")
    await shorted(desk)
    receipt = await desk.propose(desk.buy("1"))
    facts = receipt.facts
    assert facts is not None
    assert Decimal(facts["reserved"]["USDT"]).quantize(Decimal("0.01")) == Decimal("166.67")


async def test_funding_is_booked_once_and_counts_in_the_trip(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk)
    await shorted(desk)
    before = desk.cash()
    fund(desk, "0.001")
    for _ in range(3):
        await desk.trades("100", "100", "100", "100", symbol=SYMBOL)
    assert desk.cash() == before + Decimal("0.5")
    held = position(desk)
    assert (held.funding, held.margin) == (Decimal("-0.5"), Decimal("500.5"))
    assert [row.kind for row in desk.rows("journal")].count("funding") == 1


async def test_funding_of_a_position_that_is_closed_in_the_same_step_belongs_to_its_trip(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, RESTING)
    await shorted(desk)
    fund(desk, "0.001")
    desk.market.paid[-1] = replace(desk.market.paid[-1], ts_event_ns=desk.clock.now_ns())
    await desk.trades("100", "111", "100", "108", symbol=SYMBOL)
    (trip,) = desk.rows("round_trips")
    assert trip.pnl == -50 - Decimal("1.05") + Decimal("0.5")


async def test_what_the_venue_liquidates_is_booked_guarded_no_longer_and_somebody_is_told(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, THREE, max_leverage="3")
    await shorted(desk)
    before = desk.cash()
    await desk.trades("140", "150", "140", "140", symbol=SYMBOL)
    assert position(desk) is None
    assert desk.armed(SYMBOL) == 0
    assert desk.live() == []
    # Five coins posted a third of 500; a tick may come on top.
    assert abs(before - desk.cash() - Decimal(500) / 3) <= Decimal("0.05")
    assert [(row.kind, row.closed_ns) for row in desk.rows("incidents")] == [(IncidentKind.IRREGULARITY, None)]


async def test_a_liquidation_is_among_the_fills_that_are_reported(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, THREE, max_leverage="3")
    await shorted(desk)
    await desk.trades("140", "150", "140", "140", symbol=SYMBOL)
    told = desk.books.read(lambda conn: reports.fills_of(conn, desk.account_id))
    assert [(fill["origin"], fill["side"], fill["quantity"]) for fill in told] == [
        ("order", "sell", "5"),
        ("liquidation", "buy", "5"),
    ]


async def test_a_restart_books_what_the_venue_did_meanwhile(open_desk: Opened) -> None:
    desk = with_perpetual(open_desk, THREE, max_leverage="3")
    await shorted(desk)
    fund(desk, "0.001")
    desk.market.bar("100", "100", "100", "100", open_ns=desk.clock.now_ns(), symbol=SYMBOL)
    desk.clock.advance_to(desk.clock.now_ns() + HOUR_NS)
    await desk.venue.advance(desk.clock.now_ns())
    desk = desk.restarted()
    before = desk.cash()
    await desk.step()
    assert desk.cash() == before + Decimal("0.5")


@pytest.mark.parametrize("unreadable", [True, False])
async def test_a_venue_that_cannot_be_read_is_asked_again(open_desk: Opened, unreadable: bool) -> None:
    desk = with_perpetual(open_desk)
    await shorted(desk)
    fund(desk, "0.001")
    before = desk.cash()
    desk.venue.unreadable = unreadable
    await desk.trades("100", "100", "100", "100", symbol=SYMBOL)
    assert desk.cash() == before + (0 if unreadable else Decimal("0.5"))
    desk.venue.unreadable = False
    await desk.step()
    assert desk.cash() == before + Decimal("0.5")


async def test_funding_of_what_was_never_held_closes_the_desk_and_holds_up_no_exit(
    open_desk: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = with_perpetual(open_desk)
    await shorted(desk)
    other, fundings = "X/USDT:USDT", desk.venue.fundings
    desk.market.instruments[other] = replace(PERPETUAL, symbol=other, base="X")
    desk.market.show("100", at_ns=T0, symbol=other)

    async def of_two(since_ns: int) -> tuple[VenueFunding, ...]:
        return (VenueFunding(other, Decimal(1), T0 + 1), *await fundings(since_ns))

    monkeypatch.setattr(desk.venue, "fundings", of_two)
    fund(desk, "0.001")
    await desk.trades("100", "100", "100", "100", symbol=SYMBOL)
    assert position(desk).funding == Decimal("-0.5")
    await desk.trades("100", "111", "100", "108", symbol=SYMBOL)
    assert position(desk) is None
    assert desk.state() is TradingState.HALTED
    told = desk.rows("incidents")[0]
    assert (told.kind, told.subject) == (IncidentKind.MISMATCH, f"funding of {other} at {T0 + 1}")


@pytest.mark.parametrize(("held", "stays"), [("5", True), ("1", False)])
async def test_a_halt_keeps_what_closes_a_position_and_cancels_what_would_turn_it(
    open_desk: Opened, held: str, stays: bool
) -> None:
    desk = with_perpetual(open_desk)
    entry = short(desk, "5", stop="130")
    resting = replace(entry.order, type=OrderType.LIMIT, limit_price=Price(Decimal(101)))
    assert (await desk.propose(replace(entry, order=resting))).kind is AnswerKind.WORKING
    await desk.bought(held, symbol=SYMBOL, at="100.5")
    await desk.gate.halt(by="ada", reason="a drill")
    assert [(a.side, a.quantity) for a in desk.live()] == ([(Side.SELL, Decimal(5))] if stays else [])
    assert position(desk).quantity == Decimal(held)
