"""Binance's account and orders. Each method takes a proven account and parameters."""

import secrets
from collections.abc import Callable
from typing import Any

from core.money import ZERO
from core.orders import Side, TimeInForce
from emulator.binance import wire
from emulator.binance.errors import BinanceError, illegal, missing, refused
from emulator.calls import decimal_of
from emulator.exchange import Account, Exchange, Refusal, Request, VenueOrder

Params = dict[str, str]
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")
_CLIENT_ID = 36  # longest


class SignedData:
    """`symbol_of` turns a market id into our symbol, or raises Binance's error."""

    def __init__(self, exchange: Exchange, symbol_of: Callable[[Params], str]) -> None:
        self._exchange = exchange
        self._symbol_of = symbol_of

    def account(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        balances = [
            {"asset": currency, "free": wire.text(holding.free), "locked": wire.text(holding.locked)}
            for currency, holding in sorted(account.holdings.items())
            if params.get("omitZeroBalances") != "true" or holding.free or holding.locked
        ]
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": "0.00100000",
                "taker": "0.00100000",
                "buyer": "0.00000000",
                "seller": "0.00000000",
            },
            "canTrade": not account.frozen,
            "canWithdraw": False,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._exchange.clock.claimed_ms(),
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": 1,
        }

    def place(self, account: Account, params: Params) -> Any:
        order = self._exchange.place(account, self._request(params))
        row = wire.placed_row(order, self._market_id(order))
        kind = params.get("newOrderRespType", "FULL")
        if kind == "ACK":
            return {key: row[key] for key in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
        if kind == "RESULT":
            del row["fills"]
        return row

    def test(self, account: Account, params: Params) -> Any:
        self._request(params)
        return {}

    def query(self, account: Account, params: Params) -> Any:
        order = self._found(account, params)
        return wire.order_row(order, self._market_id(order))

    def cancel(self, account: Account, params: Params) -> Any:
        try:
            order = self._exchange.cancel(account, self._found(account, params))
        except BinanceError as error:
            # Cancelling what does not exist is -2011, asking for it is -2013.
            if error.code == -2013:
                raise BinanceError(-2011, "Unknown order sent.") from None
            raise
        return wire.cancelled_row(order, self._market_id(order), _request_id(params))

    def cancel_all(self, account: Account, params: Params) -> Any:
        symbol = self._symbol_of(params)
        self._exchange.market(symbol)
        orders = account.open_orders(symbol)
        if not orders:
            raise BinanceError(-2011, "Unknown order sent.")
        cancelled = [self._exchange.cancel(account, order) for order in orders]
        return [wire.cancelled_row(o, self._market_id(o), _request_id(params)) for o in cancelled]

    def open_orders(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        symbol = self._symbol_of(params) if "symbol" in params else None
        return [wire.order_row(o, self._market_id(o)) for o in account.open_orders(symbol)]

    def all_orders(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        symbol, start, end = self._symbol_of(params), _whole(params, "startTime"), _whole(params, "endTime")
        first, limit = _whole(params, "orderId"), min(_whole(params, "limit") or 500, 1000)
        found = [
            order
            for order in account.orders.values()
            if order.symbol == symbol
            and (first is None or order.order_id >= first)
            and (start is None or order.created_ms >= start)
            and (end is None or order.created_ms <= end)
        ]
        page = found[:limit] if first is not None or start is not None else found[-limit:]
        return [wire.order_row(order, self._market_id(order)) for order in page]

    def my_trades(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        symbol, start, end = self._symbol_of(params), _whole(params, "startTime"), _whole(params, "endTime")
        if start is not None and end is not None and end - start > 86_400_000:
            raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")
        order_id, first = _whole(params, "orderId"), _whole(params, "fromId")
        limit = min(_whole(params, "limit") or 500, 1000)
        found = [
            (fill, order)
            for order in account.orders.values()
            for fill in order.fills
            if order.symbol == symbol
            and (order_id is None or order.order_id == order_id)
            and (first is None or fill.trade_id >= first)
            and (start is None or fill.ts_ms >= start)
            and (end is None or fill.ts_ms <= end)
        ]
        found.sort(key=lambda pair: pair[0].trade_id)
        page = found[:limit] if first is not None or start is not None else found[-limit:]
        return [wire.my_trade_row(order, fill, self._market_id(order)) for fill, order in page]

    def _request(self, params: Params) -> Request:
        symbol = self._symbol_of(params)
        side, kind = _SIDES.get(params.get("side", "")), params.get("type", "")
        if side is None:
            raise missing("side") if not params.get("side") else BinanceError(-1117, "Invalid side.")
        if kind not in _TYPES:
            raise missing("type") if not kind else BinanceError(-1116, "Invalid orderType.")
        quantity, funds = self._number(params, "quantity"), self._number(params, "quoteOrderQty")
        if quantity is None and (kind != "MARKET" or funds is None):
            raise missing("quantity")
        price = self._number(params, "price") if kind != "MARKET" else None
        if price is None and kind != "MARKET":
            raise missing("price")
        tif = params.get("timeInForce", "GTC" if kind != "LIMIT" else "")
        if tif.lower() not in set(TimeInForce):
            raise missing("timeInForce") if not tif else BinanceError(-1115, "Invalid timeInForce.")
        client_id = params.get("newClientOrderId") or secrets.token_hex(11)
        if len(client_id) > _CLIENT_ID:
            raise illegal("newClientOrderId")
        return Request(
            symbol=symbol,
            side=side,
            quantity=quantity,
            limit_price=price,
            client_id=client_id,
            funds=None if quantity is not None else funds,
            time_in_force=TimeInForce(tif.lower()),
            post_only=kind == "LIMIT_MAKER",
        )

    def _number(self, params: Params, key: str) -> Any:
        if key not in params:
            return None
        number = decimal_of(params[key])
        if number is None or number < ZERO:
            raise illegal(key)
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -8:
            raise BinanceError(-1111, f"Parameter '{key}' has too much precision.")
        return number

    def _found(self, account: Account, params: Params) -> VenueOrder:
        symbol = self._symbol_of(params)
        order_id, client_id = _whole(params, "orderId"), params.get("origClientOrderId")
        if order_id is None and not client_id:
            raise BinanceError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        try:
            return self._exchange.find(account, order_id=order_id, client_id=client_id, symbol=symbol)
        except Refusal as refusal:
            raise refused(refusal) from None

    def _market_id(self, order: VenueOrder) -> str:
        return self._exchange.listing(order.symbol).market_id


def _request_id(params: Params) -> str:
    return params.get("newClientOrderId") or secrets.token_hex(11)


def _whole(params: Params, key: str) -> int | None:
    value = params.get(key)
    if value is None or value == "":
        return None
    if not value.isdigit():
        raise illegal(key)
    return int(value)
