"""Binance's account and orders. Each method takes a proven account and parameters."""

import secrets
from collections.abc import Callable
from typing import Any

from emulator.accounts import Account
from emulator.binance import wire
from emulator.binance.errors import BinanceError, missing, refused
from emulator.binance.reading import Params, spot_request, whole
from emulator.exchange import Exchange
from emulator.orders import Refusal, VenueOrder


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
            "canTrade": account.may.trade and not account.frozen,
            "canWithdraw": account.may.withdraw,
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
        order = self._exchange.place(account, spot_request(params, self._symbol_of(params)))
        row = wire.placed_row(order, self._market_id(order))
        kind = params.get("newOrderRespType", "FULL")
        if kind == "ACK":
            return {key: row[key] for key in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
        if kind == "RESULT":
            del row["fills"]
        return row

    def test(self, account: Account, params: Params) -> Any:
        spot_request(params, self._symbol_of(params))
        return {}

    def query(self, account: Account, params: Params) -> Any:
        try:
            order = self._exchange.seen(account, self._found(account, params))
        except Refusal as refusal:
            raise refused(refusal) from None
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

    def cancel_replace(self, account: Account, params: Params) -> Any:
        """Cancel one, then place another: -2022 where nothing came of it, -2021 where one half did."""
        for name in ("cancelReplaceMode", "type"):
            if not params.get(name):
                raise missing(name)
        orders = {"orderId": "cancelOrderId", "origClientOrderId": "cancelOrigClientOrderId"}
        named = {key: params[given] for key, given in orders.items() if given in params}
        answer: dict[str, Any] = {
            "cancelResult": "SUCCESS",
            "newOrderResult": "NOT_ATTEMPTED",
            "newOrderResponse": None,
        }
        try:
            answer["cancelResponse"] = self.cancel(account, {**named, "symbol": params.get("symbol", "")})
        except (BinanceError, Refusal) as error:
            answer |= {"cancelResult": "FAILURE", "cancelResponse": _payload(error)}
        if answer["cancelResult"] == "SUCCESS" or params["cancelReplaceMode"] == "ALLOW_FAILURE":
            try:
                answer |= {"newOrderResult": "SUCCESS", "newOrderResponse": self.place(account, params)}
            except (BinanceError, Refusal) as error:
                answer |= {"newOrderResult": "FAILURE", "newOrderResponse": _payload(error)}
        results = {answer["cancelResult"], answer["newOrderResult"]}
        if results == {"SUCCESS"}:
            return answer
        if "SUCCESS" in results:
            raise BinanceError(-2021, "Order cancel-replace partially failed.", 409, data=answer)
        raise BinanceError(-2022, "Order cancel-replace failed.", data=answer)

    def cancel_all(self, account: Account, params: Params) -> Any:
        symbol = self._symbol_of(params)
        self._exchange.market(symbol)
        orders = account.open_orders(symbol)
        if not orders:
            raise BinanceError(-2011, "Unknown order sent.")
        cancelled = [self._exchange.cancel(account, order) for order in orders]
        return [wire.cancelled_row(o, self._market_id(o), _request_id(params)) for o in cancelled]

    def open_orders(self, account: Account, params: Params) -> Any:
        symbol = self._symbol_of(params) if "symbol" in params else None
        return [wire.order_row(o, self._market_id(o)) for o in self._exchange.open_orders(account, symbol)]

    def all_orders(self, account: Account, params: Params) -> Any:
        symbol, start, end = self._symbol_of(params), whole(params, "startTime"), whole(params, "endTime")
        first, limit = whole(params, "orderId"), min(whole(params, "limit") or 500, 1000)
        found = [
            order
            for order in self._exchange.orders(account, symbol)
            if (first is None or order.order_id >= first)
            and (start is None or order.created_ms >= start)
            and (end is None or order.created_ms <= end)
        ]
        page = found[:limit] if first is not None or start is not None else found[-limit:]
        return [wire.order_row(order, self._market_id(order)) for order in page]

    def my_trades(self, account: Account, params: Params) -> Any:
        symbol, start, end = self._symbol_of(params), whole(params, "startTime"), whole(params, "endTime")
        if start is not None and end is not None and end - start > 86_400_000:
            raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")
        order_id, first = whole(params, "orderId"), whole(params, "fromId")
        limit = min(whole(params, "limit") or 500, 1000)
        found = [
            (fill, order)
            for order in self._exchange.orders(account, symbol)
            for fill in order.fills
            if (order_id is None or order.order_id == order_id)
            and (first is None or fill.trade_id >= first)
            and (start is None or fill.ts_ms >= start)
            and (end is None or fill.ts_ms <= end)
        ]
        found.sort(key=lambda pair: pair[0].trade_id)
        page = found[:limit] if first is not None or start is not None else found[-limit:]
        return [wire.my_trade_row(order, fill, self._market_id(order)) for fill, order in page]

    def _found(self, account: Account, params: Params) -> VenueOrder:
        symbol = self._symbol_of(params)
        order_id, client_id = whole(params, "orderId"), params.get("origClientOrderId")
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


def _payload(error: BinanceError | Refusal) -> dict[str, object]:
    return (error if isinstance(error, BinanceError) else refused(error)).payload
