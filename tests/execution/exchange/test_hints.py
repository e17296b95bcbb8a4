"""The stream of the account says that something changed, comes back after every break, and never grows."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

from desk.clock import SystemClock
from emulator.server import Emulator
from execution.ports import VenueEvent
from execution.venues.exchange.adapter import ExchangeVenue
from execution.venues.exchange.budget import RateBudget
from execution.venues.exchange.client import Access, Keys
from execution.venues.exchange.facts import PROVEN
from execution.venues.exchange.hints import hints
from tests.execution.exchange.emulated import COIN, OURS, place_at
from tests.execution.exchange.loopback import PERPETUAL, SWAP, order

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


class Connection:
    """A connection of ccxt's, as far as a stream that ends it needs one."""

    def __init__(self) -> None:
        self.waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.closed = False

    def reset(self, error: Exception) -> None:
        self.waiting.set_exception(error)

    async def close(self) -> None:
        self.closed = True
        raise OSError("it was dead")


class Deaf:
    """A ccxt.pro client whose connections live and tell nothing, but the `hears`-th."""

    def __init__(self, hears: int) -> None:
        self.has, self.options = {"watchOrders": True}, {"spot": {"lastAuthenticatedTime": 1}, "other": 1}
        self.clients: dict[str, Connection] = {}
        self.opened: list[Connection] = []
        self._hears = hears

    async def watch_orders(self) -> Any:
        if "wss" not in self.clients:
            self.clients["wss"] = Connection()
            self.opened.append(self.clients["wss"])
        if len(self.opened) == self._hears:
            self._hears = 0
            return [{"info": {"clientOrderId": OURS}, "symbol": COIN}]
        return await self.clients["wss"].waiting


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


async def heard(client: Deaf, *, awaited: bool, within_s: float) -> list[VenueEvent]:
    found, stream = [], hints(client, PROVEN["binance"], no_pause, awaited=lambda: awaited, silence_s=0.04)
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            async for event in stream:
                found.append(event)
                if event.client_order_id is not None:
                    break
    await stream.aclose()  # type: ignore[attr-defined]
    return found


async def test_a_stream_that_is_silent_while_an_order_is_live_is_begun_anew() -> None:
    client = Deaf(hears=3)
    found = await heard(client, awaited=True, within_s=WAIT_S)
    assert found == [VenueEvent(None, None), VenueEvent(None, None), VenueEvent(OURS, COIN)]
    assert [connection.closed for connection in client.opened] == [True, True, False]
    assert client.options["spot"] == {"lastAuthenticatedTime": 0}


async def test_a_stream_may_be_silent_while_nothing_is_live() -> None:
    client = Deaf(hears=2)
    assert await heard(client, awaited=False, within_s=0.3) == []
    assert len(client.opened) == 1


async def test_a_dead_subscription_at_the_emulated_venue_is_taken_up_again() -> None:
    async with Emulator() as emulator, place_at("binance", emulator, stream=True) as at:
        silenced = emulator.faults.add("silence", stream="user", times=1)
        live, told = at.venue._live, list[VenueEvent]()
        stream = hints(at.client, PROVEN["binance"], awaited=lambda: bool(live), silence_s=0.5)

        async def listen() -> None:
            async for event in stream:
                told.append(event)
                if event.symbol == COIN:
                    return

        listening, placed = asyncio.create_task(listen()), 0
        async with asyncio.timeout(WAIT_S):
            while not listening.done():  # the subscription may come after the first of them
                await at.venue.place(at.resting(name=f"{placed:032x}"))
                placed += 1
                await asyncio.sleep(0.2)
        await stream.aclose()  # type: ignore[attr-defined]
    assert silenced.struck == 1
    assert VenueEvent(None, None) in told


async def test_an_order_is_awaited_from_its_placing_to_its_end() -> None:
    async with Emulator() as emulator, place_at("binance", emulator) as at:
        assert at.venue._live == set()
        await at.venue.place(at.resting())
        assert at.venue._live == {OURS}
        await at.venue.report(OURS, COIN)
        assert at.venue._live == {OURS}
        await at.venue.cancel(OURS, COIN)
        await at.venue.report(OURS, COIN)
        assert at.venue._live == set()


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


async def test_the_emulated_venue_tells_of_an_order_in_a_contract() -> None:
    async with Emulator() as emulator:
        keys = Keys(emulator.api_key, emulator.api_secret)
        access = Access({"rest": emulator.base_url, "ws": emulator.ws_url}, timeout_ms=3_000, stream=True)
        here = ("binanceusdm", PERPETUAL, "acct", keys, RateBudget(1e6), SystemClock(), access)
        venue = ExchangeVenue.at(*here)
        try:
            instrument = (await venue.open([SWAP], leverage=1))[SWAP]
            last = Decimal((await venue._client.fetch_ticker(SWAP))["last"])
            price = last * Decimal("0.9") // instrument.tick_size * instrument.tick_size
            stream = venue.events()
            waiting, placed = asyncio.ensure_future(anext(stream)), 0
            async with asyncio.timeout(WAIT_S):
                while not waiting.done():  # the subscription may come after the first of them
                    await venue.place(order(at=str(price), quantity="0.01", kind=PERPETUAL, name=f"{placed:032x}"))
                    placed += 1
                    await asyncio.sleep(0.2)
            assert (await waiting).symbol == SWAP
            await stream.aclose()  # type: ignore[attr-defined]
        finally:
            await venue.close()
