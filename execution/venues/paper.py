"""The paper venue: a simulated exchange over any market, with its own books beside the ledger.

It fills market orders by walking the book where its market has one, and everything else on closed bars by the rules
of `core.fills`. Acceptance and fills of one step are one transaction, keyed by client order id, so that a restart
finds no unknown order of its own making.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, select, update

from core.bars import Bar
from core.errors import ExchangeRejected
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
                decided_ns=order.decided_ns,
                arrives_ns=arrives_ns,
                matched_ns=order.decided_ns,
            )
        )
        self._match_on_arrival(conn, order.client_order_id, instrument, arrives_ns)

    def _match_on_arrival(self, conn: Connection, client_order_id: str, instrument: Instrument, at_ns: int) -> None:
        row = self._row(conn, client_order_id)
        book = self._market.book(instrument.symbol, as_of_ns=at_ns)
        if row is None or book is None or row.type is OrderType.STOP:
            return
        for match in match_book(row, book):
            row = self._book(conn, row, match, instrument, maker=False, ts_ns=at_ns)
        if row.state in LIVE_STATES and (row.type is OrderType.MARKET or row.time_in_force is not TimeInForce.GTC):
            _set(conn, client_order_id, state=OrderState.EXPIRED)

    # Matching on closed bars.

    def _advance(self, conn: Connection, now_ns: int) -> None:
        table = tables.paper_orders
        live = select(table).where(and_(table.c.account_id == self._account_id, table.c.state.in_(LIVE_STATES)))
        for row in conn.execute(live.order_by(table.c.arrives_ns, table.c.client_order_id)).all():
            self._match_bars(conn, row, now_ns)

    def _match_bars(self, conn: Connection, row: Row[Any], now_ns: int) -> None:
        instrument = self._market.instrument(row.symbol)
        assert instrument is not None  # it was accepted
        for bar in self._market.closed_bars(row.symbol, after_ns=row.matched_ns, until_ns=now_ns):
            if row.state not in LIVE_STATES:
                return
            if bar.open_ns >= row.decided_ns:
                row = self._match_bar(conn, row, bar, instrument)
            _set(conn, row.client_order_id, matched_ns=bar.close_ns)

    def _match_bar(self, conn: Connection, row: Row[Any], bar: Bar, instrument: Instrument) -> Row[Any]:
        if row.type is OrderType.MARKET and bar.open_ns > row.decided_ns + bar.timeframe.ns:
            # Nothing traded where the order should have: the venue was down, and a later price is not this order's.
            _set(conn, row.client_order_id, state=OrderState.EXPIRED)
            return self._again(conn, row)
        match = match_bar(row, bar, self._settings)
        if match is not None:
            maker = row.type is OrderType.LIMIT
            ts_ns = max(row.arrives_ns, bar.open_ns) if row.type is OrderType.MARKET else bar.close_ns
            row = self._book(conn, row, match, instrument, maker=maker, ts_ns=ts_ns)
        if row.state in LIVE_STATES and row.time_in_force is not TimeInForce.GTC:
            _set(conn, row.client_order_id, state=OrderState.EXPIRED)
            return self._again(conn, row)
        return row

    def _book(
        self,
        conn: Connection,
        row: Row[Any],
        match: Match,
        instrument: Instrument,
        *,
        maker: bool,
        ts_ns: int,
    ) -> Row[Any]:
        """Writes one fill of what the account can still pay; the rest of an unpayable order is cancelled."""
        price = match.price if maker else _against_us(match.price, instrument, row.side)
        rate = instrument.maker_fee if maker else instrument.taker_fee
        payable = self._payable(conn, row, instrument, price, rate)
        quantity = round_quantity(min(match.quantity, payable), instrument.lot_size)
        filled, state = row.filled_quantity + quantity, OrderState.PARTIAL
        if quantity > 0:
            number = conn.execute(_fills_of(row.client_order_id)).all()
            conn.execute(
                insert(tables.paper_fills).values(
                    venue_trade_id=f"{row.client_order_id}:{len(number) + 1}",
                    client_order_id=row.client_order_id,
                    quantity=quantity,
                    price=price,
                    fee=quantity * price * rate,
                    fee_currency=instrument.quote,
                    maker=maker,
                    ts_event_ns=ts_ns,
                )
            )
        if filled == row.quantity:
            state = OrderState.FILLED
        elif payable < match.quantity:
            state = OrderState.CANCELLED
        elif filled == 0:
            state = row.state
        _set(conn, row.client_order_id, state=state, filled_quantity=filled)
        return self._again(conn, row)

    def _payable(self, conn: Connection, row: Row[Any], instrument: Instrument, price: Price, rate: Decimal) -> Decimal:
        """What the account's balance, less fills that the ledger has not heard of yet, can still pay for."""
        purse = accounts.balances(conn, self._account_id)
        for fill in self._unheard(conn):
            sign = fill.side.sign
            purse[instrument.quote] = purse.get(instrument.quote, ZERO) - sign * fill.quantity * fill.price - fill.fee
            if fill.symbol == row.symbol:
                purse[instrument.base] = purse.get(instrument.base, ZERO) + sign * fill.quantity
        if row.side is Side.SELL:
            return purse.get(instrument.base, ZERO)
        return max(ZERO, purse.get(instrument.quote, ZERO) / (price * (1 + rate)))

    def _unheard(self, conn: Connection) -> list[Fill]:
        told = select(tables.fills.c.trade_id).where(tables.fills.c.venue == self.name)
        table = tables.paper_fills
        rows = conn.execute(
            select(table, tables.paper_orders.c.symbol, tables.paper_orders.c.side)
            .join(tables.paper_orders, tables.paper_orders.c.client_order_id == table.c.client_order_id)
            .where(
                and_(
                    tables.paper_orders.c.account_id == self._account_id,
                    tables.paper_orders.c.state.in_(LIVE_STATES | {OrderState.FILLED, OrderState.CANCELLED}),
                    table.c.venue_trade_id.not_in(told),
                )
            )
        )
        return [self._fill(row, row) for row in rows]

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

    def _again(self, conn: Connection, row: Row[Any]) -> Row[Any]:
        found = self._row(conn, row.client_order_id)
        assert found is not None
        return found


def _against_us(price: Price, instrument: Instrument, side: Side) -> Price:
    """A taker's price rounds to the tick on the dear side."""
    return round_price(price, instrument.tick_size, side.opposite)


def _fills_of(client_order_id: str) -> Select[Any]:
    table = tables.paper_fills
    return select(table).where(table.c.client_order_id == client_order_id).order_by(table.c.venue_trade_id)


def _set(conn: Connection, client_order_id: str, **values: object) -> None:
    table = tables.paper_orders
    conn.execute(update(table).where(table.c.client_order_id == client_order_id).values(**values))
