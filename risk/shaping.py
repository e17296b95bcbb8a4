"""An order as it would leave: settled on fresh facts before its review, so that what is reviewed is what is sent.

Pure and total like the review: what cannot be shaped stays as it was asked for, and the rules judge that.
"""

from dataclasses import replace
from decimal import Decimal

from core.algorithms import Marketable
from core.fills import stop_hit
from core.instruments import Instrument
from core.money import BPS, ZERO, Price, round_price, round_quantity
from core.orders import Order, OrderType, TimeInForce
from core.quotes import Quote
from risk.candidate import provable_reduction
from risk.facts import Facts
from risk.settings import RiskSettings


def as_sent(order: Order, facts: Facts, policy: RiskSettings) -> Order:
    """An exit whose rest nobody could sell closes all of it; what takes at the market gets a limit, its collar."""
    try:
        order = _whole(order, facts)
        return _collared(order, facts, policy) if _takes(order, facts) else order
    except ArithmeticError:
        return order


def is_dust(quantity: Decimal, price: Decimal, instrument: Instrument) -> bool:
    """Whether it is something, and less than the venue takes in one order at `price`."""
    rounded = round_quantity(quantity, instrument.lot_size)
    enough = rounded >= instrument.min_quantity and rounded * price >= instrument.min_notional
    return quantity > ZERO and not (rounded and enough)


def _whole(order: Order, facts: Facts) -> Order:
    """A stop waits with the quantity that its guard gave it, and a slice is no larger than its parent."""
    instrument, quote = facts.instruments.get(order.symbol), facts.quotes.get(order.symbol)
    if order.type is OrderType.STOP or facts.intent.child or instrument is None or quote is None:
        return order
    proven = provable_reduction(order, facts.sums.held.get(order.symbol), facts)
    if not (order.quantity.is_finite() and ZERO < order.quantity < proven):
        return order
    whole = round_quantity(proven, instrument.lot_size)
    fits = instrument.max_quantity is None or whole <= instrument.max_quantity
    if whole <= order.quantity or not fits or not is_dust(proven - order.quantity, quote.last, instrument):
        return order
    return replace(order, quantity=whole)


def _takes(order: Order, facts: Facts) -> bool:
    """Whether it would take at any price, where nothing should: a market order, or a stop that has been reached."""
    if isinstance(order.execution, Marketable):
        return order.type is OrderType.MARKET
    if facts.bare_market or order.execution is not None:
        return False
    quote, trigger = facts.quotes.get(order.symbol), order.trigger_price
    if order.type is OrderType.STOP and quote is not None and trigger is not None:
        return stop_hit(trigger, quote.last, quote.last, order.side.sign)
    return order.type is OrderType.MARKET


def _collared(order: Order, facts: Facts, policy: RiskSettings) -> Order:
    """An immediate limit order at the policy's slippage from the mid: an exit's reaches the best price at least."""
    instrument, quote = facts.instruments.get(order.symbol), facts.quotes.get(order.symbol)
    if instrument is None or quote is None:
        return order
    exits = order.quantity <= provable_reduction(order, facts.sums.held.get(order.symbol), facts)
    collar = policy.market_slippage if exits else min(policy.market_slippage, policy.max_slippage_bps * BPS)
    sign = order.side.sign
    price = round_price(quote.mid * (1 + sign * collar), instrument.tick_size, order.side)
    best = _best(order, quote)
    return replace(
        order,
        type=OrderType.LIMIT,
        limit_price=best if exits and sign * (best - price) > 0 else price,
        trigger_price=None,
        time_in_force=TimeInForce.IOC,
        execution=None,
    )


def _best(order: Order, quote: Quote) -> Price:
    return quote.ask if order.side.sign > 0 else quote.bid
