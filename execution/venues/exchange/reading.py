"""ccxt's orders, trades, positions and transfers in our words. What cannot be read is refused, never filled in."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.errors import ExchangeUnavailable
from core.money import ZERO, Price, Quantity
from core.orders import Fill, OrderState, OrderType, Side, TimeInForce
from execution.ports import VenueFunding, VenueOrder, VenuePosition, VenueTransfer
from execution.venues.exchange.facts import VenueFacts
from execution.venues.exchange.instruments import contract_size, number

Row = Mapping[str, Any]
MS_NS = 1_000_000


def same_id(one: str, other: str) -> bool:
    """Venues give an id back with or without the hyphens of a UUID."""
    return one.replace("-", "").lower() == other.replace("-", "").lower()


def exchange_id(row: Row) -> str:
    return _needed(row.get("id"), "an order without an id", row)


def client_id(row: Row, facts: VenueFacts) -> str | None:
    """Our id, from the venue's own words: ccxt puts other things into `clientOrderId` where there is none."""
    told = row.get("info") or {}
    for key in facts.client_id_keys:
        if told.get(key):
            return str(told[key])
    return None


def filled(row: Row, market: Row) -> Decimal:
    """In base units. Raises ExchangeUnavailable where the venue does not say."""
    return _amount(row.get("filled"), "an order without a filled quantity", row) * contract_size(market)


def state_of(row: Row) -> OrderState:
    """An order that is over counts as filled only when all of it is: some venues call a cancelled rest "closed"."""
    status, done, whole = row.get("status"), number(row.get("filled")) or ZERO, number(row.get("amount"))
    match status:
        case "open":
            return OrderState.PARTIAL if done else OrderState.OPEN
        case "closed":
            return OrderState.FILLED if whole is None or done >= whole else OrderState.CANCELLED
        case "canceled":
            return OrderState.FILLED if whole is not None and done >= whole > 0 else OrderState.CANCELLED
        case "expired":
            return OrderState.EXPIRED
        case "rejected":
            return OrderState.REJECTED
        case _:
            raise ExchangeUnavailable(f"an order with the status {status!r}, which is in no table")


def closes_all(row: Row) -> bool:
    """Whether it is a stop that closes a whole position, whatever its size is by then: venues tell it without one."""
    return bool(row.get("reduceOnly")) and not number(row.get("amount")) and _trigger(row) is not None


def order_of(row: Row, market: Row, facts: VenueFacts, *, closing: Quantity | None = None) -> VenueOrder:
    """`closing` is what one that `closes_all` would close now, in base units."""
    size = contract_size(market)
    trigger = _trigger(row)
    quantity = closing or Quantity(_amount(row.get("amount"), "an order without a quantity", row) * size)
    price = number(row.get("price")) or None
    kind = OrderType.STOP if trigger else OrderType.MARKET if price is None else OrderType.LIMIT
    return VenueOrder(
        exchange_order_id=exchange_id(row),
        client_order_id=client_id(row, facts),
        symbol=str(market["symbol"]),
        side=side_of(row),
        type=kind,
        quantity=quantity,
        limit_price=None if price is None else Price(price),
        trigger_price=None if trigger is None else Price(trigger),
        time_in_force=_times.get(str(row.get("timeInForce")).lower(), TimeInForce.GTC),
        reduce_only=bool(row.get("reduceOnly")),
        state=state_of(row),
        filled_quantity=filled(row, market),
        ts_created_ns=_time_ns(row),
    )


def _trigger(row: Row) -> Decimal | None:
    return next((found for key in _TRIGGERS if (found := number(row.get(key)))), None)


_TRIGGERS = ("triggerPrice", "stopLossPrice", "takeProfitPrice")
_times = {each.value: each for each in TimeInForce}


def fill_of(row: Row, market: Row, facts: VenueFacts, *, name: str, account_id: str, known_at_ns: int) -> Fill:
    """A trade of the account. `name` is the client order id that it belongs to.

    Venues number trades by market, and a trade with oneself has one number on both sides: the id names all three.
    """
    order_id = _needed(row.get("order"), "a trade without its order", row)
    trade_id = _needed(row.get("id"), "a trade without an id", row)
    fee, currency = _fee(row, market, facts)
    return Fill(
        venue=facts.name,
        trade_id=f"{market['id']}/{order_id}/{trade_id}",
        client_order_id=name,
        account_id=account_id,
        symbol=str(market["symbol"]),
        side=side_of(row),
        quantity=Quantity(_amount(row.get("amount"), "a trade without a quantity", row) * contract_size(market)),
        price=Price(_amount(row.get("price"), "a trade without a price", row)),
        fee=fee,
        fee_currency=currency,
        maker=row.get("takerOrMaker") == "maker",
        ts_event_ns=_time_ns(row),
        known_at_ns=known_at_ns,
    )


