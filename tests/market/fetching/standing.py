"""An emulated venue whose time stands still, and a client of its own class for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.time import ManualClock, parse_time
from emulator.listings import STANDARD, listing
from emulator.server import Emulator
from market.venues import reader

NOW = parse_time("2026-03-01T12:20")
BTC, PERP = "BTC/USDT", "BTC/USDT:USDT"
NEW = listing("NEW/USDT", "1", "0.0001", "0.01", listed="2026-02-10T06:30")

FAILING: list[dict[str, Any]] = [
    {"fault": "silent"},
    {"fault": "cut"},
    {"fault": "status", "status": 503},
    {"fault": "too_many", "retry_after": 3},
    {"fault": "html"},
    {"fault": "malformed"},
    {"fault": "empty"},
    {"fault": "empty", "body": "{}"},
    {"fault": "wrong_types"},
    {"fault": "truncated"},
]


class Naps:
    """Sleeps that take no time, and are remembered."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.taken: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)

    def now(self) -> float:
        return self.now_s


@dataclass
class Standing:
    venue: Emulator
    clock: ManualClock
    client: Any

    def asked(self, path: str) -> list[dict[str, str]]:
        """What was asked of an endpoint, in order of arrival."""
        return [seen.params for seen in self.venue.requests if seen.path.endswith(path)]


@asynccontextmanager
async def standing(name: str = "binance") -> AsyncIterator[Standing]:
    clock = ManualClock(NOW)
    async with Emulator(clock=clock, weight_limit=100_000, listings=(*STANDARD, NEW)) as venue:
        perpetuals = name == "binance"
        client = reader(
            name, endpoints={"rest": venue.base_url}, perpetuals=perpetuals, rate_limited=False, timeout_ms=3_000
        )
        try:
            yield Standing(venue, clock, client)
        finally:
            await client.close()
