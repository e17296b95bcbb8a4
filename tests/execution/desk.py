"""A whole desk for tests: a market that is written down, a clock moved by hand, real books, and a venue that keeps
what reached it.

The account holds 10 000 USDT, coins trade at 100, one bar is an hour, and nothing costs slippage unless a test says so:
the cap of a fifth on one asset is 20 coins.
"""

import asyncio
import itertools
import json
import random
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from core.bars import Bar, Bars
from core.errors import ExchangeUnavailable
from core.exits import ExitPlan
from core.instruments import Instrument
from core.money import Price, Quantity
from core.orders import Fill, Order, OrderState, OrderType, Proposal, Side, TimeInForce
from core.quotes import Book, Feeds, Funding, Level, Quote
from core.time import HOUR_NS, ManualClock, Timeframe, parse_time
from core.verdicts import AnswerKind, Receipt
from execution import latches, orderbook
from execution.breakers import Breakers
from execution.door import Door
from execution.gate import Gate
from execution.kill import KillSwitch
from execution.orderbook import Attempt
from execution.ports import (
    AbsenceProof,
    OrderReport,
    PlainOrder,
    Venue,
    VenueEvent,
    VenueFunding,
    VenueOrder,
    VenuePosition,
    VenueTransfer,
)
from execution.readings import sight
from execution.reads import Reads
from execution.reconcile import Reconciler
from execution.settings import PaperSettings
from execution.tickets import TicketOffice
from execution.venues.paper import PaperVenue
from execution.vitals import Vitals
from execution.watch import Watch, WatchReport
from memory.books import accounts, ledger, tables
from memory.books.database import Books
from memory.books.words import StopState
from risk.causes import Cause
from risk.review import Rulebook
from risk.settings import RiskSettings
from risk.states import Kind, Standing, TradingState

T0 = parse_time("2021-05-19T13:00Z")
ACCOUNT = "paper"
SEEN = "market_snapshot:BTC/USDT:seen"  # evidence that the cycle "test" has in its record
# What these tests are not about: scripted prices leap, orders come in quick succession, and books are filled whole.
ROOMY: dict[str, Any] = {
    "max_window_deviation": "0.5",
    "max_volatility_ratio": "20",
    "max_orders_second": 20,
    "max_layers": 10,
    "max_stress_loss": "0.30",
}
NOTHING: dict[str, Any] = {"slippage": 0, "impact": 0, "participation": 1, "decision_latency_ms": 0}
FREE = PaperSettings(**NOTHING, rests_stops=False)  # what rests at the venue is what a test put there
RESTING = PaperSettings(**NOTHING, rests_stops=True)


def instrument(base: str, **more: Any) -> Instrument:
    fields: dict[str, Any] = {
        "symbol": f"{base}/USDT",
        "base": base,
        "quote": "USDT",
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.001"),
        "min_quantity": Decimal("0.001"),
        "min_notional": Decimal("10"),
    }
    return Instrument(**{**fields, **more})


BTC, ETH = instrument("BTC"), instrument("ETH")


