"""All of Binance in one object: spot whole, perpetuals as far as market data goes."""

from emulator.binance.futures import Futures
from emulator.binance.rest import Rest
from emulator.binance.streams import Streams
from emulator.binance.wsapi import WebSocketApi
from emulator.exchange import Exchange
from emulator.faults import Faults


class Binance:
    """`rest.routes()` and `futures.routes()` for HTTP; `streams.serve` and `api.serve` for WebSocket; `streams.tick()`
    with the clock."""

    def __init__(self, exchange: Exchange, faults: Faults, *, weight_limit: int) -> None:
        self.streams = Streams(exchange, faults)
        self.rest = Rest(exchange, faults, self.streams, weight_limit=weight_limit)
        self.streams.public = self.rest.public
        self.futures = Futures(exchange, self.rest.public)
        self.api = WebSocketApi(self.rest, self.streams, faults)
