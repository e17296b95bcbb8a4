"""Binance's spot streams over WebSocket: market data, and the account's own."""

import secrets
from typing import Any

import orjson
from aiohttp import web

from emulator.accounts import Account, Event, MoneyChange, OrderChange
from emulator.binance import wire
from emulator.binance.connection import Connection
from emulator.binance.public import INTERVALS, PublicData
from emulator.binance.tickers import mini_ticker, ticker
from emulator.binance.user import spot_events
from emulator.candles import aligned, served
from emulator.exchange import Exchange
from emulator.faults import Faults
from emulator.market import Delta, PublicTrade

_KLINE_EVERY_MS = 1_000
_TICKER_EVERY_MS = 1_000


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
            case Delta() if event.symbol in self._exchange.listings:
                self._on_delta(event)
            case PublicTrade() if event.symbol in self._exchange.listings:
                self._on_trade(event)
            case OrderChange() if not event.order.is_contract:
                self._on_change(event)
            case MoneyChange():
                self._on_change(event)

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

    def _on_change(self, change: OrderChange | MoneyChange) -> None:
        """By listen key bare, by the WebSocket API with the number of the subscription."""
        for row, event, client_id in spot_events(self._exchange, change):
            payload = orjson.dumps(row)
            for connection in self.connections:
                for key in connection.streams & self._keys.keys():
                    if self._keys[key] is change.account:
                        connection.send("user", payload, event, client_id)
                for number, account in connection.users.items():
                    if account is change.account:
                        numbered = orjson.dumps({"subscriptionId": number, "event": row})
                        connection.send("user", numbered, event, client_id)

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
            rows = [mini_ticker(self._ticker(s), now) for s in self._exchange.listings]
            self._tell(stream, lambda: rows)
        elif symbol is None:
            return
        elif channel == "ticker":
            self._tell(stream, lambda: ticker(self._ticker(symbol), now))
        elif channel == "miniTicker":
            self._tell(stream, lambda: mini_ticker(self._ticker(symbol), now))
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
        try:
            await connection.receive(on_request)
        finally:
            self.connections.discard(connection)

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