def _fee(row: Row, market: Row, facts: VenueFacts) -> tuple[Decimal, str]:
    """The fee as told, a rebate negative. Raises ExchangeUnavailable where none is told, or two currencies are."""
    told = [fee for fee in row.get("fees") or [row.get("fee") or {}] if number(fee.get("cost")) is not None]
    if not told:
        raise ExchangeUnavailable(f"{facts.name}: trade {row.get('id')} tells no fee")
    costs = {fee_currency(fee, row): ZERO for fee in told}
    for fee in told:
        costs[fee_currency(fee, row)] += number(fee["cost"]) or ZERO
    owed = {currency: cost for currency, cost in costs.items() if cost} or {str(market["quote"]): ZERO}
    if len(owed) > 1 or None in owed:
        raise ExchangeUnavailable(f"{facts.name}: trade {row.get('id')} tells fees that cannot be booked: {costs}")
    ((currency, cost),) = owed.items()
    return cost, str(currency)


def fee_currency(fee: Row, row: Row) -> str | None:
    """The venue's own word before ccxt's guess from the side."""
    told = (row.get("info") or {}).get("feeCurrency") or fee.get("currency")
    return str(told) if told else None


def position_of(row: Row, market: Row) -> VenuePosition | None:
    """None where the row holds no position."""
    contracts = _amount(row.get("contracts"), "a position without a size", row)
    if not contracts:
        return None
    side = {"long": Side.BUY, "short": Side.SELL}.get(str(row.get("side")))
    if side is None:
        raise ExchangeUnavailable(f"a position with the side {row.get('side')!r}")
    leverage, margin = number(row.get("leverage")), number(row.get("initialMargin"))
    isolated = row.get("marginMode") == "isolated"
    collateral = number(row.get("collateral")) if isolated else None
    return VenuePosition(
        symbol=str(market["symbol"]),
        side=side,
        quantity=Quantity(abs(contracts) * contract_size(market)),
        average_price=Price(_amount(row.get("entryPrice"), "a position without its entry price", row)),
        margin=next((each for each in (margin, collateral) if each is not None), ZERO),
        leverage=ZERO if leverage is None else leverage,
        isolated=isolated,
    )


def transfers_of(row: Row, *, deposit: bool) -> list[VenueTransfer]:
    """A transfer that is complete, its fee apart; nothing for one that is not."""
    if row.get("status") != "ok":
        return []
    amount = _amount(row.get("amount"), "a transfer without an amount", row)
    name = f"{'deposit' if deposit else 'withdrawal'}/{row.get('id') or row.get('txid')}"
    ts_ns, currency = _time_ns(row), _needed(row.get("currency"), "a transfer without a currency", row)
    found = [VenueTransfer(name, currency, amount if deposit else -amount, ts_ns)]
    fee = row.get("fee") or {}
    if (cost := number(fee.get("cost"))) and fee.get("currency"):
        found.append(VenueTransfer(f"{name}/fee", str(fee["currency"]), -abs(cost), ts_ns))
    return found


def move_of(row: Row) -> VenueTransfer:
    """A line of a wallet's ledger: money that came into it or left it, for another wallet of the same customer."""
    amount = _amount(row.get("amount"), "a transfer without an amount", row)
    currency = _needed(row.get("currency"), "a transfer without a currency", row)
    if (direction := row.get("direction")) not in ("in", "out"):
        raise ExchangeUnavailable(f"a transfer with the direction {direction!r}: {row.get('id')}")
    name = f"wallet/{_needed(row.get('id'), 'a transfer without an id', row)}"
    return VenueTransfer(name, currency, amount if direction == "in" else -amount, _time_ns(row))


def funding_of(row: Row) -> VenueFunding:
    """ccxt tells what was received; the port, what was paid."""
    amount = _amount(row.get("amount"), "funding without an amount", row)
    return VenueFunding(str(_needed(row.get("symbol"), "funding without a symbol", row)), -amount, _time_ns(row))


def time_ms(row: Row) -> int:
    return _time_ns(row) // MS_NS


def side_of(row: Row) -> Side:
    side = row.get("side")
    if side not in ("buy", "sell"):
        raise ExchangeUnavailable(f"a row with the side {side!r}")
    return Side(side)


def _time_ns(row: Row) -> int:
    stamp = number(row.get("timestamp"))
    if stamp is None:
        raise ExchangeUnavailable(f"a row without its time: {row.get('id')}")
    return int(stamp) * MS_NS


def _amount(value: object, complaint: str, row: Row) -> Decimal:
    found = number(value)
    if found is None:
        raise ExchangeUnavailable(f"{complaint}: {row.get('id')}")
    return found


def _needed(value: object, complaint: str, row: Row) -> str:
    if not value:
        raise ExchangeUnavailable(f"{complaint}: {row.get('symbol')}")
    return str(value)
