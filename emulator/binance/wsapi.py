"""Binance's WebSocket API: requests with answers, and the signed user data subscription that ccxt.pro uses."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from emulator.accounts import Account
from emulator.acting import acting
from emulator.binance.connection import Connection
from emulator.binance.errors import BinanceError, refused
from emulator.binance.rest import Rest
from emulator.binance.streams import Streams
from emulator.calls import Answer, client_id_in
from emulator.exchange import Exchange
from emulator.faults import Faults
from emulator.orders import Refusal

Params = dict[str, str]


class WebSocketApi:
    """The same endpoints as REST under other names; parameters are signed sorted by name."""

    def __init__(self, exchange: Exchange, rest: Rest, streams: Streams, faults: Faults) -> None:
        self._exchange = exchange
        self._rest = rest
        self._streams = streams
        self._faults = faults
        self._public: dict[str, Callable[[Params], Answer]] = {
            "ping": rest.public.ping,
            "time": rest.public.time,
            "exchangeInfo": rest.public.exchange_info,
            "depth": rest.public.depth,
            "klines": rest.public.klines,
            "trades.recent": rest.public.trades,
            "trades.aggregate": rest.public.agg_trades,
            "ticker.24hr": rest.public.ticker_24hr,
            "ticker.book": rest.public.book_ticker,
        }
        self._signed: dict[str, Callable[[Account, Params], Any]] = {
            "account.status": rest.signed.account,
            "order.place": rest.signed.place,
            "order.test": rest.signed.test,
            "order.status": rest.signed.query,
            "order.cancelReplace": rest.signed.cancel_replace,
            "order.cancel": rest.signed.cancel,
            "openOrders.status": rest.signed.open_orders,
            "openOrders.cancelAll": rest.signed.cancel_all,
            "allOrders": rest.signed.all_orders,
            "myTrades": rest.signed.my_trades,
        }

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        await self._streams.run(Connection(socket, self._faults), [], self._on_request)
        return socket

    def _on_request(self, connection: Connection, text: str) -> None:
        number, method, client_id = None, "", ""
        try:
            asked = orjson.loads(text)
            number, method = asked.get("id"), str(asked["method"])
            params = {key: _text(value) for key, value in asked.get("params", {}).items()}
            client_id = client_id_in(params)
            with acting(self._exchange, self._faults, "WS", f"ws-api:{method}", client_id):
                answer = {"id": number, "status": 200, "result": self._result(connection, method, params)}
        except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError):
            answer = _failed(number, BinanceError(-1135, "Invalid JSON Request"))
        except BinanceError as error:
            answer = _failed(number, error)
        except Refusal as refusal:
            answer = _failed(number, refused(refusal))
        # An answer may be lost like any message: the stream's name is the method's.
        connection.send(f"ws-api:{method}", orjson.dumps(answer), client_id=client_id)

    def _result(self, connection: Connection, method: str, params: Params) -> Any:
        if method in self._public:
            return orjson.loads(self._public[method](params).body)
        if method == "userDataStream.unsubscribe":
            connection.users.clear()
            return {}
        if method == "userDataStream.subscribe.signature":
            number = len(connection.users)
            connection.users[number] = self._prove(params)
            return {"subscriptionId": number}
        if method in self._signed:
            self._rest.budget.spend(1, order=method in ("order.place", "order.cancelReplace"))
            return self._signed[method](self._prove(params), params)
        raise BinanceError(-1020, f"This operation is not supported: {method}")

    def _prove(self, params: Params) -> Account:
        payload = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature")
        return self._rest.guard.prove(params, params.get("apiKey"), payload)


def _text(value: Any) -> str:
    """As it was signed: numbers as they are written in JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _failed(number: Any, error: BinanceError) -> dict[str, Any]:
    return {"id": number, "status": error.status, "error": error.payload}
