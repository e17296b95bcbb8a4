"""All of Binance in one object: spot with the wallet, and USD-margined contracts."""

from emulator.binance.budget import Budget
from emulator.binance.contracts.rest import FuturesRest
from emulator.binance.contracts.stream import FuturesStream
from emulator.binance.rest import Rest
from emulator.binance.streams import Streams
from emulator.binance.wsapi import WebSocketApi
from emulator.calls import Route
from emulator.exchange import Exchange
from emulator.faults import Faults


class Binance:
    """`routes()` for HTTP; `streams`, `contract_stream` and `api` serve WebSockets; `streams.tick()` with the clock."""

    def __init__(self, exchange: Exchange, faults: Faults, *, weight_limit: int, orders_limit: int) -> None:
        self.streams = Streams(exchange, faults)
        self.rest = Rest(exchange, faults, self.streams, Budget(exchange.clock, weight_limit, orders_limit))
        self.streams.public = self.rest.public
        self.api = WebSocketApi(exchange, self.rest, self.streams, faults)
        self.contract_stream = FuturesStream(exchange, faults)
        self.contracts = FuturesRest(
            exchange, faults, self.contract_stream, Budget(exchange.clock, weight_limit, orders_limit)
        )

    def routes(self) -> list[Route]:
        return [*self.rest.routes(), *self.contracts.routes()]
