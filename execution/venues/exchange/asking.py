"""An order of ours as the arguments of ccxt's `create_order`, with exactly the approved digits, or refused unsent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.errors import ExchangeRejected
from core.instruments import ContractKind
from core.money import text_of
from core.orders import OrderType, Side
from execution.ports import PlainOrder
from execution.venues.exchange.facts import Deadline, VenueFacts
from execution.venues.exchange.instruments import contract_size, number


def venue_id(client_order_id: str, facts: VenueFacts) -> str:
    """Our 32 hexadecimal characters as the venue takes them."""
    return str(UUID(client_order_id)) if facts.hyphens else client_order_id


def arguments(order: PlainOrder, client: Any, facts: VenueFacts, kind: ContractKind) -> tuple[Any, ...]:
    """symbol, type, side, amount, price, params. Raises ExchangeRejected for what this venue cannot do as asked."""
    _refuse_impossible(order, facts, kind)
    market = client.market(order.symbol)
    amount = _on_the_wire(order.quantity / contract_size(market), client.amount_to_precision, order.symbol)
    params: dict[str, Any] = {facts.client_id: venue_id(order.client_order_id, facts), **facts.order_params}
    price = None
    if order.type is OrderType.LIMIT:
        params["timeInForce"] = order.time_in_force.value.upper()
        price = _on_the_wire(order.limit_price, client.price_to_precision, order.symbol)
    if order.display_quantity is not None and facts.iceberg is not None:
        # Cut to the lot, toward zero: less shows than was asked for, and no more.
        params[facts.iceberg] = client.amount_to_precision(order.symbol, text_of(order.display_quantity))
    if order.type is OrderType.STOP:
        params["stopLossPrice"] = _on_the_wire(order.trigger_price, client.price_to_precision, order.symbol)
    if order.reduce_only and kind is ContractKind.PERPETUAL:
        params["reduceOnly"] = True
    if facts.deadline is Deadline.MOMENT:
        params["deadline"] = _deadline(client, facts.deadline_s)
    kind_of = "limit" if order.type is OrderType.LIMIT else "market"
    return order.symbol, kind_of, order.side.value, amount, price, params


def _refuse_impossible(order: PlainOrder, facts: VenueFacts, kind: ContractKind) -> None:
    if order.reduce_only and order.side is Side.BUY and kind is ContractKind.SPOT:
        raise ExchangeRejected(f"not sent: spot holds no short position that a buy of {order.symbol} could reduce")
    if order.type is OrderType.STOP and kind not in facts.rests_stops:
        raise ExchangeRejected(f"not sent: no stop order rests at {facts.name}")
    if order.type is OrderType.LIMIT and order.time_in_force not in facts.times_in_force:
        raise ExchangeRejected(f"not sent: {facts.name} has no {order.time_in_force.value} orders")
    in_quote = order.type is OrderType.MARKET and order.side is Side.BUY and not facts.market_buys
    if in_quote and kind is ContractKind.SPOT:
        raise ExchangeRejected(f"not sent: a market buy at {facts.name} is sized in quote currency")


def _on_the_wire(value: Decimal | None, rounded: Any, symbol: str) -> str:
    """The text that ccxt will send, which must be the value itself: ccxt truncates quantities and rounds prices."""
    if value is None:
        raise ExchangeRejected(f"not sent: an order in {symbol} without the price that its type needs")
    text = text_of(value)
    if number(rounded(symbol, text)) != value:
        raise ExchangeRejected(f"not sent: {text} is not on the increments of {symbol}, ccxt would change it")
    return text


def _deadline(client: Any, seconds: int) -> str:
    """In `seconds` by the venue's clock, RFC 3339."""
    now_ms = int(client.milliseconds()) - int(client.options.get("timeDifference") or 0)
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now_ms, seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
