"""The private stream of USD-margined contracts: ORDER_TRADE_UPDATE and ACCOUNT_UPDATE by listen key."""

import secrets
from typing import Any

import orjson
from aiohttp import web

from core.money import ZERO, text_of
from emulator.accounts import Account, Event, OrderChange, PositionChange
from emulator.binance.connection import Connection
from emulator.binance.contracts import wire
from emulator.binance.user import Told
from emulator.exchange import Exchange
from emulator.faults import Faults

_EXECUTIONS = {"EXPIRED_IN_MATCH": "EXPIRED", "PARTIALLY_FILLED": "NEW"}


class FuturesStream:
    """Market data of contracts is not streamed here; the account's own events are."""

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._keys: dict[str, Account] = {}
        self.connections: dict[Connection, Account | None] = {}
        exchange.on_event.append(self.hear)

    def listen_key(self, account: Account) -> str:
        for key, owner in self._keys.items():
            if owner is account:
                return key
        key = secrets.token_hex(30)
        self._keys[key] = account
        return key

    def forget(self, account: Account) -> None:
        self._keys = {key: owner for key, owner in self._keys.items() if owner is not account}

    def hear(self, event: Event) -> None:
        if isinstance(event, OrderChange) and event.order.is_contract:
            told = [_order_update(event, self._id(event.order.symbol))]
            if event.fill is not None:
                told.append(self._account_update(event.account, event.order.symbol, "ORDER", event.ts_ms))
            self._tell(event.account, told)
        elif isinstance(event, PositionChange):
            self._tell(event.account, [self._account_update(event.account, event.symbol, event.reason, event.ts_ms)])

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """/private/ws?listenKey=..., or the key as the end of the path; an unknown key hears nothing."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        connection = Connection(socket, self._faults)
        key = request.query.get("listenKey") or request.path.rpartition("/")[2]
        self.connections[connection] = self._keys.get(key)
        try:
            await connection.receive(_answer)
        finally:
            del self.connections[connection]
        return socket

    def _tell(self, account: Account, told: list[Told]) -> None:
        for connection, owner in self.connections.items():
            if owner is account:
                for row, event, client_id in told:
                    connection.send("user", orjson.dumps(row), event, client_id)

    def _id(self, symbol: str) -> str:
        return self._exchange.listing(symbol).market_id if symbol else ""

    def _account_update(self, account: Account, symbol: str, reason: str, ts_ms: int) -> Told:
        futures = account.futures
        margins = sum((p.margin for p in futures.positions.values() if p.isolated), ZERO)
        balance = {
            "a": futures.currency,
            "wb": wire.money(futures.wallet),
            "cw": wire.money(futures.wallet - margins),
            "bc": "0",
        }
        positions = []
        if symbol:
            position = futures.position(symbol)
            positions.append(
                {
                    "s": self._id(symbol),
                    "pa": text_of(position.quantity),
                    "ep": wire.money(position.entry_price),
                    "cr": "0",
                    "up": wire.money(position.profit_at(self._exchange.market(symbol).mid)),
                    "mt": "isolated" if position.isolated else "cross",
                    "iw": wire.money(position.margin if position.isolated else ZERO),
                    "ps": "BOTH",
                    "ma": futures.currency,
                }
            )
        body = {"m": reason, "B": [balance], "P": positions}
        return Told({"e": "ACCOUNT_UPDATE", "E": ts_ms, "T": ts_ms, "a": body}, "POSITION")


def _order_update(change: OrderChange, market_id: str) -> Told:
    order, fill = change.order, change.fill
    if order.waiting:
        row = wire.algo_row(order, market_id)
        names = {"caid": "clientAlgoId", "aid": "algoId", "at": "algoType", "o": "orderType", "s": "symbol"}
        names |= {"S": "side", "ps": "positionSide", "f": "timeInForce", "q": "quantity", "X": "algoStatus"}
        names |= {"tp": "triggerPrice", "p": "price", "wt": "workingType", "R": "reduceOnly", "tt": "triggerTime"}
        body = {short: row[long] for short, long in names.items()} | {"ai": "", "gtd": 0}
        told: dict[str, Any] = {"e": "ALGO_UPDATE", "E": change.ts_ms, "T": change.ts_ms, "o": body}
        return Told(told, str(row["algoStatus"]), order.client_id)
    row = wire.order_row(order, market_id)
    kind = "TRADE" if fill else _EXECUTIONS.get(row["status"], row["status"])
    body = {
        "s": market_id,
        "c": order.client_id,
        "S": row["side"],
        "o": row["type"],
        "f": row["timeInForce"],
        "q": row["origQty"],
        "p": row["price"],
        "ap": row["avgPrice"],
        "sp": "0",
        "x": kind,
        "X": row["status"],
        "i": order.order_id,
        "l": text_of(fill.quantity) if fill else "0",
        "z": row["executedQty"],
        "L": text_of(fill.price) if fill else "0",
        "T": change.ts_ms,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": row["origType"],
        "ps": "BOTH",
        "cp": False,
        "rp": wire.money(fill.realized) if fill else "0",
    }
    if fill:
        body |= {"N": fill.fee_currency, "n": wire.money(fill.fee)}
    return Told({"e": "ORDER_TRADE_UPDATE", "E": change.ts_ms, "T": change.ts_ms, "o": body}, kind, order.client_id)


def _answer(connection: Connection, text: str) -> None:
    """The private stream takes no orders from its listener."""
    connection.queue(b'{"result":null,"id":null}')
