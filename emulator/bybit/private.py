"""Bybit's account and orders."""

import secrets
from typing import Any

from core.money import ZERO, text_of
from core.orders import Side, TimeInForce
from emulator.accounts import Account
from emulator.bybit.public import PublicData
from emulator.bybit.words import STATUS, BybitError, spot_only, whole
from emulator.calls import decimal_of
from emulator.exchange import Exchange
from emulator.orders import Fill, Request, Status, Trigger, VenueOrder

Params = dict[str, str]
_WEEK_MS = 7 * 86_400_000
_MONTH_MS = 30 * 86_400_000


class PrivateData:
    """Each method takes a proven account and parameters."""

    def __init__(self, exchange: Exchange, public: PublicData) -> None:
        self._exchange = exchange
        self._public = public
        self._windows: dict[str, int] = {}  # seconds until a lost private stream cancels everything, by key

    def key_info(self, account: Account, params: Params) -> Any:
        may = account.may
        permissions = {
            "Spot": ["SpotTrade"] if may.trade else [],
            "Wallet": ["AccountTransfer", "Withdraw"] if may.withdraw else [],
            "ContractTrade": [],
            "Options": [],
        }
        return {
            "id": "1",
            "apiKey": account.key,
            "readOnly": 0 if may.trade else 1,
            "permissions": permissions,
            "ips": ["127.0.0.1"] if may.ip_bound else ["*"],
            "expiredAt": "2099-01-01T00:00:00Z",
            "unified": 0,
            "uta": 1,
        }

    def account_info(self, account: Account, params: dict[str, str]) -> Any:
        return {"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN", "updatedTime": "1697078946000"}

    def coins(self, account: Account, params: dict[str, str]) -> Any:
        coins = {coin for symbol in self._exchange.listings for coin in symbol.split("/")}
        chain = {"confirmation": "6", "depositMin": "0", "withdrawMin": "0", "withdrawFee": "0", "minAccuracy": "8"}
        return {
            "rows": [
                {
                    "name": coin,
                    "coin": coin,
                    "remainAmount": "1000000",
                    "chains": [{"chain": coin, "chainType": coin, "chainDeposit": "0", "chainWithdraw": "0", **chain}],
                }
                for coin in sorted(coins)
            ]
        }

    def wallet(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        coins = [
            {
                "coin": currency,
                "equity": text_of(holding.free + holding.locked),
                "walletBalance": text_of(holding.free + holding.locked),
                "locked": text_of(holding.locked),
                "availableToWithdraw": text_of(holding.free),
                "borrowAmount": "0",
            }
            for currency, holding in sorted(account.holdings.items())
        ]
        return {"list": [{"accountType": params.get("accountType", "UNIFIED"), "coin": coins}]}

    # ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, account: Account, params: Params) -> Any:
        """Accepted is all that the answer says; what became of the order is read."""
        spot_only(params)
        order = self._exchange.place(account, self._request(params))
        return {"orderId": str(order.order_id), "orderLinkId": order.client_id}

    def cancel(self, account: Account, params: Params) -> Any:
        order = self._exchange.find(
            account,
            order_id=whole(params, "orderId"),
            client_id=params.get("orderLinkId"),
            symbol=self._public.symbol(params),
        )
        self._exchange.cancel(account, order)
        return {"orderId": str(order.order_id), "orderLinkId": order.client_id}

    def cancel_all(self, account: Account, params: Params) -> Any:
        self._exchange.advance()
        symbol = self._public.symbol(params) if "symbol" in params else None
        orders = [self._exchange.cancel(account, order) for order in account.open_orders(symbol)]
        return {"list": [{"orderId": str(o.order_id), "orderLinkId": o.client_id} for o in orders], "success": "1"}

    def on_disconnect(self, account: Account, params: Params) -> Any:
        """Remembered and shown, never struck: it needs a private stream that is lost, and there is none here."""
        window = whole(params, "timeWindow")
        if window is None or not 3 <= window <= 300:
            raise BybitError(10001, "Request parameter error: timeWindow.")
        self._windows[account.key] = window
        return {}

    def disconnect_window(self, account: Account, params: Params) -> Any:
        window = self._windows.get(account.key)
        status = {"product": "SPOT", "dcpStatus": "ON", "timeWindow": str(window)}
        return {"dcpInfos": [] if window is None else [status]}

    def realtime(self, account: Account, params: Params) -> Any:
        """Open orders; asked for by id, a recently closed one too."""
        named = params.get("orderId") or params.get("orderLinkId")
        found = self._exchange.orders(account) if named else self._exchange.open_orders(account)
        return self._orders(found, params)

    def history(self, account: Account, params: Params) -> Any:
        return self._orders([order for order in self._exchange.orders(account) if not order.status.open], params)

    def executions(self, account: Account, params: Params) -> Any:
        orders = [order for order in self._exchange.orders(account) if self._is(order, params)]
        found = [(fill, order) for order in orders for fill in order.fills if _within(fill.ts_ms, params)]
        found.sort(key=lambda pair: pair[0].ts_ms, reverse=True)
        rows = [_fill_row(fill, order, self._id(order)) for fill, order in found]
        return {"category": "spot", **_page(rows, params, 50, 100)}

    def deposits(self, account: Account, params: Params) -> Any:
        rows = [
            {**row, "txID": row["id"], "status": 3, "toAddress": "emulated", "depositFee": "0", "successAt": row["at"]}
            for row in self._transfers(account, params, 1)
        ]
        return _named(_page(rows, params, 50, 50))

    def withdrawals(self, account: Account, params: Params) -> Any:
        rows = [
            {
                **row,
                "withdrawId": row["id"],
                "txID": row["id"],
                "status": "success",
                "toAddress": "emulated",
                "withdrawFee": "0",
                "createTime": row["at"],
                "updateTime": row["at"],
            }
            for row in self._transfers(account, params, -1)
        ]
        return _named(_page(rows, params, 50, 50))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self, params: Params) -> Request:
        side, kind = params.get("side", "").lower(), params.get("orderType")
        amount, price = decimal_of(params.get("qty")), decimal_of(params.get("price"))
        if side not in set(Side) or kind not in ("Limit", "Market") or amount is None:
            raise BybitError(10001, "Request parameter error.")
        if kind == "Limit" and price is None:
            raise BybitError(10001, "Price is required for limit orders.")
        symbol, trigger_price, trigger = self._public.symbol(params), decimal_of(params.get("triggerPrice")), None
        if params.get("orderFilter", "Order") != "Order":
            if trigger_price is None:
                raise BybitError(10001, "Request parameter error: triggerPrice.")
            # On spot the side of the market on which the trigger lies says which way it is met.
            trigger = Trigger(trigger_price, rises=trigger_price > self._exchange.market(symbol).last)
        # A market buy is in quote currency unless it says otherwise.
        in_quote = kind == "Market" and side == Side.BUY and params.get("marketUnit", "quoteCoin") == "quoteCoin"
        tif = params.get("timeInForce", "GTC")
        return Request(
            symbol=symbol,
            side=Side(side),
            quantity=None if in_quote else amount,
            funds=amount if in_quote else None,
            limit_price=price if kind == "Limit" else None,
            client_id=params.get("orderLinkId") or secrets.token_hex(16),
            time_in_force=TimeInForce.GTC if tif == "PostOnly" else TimeInForce(tif.lower()),
            post_only=tif == "PostOnly",
            trigger=trigger,
        )

    def _orders(self, orders: list[VenueOrder], params: Params) -> Any:
        rows = [
            _order_row(order, self._id(order))
            for order in reversed(orders)
            if self._is(order, params) and _within(order.created_ms, params)
        ]
        return {"category": "spot", **_page(rows, params, 20, 50)}

    def _transfers(self, account: Account, params: Params, sign: int) -> list[dict[str, Any]]:
        return [
            {
                "id": made.transfer_id,
                "coin": made.currency,
                "chain": made.currency,
                "amount": text_of(abs(made.amount)),
                "at": str(made.ts_ms),
            }
            for made in reversed(account.transfers)
            if made.amount * sign > 0
            and params.get("coin", made.currency) == made.currency
            and _within(made.ts_ms, params, _MONTH_MS)
        ]

    def _is(self, order: VenueOrder, params: Params) -> bool:
        return (
            params.get("symbol", self._id(order)) == self._id(order)
            and (params.get("orderId") or str(order.order_id)) == str(order.order_id)
            and (params.get("orderLinkId") or order.client_id) == order.client_id
        )

    def _id(self, order: VenueOrder) -> str:
        return self._exchange.listing(order.symbol).market_id


