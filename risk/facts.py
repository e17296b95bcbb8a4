"""The frozen snapshot that one review reads: the account at its worst case, and the market as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from core.instruments import Instrument
from core.money import ZERO, Price
from core.orders import Order, OrderState, OrderType, Position, Side
from core.quotes import Quote
from core.taint import Taint


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One of our orders that may still fill: resting, in flight or unknown. It counts at its worst case.

    `remaining` in base units, `worst_price` the dearest (buy) or cheapest (sell) it can trade at.
    """

    proposal_id: str
    owner: str
    symbol: str
    side: Side
    remaining: Decimal
    worst_price: Decimal
    reduce_only: bool
    state: OrderState


@dataclass(frozen=True, slots=True)
class RecentOrder:
    """An order placed moments ago, whatever became of it."""

    proposal_id: str
    symbol: str
    side: Side
    quantity: Decimal
    placed_ns: int


@dataclass(frozen=True, slots=True)
class Intent:
    """What the proposal says of itself beyond the order."""

    taint: Taint
    stop_price: Price | None


@dataclass(frozen=True)
class Facts:
    """Everything a rule may look at. A missing reading is None, and None denies.

    `equity` is marked to market in `numeraire`; `balances` are totals per currency, `reserved` what live orders hold
    of them; `quotes` covers the order's symbol and every held one; `reused_id` says that this proposal id is known
    with other content.
    """

    account_id: str
    numeraire: str
    now_ns: int
    equity: Decimal | None
    balances: Mapping[str, Decimal]
    reserved: Mapping[str, Decimal]
    positions: tuple[Position, ...]
    orders: tuple[OpenOrder, ...]
    recent: tuple[RecentOrder, ...]
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    intent: Intent
    reused_id: bool = False

    def instrument(self, order: Order) -> Instrument | None:
        return self.instruments.get(order.symbol)

    def quote(self, order: Order) -> Quote | None:
        return self.quotes.get(order.symbol)

    def position(self, symbol: str) -> Position | None:
        return next((p for p in self.positions if p.symbol == symbol), None)

    @cached_property
    def asset_values(self) -> Mapping[str, Decimal] | None:
        """Worth per base asset if every open order that adds fills; None where a held asset has no price."""
        values: dict[str, Decimal] = {}
        for position in self.positions:
            instrument, quote = self.instruments.get(position.symbol), self.quotes.get(position.symbol)
            if instrument is None or quote is None:
                return None
            values[instrument.base] = values.get(instrument.base, ZERO) + position.quantity * quote.last
        for order in self.orders:
            instrument, quote = self.instruments.get(order.symbol), self.quotes.get(order.symbol)
            if instrument is None or quote is None:
                return None
            if not self._reduces(order):
                # At the dearer price, as when it was reviewed: resting cheaply must not make room for more.
                worth = order.remaining * max(order.worst_price, quote.ask)
                values[instrument.base] = values.get(instrument.base, ZERO) + worth
        return values

    @cached_property
    def gross_value(self) -> Decimal | None:
        return None if self.asset_values is None else sum(self.asset_values.values(), ZERO)

    def _reduces(self, order: OpenOrder) -> bool:
        position = self.position(order.symbol)
        return order.reduce_only or (position is not None and position.side is order.side.opposite)


def dearer(limit_price: Price | None, market_price: Price | None) -> Price | None:
    """The dearer of the two, so that a stale low limit cannot make a large order look small."""
    if limit_price is None or market_price is None:
        return market_price
    return max(limit_price, market_price)


def worth_price(order: Order, facts: Facts) -> Price | None:
    """The price at which an order's worth is judged: the dearer of its limit or trigger and the best ask."""
    quote = facts.quote(order)
    return None if quote is None else dearer(order.limit_price or order.trigger_price, quote.ask)


def worst_fill_price(order: Order, quote: Quote, slippage: Decimal) -> Price:
    """The worst price the order can trade at: its limit, or the best price or trigger plus the reserved slippage."""
    if order.type is OrderType.LIMIT and order.limit_price is not None:
        return order.limit_price
    best = max(quote.ask, order.trigger_price or quote.ask) if order.side is Side.BUY else quote.bid
    return Price(best * (1 + order.side.sign * slippage))


def provable_reduction(order: Order, facts: Facts) -> Decimal:
    """How much of the position is proven to remain after every open and unknown order on the same side fills."""
    position = facts.position(order.symbol)
    if position is None or position.side is not order.side.opposite:
        return ZERO
    committed = sum((o.remaining for o in facts.orders if o.symbol == order.symbol and o.side is order.side), ZERO)
    return max(ZERO, position.quantity - committed)


def is_reducing(order: Order, facts: Facts) -> bool:
    """Whether the whole order is proven to reduce at worst case. What is not finite proves nothing."""
    quantity = order.quantity
    return quantity.is_finite() and 0 < quantity <= provable_reduction(order, facts)
