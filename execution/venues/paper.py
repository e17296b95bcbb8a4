"""The paper venue: a simulated exchange over any market, with its own books beside the ledger.

It fills market orders by walking the book where its market has one, and everything else on closed bars by the rules
of `core.fills`. Acceptance and fills of one step are one transaction, keyed by client order id, so that a restart
finds no unknown order of its own making. Perpetuals are linear and isolated, at one leverage for all.
"""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from core.bars import Bar
from core.errors import ConfigError, ExchangeRejected
from core.fills import stop_hit
from core.instruments import ContractKind, Instrument
from core.money import ZERO
from core.orders import LIVE_STATES, Fill, OrderState, OrderType, Side, TimeInForce
from core.ports import MarketFacts
from core.quotes import Funding
from core.time import DAY_NS
from execution.ports import (
    AbsenceProof,
    OrderReport,
    PlainOrder,
    VenueEvent,
    VenueFunding,
    VenueOrder,
    VenuePosition,
    VenueTransfer,
)
from execution.settings import PaperSettings
from execution.venues import paperbooks
from execution.venues.cashier import Cashier
from execution.venues.matching import match_bar, match_book
from memory.books import accounts
from memory.books.database import Books

MS_NS = 1_000_000


class PaperVenue:
    """Isolated from the gate as a real venue would be: it sees plain orders and keeps what it accepted."""

    name = paperbooks.VENUE

    def __init__(self, account_id: str, books: Books, market: MarketFacts, settings: PaperSettings) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._settings = settings

    @property
    def rests_stops(self) -> bool:
        return self._settings.rests_stops

    @property
    def iceberg_parts(self) -> int:
        return 0

    @property
    def absence(self) -> AbsenceProof:
        """One look is proof: it keeps its orders in one place, and nothing is ever on its way to it."""
        return AbsenceProof(looks=1, spread_ns=0, final=True)

    async def place(self, order: PlainOrder) -> None:
        self._books.write(lambda conn: self._place(conn, order))

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        def write(conn: Connection) -> None:
            row = paperbooks.find_order(conn, client_order_id)
            if row is not None and row.state in LIVE_STATES:
                paperbooks.change(conn, client_order_id, state=OrderState.CANCELLED)

        self._books.write(write)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        return self._books.read(lambda conn: _report(conn, client_order_id))

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        rows = self._books.read(lambda conn: paperbooks.live_orders(conn, self._account_id))
        return tuple(paperbooks.listed(row) for row in rows)

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        return self._books.read(lambda conn: paperbooks.fills_since(conn, self._account_id, symbol, since_ns))

    async def balances(self) -> Mapping[str, Decimal]:
        return self._books.read(lambda conn: paperbooks.wallet(conn, self._account_id, self._market))

    async def positions(self) -> tuple[VenuePosition, ...]:
        held = self._books.read(lambda conn: paperbooks.positions(conn, self._account_id, self._market))
        return tuple(position.told(self._settings.leverage) for position in held)

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        return ()

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        return self._books.read(lambda conn: paperbooks.fundings_since(conn, self._account_id, since_ns))

    async def events(self) -> AsyncIterator[VenueEvent]:
        """None: nothing happens here while nobody asks."""
        nothing: tuple[VenueEvent, ...] = ()
        for event in nothing:
            yield event

    async def keep_alive(self, timeout_s: int) -> bool:
        return False

    async def close(self) -> None:
        """It has no line to let go of."""

    async def advance(self, now_ns: int) -> None:
        self._books.write(lambda conn: self._advance(conn, now_ns))

    # Acceptance.

    def _place(self, conn: Connection, order: PlainOrder) -> None:
        if paperbooks.find_order(conn, order.client_order_id) is not None:
            return
        instrument = self._market.instrument(order.symbol)
        if instrument is None:
            raise ExchangeRejected(f"unknown symbol {order.symbol}")
        if instrument.kind is ContractKind.PERPETUAL:
            self._must_reduce(conn, order, instrument)
        else:
            self._must_be_held(conn, order, instrument)
        arrives_ns = order.decided_ns + self._settings.decision_latency_ms * MS_NS
        paperbooks.add_order(conn, self._account_id, order, arrives_ns, triggered=self._is_hit(order))
        self._match_on_arrival(conn, order.client_order_id, instrument, arrives_ns)

    def _must_be_held(self, conn: Connection, order: PlainOrder, instrument: Instrument) -> None:
        held = accounts.balances(conn, self._account_id).get(instrument.base, ZERO)
        if order.side is Side.SELL and order.quantity > held:
            raise ExchangeRejected(f"insufficient {instrument.base}: {order.quantity} to sell, {held} held")
        if order.side is Side.BUY and order.reduce_only:
            raise ExchangeRejected(f"reduce-only buy of {order.symbol}: spot holds no short position to reduce")

    def _must_reduce(self, conn: Connection, order: PlainOrder, instrument: Instrument) -> None:
        held = paperbooks.position(conn, self._account_id, instrument)
        if order.reduce_only and (held is None or held.side is order.side):
            raise ExchangeRejected(f"reduce-only {order.side} of {order.symbol}: there is no position to reduce")

    def _is_hit(self, order: PlainOrder) -> bool:
        """Whether a stop's trigger has traded already when it is decided."""
        quote = self._market.quote(order.symbol, as_of_ns=order.decided_ns)
        if order.trigger_price is None or quote is None:
            return False
        return stop_hit(order.trigger_price, quote.last, quote.last, order.side.sign)

    def _match_on_arrival(self, conn: Connection, client_order_id: str, instrument: Instrument, at_ns: int) -> None:
        row = paperbooks.order(conn, client_order_id)
        book = self._market.book(instrument.symbol, as_of_ns=at_ns)
        if book is None or (row.type is OrderType.STOP and not row.triggered):
            return
        cashier = self._cashier(conn)
        for match in match_book(row, book, paperbooks.taken(conn, row, book.ts_event_ns)):
            row = cashier.fill(row, match, instrument, ts_ns=at_ns, since_ns=at_ns)
        if row.state in LIVE_STATES and (row.type is OrderType.MARKET or row.time_in_force is not TimeInForce.GTC):
            paperbooks.change(conn, client_order_id, state=OrderState.EXPIRED)

    def _cashier(self, conn: Connection) -> Cashier:
        return Cashier(conn, self._account_id, self._market, self._settings)

    # Matching on closed bars.

    def _advance(self, conn: Connection, now_ns: int) -> None:
        """Bar by bar, and in each bar stops before anything else: what came first inside it is not known.

        So is a liquidation: it comes before a target, and after a stop alone, which stood nearer to the price.
        """
        rows = paperbooks.live_orders(conn, self._account_id)
        if not rows and not paperbooks.positions(conn, self._account_id, self._market):
            return
        cashier = self._cashier(conn)
        stops = [row.client_order_id for row in rows if row.type is OrderType.STOP]
        others = [row.client_order_id for row in rows if row.type is not OrderType.STOP]
        since = {symbol: held.seen_ns for symbol, held in cashier.held.items()}
        for row in rows:
            since[row.symbol] = min(row.matched_ns, since.get(row.symbol, row.matched_ns))
        due = self._due(since, now_ns)
        for bar in self._bars(since, now_ns):
            while due and due[0].ts_event_ns <= bar.open_ns:
                cashier.fund(due.pop(0))
            _meet(cashier, bar, bar.open, bar.open, bar.open_ns)
            for orders in (stops, others):
                for client_order_id in orders:
                    self._match(conn, client_order_id, bar, cashier)
                _meet(cashier, bar, bar.low, bar.high, bar.close_ns)
            cashier.seen(bar.symbol, bar.close_ns)
        for funding in due:
            cashier.fund(funding)
        for symbol, held in list(cashier.held.items()):
            quote = self._market.quote(symbol, as_of_ns=now_ns)
            if quote is not None and quote.ts_event_ns >= held.since_ns:
                cashier.liquidate(symbol, quote.last, quote.last, ts_ns=now_ns)

    def _due(self, since: Mapping[str, int], now_ns: int) -> list[Funding]:
        """Funding by symbol from a day before what was met, since some is told late; nothing is paid twice."""
        found = [
            funding
            for symbol, ns in since.items()
            for funding in self._market.fundings(symbol, after_ns=ns - DAY_NS, until_ns=now_ns)
        ]
        return sorted(found, key=lambda funding: (funding.ts_event_ns, funding.symbol))

    def _bars(self, since: Mapping[str, int], now_ns: int) -> list[Bar]:
        """Every bar that one of the orders or positions has not met yet, oldest first."""
        bars = [b for s, ns in since.items() for b in self._market.closed_bars(s, after_ns=ns, until_ns=now_ns)]
        return sorted(bars, key=lambda bar: (bar.close_ns, bar.symbol))

    def _match(self, conn: Connection, client_order_id: str, bar: Bar, cashier: Cashier) -> None:
        row = paperbooks.order(conn, client_order_id)
        if row.symbol != bar.symbol or bar.close_ns <= row.matched_ns or row.state not in LIVE_STATES:
            return
        if bar.open_ns >= row.decided_ns:
            self._match_bar(conn, row, bar, cashier)
        paperbooks.change(conn, client_order_id, matched_ns=bar.close_ns)

    def _match_bar(self, conn: Connection, row: Row[Any], bar: Bar, cashier: Cashier) -> None:
        instrument = self._market.instrument(row.symbol)
        if instrument is None:
            raise ConfigError(f"an order in {row.symbol} is open, and this market does not know {row.symbol}")
        if (
            row.type is OrderType.MARKET
            and not row.filled_quantity
            and bar.open_ns >= row.decided_ns + bar.timeframe.ns
        ):
            # Nothing traded where the order should have: the venue was down, and a later price is not this order's.
            paperbooks.change(conn, row.client_order_id, state=OrderState.EXPIRED)
            return
        match = match_bar(row, bar, self._settings)
        hit = row.trigger_price is not None and stop_hit(row.trigger_price, bar.low, bar.high, row.side.sign)
        if hit and not row.triggered:
            paperbooks.change(conn, row.client_order_id, triggered=True)
        if match is not None:
            # When inside the bar a stop was hit is not known: as late as can be. All others may trade from its open.
            ts_ns = bar.close_ns if row.type is OrderType.STOP else max(row.arrives_ns, bar.open_ns)
            row = cashier.fill(row, match, instrument, ts_ns=ts_ns, since_ns=bar.open_ns)
        if row.state in LIVE_STATES and row.time_in_force is not TimeInForce.GTC:
            paperbooks.change(conn, row.client_order_id, state=OrderState.EXPIRED)


def _meet(cashier: Cashier, bar: Bar, low: Decimal, high: Decimal, ts_ns: int) -> None:
    """Holds a price range of a bar against the position: of a bar that began before it, its close alone."""
    held = cashier.held.get(bar.symbol)
    if held is None or bar.close_ns <= held.seen_ns:
        return
    if bar.open_ns >= held.since_ns:
        cashier.liquidate(bar.symbol, low, high, ts_ns=ts_ns)
    elif ts_ns == bar.close_ns:
        cashier.liquidate(bar.symbol, bar.close, bar.close, ts_ns=ts_ns)


def _report(conn: Connection, client_order_id: str) -> OrderReport | None:
    row = paperbooks.find_order(conn, client_order_id)
    if row is None:
        return None
    fills = paperbooks.fills_of(conn, client_order_id)
    return OrderReport(client_order_id, paperbooks.name(client_order_id), row.state, row.filled_quantity, fills)
