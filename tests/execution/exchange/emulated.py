"""The adapter at an emulated venue, over HTTP."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.instruments import ContractKind, Instrument
from core.orders import TimeInForce
from desk.clock import SystemClock
from emulator.server import Emulator
from execution.ports import PlainOrder
from execution.venues.exchange.adapter import ExchangeVenue
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys
from tests.execution.exchange.loopback import COIN, OURS, order

DIALECTS = ("binance", "kraken", "bybit")
HOUR_NS = 3_600_000_000_000
LOST = "f" * 32


@dataclass
class Place:
    """A venue, its emulator and what it says of BTC/USDT."""

    venue: ExchangeVenue
    emulator: Emulator
    client: Any
    instrument: Instrument
    bid: Decimal

    def resting(self, **asked: Any) -> PlainOrder:
        """A buy far below the market."""
        return self._limit("0.9", **asked)

    def taking(self, quantity: str = "0.3", **asked: Any) -> PlainOrder:
        """A buy well above the market that takes what it can and leaves nothing."""
        return self._limit("1.05", quantity=quantity, times=TimeInForce.IOC, **asked)

    def _limit(self, factor: str, **asked: Any) -> PlainOrder:
        price = self.bid * Decimal(factor) // self.instrument.tick_size * self.instrument.tick_size
        return order(at=str(price), **asked)

    def paths(self) -> list[str]:
        return [request.path for request in self.emulator.requests]


@asynccontextmanager
async def place_at(
    dialect: str, emulator: Emulator, *, timeout_ms: int = 3_000, stream: bool = False
) -> AsyncIterator[Place]:
    keys = Keys(emulator.api_key, emulator.api_secret)
    access = Access({"rest": emulator.base_url, "ws": emulator.ws_url}, timeout_ms=30_000, stream=stream)
    venue = ExchangeVenue.at(dialect, ContractKind.SPOT, "acct", keys, RateBudget(1e6), SystemClock(), access)
    client = venue._client
    client.timeout_on_exit = 0
    try:
        instrument = (await venue.open([COIN]))[COIN]
        bid = Decimal((await client.fetch_ticker(COIN))["bid"])
        emulator.requests.clear()
        client.timeout = timeout_ms  # what a test waits for; a busy machine may take longer to begin
        yield Place(venue, emulator, client, instrument, bid)
    finally:
        await venue.close()


def an_hour_ago() -> int:
    return time.time_ns() - HOUR_NS


__all__ = ["COIN", "DIALECTS", "LOST", "OURS", "Place", "an_hour_ago", "place_at"]
