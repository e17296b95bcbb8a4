"""Orders of USD-margined contracts: plain ones, and conditional ones, which live under names of their own."""

from typing import Any

from emulator.accounts import Account
from emulator.binance.contracts import wire
from emulator.binance.contracts.public import FuturesPublic
from emulator.binance.errors import BinanceError, illegal, refused
from emulator.binance.guard import Params
from emulator.binance.reading import contract_request, stop_request, whole
from emulator.exchange import Exchange
from emulator.orders import Refusal, VenueOrder

_WEEK_MS = 7 * 86_400_000


class FuturesOrders:
    """Each method takes a proven account and parameters."""

    def __init__(self, exchange: Exchange, public: FuturesPublic) -> None:
        self._exchange = exchange
        self._public = public

    def place(self, account: Account, params: Params) -> Any:
        _one_way(account, params)
        order = self._exchange.place(account, contract_request(params, self._public.symbol(params)))
        return wire.order_row(order, self._id(order))

    def test(self, account: Account, params: Params) -> Any:
        _one_way(account, params)
        contract_request(params, self._public.symbol(params))
        return {}

    def query(self, account: Account, params: Params) -> Any:
        order = self._seen(account, params, plain=True)
        return wire.order_row(order, self._id(order))

    def open_order(self, account: Account, params: Params) -> Any:
        order = self._seen(account, params, plain=True)
        if not order.status.open:
            raise BinanceError(-2013, "Order does not exist.")
        return wire.order_row(order, self._id(order))

    def cancel(self, account: Account, params: Params) -> Any:
        order = self._exchange.cancel(account, self._to_cancel(account, params, plain=True))
        return wire.order_row(order, self._id(order))

    def cancel_all(self, account: Account, params: Params) -> Any:
        symbol = self._public.symbol(params)
        self._exchange.market(symbol)
        for order in account.open_orders(symbol):
            if not order.waiting:
                self._exchange.cancel(account, order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def open_orders(self, account: Account, params: Params) -> Any:
        return [wire.order_row(o, self._id(o)) for o in self._open(account, params) if not o.waiting]

    def all_orders(self, account: Account, params: Params) -> Any:
        symbol, start, end = self._public.symbol(params), whole(params, "startTime"), whole(params, "endTime")
        if start is not None and end is not None and end - start > _WEEK_MS:
            raise BinanceError(-4166, "Search window is restricted to recent 7 days only.")
        first, limit = whole(params, "orderId"), min(whole(params, "limit") or 500, 1000)
        found = [
            order
            for order in self._exchange.orders(account, symbol)
            if (order.trigger is None or order.triggered)
            and (first is None or order.order_id >= first)
            and (start is None or order.created_ms >= start)
            and (end is None or order.created_ms <= end)
        ]
        page = found[:limit] if first is not None or start is not None else found[-limit:]
        return [wire.order_row(order, self._id(order)) for order in page]

    def trades(self, account: Account, params: Params) -> Any:
        symbol, start, end = self._public.symbol(params), whole(params, "startTime"), whole(params, "endTime")
        if start is not None and end is not None and end - start > _WEEK_MS:
            raise BinanceError(-4166, "Search window is restricted to recent 7 days only.")
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
        return [wire.trade_row(order, fill, self._id(order)) for fill, order in page]

    def countdown(self, account: Account, params: Params) -> Any:
        """Cancel the open orders of a symbol unless asked again in time; 0 stops the count."""
        symbol, time_ms = self._public.symbol(params), whole(params, "countdownTime")
        if time_ms is None:
            raise illegal("countdownTime")
        if time_ms:
            account.cancel_at_ms[symbol] = self._exchange.clock.now_ms() + time_ms
        else:
            account.cancel_at_ms.pop(symbol, None)
        return {"symbol": params["symbol"], "countdownTime": str(time_ms)}

    # ── conditional orders ──────────────────────────────────────────────────────────────────────────────────────────

    def place_stop(self, account: Account, params: Params) -> Any:
        _one_way(account, params)
        order = self._exchange.place(account, stop_request(params, self._public.symbol(params)))
        return wire.algo_row(order, self._id(order))

    def query_stop(self, account: Account, params: Params) -> Any:
        order = self._seen(account, params, plain=False)
        return wire.algo_row(order, self._id(order))

    def cancel_stop(self, account: Account, params: Params) -> Any:
        order = self._to_cancel(account, params, plain=False)
        if not order.waiting:
            raise BinanceError(-2011, "Unknown order sent.")
        self._exchange.cancel(account, order)
        return {"algoId": order.order_id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def cancel_stops(self, account: Account, params: Params) -> Any:
        symbol = self._public.symbol(params)
        self._exchange.market(symbol)
        for order in account.open_orders(symbol):
            if order.waiting:
                self._exchange.cancel(account, order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def open_stops(self, account: Account, params: Params) -> Any:
        return [wire.algo_row(o, self._id(o)) for o in self._open(account, params) if o.waiting]

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, account: Account, params: Params) -> list[VenueOrder]:
        symbol = self._public.symbol(params) if "symbol" in params else None
        return self._exchange.open_orders(account, symbol, contracts=True)

    def _find(self, account: Account, params: Params, *, plain: bool) -> VenueOrder:
        names = ("orderId", "origClientOrderId") if plain else ("algoId", "clientAlgoId")
        order_id, client_id = whole(params, names[0]), params.get(names[1])
        if order_id is None and not client_id:
            raise BinanceError(-1102, f"Param '{names[1]}' or '{names[0]}' must be sent, but both were empty/null!")
        for order in reversed(account.orders.values()):
            named = order.order_id == order_id or (order_id is None and order.client_id == client_id)
            kind = order.trigger is None or order.triggered if plain else order.trigger is not None
            if order.is_contract and named and kind:
                self._exchange.market(order.symbol)
                return order
        raise BinanceError(-2013, "Order does not exist.")

    def _seen(self, account: Account, params: Params, *, plain: bool) -> VenueOrder:
        try:
            return self._exchange.seen(account, self._find(account, params, plain=plain))
        except Refusal as refusal:
            raise refused(refusal, contracts=True) from None

    def _to_cancel(self, account: Account, params: Params, *, plain: bool) -> VenueOrder:
        try:
            return self._find(account, params, plain=plain)
        except BinanceError as error:
            raise (BinanceError(-2011, "Unknown order sent.") if error.code == -2013 else error) from None

    def _id(self, order: VenueOrder) -> str:
        return self._exchange.listing(order.symbol).market_id


def _one_way(account: Account, params: Params) -> None:
    """Hedge mode can be chosen and is not modelled: whoever trades must choose one-way mode first."""
    if account.futures.hedged or params.get("positionSide", "BOTH") != "BOTH":
        raise BinanceError(-4061, "Order's position side does not match user's setting.")
