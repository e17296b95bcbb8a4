"""Bybit's v5 REST API for spot over the same core.

Source: bybit-exchange.github.io/docs/v5.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any

import orjson

from core.money import ZERO, text_of
from core.orders import Side, TimeInForce
from emulator.calls import Answer, Call, Route, decimal_of, json_answer
from emulator.candles import DAY_MS, served
from emulator.exchange import Account, Cause, Exchange, Refusal, Request, Status, VenueOrder
from emulator.faults import Fault, Faults
from emulator.path import MINUTE_MS

_INTERVALS = {str(n): n * MINUTE_MS for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {
    "D": DAY_MS,
    "W": 7 * DAY_MS,
}
_KLINES = 1_000
_STATUS = {
    Status.NEW: "New",
    Status.PARTIAL: "PartiallyFilled",
    Status.FILLED: "Filled",
    Status.CANCELLED: "Cancelled",
    Status.EXPIRED: "Cancelled",
}
_REFUSALS = {
    Cause.UNKNOWN_SYMBOL: (10001, "Not supported symbols"),
    Cause.PRICE_GRID: (170134, "Order price has too many decimals."),
    Cause.PRICE_BAND: (170193, "Buy order price cannot be higher than the maximum."),
    Cause.LOT_GRID: (170137, "Order quantity has too many decimals or is out of range."),
    Cause.NOTIONAL: (170140, "Order value exceeded lower limit."),
    Cause.FUNDS: (170131, "Insufficient balance."),
    Cause.DUPLICATE: (170141, "Duplicate clientOrderId"),
    Cause.WOULD_TAKE: (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    Cause.NO_LIQUIDITY: (170136, "No liquidity."),
    Cause.UNKNOWN_ORDER: (170213, "Order does not exist."),
    Cause.NOT_OPEN: (170213, "Order does not exist."),
    Cause.FROZEN: (10024, "The product or service you are seeking to access is not available to you."),
    Cause.BAD_PARAMETER: (10001, "Request parameter error."),
}


class BybitError(Exception):
    """Goes out as {"retCode": ..., "retMsg": ...} with status 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Bybit:
    """Routes under /v5; parameters come by query (GET) or as JSON (POST)."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._symbols = {item.market_id: symbol for symbol, item in exchange.listings.items()}

    def routes(self) -> list[Route]:
        public: dict[str, Callable[[dict[str, str]], Any]] = {
            "market/time": self._time,
            "market/instruments-info": self._instruments,
            "market/kline": self._kline,
            "market/orderbook": self._orderbook,
            "market/tickers": self._tickers,
            "market/recent-trade": self._recent_trades,
        }
        private: dict[tuple[str, str], Callable[[Account, dict[str, str]], Any]] = {
            ("GET", "user/query-api"): self._key_info,
            ("GET", "account/info"): self._account_info,
            ("GET", "asset/coin/query-info"): self._coins,
            ("GET", "account/wallet-balance"): self._wallet,
            ("POST", "order/create"): self._create,
            ("POST", "order/cancel"): self._cancel,
            ("POST", "order/cancel-all"): self._cancel_all,
            ("GET", "order/realtime"): self._realtime,
            ("GET", "order/history"): self._history,
            ("GET", "execution/list"): self._executions,
        }
        routes = [Route("GET", f"/v5/{name}", self._answering(_open(handle))) for name, handle in public.items()]
        routes += [
            Route(method, f"/v5/{name}", self._answering(self._guarded(handle)))
            for (method, name), handle in private.items()
        ]
        return routes

    # ── market data ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _time(self, params: dict[str, str]) -> Any:
        now = self._exchange.clock.claimed_ms()
        return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}

    def _instruments(self, params: dict[str, str]) -> Any:
        self._spot_only(params)
        rows = []
        for market_id, symbol in self._symbols.items():
            if params.get("symbol", market_id) != market_id:
                continue
            instrument = self._exchange.listing(symbol).instrument
            rows.append(
                {
                    "symbol": market_id,
                    "baseCoin": instrument.base,
                    "quoteCoin": instrument.quote,
                    "innovation": "0",
                    "status": "Trading",
                    "marginTrading": "none",
                    "lotSizeFilter": {
                        "basePrecision": text_of(instrument.lot_size),
                        "quotePrecision": "0.00000001",
                        "minOrderQty": text_of(instrument.min_quantity),
                        "maxOrderQty": text_of(instrument.max_quantity or ZERO),
                        "minOrderAmt": text_of(instrument.min_notional),
                        "maxOrderAmt": "4000000",
                    },
                    "priceFilter": {"tickSize": text_of(instrument.tick_size)},
                }
            )
        return {"category": "spot", "list": rows}

    def _kline(self, params: dict[str, str]) -> Any:
        """Newest first; with a start and no end the newest of the range are cut off, as at the venue."""
        self._spot_only(params)
        symbol, step = self._symbol(params), _INTERVALS.get(params.get("interval", ""))
        if step is None:
            raise BybitError(10001, "Invalid period!")
        start, end = _whole(params, "start"), _whole(params, "end")
        limit = min(_whole(params, "limit") or 200, _KLINES)
        found = served(
            self._exchange, self._faults, symbol, step, start_ms=start, end_ms=end, limit=limit, newest=end is not None
        )
        market = self._exchange.market(symbol)
        rows = []
        columns = (found.open_ms, found.open, found.high, found.low, found.close, found.volume)
        for t, o, h, low, c, v in zip(*(column.tolist() for column in columns), strict=True):
            volume, prices = market.quantity(v), [market.price(ticks) for ticks in (o, h, low, c)]
            rows.append([str(t), *map(text_of, prices), text_of(volume), text_of(volume * prices[-1])])
        return {"category": "spot", "symbol": params["symbol"], "list": rows[::-1]}

    def _orderbook(self, params: dict[str, str]) -> Any:
        self._spot_only(params)
        market, limit = self._exchange.market(self._symbol(params)), min(_whole(params, "limit") or 1, 200)
        bids, asks = market.bids.all(), market.asks.all()

        def row(ticks: int, lots: int) -> list[str]:
            return [text_of(market.price(ticks)), text_of(market.quantity(lots))]

        return {
            "s": params["symbol"],
            "b": [row(t, bids[t]) for t in sorted(bids, reverse=True)[:limit]],
            "a": [row(t, asks[t]) for t in sorted(asks)[:limit]],
            "ts": self._exchange.clock.claimed_ms(),
            "u": market.last_id,
            "seq": market.last_id,
            "cts": self._exchange.clock.claimed_ms(),
        }

    def _tickers(self, params: dict[str, str]) -> Any:
        self._spot_only(params)
        symbols = [self._symbol(params)] if "symbol" in params else list(self._exchange.listings)
        return {"category": "spot", "list": [self._ticker_row(symbol) for symbol in symbols]}

    def _ticker_row(self, symbol: str) -> dict[str, Any]:
        market = self._exchange.market(symbol)
        minute = self._exchange.clock.now_ms() // MINUTE_MS * MINUTE_MS
        day = self._exchange.paths[symbol].bars(MINUTE_MS, minute - DAY_MS, 1440)
        bid, ask, last = market.best_bid, market.best_ask, market.price(market.trades[-1].ticks)
        opened, volume = market.price(int(day.open[0])), market.quantity(int(day.volume.sum()))
        return {
            "symbol": market.listing.market_id,
            "bid1Price": text_of(market.price(bid)),
            "bid1Size": text_of(market.quantity(market.bids.lots(bid))),
            "ask1Price": text_of(market.price(ask)),
            "ask1Size": text_of(market.quantity(market.asks.lots(ask))),
            "lastPrice": text_of(last),
            "prevPrice24h": text_of(opened),
            "price24hPcnt": f"{(last - opened) / opened:.4f}",
            "highPrice24h": text_of(market.price(int(day.high.max()))),
            "lowPrice24h": text_of(market.price(int(day.low.min()))),
            "turnover24h": f"{volume * last:.8f}",
            "volume24h": text_of(volume),
        }

    def _recent_trades(self, params: dict[str, str]) -> Any:
        self._spot_only(params)
        market, limit = self._exchange.market(self._symbol(params)), min(_whole(params, "limit") or 60, 60)
        rows = [
            {
                "execId": str(trade.trade_id),
                "symbol": params["symbol"],
                "price": text_of(market.price(trade.ticks)),
                "size": text_of(market.quantity(trade.lots)),
                "side": trade.taker.value.capitalize(),
                "time": str(trade.ts_ms),
                "isBlockTrade": False,
            }
            for trade in reversed(list(market.trades)[-limit:])
        ]
        return {"category": "spot", "list": rows}

    # ── account and orders ──────────────────────────────────────────────────────────────────────────────────────────

    def _key_info(self, account: Account, params: dict[str, str]) -> Any:
        permissions = {"Spot": ["SpotTrade"], "Wallet": [], "ContractTrade": [], "Options": []}
        return {"id": "1", "apiKey": account.key, "readOnly": 0, "permissions": permissions, "unified": 0, "uta": 1}

    def _account_info(self, account: Account, params: dict[str, str]) -> Any:
        return {"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN", "updatedTime": "1697078946000"}

    def _coins(self, account: Account, params: dict[str, str]) -> Any:
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

    def _wallet(self, account: Account, params: dict[str, str]) -> Any:
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

    def _create(self, account: Account, params: dict[str, str]) -> Any:
        self._spot_only(params)
        side, kind = params.get("side", "").lower(), params.get("orderType")
        amount, price = decimal_of(params.get("qty")), decimal_of(params.get("price"))
        if side not in set(Side) or kind not in ("Limit", "Market") or amount is None:
            raise BybitError(10001, "Request parameter error.")
        if kind == "Limit" and price is None:
            raise BybitError(10001, "Price is required for limit orders.")
        # A market buy is in quote currency unless it says otherwise.
        in_quote = kind == "Market" and side == Side.BUY and params.get("marketUnit", "quoteCoin") == "quoteCoin"
        tif = params.get("timeInForce", "GTC")
        request = Request(
            symbol=self._symbol(params),
            side=Side(side),
            quantity=None if in_quote else amount,
            funds=amount if in_quote else None,
            limit_price=price if kind == "Limit" else None,
            client_id=params.get("orderLinkId") or secrets.token_hex(16),
            time_in_force=TimeInForce.GTC if tif == "PostOnly" else TimeInForce(tif.lower()),
            post_only=tif == "PostOnly",
        )
        order = self._exchange.place(account, request)
        return {"orderId": str(order.order_id), "orderLinkId": order.client_id}

    def _cancel(self, account: Account, params: dict[str, str]) -> Any:
        order = self._exchange.find(
            account,
            order_id=_whole(params, "orderId"),
            client_id=params.get("orderLinkId"),
            symbol=self._symbol(params),
        )
        self._exchange.cancel(account, order)
        return {"orderId": str(order.order_id), "orderLinkId": order.client_id}

    def _cancel_all(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        symbol = self._symbol(params) if "symbol" in params else None
        orders = [self._exchange.cancel(account, order) for order in account.open_orders(symbol)]
        return {"list": [{"orderId": str(o.order_id), "orderLinkId": o.client_id} for o in orders], "success": "1"}

    def _realtime(self, account: Account, params: dict[str, str]) -> Any:
        """Open orders; asked for by id, a recently closed one too."""
        self._exchange.advance()
        named = params.get("orderId") or params.get("orderLinkId")
        found = list(account.orders.values()) if named else account.open_orders()
        return self._orders(found, params)

    def _history(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        return self._orders([order for order in account.orders.values() if not order.status.open], params)

    def _executions(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        rows = [
            {
                "symbol": self._exchange.listing(order.symbol).market_id,
                "orderId": str(order.order_id),
                "orderLinkId": order.client_id,
                "side": order.side.value.capitalize(),
                "orderType": "Market" if order.limit_price is None else "Limit",
                "execId": str(fill.trade_id),
                "execPrice": text_of(fill.price),
                "execQty": text_of(fill.quantity),
                "execValue": text_of(fill.price * fill.quantity),
                "execFee": text_of(fill.fee),
                "feeCurrency": fill.fee_currency,
                "execTime": str(fill.ts_ms),
                "isMaker": fill.maker,
            }
            for order in account.orders.values()
            if _is(order, params, self._exchange)
            for fill in order.fills
        ]
        return {"category": "spot", "nextPageCursor": "", "list": rows[::-1]}

    def _orders(self, orders: list[VenueOrder], params: dict[str, str]) -> Any:
        found = [self._order_row(order) for order in reversed(orders) if _is(order, params, self._exchange)]
        return {"category": "spot", "nextPageCursor": "", "list": found[: _whole(params, "limit") or 20]}

    def _order_row(self, order: VenueOrder) -> dict[str, Any]:
        status = (
            "PartiallyFilledCanceled" if order.fills and order.status is Status.CANCELLED else _STATUS[order.status]
        )
        return {
            "orderId": str(order.order_id),
            "orderLinkId": order.client_id,
            "symbol": self._exchange.listing(order.symbol).market_id,
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
            "marketUnit": "baseCoin",
        }

    # ── around all of it ────────────────────────────────────────────────────────────────────────────────────────────

    def _symbol(self, params: dict[str, str]) -> str:
        if params.get("symbol", "") not in self._symbols:
            raise BybitError(10001, "Not supported symbols")
        return self._symbols[params["symbol"]]

    @staticmethod
    def _spot_only(params: dict[str, str]) -> None:
        if params.get("category") != "spot":
            raise BybitError(10001, "Illegal category")

    def _prove(self, call: Call) -> Account:
        """X-BAPI-SIGN = HMAC-SHA256 of timestamp + key + recv window + query or body."""
        account = self._exchange.accounts.get(call.headers.get("x-bapi-api-key", ""))
        if account is None:
            raise BybitError(10003, "API key is invalid.")
        stamp, window = call.headers.get("x-bapi-timestamp", ""), call.headers.get("x-bapi-recv-window", "5000")
        if not stamp.isdigit() or not window.isdigit():
            raise BybitError(10001, "Request parameter error.")
        now = self._exchange.clock.claimed_ms()
        if not now - int(window) <= int(stamp) < now + 1000:
            text = "invalid request, please check your server timestamp or recv_window param. "
            raise BybitError(10002, f"{text}req_timestamp[{stamp}],server_timestamp[{now}],recv_window[{window}]")
        signed = stamp + account.key + window + (call.body if call.method == "POST" else call.query)
        expected = hmac.new(account.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, call.headers.get("x-bapi-sign", "")):
            raise BybitError(10004, "error sign! please check your signature generation algorithm.")
        account.frozen = self._faults.standing(Fault.FROZEN) is not None
        return account

    def _guarded(self, handle: Callable[[Account, dict[str, str]], Any]) -> Callable[[Call], Any]:
        return lambda call: handle(self._prove(call), _read(call))

    def _answering(self, handle: Callable[[Call], Any]) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            code, message, result = 0, "OK", {}
            try:
                result = handle(call)
            except BybitError as error:
                code, message = error.code, str(error)
            except Refusal as refusal:
                code, message = _REFUSALS[refusal.cause]
            except ValueError:
                code, message = 10001, "Request parameter error."
            now = self._exchange.clock.claimed_ms()
            return json_answer({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now})

        return answer


def _open(handle: Callable[[dict[str, str]], Any]) -> Callable[[Call], Any]:
    return lambda call: handle(call.params)


def _read(call: Call) -> dict[str, str]:
    """Parameters of a signed call: the JSON body of a POST, else the query."""
    if call.method != "POST":
        return call.params
    body = orjson.loads(call.body)  # JSONDecodeError is a ValueError
    if not isinstance(body, dict):
        raise ValueError(f"expected an object, found {type(body).__name__}")
    return {key: str(value) for key, value in body.items() if value is not None}


def _is(order: VenueOrder, params: dict[str, str], exchange: Exchange) -> bool:
    return (
        params.get("symbol", exchange.listing(order.symbol).market_id) == exchange.listing(order.symbol).market_id
        and (params.get("orderId") or str(order.order_id)) == str(order.order_id)
        and (params.get("orderLinkId") or order.client_id) == order.client_id
    )


def _whole(params: dict[str, str], key: str) -> int | None:
    value = params.get(key)
    if value is None or value == "":
        return None
    if not value.isdigit():
        raise BybitError(10001, f"Request parameter error: {key}.")
    return int(value)
