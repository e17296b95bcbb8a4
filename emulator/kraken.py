"""Kraken's spot REST API over the same core: /0/public and /0/private.

Source: docs.kraken.com/api-reference; shapes compared with recorded answers.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.money import ZERO, text_of
from core.orders import Side, TimeInForce
from emulator import tape
from emulator.calls import Answer, Call, Route, decimal_of, json_answer
from emulator.candles import DAY_MS, served
from emulator.exchange import Account, Cause, Exchange, Refusal, Request, Status, VenueOrder
from emulator.faults import Fault, Faults
from emulator.path import MINUTE_MS

OHLC_ROWS = 720  # the most recent, whatever `since` says
_INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080)
_ASSETS = {"BTC": "XXBT", "ETH": "XETH", "XRP": "XXRP", "LTC": "XLTC", "DOGE": "XXDG"}
_SHORT = {"BTC": "XBT", "DOGE": "XDG"}
_STATUS = {
    Status.NEW: "open",
    Status.PARTIAL: "open",
    Status.FILLED: "closed",
    Status.CANCELLED: "canceled",
    Status.EXPIRED: "expired",
}
_REFUSALS = {
    Cause.UNKNOWN_SYMBOL: "EQuery:Unknown asset pair",
    Cause.PRICE_GRID: "EOrder:Invalid price",
    Cause.PRICE_BAND: "EOrder:Invalid price",
    Cause.LOT_GRID: "EOrder:Order minimum not met",
    Cause.NOTIONAL: "EOrder:Cost minimum not met",
    Cause.FUNDS: "EOrder:Insufficient funds",
    Cause.DUPLICATE: "EOrder:cl_ord_id must be unique per user",
    Cause.WOULD_TAKE: "EOrder:Post only order",
    Cause.NO_LIQUIDITY: "EOrder:Unknown position",
    Cause.UNKNOWN_ORDER: "EOrder:Unknown order",
    Cause.NOT_OPEN: "EOrder:Unknown order",
    Cause.FROZEN: "EGeneral:Permission denied",
    Cause.BAD_PARAMETER: "EGeneral:Invalid arguments",
}
_PUBLIC = ("Time", "SystemStatus", "Assets", "AssetPairs", "OHLC", "Depth", "Ticker", "Trades")
_PRIVATE = (
    *("Balance", "BalanceEx", "OpenOrders", "ClosedOrders", "QueryOrders"),
    *("TradesHistory", "AddOrder", "CancelOrder", "CancelAll"),
)


class KrakenError(Exception):
    """Goes out as {"error": ["..."]} with status 200."""


class Kraken:
    """Routes of both halves; every answer is {"error": [], "result": ...}."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._pairs = {_pair_id(item.instrument.symbol): symbol for symbol, item in exchange.listings.items()}
        self._nonces: dict[str, int] = {}

    def routes(self) -> list[Route]:
        found = []
        for name in _PUBLIC:
            handle = getattr(self, f"_{name.lower()}")
            found.append(Route("GET", f"/0/public/{name}", self._answering(self._public(handle))))
        for name in _PRIVATE:
            handle = getattr(self, f"_{name.lower()}")
            found.append(Route("POST", f"/0/private/{name}", self._answering(self._private(handle))))
        return found

    # ── market data ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _time(self, params: dict[str, str]) -> Any:
        now = self._exchange.clock.claimed_ms() // 1000
        return {"unixtime": now, "rfc1123": datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %y %H:%M:%S +0000")}

    def _systemstatus(self, params: dict[str, str]) -> Any:
        now = datetime.fromtimestamp(self._exchange.clock.claimed_ms() // 1000, UTC)
        return {"status": "online", "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _assets(self, params: dict[str, str]) -> Any:
        coins = {coin for symbol in self._exchange.listings for coin in symbol.split("/")}
        return {
            _ASSETS.get(coin, coin): {
                "aclass": "currency",
                "altname": _SHORT.get(coin, coin),
                "decimals": 10,
                "display_decimals": 5,
                "status": "enabled",
            }
            for coin in sorted(coins)
        }

    def _assetpairs(self, params: dict[str, str]) -> Any:
        rows = {}
        for pair, symbol in self._pairs.items():
            instrument = self._exchange.listing(symbol).instrument
            short = f"{_SHORT.get(instrument.base, instrument.base)}/{_SHORT.get(instrument.quote, instrument.quote)}"
            rows[pair] = {
                "altname": pair,
                "wsname": short,
                "aclass_base": "currency",
                "base": _ASSETS.get(instrument.base, instrument.base),
                "aclass_quote": "currency",
                "quote": _ASSETS.get(instrument.quote, instrument.quote),
                "lot": "unit",
                "cost_decimals": 5,
                "pair_decimals": _decimals(instrument.tick_size),
                "lot_decimals": _decimals(instrument.lot_size),
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "fee_volume_currency": "ZUSD",
                "margin_call": 80,
                "margin_stop": 40,
                "ordermin": text_of(instrument.min_quantity),
                "costmin": text_of(instrument.min_notional),
                "tick_size": text_of(instrument.tick_size),
                "status": "online",
            }
        return rows

    def _ohlc(self, params: dict[str, str]) -> Any:
        symbol = self._symbol(params)
        interval = int(params.get("interval", "1"))
        if interval not in _INTERVALS:
            raise KrakenError("EGeneral:Invalid arguments")
        step = interval * MINUTE_MS
        found = served(
            self._exchange, self._faults, symbol, step, start_ms=None, end_ms=None, limit=OHLC_ROWS, newest=True
        )
        if since := int(params.get("since", "0")):
            found = found.where(found.open_ms > since * 1000)
        market = self._exchange.market(symbol)
        price, rows = market.price, []
        columns = (found.open_ms, found.open, found.high, found.low, found.close, found.volume, found.trades)
        for t, o, h, low, c, v, n in zip(*(column.tolist() for column in columns), strict=True):
            prices = [text_of(price(ticks)) for ticks in (o, h, low, c, (o + c) // 2)]
            rows.append([t // 1000, *prices, text_of(market.quantity(v)), n])
        last = self._exchange.clock.now_ms() // step * step - step
        return {params["pair"]: rows, "last": last // 1000}

    def _depth(self, params: dict[str, str]) -> Any:
        market = self._exchange.market(self._symbol(params))
        count, now = min(int(params.get("count", "100")), 500), self._exchange.clock.claimed_ms() // 1000
        bids, asks = market.bids.all(), market.asks.all()

        def row(ticks: int, lots: int) -> list[Any]:
            return [text_of(market.price(ticks)), text_of(market.quantity(lots)), now]

        return {
            params["pair"]: {
                "asks": [row(t, asks[t]) for t in sorted(asks)[:count]],
                "bids": [row(t, bids[t]) for t in sorted(bids, reverse=True)[:count]],
            }
        }

    def _ticker(self, params: dict[str, str]) -> Any:
        pairs = params["pair"].split(",") if "pair" in params else list(self._pairs)
        return {pair: self._ticker_row(self._symbol({"pair": pair})) for pair in pairs}

    def _ticker_row(self, symbol: str) -> dict[str, Any]:
        market = self._exchange.market(symbol)
        minute = self._exchange.clock.now_ms() // MINUTE_MS * MINUTE_MS
        day = self._exchange.paths[symbol].bars(MINUTE_MS, minute - DAY_MS, 1440)
        bid, ask, last = market.best_bid, market.best_ask, market.trades[-1]

        def best(ticks: int, lots: int) -> list[str]:
            return [text_of(market.price(ticks)), "1", text_of(market.quantity(lots))]

        def twice(number: Decimal) -> list[str]:
            return [text_of(number)] * 2

        return {
            "a": best(ask, market.asks.lots(ask)),
            "b": best(bid, market.bids.lots(bid)),
            "c": [text_of(market.price(last.ticks)), text_of(market.quantity(last.lots))],
            "v": twice(market.quantity(int(day.volume.sum()))),
            "p": twice(market.price(int(day.close.mean()))),
            "t": [int(day.trades.sum())] * 2,
            "l": twice(market.price(int(day.low.min()))),
            "h": twice(market.price(int(day.high.max()))),
            "o": text_of(market.price(int(day.open[0]))),
        }

    def _trades(self, params: dict[str, str]) -> Any:
        market = self._exchange.market(self._symbol(params))
        since, count = decimal_of(params.get("since")) or ZERO, int(params.get("count", "1000"))
        # Seconds or nanoseconds, as the venue takes both.
        since_ms = int(since / 1_000_000 if since > 10**15 else since * 1000)
        page = tape.between(market, since_ms + 1 if since else None, None, count)
        rows = [
            [
                text_of(market.price(trade.ticks)),
                text_of(market.quantity(trade.lots)),
                trade.ts_ms / 1000,
                "b" if trade.taker is Side.BUY else "s",
                "m",
                "",
                trade.trade_id,
            ]
            for trade in page
        ]
        last = page[-1].ts_ms if page else since_ms
        return {params["pair"]: rows, "last": str(last * 1_000_000)}

    # ── account and orders ──────────────────────────────────────────────────────────────────────────────────────────

    def _balance(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        return {_ASSETS.get(c, c): text_of(h.free + h.locked) for c, h in sorted(account.holdings.items())}

    def _balanceex(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        return {
            _ASSETS.get(c, c): {"balance": text_of(h.free + h.locked), "hold_trade": text_of(h.locked)}
            for c, h in sorted(account.holdings.items())
        }

    def _addorder(self, account: Account, params: dict[str, str]) -> Any:
        symbol = self._symbol(params)
        kind, volume = params.get("ordertype"), decimal_of(params.get("volume"))
        price = decimal_of(params.get("price"))
        if params.get("type") not in set(Side) or kind not in ("limit", "market") or volume is None:
            raise KrakenError("EGeneral:Invalid arguments")
        if kind == "limit" and price is None:
            raise KrakenError("EGeneral:Invalid arguments:price")
        flags = params.get("oflags", "").split(",")
        request = Request(
            symbol=symbol,
            side=Side(params["type"]),
            quantity=None if "viqc" in flags else volume,
            funds=volume if "viqc" in flags else None,
            limit_price=price if kind == "limit" else None,
            client_id=params.get("cl_ord_id") or secrets.token_hex(16),
            time_in_force=TimeInForce(params.get("timeinforce", "GTC").lower()),
            post_only="post" in flags,
        )
        if params.get("validate") in ("true", "1"):
            return {"descr": {"order": _described(request.side, volume, params["pair"], request.limit_price)}}
        order = self._exchange.place(account, request)
        return {"txid": [_txid(order)], "descr": {"order": self._describe(order)}}

    def _cancelorder(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.cancel(account, self._order(account, params.get("txid"), params.get("cl_ord_id")))
        return {"count": 1}

    def _cancelall(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        return {"count": len([self._exchange.cancel(account, order) for order in account.open_orders()])}

    def _openorders(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        found = [o for o in account.open_orders() if params.get("cl_ord_id", o.client_id) == o.client_id]
        return {"open": {_txid(order): self._order_row(order) for order in found}}

    def _closedorders(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        wanted = params.get("cl_ord_id")
        found = [o for o in account.orders.values() if not o.status.open and wanted in (None, o.client_id)]
        return {"closed": {_txid(o): self._order_row(o) for o in reversed(found)}, "count": len(found)}

    def _queryorders(self, account: Account, params: dict[str, str]) -> Any:
        found = [self._order(account, txid, None) for txid in params.get("txid", "").split(",")]
        return {_txid(order): self._order_row(order) for order in found}

    def _tradeshistory(self, account: Account, params: dict[str, str]) -> Any:
        self._exchange.advance()
        rows = {
            f"T{fill.trade_id:017d}": {
                "ordertxid": _txid(order),
                "pair": _pair_id(order.symbol),
                "time": fill.ts_ms / 1000,
                "type": order.side.value,
                "ordertype": "market" if order.limit_price is None else "limit",
                "price": text_of(fill.price),
                "cost": text_of(fill.price * fill.quantity),
                "fee": text_of(fill.fee if order.side is Side.SELL else fill.fee * fill.price),
                "vol": text_of(fill.quantity),
                "margin": "0.00000",
                "misc": "",
                "maker": fill.maker,
            }
            for order in account.orders.values()
            for fill in order.fills
        }
        return {"trades": rows, "count": len(rows)}

    def _order(self, account: Account, txid: str | None, client_id: str | None) -> VenueOrder:
        number = int(txid.replace("-", "")[1:], 36) if txid and txid.replace("-", "")[1:].isalnum() else None
        return self._exchange.find(account, order_id=number, client_id=client_id)

    def _order_row(self, order: VenueOrder) -> dict[str, Any]:
        average = order.cost / order.filled if order.filled else ZERO
        fee = sum((f.fee if order.side is Side.SELL else f.fee * f.price for f in order.fills), ZERO)
        return {
            "refid": None,
            "userref": None,
            "cl_ord_id": order.client_id,
            "status": _STATUS[order.status],
            "opentm": order.created_ms / 1000,
            "starttm": 0,
            "expiretm": 0,
            "closetm": 0 if order.status.open else order.updated_ms / 1000,
            "descr": {
                "pair": _pair_id(order.symbol),
                "type": order.side.value,
                "ordertype": "market" if order.limit_price is None else "limit",
                "price": text_of(order.limit_price or ZERO),
                "price2": "0",
                "leverage": "none",
                "order": self._describe(order),
                "close": "",
            },
            "vol": text_of(order.quantity),
            "vol_exec": text_of(order.filled),
            "cost": text_of(order.cost),
            "fee": text_of(fee),
            "price": text_of(average),
            "stopprice": "0",
            "limitprice": "0",
            "misc": "",
            "oflags": "fciq",
            "trades": [f"T{fill.trade_id:017d}" for fill in order.fills],
        }

    @staticmethod
    def _describe(order: VenueOrder) -> str:
        return _described(order.side, order.quantity, _pair_id(order.symbol), order.limit_price)

    # ── around all of it ────────────────────────────────────────────────────────────────────────────────────────────

    def _symbol(self, params: dict[str, str]) -> str:
        pair = params.get("pair", "")
        if pair not in self._pairs:
            raise KrakenError("EQuery:Unknown asset pair")
        return self._pairs[pair]

    def _public(self, handle: Callable[[dict[str, str]], Any]) -> Callable[[Call], Any]:
        return lambda call: handle(call.params)

    def _private(self, handle: Callable[[Account, dict[str, str]], Any]) -> Callable[[Call], Any]:
        return lambda call: handle(self._prove(call), call.params)

    def _prove(self, call: Call) -> Account:
        """API-Sign = HMAC-SHA512 of path + SHA256(nonce + body), base64."""
        account = self._exchange.accounts.get(call.headers.get("api-key", ""))
        if account is None:
            raise KrakenError("EAPI:Invalid key")
        nonce = call.params.get("nonce", "")
        if not nonce.isdigit() or int(nonce) <= self._nonces.get(account.key, 0):
            raise KrakenError("EAPI:Invalid nonce")
        digest = hashlib.sha256((nonce + call.body).encode()).digest()
        secret = base64.b64decode(account.secret)
        expected = base64.b64encode(hmac.new(secret, call.path.encode() + digest, hashlib.sha512).digest()).decode()
        if not hmac.compare_digest(expected, call.headers.get("api-sign", "")):
            raise KrakenError("EAPI:Invalid signature")
        self._nonces[account.key] = int(nonce)
        account.frozen = self._faults.standing(Fault.FROZEN) is not None
        return account

    @staticmethod
    def _answering(handle: Callable[[Call], Any]) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            try:
                return json_answer({"error": [], "result": handle(call)})
            except KrakenError as error:
                return json_answer({"error": [str(error)]})
            except Refusal as refusal:
                return json_answer({"error": [_REFUSALS[refusal.cause]]})
            except ValueError:
                return json_answer({"error": ["EGeneral:Invalid arguments"]})

        return answer


def _pair_id(symbol: str) -> str:
    base, _, quote = symbol.partition("/")
    return _SHORT.get(base, base) + _SHORT.get(quote, quote)


def _decimals(increment: Decimal) -> int:
    return max(0, -int(increment.normalize().as_tuple().exponent))


def _described(side: Side, quantity: Decimal, pair: str, price: Decimal | None) -> str:
    return f"{side.value} {quantity:.8f} {pair} @ " + ("market" if price is None else f"limit {text_of(price)}")


def _txid(order: VenueOrder) -> str:
    """OXXXXX-XXXXX-XXXXXX, as Kraken writes it: the order's number in base 36."""
    digits, number = "", order.order_id
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + digits
    filled = digits.rjust(16, "0")
    return f"O{filled[:5]}-{filled[5:10]}-{filled[10:]}"
