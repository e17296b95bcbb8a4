"""The venue's filters: what an order must be before anybody asks whether it can be paid."""

from decimal import Decimal

from core.orders import Side, TimeInForce
from emulator.market import Market
from emulator.orders import Cause, Refusal, Request

_ICEBERG_PARTS = 10


def checked(market: Market, request: Request) -> Decimal:
    """The quantity to trade, after the filters in the order in which the venue applies them."""
    instrument, price = market.listing.instrument, request.limit_price
    for named in (price, request.trigger.price if request.trigger else None):
        if named is not None:
            _price(market, named)
    touch = market.price(market.best_ask if request.side is Side.BUY else market.best_bid)
    worst = price or (request.trigger.price if request.trigger else touch)
    quantity = request.quantity
    if quantity is None:
        if request.funds is None or request.funds <= 0:
            raise Refusal(Cause.BAD_PARAMETER, "quantity")
        quantity = request.funds / worst // instrument.lot_size * instrument.lot_size
    most = instrument.max_quantity or quantity
    if not instrument.min_quantity <= quantity <= most or quantity % instrument.lot_size:
        raise Refusal(Cause.LOT_GRID, str(quantity))
    if quantity * worst < instrument.min_notional and not request.reduce_only:
        raise Refusal(Cause.NOTIONAL, str(quantity * worst))
    if request.display is not None:
        _iceberg(market, request, quantity)
    if request.trigger is not None:
        if request.trigger.met(market.last):
            raise Refusal(Cause.WOULD_TRIGGER)
    elif request.post_only and price is not None and crosses(market, request.side, price):
        raise Refusal(Cause.WOULD_TAKE)
    return quantity


def crosses(market: Market, side: Side, price: Decimal) -> bool:
    """Whether a limit order would meet somebody at once."""
    touch = market.side(side.opposite).touch(side.sign)
    if touch is None:
        return False
    return price >= market.price(touch) if side is Side.BUY else price <= market.price(touch)


def _price(market: Market, price: Decimal) -> None:
    if price <= 0 or price % market.listing.instrument.tick_size:
        raise Refusal(Cause.PRICE_GRID, str(price))
    best = market.price(market.best_bid)
    if not best / 5 <= price <= best * 5:
        raise Refusal(Cause.PRICE_BAND, str(price))


def _iceberg(market: Market, request: Request, quantity: Decimal) -> None:
    shown = request.display or Decimal(0)
    if shown <= 0 or shown % market.listing.instrument.lot_size or shown > quantity:
        raise Refusal(Cause.LOT_GRID, str(shown))
    if request.limit_price is None or request.time_in_force is not TimeInForce.GTC:
        raise Refusal(Cause.BAD_PARAMETER, "an iceberg rests")
    if quantity > _ICEBERG_PARTS * shown:
        raise Refusal(Cause.ICEBERG, f"{quantity} in parts of {shown}")
