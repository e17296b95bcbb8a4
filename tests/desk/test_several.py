"""A desk at two venues: two emulated ones over HTTP and WebSockets, through ccxt's own classes, for a day.

A cycle buys at both while one of them loses its answer and shows nothing; the desk ends in the middle, comes back,
sells at both, and then a venue goes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from agents.cycle import Cycle
from core.canonical import JSON
from core.errors import ConfigError, DeskBusy, DeskError, DeskHalted, ExchangeUnavailable
from core.money import Quantity
from core.orders import OrderState, Proposal, Side
from core.verdicts import AnswerKind
from desk import guarding, offers, places, waivers
from desk import several as several_desks
from desk.home import Home
from desk.keys import KeyChain
from desk.live import LiveCommand, account_id_of
from desk.replay import Replay, replay
from desk.settings import Settings, database_url, parse
from desk.several import SeveralDesks, at_several
from emulator.exchange import API_KEY
from emulator.listings import STANDARD
from emulator.server import Emulator
from execution.mismatches import Reconciled
from execution.orderbook import stored_proposal
from memory.books import records, tables
from memory.books.database import Books
from memory.books.verify import verify
from tests.desk.test_live import bought

BTC = "BTC/USDT"
VENUES = ("binance", "binanceus")
HOUR_MS = 3_600_000
SEED = 35  # it rises, at about 42,000: 0.3 BTC are more than one gate takes, and less than two take
FUNDS = {"USDT": Decimal(50_000)}
KEYS = {
    f"TRADEWARDEN_{venue.upper()}_{part}": told
    for venue in VENUES
    for part, told in (("KEY", "emulator-key"), ("SECRET", "emulatorsecret00"))
}


@dataclass
class Day:
    """What was seen of it."""

    cycle: Cycle
    in_the_middle: dict[str, OrderState]  # of each account's entry
    replayed: Replay
    afterwards: dict[str, list[OrderState]]  # of every entry, after the restart
    reconciled: dict[str, Reconciled | None]
    sent: dict[str, int]  # buys that the venue has seen
    left: JSON = None  # the route of the exit
    held: dict[str, Decimal] = field(default_factory=dict)  # after it
    dearer_first: JSON = None
    dearer_second: JSON = None
    second_down: JSON = None
    journals: dict[str, bool] = field(default_factory=dict)


def settings_at(venues: dict[str, Emulator]) -> Settings:
    endpoints = {name: {"rest": venue.base_url} for name, venue in venues.items()}
    routing = {"others": ["binanceus"], "least_saving": "0"}
    venue = {"name": "binance", "endpoints": endpoints, "routing": routing}
    # Two venues and two desks share this process: a busy machine holds up its loop.
    return parse({"mode": "live", "venue": venue, "risk": {"max_loop_lag_s": "10"}}, "a test")


def accept(home: Home, settings: Settings) -> None:
    """What a person would accept: keys whose scopes nobody can read, and no days of rehearsal."""
    home.make()
    said: dict[str, Any] = {"by": "ada", "reason": "emulated", "now_ns": 1}
    with Books.open(database_url(home, settings)) as books:
        for own in places.each(settings):
            mark = KeyChain(home, KEYS).need(own.venue.name).fingerprint
            books.write(partial(waivers.waive, condition=waivers.KEYS, subject=mark, about="emulated", **said))
        policy = settings.risk.policy_hash
        books.write(partial(waivers.waive, condition=waivers.REHEARSAL, subject=policy, about="emulated", **said))


class Unwatched:
    """In the place of a watchdog, which has tests of its own, and is a process of its own."""

    def beat(self) -> bool:
        return True

    async def stop(self) -> None:
        pass


@contextmanager
def unwatched() -> Iterator[None]:
    async def start(*_: object) -> Unwatched:
        return Unwatched()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guarding, "start", start)
        yield


async def until(seen: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not seen():
            await asyncio.sleep(0.05)


def entries(books: Books) -> dict[str, list[OrderState]]:
    """The states of the buys of each account."""
    table = tables.orders
    query = select(table.c.account_id, table.c.state).where(table.c.side == "buy").order_by(table.c.created_ns)
    found: dict[str, list[OrderState]] = {}
    for account, state in books.read(lambda conn: conn.execute(query).all()):
        found.setdefault(account, []).append(state)
    return found


def buys(venue: Emulator) -> int:
    return sum(order.side == "buy" for order in venue.exchange.accounts[API_KEY].orders.values())


async def dearer(several: SeveralDesks, venues: dict[str, Emulator], name: str, by: str) -> JSON:
    """The route of a small purchase while one venue asks for more than the other."""
    other = next(venue for venue in VENUES if venue != name)
    price = venues[other].exchange.market(BTC).mid
    venues[other].exchange.pin(BTC, price)
    venues[name].exchange.pin(BTC, price * Decimal(by))

    def asks(venue: str) -> Decimal:
        desk = several.lives[venue].desk
        book = desk.market.book(BTC, as_of_ns=desk.clock.now_ns())
        return Decimal(0) if book is None else book.asks[0].price

    await until(lambda: asks(name) > asks(other) * Decimal("1.001") > 0)
    return several.router.route(bought(several.first, f"{name} is dearer", "0.02"))


async def sold(several: SeveralDesks) -> JSON:
    """The route by which everything was sold that is held anywhere."""
    whole = bought(several.first, "out", "1")
    total = sum((offers.held(live.desk, BTC) for live in several.lives.values()), Decimal(0))
    order = replace(whole.order, side=Side.SELL, quantity=Quantity(total), reduce_only=True)
    route = several.router.route(Proposal(order, whole.source, whole.decided_ns))
    for part in route["parts"]:
        receipt = await several.router.place(stored_proposal(part["proposal"]), route)
        assert receipt.kind in (AnswerKind.WORKING, AnswerKind.DONE), receipt.review.denials
    assert await several.settled(20)
    return route


async def agreed(several: SeveralDesks) -> dict[str, Reconciled | None]:
    found: dict[str, Reconciled | None] = {}
    for name, live in several.lives.items():
        told = await live.desk.watch.reconcile()
        while told is not None and told.left_alone and not told.mismatches:
            await asyncio.sleep(0.5)
            told = await live.desk.watch.reconcile()
        found[name] = told
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Day]:
    home = Home(tmp_path_factory.mktemp("several"))
    environment = dict(KEYS)
    async with AsyncExitStack() as stack:
        stack.enter_context(unwatched())
        made = {name: Emulator(seed=SEED, listings=STANDARD[:2], funds=FUNDS) for name in VENUES}
        venues = {name: await stack.enter_async_context(venue) for name, venue in made.items()}
        settings = settings_at(venues)
        accept(home, settings)
        environment["TRADEWARDEN_CONFIRM_LIVE"] = " ".join(account_id_of(own) for own in places.each(settings))
        opening = (home, settings, environment, LiveCommand((BTC,)))
        async with at_several(*opening) as several:
            assert several.away == {}
            await until(lambda: not several.router.route(bought(several.first, "fit", "0.3"))["left_out"])
            venues["binanceus"].faults.add("unanswered", method="POST", path="*/order", times=1)
            venues["binanceus"].faults.add("lag", ms=HOUR_MS)
            cycle = await several.decide()
            books = several.first.desk.books
            in_the_middle = {account: states[-1] for account, states in entries(books).items()}
            assert cycle.record_hash is not None
            record = books.read(lambda conn: records.find(conn, cycle.cycle_id))
            replayed = await replay(books, record)
        venues["binanceus"].faults.set([])
        async with at_several(*opening) as several:
            assert await several.settled(20)
            seen = Day(
                cycle,
                in_the_middle,
                replayed,
                {},
                await agreed(several),
                {n: buys(v) for n, v in venues.items()},
            )
            books = several.first.desk.books
            seen.afterwards = entries(books)
            seen.left = await sold(several)
            seen.held = {name: offers.held(live.desk, BTC) for name, live in several.lives.items()}
            seen.dearer_first = await dearer(several, venues, "binance", "1.003")
            seen.dearer_second = await dearer(several, venues, "binanceus", "1.003")
            await venues["binanceus"].stop()
            second = several.lives["binanceus"].desk
            await until(lambda: second.market.book(BTC, as_of_ns=second.clock.now_ns()) is None)
            seen.second_down = several.router.route(bought(several.first, "one is down", "0.02"))
            streams = [account_id_of(own) for own in places.each(settings)]
            seen.journals = {name: books.read(partial(verify, stream=name)).ok for name in streams}
        yield seen


def route_of(cycle: Cycle) -> JSON:
    (answered,) = cycle.answers
    return answered.receipt.route


def shares(route: JSON) -> dict[str, Decimal]:
    return {part["venue"]: Decimal(part["quantity"]) for part in route["parts"]}


def test_a_cycle_s_purchase_is_shared_where_one_gate_would_not_take_it(day: Day) -> None:
    assert [answered.receipt.route["left_out"] for answered in day.cycle.answers] == [{}]
    (answered,) = day.cycle.answers
    assert set(shares(route_of(day.cycle))) == set(VENUES)
    assert sum(shares(route_of(day.cycle)).values()) == answered.proposal.order.quantity
    assert [part.review.denials for part in answered.receipt.parts] == [(), ()]
    assert {part["account"] for part in route_of(day.cycle)["parts"]} == set(day.in_the_middle)


def test_the_part_whose_answer_was_lost_is_unknown_and_the_other_is_not(day: Day) -> None:
    assert day.in_the_middle == {
        "paper-binance-live": OrderState.FILLED,
        "paper-binanceus-live": OrderState.UNKNOWN,
    }


def test_after_a_restart_each_part_is_what_its_own_venue_proves_and_none_was_sent_twice(day: Day) -> None:
    assert day.afterwards == {
        "paper-binance-live": [OrderState.FILLED],
        "paper-binanceus-live": [OrderState.FILLED],
    }
    assert day.sent == {"binance": 1, "binanceus": 1}


def test_an_exit_leaves_from_each_venue_that_holds_a_part(day: Day) -> None:
    assert set(shares(day.left)) == set(VENUES)
    assert day.held == dict.fromkeys(VENUES, Decimal(0))


def test_each_account_agrees_with_its_venue(day: Day) -> None:
    assert {name: found is not None and found.clean for name, found in day.reconciled.items()} == dict.fromkeys(
        VENUES, True
    )


def test_the_record_replays_to_its_hash_with_route_and_parts(day: Day) -> None:
    assert day.replayed.first_difference is None
    assert day.replayed.replayed_hash == day.cycle.record_hash


def test_the_venue_that_is_dearer_gets_nothing(day: Day) -> None:
    assert set(shares(day.dearer_first)) == {"binanceus"}
    assert day.dearer_first["left_out"] == {"binance": "others are cheaper"}
    assert set(shares(day.dearer_second)) == {"binance"}
    alone = {name: Decimal(cost) for name, cost in day.dearer_second["alone"].items()}
    assert alone["binance"] * Decimal("1.002") < alone["binanceus"]


def test_a_venue_that_is_down_is_left_out_with_its_reason(day: Day) -> None:
    assert shares(day.second_down) == {"binance": Decimal("0.02")}
    assert day.second_down["left_out"] == {"binanceus": "its book is not proven"}


def test_both_journals_hold(day: Day) -> None:
    assert day.journals == {"paper-binance-live": True, "paper-binanceus-live": True}


# How further venues come and go.


class StandIn:
    """In the place of a live desk that opens at once, or not at all."""

    def __init__(self, settings: Settings, halted: str | None) -> None:
        self.desk = SimpleNamespace(settings=settings, account_id=account_id_of(settings), kill=None)
        self.halted = lambda: halted
        self.across: list[object] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def cycle(self, across: object) -> str:
        self.across.append(across)
        return "decided"


@asynccontextmanager
async def standing_in(
    monkeypatch: pytest.MonkeyPatch, fails: dict[str, list[DeskError]], halted: dict[str, str] | None = None
) -> AsyncIterator[SeveralDesks]:
    """Desks at binance and bybit; each attempt to open one uses up a failure, if there is one."""

    @asynccontextmanager
    async def opened(home: Home, settings: Settings, *_: object, **__: object) -> AsyncIterator[StandIn]:
        name = settings.venue.name
        if fails.get(name):
            raise fails[name].pop(0)
        yield StandIn(settings, (halted or {}).get(name))

    monkeypatch.setattr(several_desks, "open_live", opened)
    monkeypatch.setattr(several_desks, "_AGAIN_S", 0.01)
    told = {"mode": "testnet", "venue": {"name": "binance", "routing": {"others": ["bybit"]}}}
    command = LiveCommand((BTC,))
    async with at_several(Home(Path("/nowhere")), parse(told, "a test"), {}, command) as found:
        yield found


@pytest.mark.parametrize("why", [ExchangeUnavailable("no answer"), DeskHalted("they disagree"), DeskBusy("another")])
async def test_a_venue_that_is_away_at_the_start_is_left_out_until_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, why: DeskError
) -> None:
    async with standing_in(monkeypatch, {"bybit": [why]}) as several:
        assert several.away == {"bybit": str(why)}
        assert list(several.lives) == ["binance"]
        await until(lambda: "bybit" in several.lives)
        assert several.away == {}
    assert list(several.lives) == ["binance"], "it was let go of with the others"


async def test_a_venue_that_is_set_up_wrongly_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="bybit lists no BTC/USDT"):
        async with standing_in(monkeypatch, {"bybit": [ConfigError("bybit lists no BTC/USDT")]}):
            pass


async def test_without_the_first_venue_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExchangeUnavailable):
        async with standing_in(monkeypatch, {"binance": [ExchangeUnavailable("no answer")]}):
            pass


async def test_cycles_stop_only_where_every_account_is_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with standing_in(monkeypatch, {}, {"binance": "day_loss"}) as several:
        assert await several.decide() == "decided"  # type: ignore[comparison-overlap]
    async with standing_in(monkeypatch, {}, {"binance": "day_loss", "bybit": "kill"}) as several:
        with pytest.raises(DeskHalted, match="binance: day_loss; bybit: kill"):
            await several.decide()
