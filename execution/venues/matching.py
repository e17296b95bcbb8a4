"""How one resting order meets a book or a bar: pure functions over the leaf functions of `core.fills`."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core import fills
from core.bars import Bar
from core.money import Price
from core.orders import OrderType, Side, TimeInForce
from core.quotes import Book
from execution.settings import PaperSettings


class Resting(Protocol):
    """The fields of an accepted order that matching reads."""

    side: Side
    type: OrderType
    quantity: Decimal
    filled_quantity: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None
    time_in_force: TimeInForce
    decided_ns: int
    arrives_ns: int


@dataclass(frozen=True, slots=True)
class Match:
    price: Price
    quantity: Decimal


def match_book(order: Resting, book: Book) -> Iterator[Match]:
    """Walks the other side level by level, no further than the limit. FOK takes all or nothing."""
    levels = book.asks if order.side is Side.BUY else book.bids
    limit = order.limit_price if order.type is OrderType.LIMIT else None
    reachable = [x for x in levels if limit is None or _at_or_better(x.price, limit, order.side)]
    wanted = order.quantity - order.filled_quantity
    if order.time_in_force is TimeInForce.FOK and sum(x.quantity for x in reachable) < wanted:
        return
    for level in reachable:
        if wanted <= 0:
            return
        taken = min(wanted, level.quantity)
        wanted -= taken
        yield Match(level.price, taken)


def match_bar(order: Resting, bar: Bar, settings: PaperSettings) -> Match | None:
    """What one bar gives the order, before rounding and funds; None if it does not trade.

    A stop that was hit earlier and a market order that the last bar could not fill whole go on at the open.
    """
    sign = order.side.sign
    reached = _reached(order, bar, sign)
    if reached is None:
        return None
    quantity = fills.fillable(order.quantity - order.filled_quantity, bar.volume, settings.participation)
    if quantity <= 0 or (order.time_in_force is TimeInForce.FOK and quantity < order.quantity):
        return None
    if order.type is OrderType.LIMIT:
        return Match(Price(reached), quantity)
    impact = settings.impact * (bar.high - bar.low) / bar.open
    return Match(
        Price(fills.slipped(reached, sign, settings.slippage, impact, (quantity / bar.volume).sqrt())), quantity
    )


def _reached(order: Resting, bar: Bar, sign: int) -> Decimal | None:
    """The price at which the order meets this bar, before slippage."""
    if order.type is OrderType.LIMIT and order.limit_price is not None:
        if not fills.limit_crossed(order.limit_price, bar.low, bar.high, sign):
            return None
        return fills.limit_price(order.limit_price, bar.open, sign)
    if order.type is OrderType.STOP and order.trigger_price is not None and order.filled_quantity == 0:
        if not fills.stop_hit(order.trigger_price, bar.low, bar.high, sign):
            return None
        return fills.stop_price(order.trigger_price, bar.open, sign)
    late = max(0, order.arrives_ns - bar.open_ns)
    share = min(Decimal(1), Decimal(late) / bar.timeframe.ns)
    return fills.after_latency(bar.open, bar.low, bar.high, sign, share.sqrt())


def _at_or_better(price: Decimal, limit: Decimal, side: Side) -> bool:
    return price <= limit if side is Side.BUY else price >= limit
