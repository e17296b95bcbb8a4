"""Binance's REST surface for USD-margined contracts: routes and weights."""

from collections.abc import Callable

from emulator.binance.budget import Budget
from emulator.binance.contracts.account import FuturesAccount
from emulator.binance.contracts.history import FuturesHistory
from emulator.binance.contracts.orders import FuturesOrders
from emulator.binance.contracts.public import FuturesPublic
from emulator.binance.contracts.stream import FuturesStream
from emulator.binance.errors import BinanceError
from emulator.binance.guard import Guard, Params, Signed, Weight, one_or_all
from emulator.binance.public import PublicData
from emulator.calls import Answer, Call, Route, json_answer
from emulator.exchange import Exchange
from emulator.faults import Faults


class FuturesRest:
    """All of /fapi that the desk needs."""

    def __init__(self, exchange: Exchange, faults: Faults, stream: FuturesStream, budget: Budget) -> None:
        self.budget = budget
        self._guard = Guard(exchange, faults, budget, contracts=True)
        self._public = FuturesPublic(exchange)
        self._orders = FuturesOrders(exchange, self._public)
        self._account = FuturesAccount(exchange, self._public)
        self._history = FuturesHistory(exchange, PublicData(exchange, faults, listings=exchange.perpetuals))
        self._stream = stream

    def routes(self) -> list[Route]:
        """Weights: developers.binance.com/docs/derivatives/usds-margined-futures."""
        public, orders, account, history = self._public, self._orders, self._account, self._history
        opened: list[tuple[str, Callable[[Params], Answer], Weight]] = [
            ("ping", public.ping, 1),
            ("time", public.time, 1),
            ("exchangeInfo", public.exchange_info, 1),
            ("depth", public.depth, 10),
            ("ticker/24hr", public.ticker_24hr, one_or_all(1, 40)),
            ("ticker/price", public.ticker_price, one_or_all(1, 2)),
            ("ticker/bookTicker", public.book_ticker, one_or_all(2, 5)),
            ("premiumIndex", public.premium_index, one_or_all(1, 10)),
            ("klines", history.klines, 5),
            ("aggTrades", history.agg_trades, 20),
            ("fundingRate", history.funding_rate, 1),
        ]
        signed: list[tuple[str, str, Signed, Weight]] = [
            ("POST", "v1/order", orders.place, 1),
            ("POST", "v1/order/test", orders.test, 1),
            ("GET", "v1/order", orders.query, 1),
            ("DELETE", "v1/order", orders.cancel, 1),
            ("GET", "v1/openOrder", orders.open_order, 1),
            ("GET", "v1/openOrders", orders.open_orders, one_or_all(1, 40)),
            ("DELETE", "v1/allOpenOrders", orders.cancel_all, 1),
            ("GET", "v1/allOrders", orders.all_orders, 5),
            ("GET", "v1/userTrades", orders.trades, 5),
            ("POST", "v1/countdownCancelAll", orders.countdown, 10),
            ("POST", "v1/algoOrder", orders.place_stop, 1),
            ("GET", "v1/algoOrder", orders.query_stop, 1),
            ("DELETE", "v1/algoOrder", orders.cancel_stop, 1),
            ("GET", "v1/openAlgoOrders", orders.open_stops, one_or_all(1, 40)),
            ("DELETE", "v1/algoOpenOrders", orders.cancel_stops, 1),
            ("POST", "v1/leverage", account.leverage, 1),
            ("POST", "v1/marginType", account.margin_type, 1),
            ("GET", "v1/positionSide/dual", account.mode, 30),
            ("POST", "v1/positionSide/dual", account.set_mode, 1),
            ("GET", "v1/income", account.income, 30),
            ("GET", "v1/leverageBracket", account.brackets, 1),
            ("GET", "v1/symbolConfig", account.symbol_config, 5),
            ("GET", "v2/positionRisk", account.positions_v2, 5),
            ("GET", "v3/positionRisk", account.positions, 5),
            ("GET", "v2/account", account.account, 5),
            ("GET", "v3/account", account.account, 5),
            ("GET", "v2/balance", account.balance, 5),
            ("GET", "v3/balance", account.balance, 5),
        ]
        places = {("POST", "v1/order"), ("POST", "v1/algoOrder")}
        interest = self._guard.open(history.open_interest, 1)
        routes = [Route("GET", "/futures/data/openInterestHist", interest)]
        routes += [
            Route("GET", f"/fapi/v1/{name}", self._guard.open(handle, weight)) for name, handle, weight in opened
        ]
        routes += [
            Route(method, f"/fapi/{name}", self._guard.signed(handle, weight, order=(method, name) in places))
            for method, name, handle, weight in signed
        ]
        return routes + [Route(method, "/fapi/v1/listenKey", self._listen_key) for method in ("POST", "PUT", "DELETE")]

    def _listen_key(self, call: Call) -> Answer:
        """One key an account: asking again gives the same."""
        try:
            account = self._guard.listener(call)
        except BinanceError as error:
            return error.answer()
        if call.method == "DELETE":
            self._stream.forget(account)
            return json_answer({})
        return json_answer({"listenKey": self._stream.listen_key(account)})
