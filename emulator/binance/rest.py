"""Binance's REST surface: routes, weights, signatures."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from emulator.binance.budget import Budget
from emulator.binance.errors import BinanceError, missing, refused
from emulator.binance.public import PublicData, depth_weight
from emulator.binance.signed import SignedData
from emulator.binance.streams import Streams
from emulator.calls import Answer, Call, Route, json_answer
from emulator.exchange import Account, Exchange, Refusal
from emulator.faults import Fault, Faults

Params = dict[str, str]
Weight = int | Callable[[Params], int]
Signed = Callable[[Account, Params], Any]
_RECV_WINDOW_MS = 5_000
_AHEAD_MS = 1_000


def _one_or_all(one: int, every: int) -> Callable[[Params], int]:
    return lambda params: one if "symbol" in params else every


class Rest:
    """All of /api/v3 that the desk needs."""

    def __init__(self, exchange: Exchange, faults: Faults, streams: Streams, *, weight_limit: int) -> None:
        self.budget = Budget(exchange.clock, weight_limit)
        self.public = PublicData(exchange, faults, lambda: self.budget.weight)
        self.signed = SignedData(exchange, self.public.symbol)
        self._exchange = exchange
        self._faults = faults
        self._streams = streams

    def routes(self) -> list[Route]:
        """Weights: github.com/binance/binance-spot-api-docs, rest-api.md."""
        public: list[tuple[str, Callable[[Params], Answer], Weight]] = [
            ("ping", self.public.ping, 1),
            ("time", self.public.time, 1),
            ("exchangeInfo", self.public.exchange_info, 20),
            ("klines", self.public.klines, 2),
            ("depth", self.public.depth, depth_weight),
            ("trades", self.public.trades, 25),
            ("aggTrades", self.public.agg_trades, 4),
            ("ticker/24hr", self.public.ticker_24hr, _one_or_all(2, 80)),
            ("ticker/price", self.public.ticker_price, _one_or_all(2, 4)),
            ("ticker/bookTicker", self.public.book_ticker, _one_or_all(2, 4)),
        ]
        signed: list[tuple[str, str, Signed, Weight]] = [
            ("GET", "account", self.signed.account, 20),
            ("POST", "order", self.signed.place, 1),
            ("POST", "order/test", self.signed.test, 1),
            ("GET", "order", self.signed.query, 4),
            ("DELETE", "order", self.signed.cancel, 1),
            ("GET", "openOrders", self.signed.open_orders, _one_or_all(6, 80)),
            ("DELETE", "openOrders", self.signed.cancel_all, 1),
            ("GET", "allOrders", self.signed.all_orders, 20),
            ("GET", "myTrades", self.signed.my_trades, 20),
        ]
        routes = [Route("GET", f"/api/v3/{name}", self._open(handle, weight)) for name, handle, weight in public]
        routes += [
            Route(method, f"/api/v3/{name}", self._guarded(handle, weight, order=(method, name) == ("POST", "order")))
            for method, name, handle, weight in signed
        ]
        routes += [Route(method, "/api/v3/userDataStream", self._listen_key) for method in ("POST", "PUT", "DELETE")]
        return routes

    def prove(self, params: Params, key: str | None, payload: str) -> Account:
        """The account that signed `payload`; raises -2014, -2015, -1021, -1022."""
        if not key:
            raise BinanceError(-2014, "API-key format invalid.", 401)
        account = self._exchange.accounts.get(key)
        if account is None:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if not params.get("timestamp", "").isdigit():
            raise missing("timestamp")
        if not params.get("signature"):
            raise missing("signature")
        stamp, window = int(params["timestamp"]), int(float(params.get("recvWindow", _RECV_WINDOW_MS)))
        now = self._exchange.clock.claimed_ms()
        if stamp >= now + _AHEAD_MS:
            raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - stamp > window:
            raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")
        digest = hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(digest, params["signature"]):
            raise BinanceError(-1022, "Signature for this request is not valid.")
        account.frozen = self._faults.standing(Fault.FROZEN) is not None
        return account

    def _open(self, handle: Callable[[Params], Answer], weight: Weight) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            try:
                headers = self.budget.spend(weight if isinstance(weight, int) else weight(call.params))
                found = handle(call.params)
            except BinanceError as error:
                return error.answer()
            except Refusal as refusal:
                return refused(refusal).answer()
            return Answer(found.body, found.status, headers)

        return answer

    def _guarded(self, handle: Signed, weight: Weight, *, order: bool) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            try:
                cost = weight if isinstance(weight, int) else weight(call.params)
                headers = self.budget.spend(cost, order=order)
                account = self.prove(call.params, call.headers.get("x-mbx-apikey"), _signed_text(call))
                return json_answer(handle(account, call.params), headers=headers)
            except BinanceError as error:
                return error.answer()
            except Refusal as refusal:
                return refused(refusal).answer()

        return answer

    def _listen_key(self, call: Call) -> Answer:
        account = self._exchange.accounts.get(call.headers.get("x-mbx-apikey", ""))
        if account is None:
            return BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401).answer()
        if call.method == "POST":
            return json_answer({"listenKey": self._streams.listen_key(account)})
        if call.method == "DELETE":
            self._streams.forget(call.params.get("listenKey", ""))
        return json_answer({})


def _signed_text(call: Call) -> str:
    """Query and body, joined without a separator and without the signature: what was signed."""
    text = call.query + call.body
    head, _, _ = text.rpartition("signature=")
    return head.rstrip("&")
