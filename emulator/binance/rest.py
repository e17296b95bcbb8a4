"""Binance's REST surface for spot and the wallet: routes and weights."""

from collections.abc import Callable

from emulator.binance.budget import Budget
from emulator.binance.errors import BinanceError
from emulator.binance.guard import Guard, Params, Signed, Weight, one_or_all
from emulator.binance.public import PublicData, depth_weight
from emulator.binance.signed import SignedData
from emulator.binance.streams import Streams
from emulator.binance.wallet import Wallet
from emulator.calls import Answer, Call, Route, json_answer
from emulator.exchange import Exchange
from emulator.faults import Faults


class Rest:
    """All of /api/v3 and /sapi/v1 that the desk needs."""

    def __init__(self, exchange: Exchange, faults: Faults, streams: Streams, budget: Budget) -> None:
        self.budget = budget
        self.guard = Guard(exchange, faults, budget)
        self.public = PublicData(exchange, faults, lambda: self.budget.weight)
        self.signed = SignedData(exchange, self.public.symbol)
        self._wallet = Wallet(exchange)
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
            ("ticker/24hr", self.public.ticker_24hr, one_or_all(2, 80)),
            ("ticker/price", self.public.ticker_price, one_or_all(2, 4)),
            ("ticker/bookTicker", self.public.book_ticker, one_or_all(2, 4)),
        ]
        signed: list[tuple[str, str, Signed, Weight]] = [
            ("GET", "/api/v3/account", self.signed.account, 20),
            ("POST", "/api/v3/order", self.signed.place, 1),
            ("POST", "/api/v3/order/test", self.signed.test, 1),
            ("POST", "/api/v3/order/cancelReplace", self.signed.cancel_replace, 1),
            ("GET", "/api/v3/order", self.signed.query, 4),
            ("DELETE", "/api/v3/order", self.signed.cancel, 1),
            ("GET", "/api/v3/openOrders", self.signed.open_orders, one_or_all(6, 80)),
            ("DELETE", "/api/v3/openOrders", self.signed.cancel_all, 1),
            ("GET", "/api/v3/allOrders", self.signed.all_orders, 20),
            ("GET", "/api/v3/myTrades", self.signed.my_trades, 20),
            ("GET", "/sapi/v1/capital/deposit/hisrec", self._wallet.deposits, 1),
            ("GET", "/sapi/v1/capital/withdraw/history", self._wallet.withdrawals, 2),
            ("GET", "/sapi/v1/account/apiRestrictions", self._wallet.restrictions, 1),
        ]
        places = {("POST", "/api/v3/order"), ("POST", "/api/v3/order/cancelReplace")}
        routes = [Route("GET", f"/api/v3/{name}", self.guard.open(handle, weight)) for name, handle, weight in public]
        routes += [
            Route(method, path, self.guard.signed(handle, weight, order=(method, path) in places))
            for method, path, handle, weight in signed
        ]
        routes += [Route(method, "/api/v3/userDataStream", self._listen_key) for method in ("POST", "PUT", "DELETE")]
        return routes

    def _listen_key(self, call: Call) -> Answer:
        try:
            account = self.guard.listener(call)
        except BinanceError as error:
            return error.answer()
        if call.method == "POST":
            return json_answer({"listenKey": self._streams.listen_key(account)})
        if call.method == "DELETE":
            self._streams.forget(call.params.get("listenKey", ""))
        return json_answer({})
