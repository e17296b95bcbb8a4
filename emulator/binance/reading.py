"""Binance's order parameters, read: spot and contracts."""

import secrets
from decimal import Decimal

from core.money import ZERO
from core.orders import Side, TimeInForce
from emulator.binance.errors import BinanceError, illegal, missing
from emulator.calls import decimal_of
from emulator.orders import Request, SelfTrade, Trigger

Params = dict[str, str]
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
SPOT_TYPES = (
    *("LIMIT", "LIMIT_MAKER", "MARKET"),
    *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
)
CONTRACT_TYPES = ("LIMIT", "MARKET")
STOP_TYPES = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET")  # of contracts, orders of their own kind
_WITH_PRICE = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
_SELF_TRADE = {f"EXPIRE_{mode.upper()}": mode for mode in SelfTrade} | {"NONE": SelfTrade.NONE}
_CLIENT_ID = 36  # longest


def spot_request(params: Params, symbol: str) -> Request:
    """Raises -1100, -1102, -1111, -1115, -1116, -1117 as the venue does."""
    side, kind = side_of(params), _one_of(params, "type", SPOT_TYPES)
    quantity, funds = number(params, "quantity"), number(params, "quoteOrderQty")
    if quantity is None and (kind != "MARKET" or funds is None):
        raise missing("quantity")
    price = _required(params, "price") if kind in _WITH_PRICE else None
    trigger = None
    if kind.startswith(("STOP", "TAKE")):
        trigger = Trigger(_required(params, "stopPrice"), rises=(side is Side.BUY) is kind.startswith("STOP"))
    limit_maker = kind == "LIMIT_MAKER"
    return Request(
        symbol=symbol,
        side=side,
        quantity=quantity,
        limit_price=price,
        client_id=client_id(params, "newClientOrderId"),
        funds=None if quantity is not None else funds,
        time_in_force=time_in_force(params, required=price is not None and not limit_maker),
        post_only=limit_maker,
        trigger=trigger,
        display=number(params, "icebergQty") or None,
        self_trade=_self_trade(params),
    )


def contract_request(params: Params, symbol: str) -> Request:
    """A plain order of a contract. `GTX` is post-only."""
    kind = _one_of(params, "type", CONTRACT_TYPES)
    post_only = params.get("timeInForce") == "GTX"
    return Request(
        symbol=symbol,
        side=side_of(params),
        quantity=_required(params, "quantity"),
        limit_price=_required(params, "price") if kind == "LIMIT" else None,
        client_id=client_id(params, "newClientOrderId"),
        time_in_force=TimeInForce.GTC if post_only else time_in_force(params, required=kind == "LIMIT"),
        post_only=post_only,
        reduce_only=params.get("reduceOnly") == "true",
        self_trade=_self_trade(params),
    )


def stop_request(params: Params, symbol: str) -> Request:
    """A conditional order of a contract."""
    side, kind = side_of(params), _one_of(params, "type", STOP_TYPES)
    rises = (side is Side.BUY) is kind.startswith("STOP")
    return Request(
        symbol=symbol,
        side=side,
        quantity=_required(params, "quantity"),
        limit_price=None if kind.endswith("_MARKET") else _required(params, "price"),
        client_id=client_id(params, "clientAlgoId"),
        time_in_force=time_in_force(params, required=False),
        trigger=Trigger(_required(params, "triggerPrice"), rises),
        reduce_only=params.get("reduceOnly") == "true",
    )


def side_of(params: Params) -> Side:
    if not params.get("side"):
        raise missing("side")
    if params["side"] not in _SIDES:
        raise BinanceError(-1117, "Invalid side.")
    return _SIDES[params["side"]]


def time_in_force(params: Params, *, required: bool) -> TimeInForce:
    named = params.get("timeInForce", "" if required else "GTC")
    if named.lower() not in set(TimeInForce):
        raise missing("timeInForce") if not named else BinanceError(-1115, "Invalid timeInForce.")
    return TimeInForce(named.lower())


def client_id(params: Params, key: str) -> str:
    """Theirs where the client gave none."""
    found = params.get(key) or secrets.token_hex(11)
    if len(found) > _CLIENT_ID:
        raise illegal(key)
    return found


def number(params: Params, key: str) -> Decimal | None:
    if key not in params:
        return None
    found = decimal_of(params[key])
    if found is None or found < ZERO:
        raise illegal(key)
    exponent = found.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -8:
        raise BinanceError(-1111, f"Parameter '{key}' has too much precision.")
    return found


def whole(params: Params, key: str) -> int | None:
    value = params.get(key)
    if value is None or value == "":
        return None
    if not value.isdigit():
        raise illegal(key)
    return int(value)


def _required(params: Params, key: str) -> Decimal:
    found = number(params, key)
    if found is None:
        raise missing(key)
    return found


def _one_of(params: Params, key: str, allowed: tuple[str, ...]) -> str:
    found = params.get(key, "")
    if found not in allowed:
        raise missing(key) if not found else BinanceError(-1116, "Invalid orderType.")
    return found


def _self_trade(params: Params) -> SelfTrade:
    named = params.get("selfTradePreventionMode", "EXPIRE_MAKER")
    if named not in _SELF_TRADE:
        raise illegal("selfTradePreventionMode")
    return _SELF_TRADE[named]
