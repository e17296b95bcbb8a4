"""The paper venue: a simulated exchange over any market, with its own books beside the ledger.

It fills market orders by walking the book where its market has one, and everything else on closed bars by the rules
of `core.fills`. Acceptance and fills of one step are one transaction, keyed by client order id, so that a restart
finds no unknown order of its own making.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

from core.bars import Bar
from core.errors import ConfigError, ExchangeRejected
from core.fills import fee, stop_hit, within_limit
from core.instruments import Instrument
from core.money import ZERO, Price, round_price, round_quantity
from core.orders import LIVE_STATES, Fill, OrderState, OrderType, Side, TimeInForce
from core.ports import MarketFacts
from execution.ports import OrderReport, PlainOrder
from execution.settings import PaperSettings
from execution.venues.matching import Match, match_bar, match_book
from memory.books import accounts, tables
from memory.books.database import Books

MS_NS = 1_000_000


class PaperVenue:
    """Isolated from the gate as a real venue would be: it sees plain orders and keeps what it accepted."""

    name = "paper"

    def __init__(self, account_id: str, books: Books, market: MarketFacts, settings: PaperSettings) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._settings = settings

    @property
    def rests_stops(self) -> bool:
        return self._settings.rests_stops

    async def place(self, order: PlainOrder) -> None:
        self._books.write(lambda conn: self._place(conn, order))

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        def write(conn: Connection) -> None:
            row = self._row(conn, client_order_id)
            if row is not None and row.state in LIVE_STATES:
                _set(conn, client_order_id, state=OrderState.CANCELLED)

        self._books.write(write)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        return self._books.read(lambda conn: self._report(conn, client_order_id))

    async def advance(self, now_ns: int) -> None:
        self._books.write(lambda conn: self._advance(conn, now_ns))

    # Acceptance.

    def _place(self, conn: Connection, order: PlainOrder) -> None:
        if self._row(conn, order.client_order_id) is not None:
            return
        instrument = self._market.instrument(order.symbol)
        if instrument is None:
            raise ExchangeRejected(f"unknown symbol {order.symbol}")
        held = accounts.balances(conn, self._account_id).get(instrument.base, ZERO)
        if order.side is Side.SELL and order.quantity > held:
            raise ExchangeRejected(f"insufficient {instrument.base}: {order.quantity} to sell, {held} held")
        if order.side is Side.BUY and order.reduce_only:
            raise ExchangeRejected(f"reduce-only buy of {order.symbol}: spot holds no short position to reduce")
        arrives_ns = order.decided_ns + self._settings.decision_latency_ms * MS_NS
        conn.execute(
            insert(tables.paper_orders).values(
                client_order_id=order.client_order_id,
                account_id=self._account_id,
                symbol=order.symbol,
                side=order.side,
                type=order.type,
                quantity=order.quantity,
                limit_price=order.limit_price,
                trigger_price=order.trigger_price,
                time_in_force=order.time_in_force,
                reduce_only=order.reduce_only,
                state=OrderState.OPEN,
                filled_quantity=ZERO,
                triggered=self._is_hit(order),
                decided_ns=order.decided_ns,
                arrives_ns=arrives_ns,
                matched_ns=order.decided_ns,
            )
        )
        self._match_on_arrival(conn, order.client_order_id, instrument, arrives_ns)

    def _is_hit(self, order: PlainOrder) -> bool:
        """Whether a stop's trigger has traded already when it is decided."""
        quote = self._market.quote(order.symbol, as_of_ns=order.decided_ns)
        if order.trigger_price is None or quote is None:
            return False
        return stop_hit(order.trigger_price, quote.last, quote.last, order.side.sign)

    def _match_on_arrival(self, conn: Connection, client_order_id: str, instrument: Instrument, at_ns: int) -> None:
        row = self._row(conn, client_order_id)
        book = self._market.book(instrument.symbol, as_of_ns=at_ns)
        if row is None or book is None or (row.type is OrderType.STOP and not row.triggered):
            return
        purse = self._purse(conn)
        for match in match_book(row, book, self._taken(conn, row, book.ts_event_ns)):
            row = self._book(conn, row, match, instrument, purse, ts_ns=at_ns)
        if row.state in LIVE_STATES and (row.type is OrderType.MARKET or row.time_in_force is not TimeInForce.GTC):
            _set(conn, client_order_id, state=OrderState.EXPIRED)

    # Matching on closed bars.

    def _advance(self, conn: Connection, now_ns: int) -> None:
        """Bar by bar, and in each bar stops before anything else: what came first inside it is not known."""
        table = tables.paper_orders
        live = select(table).where(and_(table.c.account_id == self._account_id, table.c.state.in_(LIVE_STATES)))
        rows = conn.execute(live.order_by(table.c.arrives_ns, table.c.client_order_id)).all()
        if not rows:
            return
        purse = self._purse(conn)
        ordered = [r.client_order_id for r in sorted(rows, key=lambda r: r.type is not OrderType.STOP)]
        for bar in self._bars(rows, now_ns):
            for client_order_id in ordered:
                row = self._again(conn, client_order_id)
                fresh = row.symbol == bar.symbol and bar.close_ns > row.matched_ns
                if fresh and row.state in LIVE_STATES:
                    if bar.open_ns >= row.decided_ns:
                        self._match_bar(conn, row, bar, purse)
                    _set(conn, client_order_id, matched_ns=bar.close_ns)

    def _bars(self, rows: Sequence[Row[Any]], now_ns: int) -> list[Bar]:
        """Every bar that one of the orders has not met yet, oldest first."""
        since: dict[str, int] = {}
        for row in rows:
            since[row.symbol] = min(row.matched_ns, since.get(row.symbol, row.matched_ns))
        bars = [b for s, ns in since.items() for b in self._market.closed_bars(s, after_ns=ns, until_ns=now_ns)]
        return sorted(bars, key=lambda bar: (bar.close_ns, bar.symbol))

    def _match_bar(self, conn: Connection, row: Row[Any], bar: Bar, purse: dict[str, Decimal]) -> None:
        instrument = self._market.instrument(row.symbol)
        if instrument is None:
            raise ConfigError(f"an order in {row.symbol} is open, and this market does not know {row.symbol}")
        if (
            row.type is OrderType.MARKET
            and not row.filled_quantity
            and bar.open_ns >= row.decided_ns + bar.timeframe.ns
        ):
            # Nothing traded where the order should have: the venue was down, and a later price is not this order's.
            _set(conn, row.client_order_id, state=OrderState.EXPIRED)
            return
        match = match_bar(row, bar, self._settings)
        hit = row.trigger_price is not None and stop_hit(row.trigger_price, bar.low, bar.high, row.side.sign)
        if hit and not row.triggered:
            _set(conn, row.client_order_id, triggered=True)
        if match is not None:
            # When inside the bar a stop was hit is not known: as late as can be. All others may trade from its open.
            ts_ns = bar.close_ns if row.type is OrderType.STOP else max(row.arrives_ns, bar.open_ns)
            row = self._book(conn, row, match, instrument, purse, ts_ns=ts_ns)
        if row.state in LIVE_STATES and row.time_in_force is not TimeInForce.GTC:
            _set(conn, row.client_order_id, state=OrderState.EXPIRED)

    def _book(
        self,
        conn: Connection,
        row: Row[Any],
        match: Match,
        instrument: Instrument,
        purse: dict[str, Decimal],
        *,
        ts_ns: int,
    ) -> Row[Any]:
        """Writes one fill of what the account can still pay; the rest of an unpayable order is cancelled."""
        price = match.price if match.maker else _against_us(match, row, instrument)
        rate = instrument.maker_fee if match.maker else instrument.taker_fee
        payable = _payable(purse, row.side, instrument, price, rate)
        whole_or_nothing = row.time_in_force is TimeInForce.FOK and payable < match.quantity
        quantity = ZERO if whole_or_nothing else round_quantity(min(match.quantity, payable), instrument.lot_size)
        filled = row.filled_quantity + quantity
        if quantity > 0:
            self._write_fill(conn, row, quantity, price, rate, instrument, maker=match.maker, ts_ns=ts_ns)
            _pay(purse, row.side, instrument, quantity, price, rate)
        if filled == row.quantity:
            state = OrderState.FILLED
        elif payable < match.quantity:
            state = OrderState.CANCELLED
        else:
            state = OrderState.PARTIAL if filled else row.state
        _set(conn, row.client_order_id, state=state, filled_quantity=filled)
        return self._again(conn, row.client_order_id)

    def _write_fill(
        self,
        conn: Connection,
        row: Row[Any],
        quantity: Decimal,
        price: Price,
        rate: Decimal,
        instrument: Instrument,
        *,
        maker: bool,
        ts_ns: int,
    ) -> None:
        before = len(conn.execute(_fills_of(row.client_order_id)).all())
        conn.execute(
            insert(tables.paper_fills).values(
                venue_trade_id=f"{row.client_order_id}:{before + 1:04d}",
                client_order_id=row.client_order_id,
                quantity=quantity,
                price=price,
                fee=fee(quantity * price, rate),
                fee_currency=instrument.quote,
                maker=maker,
                ts_event_ns=ts_ns,
            )
        )

    def _taken(self, conn: Connection, row: Row[Any], since_ns: int) -> Decimal:
        """What this account took of one side of the book since it was seen."""
        paper, order = tables.paper_fills, tables.paper_orders
        ours = and_(order.c.account_id == self._account_id, order.c.symbol == row.symbol, order.c.side == row.side)
        query = select(paper.c.quantity).join(order, order.c.client_order_id == paper.c.client_order_id)
        return sum(conn.execute(query.where(and_(ours, paper.c.ts_event_ns >= since_ns))).scalars(), ZERO)

    def _purse(self, conn: Connection) -> dict[str, Decimal]:
        """The ledger's balances less what the ledger has not heard of yet: what the account can really pay."""
        purse = accounts.balances(conn, self._account_id)
        paper, told = tables.paper_fills, tables.fills
        unheard = (
            select(paper, tables.paper_orders.c.symbol, tables.paper_orders.c.side)
            .join(tables.paper_orders, tables.paper_orders.c.client_order_id == paper.c.client_order_id)
            .outerjoin(told, and_(told.c.venue == self.name, told.c.trade_id == paper.c.venue_trade_id))
            .where(and_(tables.paper_orders.c.account_id == self._account_id, told.c.trade_id.is_(None)))
        )
        for row in conn.execute(unheard):
            instrument = self._market.instrument(row.symbol)
            if instrument is not None:
                _pay(purse, row.side, instrument, row.quantity, row.price, row.fee / (row.quantity * row.price))
        return purse

    # Reading.

    def _report(self, conn: Connection, client_order_id: str) -> OrderReport | None:
        row = self._row(conn, client_order_id)
        if row is None:
            return None
        fills = tuple(self._fill(fill, row) for fill in conn.execute(_fills_of(client_order_id)))
        return OrderReport(client_order_id, f"paper-{client_order_id[:12]}", row.state, row.filled_quantity, fills)

    def _fill(self, fill: Row[Any], order: Row[Any]) -> Fill:
        return Fill(
            venue=self.name,
            trade_id=fill.venue_trade_id,
            client_order_id=fill.client_order_id,
            account_id=self._account_id,
            symbol=order.symbol,
            side=order.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            maker=fill.maker,
            ts_event_ns=fill.ts_event_ns,
            known_at_ns=fill.ts_event_ns,
        )

    def _row(self, conn: Connection, client_order_id: str) -> Row[Any] | None:
        table = tables.paper_orders
        return conn.execute(select(table).where(table.c.client_order_id == client_order_id)).first()

    def _again(self, conn: Connection, client_order_id: str) -> Row[Any]:
        found = self._row(conn, client_order_id)
        assert found is not None
        return found


