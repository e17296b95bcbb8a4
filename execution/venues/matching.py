"""How one resting order meets a book or a bar: pure functions over the leaf functions of `core.fills`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core import fills
from core.bars import Bar
from core.money import Price, Quantity
from core.orders import OrderType, Side, TimeInForce
from core.quotes import Book, Level
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
    triggered: bool
    decided_ns: int
    arrives_ns: int


@dataclass(frozen=True, slots=True)
class Match:
    price: Price
    quantity: Decimal
    maker: bool = False


def match_book(order: Resting, book: Book, taken: Decimal) -> Iterator[Match]:
    """Walks the other side level by level, no further than the limit. FOK takes all or nothing.

    `taken` is what our own orders have taken of this side since the book was seen: it is not there twice.
    """
    levels = book.asks if order.side is Side.BUY else book.bids
    limit = order.limit_price if order.type is OrderType.LIMIT else None
    reachable = [x for x in _left(levels, taken) if limit is None or _at_or_better(x.price, limit, order.side)]
    wanted = order.quantity - order.filled_quantity
    if order.time_in_force is TimeInForce.FOK and sum(x.quantity for x in reachable) < wanted:
        return
    for level in reachable:
        if wanted <= 0:
            return
        part = min(wanted, level.quantity)
        wanted -= part
        yield Match(level.price, part)


def _left(levels: Sequence[Level], taken: Decimal) -> Iterator[Level]:
    for level in levels:
        part = min(taken, level.quantity)
        taken -= part
        if part < level.quantity:
            yield Level(level.price, Quantity(level.quantity - part))


def match_bar(order: Resting, bar: Bar, settings: PaperSettings) -> Match | None:
    """What one bar gives the order, before rounding and funds; None if it does not trade.

    A limit that could trade at once when it arrives takes like a market order, no worse than its limit; one that
    rests fills at its limit, however far the bar gapped, since that is where it stood. A stop that was hit before and a
    market order that the last bar could not fill whole go on at the open.
    """
    sign = order.side.sign
    quantity = fills.fillable(order.quantity - order.filled_quantity, bar.volume, settings.participation)
    if quantity <= 0 or (order.time_in_force is TimeInForce.FOK and quantity < order.quantity):
        return None
    if order.type is OrderType.LIMIT and order.limit_price is not None:
        if _marketable_on_arrival(order, bar):
            taken = _slipped(_at_open(order, bar, sign), quantity, bar, settings, sign)
            return Match(Price(fills.within_limit(taken, order.limit_price, sign)), quantity)
        if not fills.limit_crossed(order.limit_price, bar.low, bar.high, sign):
            return None
        return Match(Price(order.limit_price), quantity, maker=True)
    if order.type is OrderType.STOP and order.trigger_price is not None and not order.triggered:
        if not fills.stop_hit(order.trigger_price, bar.low, bar.high, sign):
            return None
        hit = fills.stop_price(order.trigger_price, bar.open, sign)
        return Match(Price(_slipped(hit, quantity, bar, settings, sign)), quantity)
    return Match(Price(_slipped(_at_open(order, bar, sign), quantity, bar, settings, sign)), quantity)


def _marketable_on_arrival(order: Resting, bar: Bar) -> bool:
    arrives = bar.open_ns < order.decided_ns + bar.timeframe.ns and not order.filled_quantity
    return arrives and order.limit_price is not None and _at_or_better(bar.open, order.limit_price, order.side)


def _at_open(order: Resting, bar: Bar, sign: int) -> Decimal:
    late = max(0, order.arrives_ns - bar.open_ns)
    share = min(Decimal(1), Decimal(late) / bar.timeframe.ns)
    return fills.after_latency(bar.open, bar.low, bar.high, sign, share.sqrt())


def _slipped(price: Decimal, quantity: Decimal, bar: Bar, settings: PaperSettings, sign: int) -> Decimal:
    impact = settings.impact * (bar.high - bar.low) / bar.open
    return fills.slipped(price, sign, settings.slippage, impact, (quantity / bar.volume).sqrt())


def _at_or_better(price: Decimal, limit: Decimal, side: Side) -> bool:
    return price <= limit if side is Side.BUY else price >= limit
