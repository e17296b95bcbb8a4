"""The stream of the account says that something changed, comes back after every break, and never grows."""

import asyncio
from typing import Any

from emulator.server import Emulator
from execution.ports import VenueEvent
from execution.venues.exchange.facts import PROVEN
from execution.venues.exchange.hints import hints
from tests.execution.exchange.emulated import COIN, OURS, place_at

WAIT_S = 20


class Stream:
    """A ccxt.pro client whose stream tells these answers, and then nothing more."""

    def __init__(self, *answers: Any) -> None:
        self.has = {"watchOrders": True}
        self._answers = list(answers)

    async def watch_orders(self) -> Any:
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def first(client: Any, count: int) -> list[VenueEvent]:
    pauses: list[float] = []

    async def at_once(seconds: float) -> None:
        pauses.append(seconds)

    found, stream = [], hints(client, PROVEN["binance"], at_once)
    async with asyncio.timeout(WAIT_S):
        async for event in stream:
            found.append(event)
            if len(found) == count:
                break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


async def test_a_venue_without_a_stream_ends_at_once() -> None:
    client = Stream()
    client.has = {}
    assert [event async for event in hints(client, PROVEN["binance"])] == []


async def test_an_order_that_changed_is_named() -> None:
    row = {"info": {"clientOrderId": OURS}, "symbol": COIN}
    assert await first(Stream([row]), 1) == [VenueEvent(OURS, COIN)]


async def test_a_stream_that_breaks_comes_back_and_says_that_it_missed_something() -> None:
    row = {"info": {"clientOrderId": OURS}, "symbol": COIN}
    found = await first(Stream(ValueError("junk"), KeyError("x"), [row]), 3)
    assert found == [VenueEvent(None, None), VenueEvent(None, None), VenueEvent(OURS, COIN)]


async def test_the_emulated_venue_tells_of_an_order() -> None:
    async with Emulator() as emulator, place_at("binance", emulator, stream=True) as at:
        stream = at.venue.events()
        waiting = asyncio.ensure_future(anext(stream))
        async with asyncio.timeout(WAIT_S):
            while not at.emulator.binance.streams.connections:
                await asyncio.sleep(0.02)
            placed = 0
            while not waiting.done():  # the subscription may come after the first of them
                await at.venue.place(at.resting(name=f"{placed:032x}"))
                placed += 1
                await asyncio.sleep(0.2)
        event = await waiting
        assert event.symbol in (COIN, None)
        await stream.aclose()  # type: ignore[attr-defined]
