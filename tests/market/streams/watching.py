"""The real ccxt.pro class against an emulated venue, under our supervision, with time that a test moves by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from core.ports import Delivery
from core.time import ManualClock
from emulator.server import Emulator
from market.bus.memory import MemoryBus
from market.orderbooks.verified import State
from market.streams.patience import Patience
from market.streams.venue import VenueStream
from tests.emulator.pointed import SPOT
from tests.market.orderbooks.venues import NOW_NS

BTC = "BTC/USDT"
QUICK = {"check_s": 0.01, "cross_check_s": 3600.0, "unheard_s": 0.2, "catch_up_s": 0.1, "again_s": 0.05}


@dataclass
class Watched:
    """`seen` is all that the bus delivered, by kind; `pauses` are the waits between sessions, not waited for."""

    venue: Emulator
    stream: VenueStream
    seen: dict[str, list[Any]] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)

    async def until(self, condition: Callable[[], bool], what: str = "", *, tries: int = 2000) -> None:
        """Lets a tenth of a second after another pass at the venue until it is so."""
        for _ in range(tries):
            if condition():
                return
            await self.venue.advance(100)
            await asyncio.sleep(0.004)
        raise AssertionError(f"{what or 'it'} did not come about: {self.stream.health()}")

    async def synced(self) -> None:
        await self.until(
            lambda: bool(self.stream.books) and all(b.state is State.VALID for b in self.stream.books.values()), "sync"
        )

    async def quiet(self, seconds: float) -> None:
        """Lets time pass quickly, in steps that are shorter than any patience."""
        for _ in range(max(1, int(seconds // 5))):
            await self.venue.advance(int(min(seconds, 5) * 1000))
            await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(
    *symbols: str, kinds: tuple[str, ...] = ("book", "trades", "candles", "ticker"), **patience: float
) -> AsyncIterator[Watched]:
    clock = ManualClock(NOW_NS)
    async with Emulator(clock=clock) as venue, MemoryBus() as bus:
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0.005)

        stream = VenueStream(
            "binance",
            symbols or (BTC,),
            bus,
            kinds=kinds,
            endpoints={"rest": venue.base_url, "ws": venue.ws_url},
            options={"options": SPOT["binance"], "enableRateLimit": False, "timeout_on_exit": 0},
            clock=clock,
            patience=Patience(**{**QUICK, **patience}),
            sleep=pause,
        )
        watched = Watched(venue, stream, pauses=pauses)
        inbox = bus.subscribe(*(f"{kind}:binance:{s}" for kind in kinds for s in stream.symbols), group="test")
        tasks = [asyncio.create_task(stream.run()), asyncio.create_task(_collect(inbox, watched.seen))]
        try:
            yield watched
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _collect(inbox: Any, seen: dict[str, list[Any]]) -> None:
    async for delivery in inbox:
        assert isinstance(delivery, Delivery)
        seen.setdefault(delivery.topic.partition(":")[0], []).append(delivery.event)
