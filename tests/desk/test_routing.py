"""Orders over several venues: each part at its own account's gate, exits where the position is, and no part twice."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from agents.orderdesk import RoutedOrderDesk
from core import identity
from core.canonical import JSON
from core.errors import ConfigError, ExchangeUnavailable, StaleDataError
from core.money import Price, Quantity
from core.orders import Order, OrderType, Proposal, Side
from core.quotes import Feeds
from core.time import HOUR_NS, ManualClock
from core.verdicts import AnswerKind, Receipt
from desk import offers, ordering, places
from desk.build import Desk, build
from desk.home import Home
from desk.live import account_id_of
from desk.readiness import confirmation
from desk.replay import replay
from desk.routing import Router
from desk.settings import parse
from market.settings import RoutingSettings
from memory.books import accounts, records, tables
from memory.books.database import Books
from memory.books.effects import ReplayedEffects, StoredEffects
from memory.books.words import RecordKind
from tests.execution.desk import BTC, NOTHING, ROOMY, SEEN, T0, ScriptedMarket, copied_books

SYMBOL = "BTC/USDT"
DEEP = "100x100"


@dataclass
class Venues:
    """Two accounts of 10 000 USDT, `east` and `west`, in one set of books; coins trade at 100 at both.

    One asset may be a fifth of an account: the gate of each takes 20 coins.
    """

    books: Books
    home: Home
    clock: ManualClock
    markets: dict[str, ScriptedMarket]
    desks: dict[str, Desk]
    away: dict[str, str]

    @classmethod
    def open(cls, folder: Path, books: Books, **limits: Any) -> "Venues":
        home, clock = Home(folder), ManualClock(T0)
        paper = {"risk": {**ROOMY, **limits}, "execution": {"paper": {**NOTHING, "rests_stops": False}}}
        settings = parse(paper, "a test")
        markets, desks = dict[str, ScriptedMarket](), dict[str, Desk]()
        for name in ("east", "west"):
            market = markets[name] = ScriptedMarket(BTC)
            market.show("100", at_ns=T0)
            known = (name, "USDT", {"USDT": Decimal(10_000)})
            books.write(partial(_opened, known))
            scripted: Any = market
            desks[name] = build(settings, home, books, scripted, name, clock)
        return cls(books, home, clock, markets, desks, {})

    def asks(self, east: str, west: str) -> None:
        """Books from `price x quantity` levels, best first, each as deep on the other side."""
        for name, asks in (("east", east), ("west", west)):
            self.markets[name].depth(asks=asks, bids="99.99x1000", at_ns=self.clock.now_ns())

    def router(self, **settings: Any) -> Router:
        return Router(self.desks, self.away, RoutingSettings.model_validate({"least_saving": "0", **settings}))

    def wish(self, side: Side, quantity: str, *, limit: str | None = None, name: str = "one") -> Proposal:
        order = Order(
            proposal_id=name,
            account_id="east",
            owner="desk",
            symbol=SYMBOL,
            side=side,
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            quantity=Quantity(Decimal(quantity)),
            limit_price=None if limit is None else Price(Decimal(limit)),
            reduce_only=side is Side.SELL,
        )
        until_ns = self.clock.now_ns() + 12 * HOUR_NS
        why: dict[str, Any] = {"thesis": "it rises", "stop_price": Price(Decimal(90)), "invalidation": ("last <= 1",)}
        why |= {"evidence": (SEEN,), "views_until_ns": until_ns}
        self._begin(name)
        return Proposal(order, f"cycle:{name}", self.clock.now_ns(), **(why if side is Side.BUY else {}))

    def _begin(self, cycle: str) -> None:
        """A cycle of its own for each wish, with the evidence that it rests on among its effects."""
        effect = {"cycle_id": cycle, "node": "research", "lane": SYMBOL, "sequence": 1, "request": "", "response": ""}
        body = json.dumps({"evidence": SEEN})
        self.books.write(lambda conn: conn.execute(insert(tables.effects).values(**effect, body=body)))

    def buy(self, quantity: str, **more: Any) -> Proposal:
        return self.wish(Side.BUY, quantity, **more)

    def sell(self, quantity: str, **more: Any) -> Proposal:
        return self.wish(Side.SELL, quantity, **more)

    async def propose(self, proposal: Proposal, router: Router | None = None) -> Receipt:
        """As a cycle does it, with its effects stored."""
        desk = self.desks["east"]
        effects = StoredEffects(self.books, proposal.proposal_id)
        return await RoutedOrderDesk(effects, desk.rulebook, router or self.router()).propose(proposal)

    async def an_hour(self) -> None:
        """A bar at 100 at both venues: what was on its way is filled."""
        for market in self.markets.values():
            market.bar("100", "100", "100", "100", open_ns=self.clock.now_ns())
        self.clock.advance_to(self.clock.now_ns() + HOUR_NS)
        for desk in self.desks.values():
            await desk.watch.step()

    async def holds(self, east: str, west: str) -> None:
        for name, quantity in (("east", east), ("west", west)):
            if Decimal(quantity):
                other = {v: d for v, d in self.desks.items() if v == name}
                await self.propose(self.buy(quantity, name=f"{name} holds"), Router(other, {}, RoutingSettings()))
        await self.an_hour()
        self.asks(DEEP, DEEP)
        assert self.held() == {"east": Decimal(east), "west": Decimal(west)}

    def held(self) -> dict[str, Decimal]:
        return {name: offers.held(desk, SYMBOL) for name, desk in self.desks.items()}

    def orders(self) -> list[tuple[str, Decimal]]:
        """Account and quantity of everything that was ever sent."""
        table = tables.orders
        query = select(table.c.account_id, table.c.quantity).order_by(table.c.account_id, table.c.client_order_id)
        return [(account, quantity) for account, quantity in self.books.read(lambda conn: conn.execute(query).all())]


def _opened(account: tuple[str, str, dict[str, Decimal]], conn: Connection) -> None:
    accounts.open_account(conn, *account, ts_ns=T0, clock_ns=T0)


@pytest.fixture(scope="session")
def empty_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows."""
    path = tmp_path_factory.mktemp("books") / "empty.db"
    with Books.open(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def venues(empty_books: Path, tmp_path: Path) -> Iterator[Venues]:
    with copied_books(empty_books, tmp_path) as books:
        found = Venues.open(tmp_path, books)
        found.asks(DEEP, DEEP)
        yield found


def shares(route: JSON) -> dict[str, Decimal]:
    return {part["venue"]: Decimal(part["quantity"]) for part in route["parts"]}


# Where an entry goes.


async def test_a_buy_that_is_cheaper_in_two_parts_is_shared_and_each_gate_takes_its_own(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")
    receipt = await venues.propose(venues.buy("10"))
    assert shares(receipt.route) == {"east": 5, "west": 5}
    assert receipt.route["reason"] == "splitting it pays"
    # 5 coins at 100 in the place of 100.3, and the fee on them.
    assert Decimal(receipt.route["saved"]) == Decimal("1.5") * Decimal("1.001")
    assert receipt.kind is AnswerKind.DONE
    assert venues.orders() == [("east", 5), ("west", 5)]
    await venues.an_hour()
    assert venues.held() == {"east": 5, "west": 5}


def test_one_venue_gets_all_where_the_other_is_dearer(venues: Venues) -> None:
    venues.asks("100.2x100", "100x100")
    told = venues.router().route(venues.buy("10"))
    assert (shares(told), told["left_out"]) == ({"west": 10}, {"east": "others are cheaper"})


def test_a_split_that_saves_too_little_is_none(venues: Venues) -> None:
    venues.asks("100x5 100.01x100", "100x5 100.01x100")
    assert shares(venues.router(least_saving="0.0002").route(venues.buy("10"))) == {"east": 10}


def test_expected_slippage_counts(venues: Venues) -> None:
    venues.asks("100x100", "100.05x100")
    assert shares(venues.router(slippage={"east": "0.001"}).route(venues.buy("10"))) == {"west": 10}


def test_no_venue_is_offered_more_than_its_own_gate_would_take(venues: Venues) -> None:
    told = venues.router().route(venues.buy("25"))
    assert told["reason"] == "no venue takes all of it"
    assert sum(shares(told).values()) == 25
    # A fifth of 10 000 USDT at the collar's worst price is less than 20 coins.
    assert all(Decimal(5) < quantity < 20 for quantity in shares(told).values())


async def test_what_all_gates_together_would_not_take_is_denied_with_what_they_would_take(
    venues: Venues,
) -> None:
    receipt = await venues.propose(venues.buy("50"))
    assert receipt.kind is AnswerKind.DENIED
    assert shares(receipt.route) == {"east": 50}
    # Of each less than 20 coins, at the worst price that its collar allows.
    assert 35 < receipt.review.largest_allowed < 40
    assert receipt.review.largest_allowed == Decimal(receipt.route["largest"])
    assert venues.orders() == []


def test_a_limit_that_rests_goes_whole_to_the_first_venue(venues: Venues) -> None:
    told = venues.router().route(venues.buy("10", limit="99.5"))
    assert shares(told) == {"east": 10}
    assert told["reason"] == "no venue takes it, alone or with others: all of it goes to east"


# Who is left out.


def test_a_venue_that_is_away_is_left_out_with_its_reason(venues: Venues) -> None:
    del venues.desks["west"]
    venues.away["west"] = "west did not answer"
    told = venues.router().route(venues.buy("10"))
    assert (shares(told), told["left_out"]) == ({"east": 10}, {"west": "west did not answer"})


def test_a_venue_whose_book_is_not_proven_is_left_out(venues: Venues) -> None:
    venues.markets["west"]._books.clear()
    assert venues.router().route(venues.buy("10"))["left_out"] == {"west": "its book is not proven"}


async def test_a_halted_account_is_left_out_and_the_other_goes_on(venues: Venues) -> None:
    await venues.desks["east"].gate.halt(by="ada", reason="a drill")
    told = venues.router().route(venues.buy("10"))
    assert shares(told) == {"west": 10}
    assert told["left_out"]["east"].startswith("its gate would deny it: ")


def test_a_venue_whose_data_is_stale_is_left_out(venues: Venues) -> None:
    venues.markets["west"].fed[SYMBOL] = Feeds(overdue_s={"book": Decimal(10_000)})
    assert "its gate would deny it" in venues.router().route(venues.buy("10"))["left_out"]["west"]


async def test_the_kill_file_stops_both(venues: Venues) -> None:
    venues.home.kill_file.write_text("a drill\n")
    receipt = await venues.propose(venues.buy("10"))
    assert (receipt.kind, venues.orders()) == (AnswerKind.DENIED, [])


# What one gate denies.


async def test_a_part_that_its_gate_denies_is_not_moved_elsewhere(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")
    router, whole = venues.router(), venues.buy("10")
    told = router.route(whole)
    await venues.desks["west"].gate.halt(by="ada", reason="between the route and its parts")

    class Routed(Router):
        def route(self, proposal: Proposal) -> JSON:
            return told

    receipt = await venues.propose(whole, Routed(venues.desks, {}, RoutingSettings()))
    assert [part.kind for part in receipt.parts] == [AnswerKind.DONE, AnswerKind.DENIED]
    assert receipt.kind is AnswerKind.DONE
    assert venues.orders() == [("east", 5)]


async def test_a_part_whose_desk_has_gone_waits_and_the_others_are_placed(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")

    class Loses(Router):
        def route(self, proposal: Proposal) -> JSON:
            told = super().route(proposal)
            del venues.desks["west"]
            return told

    with pytest.raises(ExchangeUnavailable, match="no desk of west is at work"):
        await venues.propose(venues.buy("10"), Loses(venues.desks, {}, RoutingSettings(least_saving=Decimal(0))))
    assert venues.orders() == [("east", 5)]


# Exits.


async def test_an_exit_goes_to_whoever_holds_the_position(venues: Venues) -> None:
    await venues.holds("0", "8")
    venues.markets["east"].depth(bids="105x100", asks="106x100", at_ns=venues.clock.now_ns())
    told = venues.router().route(venues.sell("8"))
    assert (shares(told), told["reason"]) == ({"west": 8}, "an exit goes to whoever holds the position")


async def test_all_that_is_held_leaves_from_everywhere_even_without_a_book_and_halted(venues: Venues) -> None:
    await venues.holds("6", "8")
    venues.markets["west"]._books.clear()
    await venues.desks["west"].gate.halt(by="ada", reason="a drill")
    receipt = await venues.propose(venues.sell("14", name="out"))
    assert shares(receipt.route) == {"west": 8, "east": 6}
    await venues.an_hour()
    assert venues.held() == {"east": 0, "west": 0}


async def test_of_what_is_held_in_part_at_a_venue_that_is_away_the_rest_leaves(venues: Venues) -> None:
    """The plan knew of both; sent whole to the one that is there, its gate would deny it and nothing would leave."""
    await venues.holds("6", "8")
    del venues.desks["west"]
    venues.away["west"] = "it could not be reached"
    receipt = await venues.propose(venues.sell("14", name="out"))
    assert shares(receipt.route) == {"east": 6}
    assert receipt.kind is not AnswerKind.DENIED
    assert receipt.route["left_out"] == {"west": "it could not be reached"}


async def test_a_part_of_what_is_held_leaves_where_the_price_is_better(venues: Venues) -> None:
    await venues.holds("6", "8")
    venues.markets["east"].depth(bids="99x100", asks="101x100", at_ns=venues.clock.now_ns())
    assert shares(venues.router().route(venues.sell("7"))) == {"west": 7}


async def test_what_a_standing_instruction_holds_is_no_cycle_s_to_sell_at_any_venue(venues: Venues) -> None:
    await venues.holds("3", "2")
    stops, theirs = tables.stops, {"owner": f"{identity.INSTRUCTION}1"}
    of_east = stops.c.account_id == venues.desks["east"].account_id
    venues.books.write(lambda conn: conn.execute(update(stops).where(of_east).values(**theirs)))
    assert venues.held() == {"east": 0, "west": 2}
    assert shares((await venues.propose(venues.sell("2"))).route) == {"west": 2}


async def test_what_nobody_holds_is_the_first_gate_s_to_deny(venues: Venues) -> None:
    receipt = await venues.propose(venues.sell("1"))
    assert (receipt.kind, venues.orders()) == (AnswerKind.DENIED, [])


# The record.


async def test_a_cycle_that_is_run_again_places_the_same_parts_and_none_twice(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")
    whole = venues.buy("10")
    before = await venues.propose(whole)
    # The books say something else by now, and the process is another one.
    venues.asks("110x100", "100x100")
    again = await venues.propose(whole, venues.router())
    assert again.route == before.route
    assert venues.orders() == [("east", 5), ("west", 5)]


async def test_parts_that_were_on_their_way_when_the_desk_died_are_proposed_once(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")
    router, whole = venues.router(), venues.buy("10")

    class Dies(Router):
        async def place(self, part: Proposal, route: JSON) -> Receipt:
            receipt = await super().place(part, route)
            if part.order.account_id == "west":
                raise RuntimeError("the process died before the answer was stored")
            return receipt

    with pytest.raises(RuntimeError, match="the process died"):
        await venues.propose(whole, Dies(venues.desks, {}, RoutingSettings(least_saving=Decimal(0))))
    receipt = await venues.propose(whole, router)
    assert [part.kind for part in receipt.parts] == [AnswerKind.DONE, AnswerKind.DONE]
    assert venues.orders() == [("east", 5), ("west", 5)]


async def test_a_replay_computes_every_part_s_review_from_storage(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")
    whole = venues.buy("10")
    before = await venues.propose(whole)
    effects = ReplayedEffects(venues.books, "one")
    again = await RoutedOrderDesk(effects, venues.desks["east"].rulebook, None).propose(whole)
    assert again == before
    assert effects.differences == []


async def test_a_part_that_a_person_releases_replays_by_the_run_that_decided_it(
    empty_books: Path, tmp_path: Path
) -> None:
    with copied_books(empty_books, tmp_path) as books:
        venues = Venues.open(tmp_path, books, approval="always")
        venues.asks("100x5 100.3x100", "100x5 100.3x100")
        command = {"settings": venues.desks["east"].settings.deciding()}
        books.write(lambda conn: records.begin_run(conn, "run", "east", command, T0))
        begun: dict[str, Any] = {"run_id": "run", "account_id": "east", "ordinal": 0, "symbols": (SYMBOL,)}
        books.write(lambda conn: records.begin_cycle(conn, "one", **begun, as_of_ns=T0))
        receipt = await venues.propose(venues.buy("10"))
        assert (receipt.kind, venues.orders()) == (AnswerKind.WAITING, [])
        west = receipt.parts[1].proposal_id
        await venues.desks["west"].gate.answer(west, approve=True, by="ada", reason="good")
        assert venues.orders() == [("west", 5)]
        (record,) = books.read(lambda conn: records.listing(conn, account_id="west"))
        found = await replay(books, record)
    assert (record.kind, record.run_id) == (RecordKind.RELEASE, "run")
    assert found.first_difference is None
    assert found.replayed_hash == record.record_hash


async def test_the_journal_of_each_account_tells_the_route_with_its_order(venues: Venues) -> None:
    venues.asks("100x5 100.3x100", "100x5 100.3x100")
    receipt = await venues.propose(venues.buy("10"))
    for name, part in zip(("east", "west"), receipt.parts, strict=True):
        life = venues.books.read(partial(ordering.life, account_id=name, prefix=part.proposal_id))
        assert life["proposal"]["part_of"] == "one"
        (told,) = [entry["body"] for entry in life["timeline"] if entry["kind"] == "route"]
        assert set(told["alone"]) == {"east", "west"}
        assert [each["quantity"] for each in told["parts"]] == ["5", "5"]


async def test_the_accounts_are_one_to_a_cycle(venues: Venues) -> None:
    await venues.holds("6", "8")
    account = venues.router().account()
    (position,) = account["positions"]
    assert (position["quantity"], position["average_price"]) == ("14", "100")
    # Two accounts of 10 000, less the fees of 14 coins at 100.
    assert Decimal(account["equity"]) == 20_000 - Decimal("1.4")


async def test_a_venue_whose_worth_nobody_knows_is_no_part_of_the_account(venues: Venues) -> None:
    await venues.holds("6", "8")
    venues.markets["west"]._quotes.clear()
    account = venues.router().account()
    assert [position["quantity"] for position in account["positions"]] == ["6"]
    venues.markets["east"]._quotes.clear()
    with pytest.raises(StaleDataError, match="is held and has no price"):
        venues.router().account()


# Settings.


def several(**routing: Any) -> dict[str, Any]:
    return {"mode": "testnet", "venue": {"name": "binance", "routing": {"others": ["bybit"], **routing}}}


def test_each_venue_has_an_account_and_settings_of_its_own() -> None:
    settings = parse(several(), "a test")
    assert [account_id_of(own) for own in places.each(settings)] == ["paper-binance-testnet", "paper-bybit-testnet"]
    assert places.each(settings)[1].venue.routing.others == ()
    assert places.each(settings)[1].risk == settings.risk


def test_without_others_nothing_is_routed() -> None:
    settings = parse({"mode": "testnet", "venue": {"name": "binance"}}, "a test")
    assert places.each(settings) == (settings,)


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        ({"others": ["bybbit"]}, "near to it are"),
        ({"others": ["bybit", "bybit"]}, "bybit stands there more than once"),
        ({"others": ["binance"]}, "further venues, found binance beside 'binance'"),
        ({"others": ["kraken"]}, "kraken has no testnet"),
        ({"slippage": {"okx": "0.001"}}, "names okx, which is no venue of the desk"),
        ({"slippage": {"bybit": "1"}}, "expected fractions"),
        ({"least_saving": "-0.1"}, "least_saving"),
        ({"other": []}, "unknown key venue.routing.other"),
    ],
)
def test_what_cannot_be_routed_over_refuses_to_start(routing: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(several(**routing), "a test")
    assert why in str(refused.value)


def test_perpetuals_are_not_routed() -> None:
    told = several()
    told["venue"]["kind"] = "perpetual"
    told["venue"]["name"] = "okx"
    with pytest.raises(ConfigError, match=r"routing\.others are for spot"):
        parse(told, "a test")


def test_real_money_is_confirmed_for_each_account() -> None:
    named = {"TRADEWARDEN_CONFIRM_LIVE": "a-binance-live a-kraken-live"}
    asked = ("a-binance-live", "a-kraken-live", "a-okx-live")
    assert [confirmation(a, named, asked=False, typed=None).ok for a in asked] == [True, True, False]