class ScriptedMarket:
    """Shows what a test wrote down, and nothing before it is known."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = {i.symbol: i for i in instruments}
        self.fed: dict[str, Feeds] = {}
        self.paid: list[Funding] = []
        self._quotes: dict[str, list[Quote]] = {}
        self._books: dict[str, list[Book]] = {}
        self._bars: dict[str, list[Bar]] = {}

    # The port.

    def instrument(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        known = [q for q in self._quotes.get(symbol, []) if q.known_at_ns <= as_of_ns]
        return known[-1] if known else None

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        known = [b for b in self._books.get(symbol, []) if b.ts_event_ns <= as_of_ns]
        return known[-1] if known else None

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        return self.fed.get(symbol, Feeds())

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        return [f for f in self.paid if f.symbol == symbol and after_ns < f.ts_event_ns <= until_ns]

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Bar]:
        return [b for b in self._bars.get(symbol, []) if after_ns < b.close_ns <= until_ns]

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """A calm month before the script begins, and then what it says."""
        told = [b for b in self._bars.get(symbol, []) if b.close_ns <= as_of_ns]
        return as_arrays([*calm_month(symbol), *told][-n:])

    @property
    def base_timeframe(self) -> Timeframe:
        return Timeframe.H1

    @property
    def decision_timeframe(self) -> Timeframe:
        return Timeframe.H1

    # The script.

    def show(self, price: str, *, at_ns: int, symbol: str = "BTC/USDT", spread: str = "0") -> None:
        """A quote of that moment, with half of the spread on either side."""
        half = Decimal(spread) / 2
        mid = Decimal(price)
        quote = Quote(symbol, Price(mid), Price(mid - half), Price(mid + half), at_ns, at_ns, HOUR_NS)
        self._quotes.setdefault(symbol, []).append(quote)

    def depth(self, *, asks: str = "", bids: str = "", at_ns: int = T0, symbol: str = "BTC/USDT") -> None:
        """A book from `price x quantity` levels, best first: `asks="100x1 101x2"`."""
        self._books.setdefault(symbol, []).append(Book(symbol, at_ns, _levels(bids), _levels(asks)))

    def bar(
        self,
        open_: str,
        high: str,
        low: str,
        close: str,
        *,
        open_ns: int,
        volume: str = "1000",
        symbol: str = "BTC/USDT",
    ) -> None:
        """One closed hour; its close is the newest quote."""
        numbers = (Decimal(n) for n in (open_, high, low, close, volume))
        self._bars.setdefault(symbol, []).append(Bar(symbol, Timeframe.H1, open_ns, *numbers))
        self.show(close, at_ns=open_ns + HOUR_NS, symbol=symbol)


@cache
def calm_month(symbol: str) -> tuple[Bar, ...]:
    """720 hours around 100, up or down by half a percent, each symbol in a pattern of its own."""
    bars = []
    coins = random.Random(symbol)
    for hour in range(-720, 0):
        close = Decimal("100.5") if coins.random() < 0.5 else Decimal(100)
        prices = (Decimal(100), max(close, Decimal(100)), Decimal(100), close)
        bars.append(Bar(symbol, Timeframe.H1, T0 + hour * HOUR_NS, *prices, Decimal(1000)))
    return tuple(bars)


def as_arrays(bars: Sequence[Bar]) -> Bars:
    symbol = bars[0].symbol if bars else ""
    columns = ([float(getattr(b, name)) for b in bars] for name in ("open", "high", "low", "close", "volume"))
    opens = np.array([b.open_ns for b in bars], dtype=np.int64)
    return Bars(symbol, Timeframe.H1, opens, *(np.array(column) for column in columns))


def _levels(text: str) -> tuple[Level, ...]:
    pairs = [level.split("x") for level in text.split()]
    return tuple(Level(Price(Decimal(price)), Quantity(Decimal(quantity))) for price, quantity in pairs)


class RecordingVenue:
    """A real venue behind a line that keeps everything it carried, and can be cut, delayed or made to lie."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.name = venue.name
        self.rests_stops = venue.rests_stops
        self.iceberg_parts = venue.iceberg_parts
        self.placed: list[PlainOrder] = []
        self.cancelled: list[str] = []
        self.fails_before: BaseException | None = None  # the request is lost on its way
        self.fails_after: BaseException | None = None  # the answer is lost on its way
        self.unreadable = False
        self.proof: AbsenceProof | None = None  # what it takes here, if not what the venue behind it says
        self.trades_before_cancel: int | None = None  # matches up to then, just before it takes a cancel
        self.reached = asyncio.Event()
        self.let_through = asyncio.Event()
        self.let_through.set()
        self.cancel_reached = asyncio.Event()
        self.cancel_let_through = asyncio.Event()
        self.cancel_let_through.set()

    async def place(self, order: PlainOrder) -> None:
        self.placed.append(order)
        self.reached.set()
        await self.let_through.wait()
        if self.fails_before is not None:
            raise self.fails_before
        await self._venue.place(order)
        if self.fails_after is not None:
            raise self.fails_after

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        self.cancelled.append(client_order_id)
        self.cancel_reached.set()
        await self.cancel_let_through.wait()
        if self.trades_before_cancel is not None:
            await self._venue.advance(self.trades_before_cancel)
        await self._venue.cancel(client_order_id, symbol)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        self._must_be_readable()
        return await self._venue.report(client_order_id, symbol)

    async def advance(self, now_ns: int) -> None:
        await self._venue.advance(now_ns)

    @property
    def absence(self) -> AbsenceProof:
        return self.proof or self._venue.absence

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        self._must_be_readable()
        return await self._venue.open_orders()

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        self._must_be_readable()
        return await self._venue.fills(symbol, since_ns)

    async def balances(self) -> Mapping[str, Decimal]:
        self._must_be_readable()
        return await self._venue.balances()

    async def positions(self) -> tuple[VenuePosition, ...]:
        self._must_be_readable()
        return await self._venue.positions()

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        self._must_be_readable()
        return await self._venue.transfers(since_ns)

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        self._must_be_readable()
        return await self._venue.fundings(since_ns)

    def events(self) -> AsyncIterator[VenueEvent]:
        return self._venue.events()

    async def keep_alive(self, timeout_s: int) -> bool:
        return await self._venue.keep_alive(timeout_s)

    async def close(self) -> None:
        await self._venue.close()

    def _must_be_readable(self) -> None:
        if self.unreadable:
            raise ExchangeUnavailable("the line is cut")