def _payable(purse: Mapping[str, Decimal], side: Side, instrument: Instrument, price: Price, rate: Decimal) -> Decimal:
    """The largest quantity that the purse covers: with its fee for a buy, of the coins held for a sale."""
    if side is Side.SELL:
        return purse.get(instrument.base, ZERO)
    return max(ZERO, purse.get(instrument.quote, ZERO) / (price * (1 + rate)))


def _pay(
    purse: dict[str, Decimal], side: Side, instrument: Instrument, quantity: Decimal, price: Price, rate: Decimal
) -> None:
    notional = quantity * price
    purse[instrument.base] = purse.get(instrument.base, ZERO) + side.sign * quantity
    purse[instrument.quote] = purse.get(instrument.quote, ZERO) - side.sign * notional - fee(notional, rate)


def _against_us(match: Match, row: Row[Any], instrument: Instrument) -> Price:
    """A taker's price rounds to the tick on the dear side, and still not beyond its limit."""
    price = round_price(match.price, instrument.tick_size, row.side.opposite)
    return price if row.limit_price is None else Price(within_limit(price, row.limit_price, row.side.sign))


def _fills_of(client_order_id: str) -> Select[Any]:
    table = tables.paper_fills
    return select(table).where(table.c.client_order_id == client_order_id).order_by(table.c.venue_trade_id)


def _set(conn: Connection, client_order_id: str, **values: object) -> None:
    table = tables.paper_orders
    conn.execute(update(table).where(table.c.client_order_id == client_order_id).values(**values))
