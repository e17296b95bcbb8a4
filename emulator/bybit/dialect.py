"""Bybit's routes, its signature, and the form of its answers."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import orjson

from emulator.accounts import Account
from emulator.bybit.private import PrivateData
from emulator.bybit.public import PublicData
from emulator.bybit.words import REFUSALS, BybitError
from emulator.calls import Answer, Call, Route, json_answer
from emulator.exchange import Exchange
from emulator.faults import Fault, Faults
from emulator.orders import Refusal


class Bybit:
    """Routes under /v5; parameters come by query (GET) or as JSON (POST)."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._public = PublicData(exchange, faults)
        self._private = PrivateData(exchange, self._public)

    def routes(self) -> list[Route]:
        data, own = self._public, self._private
        public: dict[str, Callable[[dict[str, str]], Any]] = {
            "market/time": data.time,
            "market/instruments-info": data.instruments,
            "market/kline": data.kline,
            "market/orderbook": data.orderbook,
            "market/tickers": data.tickers,
            "market/recent-trade": data.recent_trades,
        }
        private: dict[tuple[str, str], Callable[[Account, dict[str, str]], Any]] = {
            ("GET", "user/query-api"): own.key_info,
            ("GET", "account/info"): own.account_info,
            ("GET", "account/query-dcp-info"): own.disconnect_window,
            ("GET", "asset/coin/query-info"): own.coins,
            ("GET", "asset/deposit/query-record"): own.deposits,
            ("GET", "asset/withdraw/query-record"): own.withdrawals,
            ("GET", "account/wallet-balance"): own.wallet,
            ("POST", "order/create"): own.create,
            ("POST", "order/cancel"): own.cancel,
            ("POST", "order/cancel-all"): own.cancel_all,
            ("POST", "order/disconnected-cancel-all"): own.on_disconnect,
            ("GET", "order/realtime"): own.realtime,
            ("GET", "order/history"): own.history,
            ("GET", "execution/list"): own.executions,
        }
        routes = [Route("GET", f"/v5/{name}", self._answering(_open(handle))) for name, handle in public.items()]
        routes += [
            Route(method, f"/v5/{name}", self._answering(self._guarded(handle)))
            for (method, name), handle in private.items()
        ]
        return routes

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
                code, message = REFUSALS[refusal.cause]
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