class Switch(KillSwitch):
    """The kill switch without a file, turned by hand."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere/HALT"))

    @property
    def on(self) -> bool:
        return self()

    @on.setter
    def on(self, pulled: bool) -> None:
        self._pulled = "a drill" if pulled else None


@dataclass
class Desk:
    """One account's gateway. `restarted` is the same books and market under a new process."""

    books: Books
    market: ScriptedMarket
    clock: ManualClock
    policy: RiskSettings
    settings: PaperSettings
    kill: Switch = field(default_factory=Switch)
    account_id: str = ACCOUNT
    ticket_ttl_s: int = 5
    quiet_s: int = 0
    reconcile_every_s: int = 3600
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        paper = PaperVenue(self.account_id, self.books, self.market, self.settings)
        self.venue = RecordingVenue(paper)
        self.office = TicketOffice(self.account_id, self.ticket_ttl_s)
        self.vitals = Vitals(self.clock, simulated=True)
        self.door = Door(self.venue, self.office, self.clock, self.kill, self.vitals)
        self.breakers = Breakers(self.account_id, self.venue.name, self.policy, self.vitals, self.kill)
        wiring = (self.account_id, self.books, self.market)
        rules = Rulebook(self.policy)
        self.gate = Gate(*wiring, self.door, self.office, rules, self.clock, self.breakers, self.vitals)
        self.reads = Reads(self.venue, self.vitals)
        self.reconciler = Reconciler(*wiring, self.reads, self.clock, self.policy, quiet_s=self.quiet_s)
        watching = (self.gate, self.door, self.office, self.clock, self.breakers, self.reconciler)
        self.watch = Watch(*wiring, *watching, reconcile_every_s=self.reconcile_every_s)

    @classmethod
    def open(
        cls,
        books: Books,
        *,
        cash: str = "10000",
        settings: PaperSettings = FREE,
        coins: Sequence[str] = (),
        **limits: Any,
    ) -> "Desk":
        """A desk at T0 with quotes of 100 for every coin."""
        market = ScriptedMarket(BTC, ETH, *(instrument(c) for c in coins))
        for symbol in market.instruments:
            market.show("100", at_ns=T0, symbol=symbol)
        deposits = {"USDT": Decimal(cash)}
        books.write(lambda conn: accounts.open_account(conn, ACCOUNT, "USDT", deposits, ts_ns=T0, clock_ns=T0))
        effect = {"cycle_id": "test", "node": "research", "lane": "BTC/USDT", "sequence": 1}
        said = {"request": "", "response": "", "body": json.dumps({"evidence": SEEN})}
        books.write(lambda conn: conn.execute(insert(tables.effects).values(**effect, **said)))
        return cls(books, market, ManualClock(T0), RiskSettings.model_validate({**ROOMY, **limits}), settings)

    def restarted(self) -> "Desk":
        return replace(self)

    # What people and agents say.

    def order(self, side: Side, quantity: str | Decimal, *, at: str | None = None, **more: Any) -> Order:
        fields: dict[str, Any] = {
            "proposal_id": f"p{next(self.numbers)}",
            "account_id": self.account_id,
            "owner": "trend",
            "symbol": "BTC/USDT",
            "side": side,
            "type": OrderType.MARKET if at is None else OrderType.LIMIT,
            "quantity": Quantity(Decimal(quantity)),
            "limit_price": None if at is None else Price(Decimal(at)),
            "time_in_force": TimeInForce.GTC,
        }
        return Order(**{**fields, **more})

    def buy(
        self,
        quantity: str | Decimal,
        *,
        at: str | None = None,
        stop: str | None = "90",
        exits: ExitPlan | None = None,
        target: str | None = None,
        ends: tuple[str, ...] = ("last <= 1",),
        source: str = "cycle:test",
        **more: Any,
    ) -> Proposal:
        order = self.order(Side.BUY, quantity, at=at, **more)
        stop_price = None if stop is None else Price(Decimal(stop))
        return Proposal(
            order,
            source=source,
            decided_ns=self.clock.now_ns(),
            thesis="it rises",
            stop_price=stop_price,
            target_price=None if target is None else Price(Decimal(target)),
            exits=exits or ExitPlan(),
            invalidation=ends,
            evidence=(source if source.startswith("person:") else SEEN,),
            views_until_ns=self.clock.now_ns() + 12 * HOUR_NS,
        )

    def sell(
        self, quantity: str | Decimal, *, at: str | None = None, source: str = "cycle:test", **more: Any
    ) -> Proposal:
        return Proposal(self.order(Side.SELL, quantity, at=at, **more), source=source, decided_ns=self.clock.now_ns())

    async def propose(self, proposal: Proposal) -> Receipt:
        return await self.gate.propose(proposal)

    async def bought(
        self, quantity: str, *, stop: str = "90", symbol: str = "BTC/USDT", price: str = "100", **more: Any
    ) -> Proposal:
        """An entry that has filled at `price`, one bar later."""
        proposal = self.buy(quantity, stop=stop, symbol=symbol, **more)
        receipt = await self.propose(proposal)
        assert receipt.kind is AnswerKind.WORKING, [v.code for v in receipt.review.denials]
        await self.trades(price, price, price, price, symbol=symbol)
        assert self.order_of(proposal).state is OrderState.FILLED
        return proposal

    # What the market does.

    async def trades(
        self, open_: str, high: str, low: str, close: str, *, volume: str = "1000", symbol: str = "BTC/USDT"
    ) -> WatchReport:
        """One hour passes, in which `symbol` trades and the others stand still."""
        now_ns = self.clock.now_ns()
        for other in self.market.instruments:
            if other == symbol:
                self.market.bar(open_, high, low, close, open_ns=now_ns, volume=volume, symbol=symbol)
            else:
                still = str(self.last(other))
                self.market.bar(still, still, still, still, open_ns=now_ns, symbol=other)
        return await self.step(now_ns + HOUR_NS)

    async def step(self, now_ns: int | None = None) -> WatchReport:
        self.clock.advance_to(self.clock.now_ns() if now_ns is None else now_ns)
        return await self.watch.step()

    def last(self, symbol: str = "BTC/USDT") -> Decimal:
        quote = self.market.quote(symbol, as_of_ns=self.clock.now_ns())
        assert quote is not None
        return quote.last

    # What the books say.

    def attempts(self, proposal: Proposal) -> list[Attempt]:
        return self.books.read(lambda conn: orderbook.attempts(conn, proposal.proposal_id))

    def order_of(self, proposal: Proposal) -> Attempt:
        return self.attempts(proposal)[-1]

    def thesis_of(self, proposal_id: str) -> str:
        row = self.books.read(lambda conn: orderbook.find_proposal(conn, proposal_id))
        return "" if row is None else str(row.body["thesis"])

    def live(self) -> list[Attempt]:
        return self.books.read(lambda conn: orderbook.live_attempts(conn, self.account_id))

    def held(self, symbol: str = "BTC/USDT") -> Decimal:
        positions = self.books.read(lambda conn: ledger.positions(conn, self.account_id))
        return next((p.quantity for p in positions if p.symbol == symbol), Decimal(0))

    def balances(self) -> dict[str, Decimal]:
        return self.books.read(lambda conn: accounts.balances(conn, self.account_id))

    def cash(self) -> Decimal:
        return self.balances()["USDT"]

    def reserved(self) -> dict[str, Decimal]:
        return self.books.read(lambda conn: orderbook.open_orders(conn, self.account_id))[1]

    def rows(self, table: str) -> list[Any]:
        return self.books.read(lambda conn: list(conn.execute(select(tables.metadata.tables[table])).all()))

    def armed(self, symbol: str = "BTC/USDT") -> Decimal:
        """How much of a position its armed stops would close."""
        stops = [s for s in self.rows("stops") if s.state is StopState.ARMED and s.symbol == symbol]
        return sum((s.quantity for s in stops), Decimal(0))

    def fill_prices(self, proposal: Proposal) -> list[str]:
        ids = {a.client_order_id for a in self.attempts(proposal)}
        return [str(f.price) for f in self.rows("fills") if f.client_order_id in ids]

    def state(self) -> TradingState:
        return self.standing().state

    def standing(self, symbol: str | None = None) -> Standing:
        """What is allowed: in the account, or for an order in one symbol."""
        return self.books.read(lambda conn: self.breakers.standing(conn, self.clock.now_ns(), symbol))

    def causes(self) -> list[Cause]:
        """What holds now, whatever its kind."""
        live = self.books.read(lambda conn: latches.live(conn, self.account_id, self.clock.now_ns()))
        return [latch.cause for latch in live]

    def latched(self) -> list[str]:
        return [cause.name for cause in self.causes() if cause.kind is Kind.LATCH]

    def rearm(self, cause: str, *, rebase: bool = False) -> bool:
        """False where it is not latched; raises ConfigError where it would trip again at once."""
        live = self.books.read(lambda conn: latches.live(conn, self.account_id, self.clock.now_ns()))
        number = next((latch.latch_id for latch in live if latch.cause.name == cause), -1)

        def write(conn: Connection) -> bool:
            seen = sight(conn, self.account_id, self.market, self.clock.now_ns())
            return self.breakers.rearm(conn, number, seen, rebase=rebase, by="ada", reason="seen")

        return self.books.write(write)


def denials(receipt: Receipt) -> list[str]:
    return [v.code for v in receipt.review.denials]


def copied_books(template: Path, folder: Path) -> Books:
    """Books in a copy of an empty file, which is quicker than making the tables again."""
    shutil.copy(template, folder / "desk.db")
    return Books.open(f"sqlite:///{folder}/desk.db")


def lose(desk: Desk, times: int, pnl: str = "-1") -> None:
    """So many round trips that ended at a loss."""
    row: dict[str, Any] = {
        "account_id": ACCOUNT,
        "symbol": "BTC/USDT",
        "closed_ns": desk.clock.now_ns(),
        "pnl": Decimal(pnl),
    }
    row |= {"quantity": Decimal(1), "entry_price": Decimal(100), "exit_price": Decimal(99)}
    for _ in range(times):
        desk.books.write(lambda conn: conn.execute(insert(tables.round_trips).values(**row)))
