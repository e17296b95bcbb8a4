"""A desk at a venue that is there: an emulated one, over HTTP and WebSockets, through ccxt's own classes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from core import identity
from core.errors import ConfigError, DeskHalted
from core.money import Price, Quantity
from core.orders import Order, OrderState, OrderType, Proposal, Side
from core.time import HOUR_NS
from core.verdicts import AnswerKind
from desk import live as live_desk
from desk import reports, requests
from desk.home import Home
from desk.live import LiveCommand, LiveDesk, account_id_of, open_live
from desk.lived import lived, run_named
from desk.settings import Settings, parse
from emulator.listings import STANDARD
from emulator.server import Emulator
from execution import orderbook
from execution.ports import VenueEvent
from execution.watch import WatchReport
from memory.books import accounts, blobs, journal, ledger, records, tables
from risk.codes import DenialCode

KEYS = {"TRADEWARDEN_BINANCE_KEY": "emulator-key", "TRADEWARDEN_BINANCE_SECRET": "emulatorsecret00"}
BTC = "BTC/USDT"


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator(listings=STANDARD[:2], funds={"USDT": Decimal(50_000), "ETH": Decimal(3)}) as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def settings_at(venue: Emulator, **more: Any) -> Settings:
    endpoints = {"binance": {"rest": venue.base_url}}
    return parse({"mode": "testnet", "venue": {"name": "binance", "endpoints": endpoints}, **more}, "a test")


@asynccontextmanager
async def at_work(home: Home, settings: Settings) -> AsyncIterator[LiveDesk]:
    async with open_live(home, settings, KEYS, LiveCommand((BTC,))) as live, live.running():
        yield live


def bought(live: LiveDesk, key: str, quantity: str = "0.05") -> Proposal:
    """What a person would buy, with all that an entry must bring."""
    desk, source = live.desk, f"person:ada:{key}"
    now_ns = desk.clock.now_ns()
    quote = desk.market.quote(BTC, as_of_ns=now_ns)
    assert quote is not None
    order = Order(
        proposal_id=identity.person_proposal_id(desk.account_id, "ada", key, BTC),
        account_id=desk.account_id,
        owner="ada",
        symbol=BTC,
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Quantity(Decimal(quantity)),
    )
    return Proposal(
        order,
        source=source,
        decided_ns=now_ns,
        thesis="it rises",
        stop_price=Price((quote.last * Decimal("0.95")).quantize(Decimal("0.01"))),
        invalidation=("last <= 1",),
        evidence=(source,),
        views_until_ns=now_ns + 12 * HOUR_NS,
    )


def resting_bid(live: LiveDesk) -> Proposal:
    """An entry a little below the market, which waits there."""
    proposal = bought(live, "resting")
    quote = live.desk.market.quote(BTC, as_of_ns=live.desk.clock.now_ns())
    assert quote is not None
    limit = Price((quote.last * Decimal("0.99")).quantize(Decimal("0.01")))
    return replace(proposal, order=replace(proposal.order, type=OrderType.LIMIT, limit_price=limit))


async def test_a_desk_on_paper_is_sent_away(venue: Emulator, home: Home) -> None:
    settings = parse({}, "a test")
    with pytest.raises(ConfigError, match="mode is paper"):
        async with open_live(home, settings, KEYS, LiveCommand((BTC,))):
            pass


async def test_models_are_looked_after_beside_the_cycles(
    venue: Emulator, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tended = asyncio.Event()

    class Tends:
        def __init__(self, desk: object) -> None:
            self.desk = desk

        async def tend(self) -> None:
            tended.set()
            raise RuntimeError("whatever breaks here")

    monkeypatch.setattr(live_desk, "Retraining", Tends)
    async with at_work(home, settings_at(venue)) as live:
        await asyncio.wait_for(tended.wait(), 30)
        await asyncio.sleep(0)
        assert live.troubles["models"] == "RuntimeError: whatever breaks here"
        assert live.halted() is None


async def test_without_keys_nothing_is_opened(venue: Emulator, home: Home) -> None:
    with pytest.raises(ConfigError, match="no keys of binance are here: `warden keys add binance`"):
        async with open_live(home, settings_at(venue), {}, LiveCommand((BTC,))):
            pass


async def test_what_is_bought_is_held_here_and_there_with_a_stop_that_rests_at_the_venue(
    venue: Emulator, home: Home
) -> None:
    async with at_work(home, settings_at(venue)) as live:
        desk = live.desk
        assert [finding.ok for finding in live.readiness] == [True] * len(live.readiness)
        receipt = await desk.gate.propose(bought(live, "one"))
        assert receipt.kind in (AnswerKind.WORKING, AnswerKind.DONE), receipt.review.denials
        assert await live.settled(10)
        await desk.watch.step()
        (position,) = desk.books.read(lambda conn: ledger.positions(conn, desk.account_id))
        live_orders = desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
        balances = desk.books.read(lambda conn: accounts.balances(conn, desk.account_id))
        found = await desk.watch.reconcile()
        while found is not None and found.left_alone and not found.mismatches:
            await asyncio.sleep(0.5)
            found = await desk.watch.reconcile()
        assert found is not None
        assert found.clean, found
        assert live.troubles == {}
    account = venue.exchange.accounts["emulator-key"]
    held = {c: h.free + h.locked for c, h in account.holdings.items() if h.free + h.locked}
    assert {**balances, "ETH": Decimal(3)} == held, "the ether was there before, and is none of the desk's"
    assert Decimal("0.049") < position.quantity < Decimal("0.05"), "less the fee, which is paid in coins"
    (stop,) = live_orders
    assert (stop.type, stop.state, stop.protective) == (OrderType.STOP, OrderState.OPEN, True)
    assert [order.side for order in account.open_orders()] == [Side.SELL]


async def test_what_a_live_desk_lived_through_is_read_like_a_replay(venue: Emulator, home: Home) -> None:
    async with at_work(home, settings_at(venue)) as live:
        desk = live.desk
        receipt = await desk.gate.propose(bought(live, "one"))
        assert receipt.kind in (AnswerKind.WORKING, AnswerKind.DONE), receipt.review.denials
        assert await live.settled(20)
        await live.cycle()
        worth = select(tables.fills.c.fee_worth)
        found, fees = desk.books.read(
            lambda conn: (lived(conn, run_named(conn, desk.account_id)), conn.execute(worth).scalars().all())
        )
    assert [set(one.markets) for one in found.decided] == [{BTC}]
    (mine,) = [one for one in found.others if one.why == "it rises"]
    assert (mine.symbol, mine.side, mine.quantity) == (BTC, Side.BUY, Decimal("0.05"))
    assert mine.filled is not None
    assert mine.filled.quantity == Decimal("0.05")
    assert sum(one.filled.fee for one in found.orders if one.filled is not None) == sum(fees) > 0
    assert all(one.asked is not None for one in found.others if "stop" in one.why), "of a stop its trigger"


async def test_a_desk_that_comes_back_knows_what_happened_while_it_was_away(venue: Emulator, home: Home) -> None:
    settings = settings_at(venue)
    async with at_work(home, settings) as live:
        await live.desk.gate.propose(bought(live, "one"))
        await live.settled(10)
        await live.desk.watch.step()
    venue.exchange.pin(BTC, venue.exchange.market(BTC).last * Decimal("0.9"))
    venue.exchange.advance()
    async with at_work(home, settings) as live:
        desk = live.desk
        assert desk.books.read(lambda conn: ledger.positions(conn, desk.account_id)) == ()
        trips = desk.books.read(lambda conn: reports.trips(conn, desk.account_id))
        assert trips["count"] == 1
        assert desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id)) == []


async def test_orders_that_the_venue_cannot_explain_stop_the_start(venue: Emulator, home: Home) -> None:
    settings = settings_at(venue)
    async with at_work(home, settings):
        pass
    holding = venue.exchange.accounts["emulator-key"].holdings["USDT"]
    holding.free -= Decimal("12.34")  # nobody says why
    with pytest.raises(DeskHalted, match=r"balance off: USDT \(the books hold 50000, the venue 49987.66\)"):
        async with at_work(home, settings):
            pass
    assert account_id_of(settings) == "paper-binance-testnet"


async def test_a_watch_whose_steps_break_is_taken_for_dead_by_its_watchdog(
    venue: Emulator, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_desk, "_FRESH_S", 1.0)
    monkeypatch.setattr(live_desk, "_PATIENCE_S", 2.0)

    async def breaks() -> WatchReport:
        raise RuntimeError("a broken step")

    async with at_work(home, settings_at(venue)) as live:
        desk = live.desk
        receipt = await desk.gate.propose(resting_bid(live))
        assert receipt.kind is AnswerKind.WORKING, receipt.review.denials
        account = venue.exchange.accounts["emulator-key"]
        assert len(account.open_orders()) == 1
        with monkeypatch.context() as patched:
            patched.setattr(desk.watch, "step", breaks)
            async with asyncio.timeout(30):
                while account.open_orders():
                    await asyncio.sleep(0.1)
        async with asyncio.timeout(30):
            while desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id)):
                await asyncio.sleep(0.1)


async def test_a_visit_where_the_venue_cannot_be_compared_lets_exits_and_cancels_through_and_no_new_risk(
    venue: Emulator, home: Home
) -> None:
    settings = settings_at(venue)
    async with at_work(home, settings) as live:
        await live.desk.gate.propose(bought(live, "one"))
        assert await live.settled(10)
    venue.faults.add("status", method="GET", path="*/openOrders")
    async with open_live(home, settings, KEYS, LiveCommand((BTC,))) as live, live.visiting():
        assert "reconciliation" in live.troubles
        risky = await live.desk.gate.propose(bought(live, "two", "0.01"))
        assert DenialCode.VENUE_STATUS in [denial.code for denial in risky.review.denials]
        told = await requests.perform(live.desk, "flatten", {"by": "ada", "reason": "a drill", "key": "k"})
        assert [answer["denials"] for answer in told["closed"]] == [[]]
        assert await live.settled(10)
        assert live.desk.books.read(lambda conn: ledger.positions(conn, live.desk.account_id)) == ()
        entries = live.desk.books.read(lambda conn: journal.entries(conn, live.desk.account_id))
        assert [entry.kind for entry in entries].count("unreconciled") == 1


async def test_a_lost_stream_of_the_account_has_the_desk_reconcile() -> None:
    """What it did not tell may be anything. An order that somebody else placed is asked about, and no more."""
    asked: list[str] = []

    async def events() -> AsyncIterator[VenueEvent]:
        yield VenueEvent(None, "BTC/USDT")
        asked.append("lost")
        yield VenueEvent(None, None)

    async def poll_live() -> None:
        asked.append("poll")

    watch = SimpleNamespace(poll_live=poll_live, reconcile_soon=lambda: asked.append("reconcile"))
    live = object.__new__(LiveDesk)
    live.desk, live._venue = SimpleNamespace(watch=watch), SimpleNamespace(events=events)  # type: ignore[assignment]
    await live._follow()
    assert asked == ["poll", "lost", "reconcile", "poll"]


async def test_a_cycle_that_somebody_asks_for_is_of_the_run_at_work_and_not_of_the_newest(
    venue: Emulator, home: Home
) -> None:
    async with at_work(home, settings_at(venue)) as live:
        desk, later_ns = live.desk, live.desk.clock.now_ns() + HOUR_NS
        command = {"arguments": {"symbols": ["ETH/USDT"]}}
        desk.books.write(lambda conn: records.begin_run(conn, "another", desk.account_id, command, later_ns))
        asked = {"by": "ada", "key": "k"}
        told = await requests.ask(desk.books, desk.account_id, requests.DECIDE, asked, wait_s=60)
        cycles = desk.books.read(lambda conn: records.cycles_of(conn, live.run_id))
        assert [cycle.record_hash for cycle in cycles] == [told["record_hash"]]
        body = desk.books.read(lambda conn: blobs.get_json(conn, records.find(conn, cycles[0].cycle_id).body))
        assert body["symbols"] == [BTC]
