"""One order in its setting: what a rule looks at, with the numbers that many rules need worked out once."""

from decimal import Decimal
from typing import Final

from core.instruments import ContractKind, Instrument
from core.money import ONE, ZERO, Price
from core.orders import Order, OrderType, Position, Side
from core.quotes import Quote
from risk.facts import UNKNOWN, Facts
from risk.settings import RiskSettings
from risk.states import Standing

# Bound once, for every rule of every review: looking a member up on its class costs more than most measures.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
LIMIT: Final = OrderType.LIMIT
STOP: Final = OrderType.STOP
PERPETUAL: Final = ContractKind.PERPETUAL


class Candidate:
    """An order over one snapshot, one standing and one policy. Plain slots: every rule of every review reads it.

    `price` is what the order's worth is judged at, the dearer of its limit or trigger and the best ask, so that a stale
    low limit cannot make a large order look small; `worth` is quantity times that. `equity` is None where it is missing
    or not positive: nothing can be a fraction of it. `proven` is how much of the position is proven to remain after
    every open and unknown order on the same side fills; an order within it is `reducing`.
    """

    __slots__ = (
        "buys",
        "conditions",
        "equity",
        "facts",
        "instrument",
        "intent",
        "numbers",
        "opposite",
        "order",
        "perpetual",
        "policy",
        "portfolio",
        "position",
        "price",
        "proven",
        "quantity",
        "quote",
        "reducing",
        "side",
        "sign",
        "standing",
        "sums",
        "worth",
    )

    def __init__(self, order: Order, facts: Facts, standing: Standing, policy: RiskSettings) -> None:
        symbol = order.symbol
        self.order = order
        self.facts = facts
        self.standing = standing
        self.policy = policy
        self.side = order.side
        self.buys = self.side is BUY
        self.sign, self.opposite = (1, SELL) if self.buys else (-1, BUY)
        self.quantity = order.quantity
        self.intent = facts.intent
        self.instrument = facts.instruments.get(symbol)
        self.perpetual = self.instrument is not None and self.instrument.kind is PERPETUAL
        self.quote = facts.quotes.get(symbol)
        self.conditions = facts.conditions.get(symbol, UNKNOWN)
        self.sums = facts.sums
        self.position = self.sums.held.get(symbol)
        self.portfolio = self.sums.worth
        self.numbers = [n for n in (order.quantity, order.limit_price, order.trigger_price) if n is not None]
        self.equity = _positive(facts.equity)
        self.price = _worth_price(order, self.quote)
        self.worth = None if self.price is None else _product(order.quantity, self.price)
        self.proven = provable_reduction(order, self.position, facts)
        # What is not finite proves nothing.
        self.reducing = order.quantity.is_finite() and ZERO < order.quantity <= self.proven


def provable_reduction(order: Order, position: Position | None, facts: Facts) -> Decimal:
    """Base units of the position that are proven to remain after every open and unknown order on its side fills.

    Where not all of it is the proposer's own, no more than what is, less the orders that close their own part.
    """
    if position is None or position.side is order.side:
        return ZERO
    key = order.symbol, order.side
    try:
        left = position.quantity - facts.sums.committed.get(key, ZERO)
        if facts.own is not None:
            ours = (other.remaining for other in facts.sums.working.get(key, ()) if not other.apart)
            left = min(left, facts.own - sum(ours, ZERO))
    except ArithmeticError:
        return ZERO
    return left if left.is_finite() and left > ZERO else ZERO


def worst_fill_price(order: Order, quote: Quote, slippage: Decimal) -> Price:
    """The worst price the order can trade at: its limit, or the best price or trigger plus the reserved slippage."""
    if order.type is LIMIT and order.limit_price is not None:
        return order.limit_price
    best = max(quote.ask, order.trigger_price or quote.ask) if order.side is BUY else quote.bid
    return Price(best * (1 + order.side.sign * slippage))


def unit_cost(
    order: Order, instrument: Instrument, quote: Quote | None, slippage: Decimal
) -> tuple[str, Decimal, Decimal] | None:
    """The currency that pays for an order, its worst price for one unit, and the fee rate on top; None without a price.

    A spot sale pays in coins; everything else in quote currency, a perpetual with its whole worth as margin.
    """
    buys = order.side is BUY
    if not buys and instrument.kind is not PERPETUAL:
        return instrument.base, ONE, ZERO
    if quote is None:
        return None
    if buys:
        return instrument.quote, worst_fill_price(order, quote, slippage), instrument.taker_fee
    # A short that sells at its bid is carried at the dearer price: that is what closing it may cost.
    price = _worth_price(order, quote)
    return None if price is None else (instrument.quote, price, instrument.taker_fee)


def _worth_price(order: Order, quote: Quote | None) -> Price | None:
    if quote is None:
        return None
    own = order.limit_price or order.trigger_price
    try:
        return quote.ask if own is None or own <= quote.ask else own
    except ArithmeticError:
        return None


def _product(quantity: Decimal, price: Decimal) -> Decimal | None:
    try:
        worth = quantity * price
    except ArithmeticError:
        return None
    return worth if worth.is_finite() else None


def _positive(equity: Decimal | None) -> Decimal | None:
    return equity if equity is not None and equity.is_finite() and equity > ZERO else None