def _within(ts_ms: int, params: Params, most_ms: int = _WEEK_MS) -> bool:
    """`startTime` and `endTime`, no further apart than the venue allows: a week, or 30 days of transfers."""
    start, end = whole(params, "startTime"), whole(params, "endTime")
    if start is not None and end is not None and end - start > most_ms:
        days = most_ms // 86_400_000
        raise BybitError(10001, f"The time range between startTime and endTime cannot exceed {days} days.")
    return (start is None or ts_ms >= start) and (end is None or ts_ms <= end)


def _page(rows: list[dict[str, Any]], params: Params, usual: int, most: int) -> dict[str, Any]:
    """So many rows, and a cursor for the next ones."""
    first, count = int(params.get("cursor") or 0), min(whole(params, "limit") or usual, most)
    following = first + count
    return {"nextPageCursor": str(following) if following < len(rows) else "", "list": rows[first:following]}


def _named(page: dict[str, Any]) -> dict[str, Any]:
    """Transfers come as `rows` where orders come as a `list`."""
    return {"rows": page["list"], "nextPageCursor": page["nextPageCursor"]}


def _fill_row(fill: Fill, order: VenueOrder, market_id: str) -> dict[str, Any]:
    return {
        "symbol": market_id,
        "orderId": str(order.order_id),
        "orderLinkId": order.client_id,
        "side": order.side.value.capitalize(),
        "orderType": "Market" if order.limit_price is None else "Limit",
        "execType": "Trade",
        "execId": str(fill.trade_id),
        "execPrice": text_of(fill.price),
        "execQty": text_of(fill.quantity),
        "execValue": text_of(fill.price * fill.quantity),
        "execFee": text_of(fill.fee),
        "feeCurrency": fill.fee_currency,
        "execTime": str(fill.ts_ms),
        "isMaker": fill.maker,
    }


def _order_row(order: VenueOrder, market_id: str) -> dict[str, Any]:
    status = STATUS[order.status]
    if order.waiting and order.status.open:
        status = "Untriggered"
    elif order.fills and order.status is Status.CANCELLED:
        status = "PartiallyFilledCanceled"
    return {
        "orderId": str(order.order_id),
        "orderLinkId": order.client_id,
        "symbol": market_id,
        "price": text_of(order.limit_price or ZERO),
        "qty": text_of(order.quantity),
        "side": order.side.value.capitalize(),
        "orderStatus": status,
        "orderType": "Market" if order.limit_price is None else "Limit",
        "timeInForce": "PostOnly" if order.post_only else order.time_in_force.value.upper(),
        "avgPrice": text_of(order.cost / order.filled) if order.filled else "",
        "leavesQty": text_of(order.remaining if order.status.open else ZERO),
        "cumExecQty": text_of(order.filled),
        "cumExecValue": text_of(order.cost),
        "cumExecFee": text_of(sum((fill.fee for fill in order.fills), ZERO)),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "triggerPrice": text_of(order.trigger.price) if order.trigger else "",
        "marketUnit": "baseCoin",
    }
