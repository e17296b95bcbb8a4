"""Kraken's words: names of coins and pairs, order ids, states and refusals."""

from decimal import Decimal

from core.money import text_of
from core.orders import Side
from emulator.orders import Cause, Fill, Request, Status, VenueOrder

ASSETS = {"BTC": "XXBT", "ETH": "XETH", "XRP": "XXRP", "LTC": "XLTC", "DOGE": "XXDG"}
SHORT = {"BTC": "XBT", "DOGE": "XDG"}
STATUS = {
    Status.NEW: "open",
    Status.PARTIAL: "open",
    Status.FILLED: "closed",
    Status.CANCELLED: "canceled",
    Status.EXPIRED: "expired",
    Status.REJECTED: "canceled",
    Status.PREVENTED: "canceled",
}
REFUSALS = {
    Cause.UNKNOWN_SYMBOL: "EQuery:Unknown asset pair",
    Cause.PRICE_GRID: "EOrder:Invalid price",
    Cause.PRICE_BAND: "EOrder:Invalid price",
    Cause.LOT_GRID: "EOrder:Order minimum not met",
    Cause.NOTIONAL: "EOrder:Cost minimum not met",
    Cause.ICEBERG: "EGeneral:Invalid arguments:displayvol",
    Cause.FUNDS: "EOrder:Insufficient funds",
    Cause.DUPLICATE: "EOrder:cl_ord_id must be unique per user",
    Cause.WOULD_TAKE: "EOrder:Post only order",
    Cause.WOULD_TRIGGER: "EOrder:Invalid price",
    Cause.NO_LIQUIDITY: "EOrder:Unknown position",
    Cause.UNKNOWN_ORDER: "EOrder:Unknown order",
    Cause.NOT_OPEN: "EOrder:Unknown order",
    Cause.FROZEN: "EGeneral:Permission denied",
    Cause.BAD_PARAMETER: "EGeneral:Invalid arguments",
}


class KrakenError(Exception):
    """Goes out as {"error": ["..."]} with status 200."""


def pair_id(symbol: str) -> str:
    base, _, quote = symbol.partition("/")
    return SHORT.get(base, base) + SHORT.get(quote, quote)


def decimals(increment: Decimal) -> int:
    return max(0, -int(increment.normalize().as_tuple().exponent))


def kind_of(order: VenueOrder | Request) -> str:
    """The order's type."""
    plain = "market" if order.limit_price is None else "limit"
    if order.display is not None:
        return "iceberg"
    if order.trigger is None:
        return plain
    name = "stop-loss" if (order.side is Side.BUY) is order.trigger.rises else "take-profit"
    return name if order.limit_price is None else f"{name}-limit"


def fee_of(order: VenueOrder, fill: Fill) -> Decimal:
    """In quote currency, as Kraken always says it."""
    in_quote = order.fee_in_quote or order.side is Side.SELL
    return fill.fee if in_quote else fill.fee * fill.price


def described(order: VenueOrder | Request, quantity: Decimal) -> str:
    """The order as a sentence, from which ccxt reads what an answer to AddOrder does not say otherwise."""
    how = "market" if order.limit_price is None else f"limit {text_of(order.limit_price)}"
    if order.trigger is not None:
        stop = kind_of(order).removesuffix("-limit").replace("-", " ") + f" {text_of(order.trigger.price)}"
        how = stop if order.limit_price is None else f"{stop} -> {how}"
    return f"{order.side.value} {quantity:.8f} {pair_id(order.symbol)} @ {how}"


def txid(order: VenueOrder) -> str:
    """OXXXXX-XXXXX-XXXXXX, as Kraken writes it: the order's number in base 36."""
    digits, number = "", order.order_id
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + digits
    filled = digits.rjust(16, "0")
    return f"O{filled[:5]}-{filled[5:10]}-{filled[10:]}"
