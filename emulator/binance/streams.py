"""Binance's market and user data streams over WebSocket."""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from emulator.binance import wire
from emulator.binance.public import INTERVALS, PublicData
from emulator.candles import aligned, served
from emulator.exchange import Account, Event, Exchange, OrderChange
from emulator.faults import Fault, Faults
from emulator.market import Delta, PublicTrade

_OUTBOX = 20_000  # messages waiting for one slow client before it is cut, as the real venue does
_KLINE_EVERY_MS = 1_000
_TICKER_EVERY_MS = 1_000


@dataclass(eq=False, slots=True)
class Connection:
    """One client's socket. Faults strike between its outbox and the wire."""

    socket: web.WebSocketResponse
    faults: Faults
    combined: bool = False  # messages come wrapped as {"stream": ..., "data": ...}
    streams: set[str] = field(default_factory=set)
    users: dict[int, Account] = field(default_factory=dict)  # subscription id -> account, of the WebSocket API
    outbox: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_OUTBOX))
    sent: int = 0
    _held: bytes | None = None
    _silent: bool = False

    def send(self, stream: str, payload: bytes) -> None:
        """Queue one message of a stream, as far as the faults let it."""
        if self._silent:
            return
        if self.combined:
            payload = b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"
        armed = self.faults.on_message(stream)
        held, self._held = self._held, None
        match armed.fault if armed else None:
            case Fault.GAP:
                pass
            case Fault.DUPLICATE:
                self.queue(payload)
                self.queue(payload)
            case Fault.REORDER:
                self._held = payload
            case Fault.SILENCE:
                self._silent = True
            case Fault.CUT_STREAM:
                self.queue(None)
            case Fault.BROKEN_FRAME:
                self.queue(payload[: len(payload) // 2])
                self.queue(payload)
            case Fault.CROSSED:
                self.queue(_crossed(payload))
            case _:
                self.queue(payload)
        if held is not None:
            self.queue(held)

    def queue(self, payload: bytes | None) -> None:
        try:
            self.outbox.put_nowait(payload)
        except asyncio.QueueFull:
            while not self.outbox.empty():
                self.outbox.get_nowait()
            self.outbox.put_nowait(None)

    async def write(self) -> None:
        """Empty the outbox until the client leaves or None is found in it."""
        while (payload := await self.outbox.get()) is not None:
            await self.socket.send_str(payload.decode())
            self.sent += 1
        transport = self.socket._req.transport if self.socket._req else None
        if transport is not None:
            transport.abort()


class Streams:
    """Who listens to what, and what they are told."""

    def __init__(self, exchange: Exchange, faults: Faults, public: PublicData | None = None) -> None:
        self._exchange = exchange
        self._faults = faults
        self.public = public
        self.connections: set[Connection] = set()
        self._keys: dict[str, Account] = {}
        self._next_ms: dict[str, int] = {}
        self._closed: dict[str, int] = {}
        self._slow: dict[str, list[Delta]] = {}
        exchange.on_event.append(self.hear)

    def listen_key(self, account: Account) -> str:
        key = secrets.token_hex(30)
        self._keys[key] = account
        return key

    def forget(self, key: str) -> None:
        self._keys.pop(key, None)

    # ── events of the core ──────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, event: Event) -> None:
        if not self.connections:
            return
        match event:
            case Delta():
                self._on_delta(event)
            case PublicTrade():
                self._on_trade(event)
            case OrderChange():
                self._on_order(event)

    def _on_delta(self, delta: Delta) -> None:
        market = self._exchange.market(delta.symbol)
        name = market.listing.market_id.lower()
        self._tell(f"{name}@depth@100ms", lambda: wire.delta_row(market, market.listing.market_id, delta))
        if self._wanted(f"{name}@depth"):
            self._slow.setdefault(delta.symbol, []).append(delta)
        self._tell(f"{name}@bookTicker", lambda: self._best(delta.symbol))

    def _on_trade(self, trade: PublicTrade) -> None:
        market = self._exchange.market(trade.symbol)
        name = market.listing.market_id.lower()
        head = {"E": trade.ts_ms, "s": market.listing.market_id}
        self._tell(f"{name}@aggTrade", lambda: {"e": "aggTrade", **head, **wire.agg_trade_row(market, trade)})

        def single() -> dict[str, Any]:
            row = wire.agg_trade_row(market, trade)
            return {"e": "trade", **head, "t": row["a"], **{key: row[key] for key in ("p", "q", "T", "m", "M")}}

        self._tell(f"{name}@trade", single)

    def _on_order(self, change: OrderChange) -> None:
        report, position = _execution_report(self._exchange, change), _position(change)
        for connection in self.connections:
            for key in connection.streams & self._keys.keys():
                if self._keys[key] is change.account:
                    connection.send(key, orjson.dumps(report))
                    connection.send(key, orjson.dumps(position))
            for number, account in connection.users.items():
                if account is change.account:
                    connection.send("user", orjson.dumps({"subscriptionId": number, "event": report}))
                    connection.send("user", orjson.dumps({"subscriptionId": number, "event": position}))

    # ── what is told by the clock ───────────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Candles, tickers and slow depth, for the streams that somebody listens to."""
        now = self._exchange.clock.now_ms()
        for stream in sorted({stream for connection in self.connections for stream in connection.streams}):
            name, _, channel = stream.partition("@")
            symbol = self._symbol(name)
            if channel.startswith("kline_") and symbol:
                self._kline(stream, symbol, channel.removeprefix("kline_"), now)
            elif self._due(stream, now):
                self._timed(stream, symbol, channel, now)

    def _kline(self, stream: str, symbol: str, interval: str, now: int) -> None:
        step = INTERVALS.get(interval)
        if step is None:
            return
        open_ms = aligned(now, step)
        last = self._closed.setdefault(stream, open_ms)
        if last < open_ms:
            self._closed[stream] = open_ms
            self._tell(stream, lambda: self._candle(symbol, interval, step, open_ms - step, closed=True))
        if self._due(stream, now, _KLINE_EVERY_MS):
            self._tell(stream, lambda: self._candle(symbol, interval, step, open_ms, closed=False))

    def _timed(self, stream: str, symbol: str | None, channel: str, now: int) -> None:
        if stream == "!miniTicker@arr":
            rows = [_mini_ticker(self._ticker(s), now) for s in self._exchange.listings]
            self._tell(stream, lambda: rows)
        elif symbol is None:
            return
        elif channel == "ticker":
            self._tell(stream, lambda: _ticker(self._ticker(symbol), now))
        elif channel == "miniTicker":
            self._tell(stream, lambda: _mini_ticker(self._ticker(symbol), now))
        elif channel == "depth" and (pending := self._slow.pop(symbol, [])):
            self._tell(stream, lambda: wire.delta_row(self._exchange.market(symbol), _id(self, symbol), _one(pending)))

    def _due(self, stream: str, now: int, every: int = _TICKER_EVERY_MS) -> bool:
        if now < self._next_ms.get(stream, 0):
            return False
        self._next_ms[stream] = now + every
        return True

    def _candle(self, symbol: str, interval: str, step: int, open_ms: int, *, closed: bool) -> dict[str, Any]:
        found = served(
            self._exchange, self._faults, symbol, step, start_ms=open_ms, end_ms=open_ms, limit=1, newest=True
        )
        market = self._exchange.market(symbol)
        price, lots = market.price, market.quantity
        o, h, low, c, v, n = (
            int(column[0]) if len(found) else 0
            for column in (found.open, found.high, found.low, found.close, found.volume, found.trades)
        )
        body = {
            "t": open_ms,
            "T": open_ms + step - 1,
            "s": market.listing.market_id,
            "i": interval,
            "f": market.trades[0].trade_id,
            "L": market.trades[-1].trade_id,
            **{key: wire.text(price(ticks)) for key, ticks in (("o", o), ("c", c), ("h", h), ("l", low))},
            "v": wire.text(lots(v)),
            "n": n,
            "x": closed,
            "q": wire.text(lots(v) * price(c)),
            "V": wire.text(lots(v // 2)),
            "Q": wire.text(lots(v // 2) * price(c)),
            "B": "0",
        }
        now = self._exchange.clock.claimed_ms()
        return {"e": "kline", "E": now, "s": market.listing.market_id, "k": body}

    def _ticker(self, symbol: str) -> dict[str, Any]:
        assert self.public is not None
        return self.public.ticker_row(symbol)

    def _best(self, symbol: str) -> dict[str, Any]:
        assert self.public is not None
        row, market = self.public.best_row(symbol), self._exchange.market(symbol)
        keys = (("b", "bidPrice"), ("B", "bidQty"), ("a", "askPrice"), ("A", "askQty"))
        return {"u": market.last_id, "s": row["symbol"], **{short: row[long] for short, long in keys}}

    def _symbol(self, name: str) -> str | None:
        for symbol, item in self._exchange.listings.items():
            if item.market_id.lower() == name:
                return symbol
        return None

    def _wanted(self, stream: str) -> bool:
        return any(stream in connection.streams for connection in self.connections)

    def _tell(self, stream: str, make: Any) -> None:
        listening = [connection for connection in self.connections if stream in connection.streams]
        if listening:
            payload = orjson.dumps(make())
            for connection in listening:
                connection.send(stream, payload)

    # ── sockets ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One client of /ws or /stream, with the streams named in the address or subscribed to later."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        tail = request.path.rstrip("/").rpartition("/")[2]
        connection = Connection(socket, self._faults, combined=request.path == "/stream")
        named = request.query.get("streams", "").split("/") if connection.combined else [tail]
        await self.run(connection, [s for s in named if "@" in s or s in self._keys], self._on_request)
        return socket

    async def run(self, connection: Connection, streams: list[str], on_request: Any) -> None:
        """Talk with one client until it leaves."""
        self.connections.add(connection)
        self._subscribe(connection, streams)
        writer = asyncio.ensure_future(connection.write())
        try:
            async for message in connection.socket:
                if message.type is WSMsgType.TEXT:
                    on_request(connection, message.data)
        finally:
            self.connections.discard(connection)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer

    def _subscribe(self, connection: Connection, streams: list[str]) -> None:
        for stream in streams:
            connection.streams.add(stream)
            symbol = self._symbol(stream.partition("@")[0])
            if symbol:
                self._exchange.market(symbol)  # from now on it lives

    def _on_request(self, connection: Connection, text: str) -> None:
        try:
            asked = orjson.loads(text)
            method, number = asked["method"], asked.get("id")
            streams = [str(stream) for stream in asked.get("params", [])]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            connection.queue(b'{"error":{"code":2,"msg":"Invalid request: malformed JSON"},"id":null}')
            return
        answer: dict[str, Any] = {"result": None, "id": number}
        if method == "SUBSCRIBE":
            self._subscribe(connection, streams)
        elif method == "UNSUBSCRIBE":
            connection.streams -= set(streams)
        elif method == "LIST_SUBSCRIPTIONS":
            answer["result"] = sorted(connection.streams)
        else:
            answer = {"error": {"code": 2, "msg": f"Invalid request: unknown method {method}"}, "id": number}
        connection.queue(orjson.dumps(answer))


def _id(streams: Streams, symbol: str) -> str:
    return streams._exchange.listing(symbol).market_id


def _one(deltas: list[Delta]) -> Delta:
    """Several deltas as one: the newest quantity of each level."""
    bids = {t: n for delta in deltas for t, n in delta.bids}
    asks = {t: n for delta in deltas for t, n in delta.asks}
    first, last = deltas[0], deltas[-1]
    return Delta(last.symbol, last.ts_ms, first.first_id, last.last_id, tuple(bids.items()), tuple(asks.items()))


def _crossed(payload: bytes) -> bytes:
    """The same message with a bid far above every ask."""
    message = orjson.loads(payload)
    body = message.get("data", message)
    if body.get("b") or body.get("a"):
        level = (body["a"] or body["b"])[0]
        body["b"] = [[f"{float(level[0]) * 1.5:.8f}", "1.00000000"], *body["b"]]
    return orjson.dumps(message)


_TICKER_KEYS = {
    "s": "symbol",
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}


def _ticker(row: dict[str, Any], now: int) -> dict[str, Any]:
    return {"e": "24hrTicker", "E": now, **{short: row[long] for short, long in _TICKER_KEYS.items()}}


def _mini_ticker(row: dict[str, Any], now: int) -> dict[str, Any]:
    keys = ("s", "c", "o", "h", "l", "v", "q")
    return {"e": "24hrMiniTicker", "E": now, **{key: row[_TICKER_KEYS[key]] for key in keys}}


def _position(change: OrderChange) -> dict[str, Any]:
    balances = [
        {"a": currency, "f": wire.text(holding.free), "l": wire.text(holding.locked)}
        for currency, holding in sorted(change.account.holdings.items())
        if currency in change.order.symbol.split("/")
    ]
    return {"e": "outboundAccountPosition", "E": change.ts_ms, "u": change.ts_ms, "B": balances}


def _execution_report(exchange: Exchange, change: OrderChange) -> dict[str, Any]:
    """executionReport of the user data stream."""
    order, fill = change.order, change.fill
    row = wire.order_row(order, exchange.listing(order.symbol).market_id)
    kind = "TRADE" if fill else {"NEW": "NEW", "CANCELED": "CANCELED", "EXPIRED": "EXPIRED"}[row["status"]]
    return {
        "e": "executionReport",
        "E": change.ts_ms,
        "s": row["symbol"],
        "c": order.client_id,
        "S": row["side"],
        "o": row["type"],
        "f": row["timeInForce"],
        "q": row["origQty"],
        "p": row["price"],
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if kind == "CANCELED" else "",
        "x": kind,
        "X": row["status"],
        "r": "NONE",
        "i": order.order_id,
        "l": wire.text(fill.quantity) if fill else "0.00000000",
        "z": row["executedQty"],
        "L": wire.text(fill.price) if fill else "0.00000000",
        "n": wire.text(fill.fee) if fill else "0",
        "N": fill.fee_currency if fill else None,
        "T": change.ts_ms,
        "t": fill.trade_id if fill else -1,
        "I": order.order_id * 2,
        "w": order.status.open,
        "m": fill.maker if fill else False,
        "M": False,
        "O": order.created_ms,
        "Z": row["cummulativeQuoteQty"],
        "Y": wire.text(fill.quantity * fill.price) if fill else "0.00000000",
        "Q": "0.00000000",
        "W": order.created_ms,
        "V": "EXPIRE_MAKER",
    }
