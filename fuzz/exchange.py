"""A venue that keeps everything that reached it and tells the witness: it fills when it likes, and loses answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

from core.errors import ExchangeRejected, ExchangeUnavailable, OrderStateUnknown
from core.fills import stop_hit
from core.instruments import ContractKind, Instrument
from core.money import Price, Quantity, round_quantity
from core.orders import Fill, OrderState, OrderType, Side
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
from fuzz.tape import Tape
from fuzz.witness import Witness

_SENT: Final = ("symbol", "side", "type", "quantity", "limit_price", "trigger_price", "time_in_force", "reduce_only")


@dataclass
class Book:
    """One order that the venue accepted."""

    order: PlainOrder
    state: OrderState = OrderState.OPEN
    fills: list[Fill] = field(default_factory=list)
    told: int = 0  # how many of the fills were reported

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), Decimal(0))

    @property
    def left(self) -> Decimal:
        return self.order.quantity - self.filled


class Exchange:
    """Spot and perpetuals of one account. `lost` says where on the line a request or its answer goes missing."""

    name = "paper"

    def __init__(self, rng: Random, tape: Tape, witness: Witness, cash: Decimal) -> None:
        self._rng = rng
        self._tape = tape
        self._witness = witness
        self._orders: dict[str, Book] = {}
        self._purse: dict[str, Decimal] = {"USDT": cash}
        self._trades = 0
        self.rests_stops = False
        self.iceberg_parts = 0
        self.lost: str | None = None  # None, "request", "answer", "rejected"
        self.unreadable = False
        self.hasty = 0.5  # how often a market order fills as it arrives

    # The port.

    async def place(self, order: PlainOrder) -> None:
        name = order.client_order_id
        self._witness.arrives(name, {field: getattr(order, field) for field in _SENT})
        for _ in range(self._rng.randrange(3)):
            await asyncio.sleep(0)
        if self.lost == "request":
            self._failed(name)
            raise OrderStateUnknown("the request was lost")
        if self.lost == "rejected" or not self._takes(order):
            self._witness.called(failed=False)
            self._witness.ended(name, "rejected")
            raise ExchangeRejected("not taken")
        self._orders.setdefault(name, Book(order))
        if self._rng.random() < self.hasty:
            self._match(self._orders[name])
        if self.lost == "answer":
            self._failed(name)
            raise OrderStateUnknown("the answer was lost")
        self._witness.called(failed=False)

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        self._readable()
        book = self._orders.get(client_order_id)
        if book is not None and book.state.live:
            if self._rng.random() < 0.1:
                self._match(book)
            if book.state.live:
                book.state = OrderState.CANCELLED
        self._witness.called(failed=False)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        self._readable()
        self._witness.called(failed=False)
        book = self._orders.get(client_order_id)
        if book is None:
            self._witness.told(client_order_id, None, ())
            return None
        news = [(f.quantity, f.price, f.fee, f.ts_event_ns) for f in book.fills[book.told :]]
        book.told = len(book.fills)
        self._witness.told(client_order_id, book.state.value, news)
        return OrderReport(client_order_id, f"x-{client_order_id[:8]}", book.state, book.filled, tuple(book.fills))

    async def advance(self, now_ns: int) -> None:
        for book in list(self._orders.values()):
            if book.state.live and self._rng.random() < 0.8:
                self._match(book)

    @property
    def absence(self) -> AbsenceProof:
        return AbsenceProof(looks=1, spread_ns=0, final=True)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        self._readable()
        return tuple(_open(name, book) for name, book in self._orders.items() if book.state.live)

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        self._readable()
        self._witness.called(failed=False)
        found = (fill for book in self._orders.values() for fill in book.fills)
        return tuple(fill for fill in found if fill.symbol == symbol and fill.ts_event_ns >= since_ns)

    async def balances(self) -> Mapping[str, Decimal]:
        self._readable()
        return dict(self._purse)

    async def positions(self) -> tuple[VenuePosition, ...]:
        self._readable()
        self._witness.called(failed=False)
        return ()

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        return ()

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        self._readable()
        self._witness.called(failed=False)
        return ()

    async def events(self) -> AsyncIterator[VenueEvent]:
        none: tuple[VenueEvent, ...] = ()
        for event in none:
            yield event

    async def keep_alive(self, timeout_s: int) -> bool:
        return False

    async def close(self) -> None:
        """It has no line to let go of."""

    def transfer(self, amount: Decimal) -> None:
        self._purse["USDT"] += amount

    @property
    def free_cash(self) -> Decimal:
        return self._purse["USDT"]

    # Matching.

    def _match(self, book: Book) -> None:
        """Fills some or all of an order that the price lets fill, of what the account can pay for."""
        order, instrument = book.order, self._tape.instruments[book.order.symbol]
        price = self._price(order, instrument)
        if price is None:
            return
        part = Decimal(1) if self._rng.random() < 0.6 else Decimal(self._rng.randint(1, 99)) / 100
        wanted = round_quantity(book.left * part, instrument.lot_size) or book.left
        quantity = round_quantity(min(wanted, self._payable(order, instrument, price)), instrument.lot_size)
        if quantity < wanted:
            book.state = OrderState.CANCELLED
        if quantity <= 0:
            return
        self._fill(book, instrument, Quantity(quantity), price)

    def _fill(self, book: Book, instrument: Instrument, quantity: Quantity, price: Price) -> None:
        order = book.order
        fee = quantity * price * instrument.taker_fee
        sign = order.side.sign
        if instrument.kind is ContractKind.SPOT:
            self._purse[instrument.base] = self._purse.get(instrument.base, Decimal(0)) + sign * quantity
            self._purse["USDT"] -= sign * quantity * price
        self._purse["USDT"] -= fee
        self._trades += 1
        now_ns = self._tape.now_ns
        book.fills.append(
            Fill(
                venue=self.name,
                trade_id=f"t{self._trades}",
                client_order_id=order.client_order_id,
                account_id=self._witness.account_id,
                symbol=order.symbol,
                side=order.side,
                quantity=quantity,
                price=price,
                fee=fee,
                fee_currency="USDT",
                maker=False,
                ts_event_ns=now_ns,
                known_at_ns=now_ns,
            )
        )
        if not book.left:
            book.state = OrderState.FILLED
        elif book.state.live:
            book.state = OrderState.PARTIAL

    def _price(self, order: PlainOrder, instrument: Instrument) -> Price | None:
        """What it would trade at now; None where it rests. Markets have their own price, whatever the feed shows."""
        price, sign = self._tape.assets[instrument.base].price, order.side.sign
        if order.type is OrderType.STOP and not stop_hit(order.trigger_price or price, price, price, sign):
            return None
        if order.limit_price is not None:
            return order.limit_price if sign * (order.limit_price - price) >= 0 else None
        return Price(price)

    def _payable(self, order: PlainOrder, instrument: Instrument, price: Price) -> Decimal:
        if order.side is Side.SELL and instrument.kind is ContractKind.SPOT:
            return self._purse.get(instrument.base, Decimal(0))
        if instrument.kind is ContractKind.PERPETUAL:
            return order.quantity
        return max(Decimal(0), self._purse["USDT"] / (price * (1 + instrument.taker_fee)))

    def _takes(self, order: PlainOrder) -> bool:
        return order.symbol in self._tape.instruments and order.quantity > 0

    def _readable(self) -> None:
        if self.unreadable:
            self._witness.called(failed=True)
            raise ExchangeUnavailable("the line is cut")

    def _failed(self, name: str) -> None:
        self._witness.called(failed=True)
        self._witness.ended(name, "unknown")


def _open(name: str, book: Book) -> VenueOrder:
    order = book.order
    return VenueOrder(
        exchange_order_id=f"x-{name[:8]}",
        client_order_id=name,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
        time_in_force=order.time_in_force,
        reduce_only=order.reduce_only,
        state=book.state,
        filled_quantity=book.filled,
        ts_created_ns=order.decided_ns,
    )
