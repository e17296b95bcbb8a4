"""Venues whose books come whole with the subscription: the real ccxt.pro class against a small server of our own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
import pytest
from aiohttp import WSMsgType, web

from emulator.server import Emulator
from market.bus.memory import MemoryBus
from market.streams.patience import Patience
from market.streams.venue import VenueStream
from tests.emulator.pointed import SPOT
from tests.market.orderbooks.venues import BYBIT, Dialect, Truth, history, kraken, one_by_one, shows

Message = dict[str, Any]


@dataclass
class BookServer:
    """Answers each subscription to a book with the whole of it and then the changes, except those in `lost`."""

    dialect: Dialect
    told: list[Truth]
    symbol: str
    lost: set[int] = field(default_factory=set)
    subscriptions: int = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT and "book" in message.data and "nsubscribe" not in message.data:
                self.subscriptions += 1
                for said in self._book():
                    await socket.send_str(orjson.dumps(said).decode())
                self.lost.clear()
        return socket

    def _book(self) -> list[Message]:
        changes = [self.dialect.update(before, after) for before, after in pairwise(self.told)]
        said = [self.dialect.snapshot(self.told[0]), *(c for i, c in enumerate(changes) if i not in self.lost)]
        for message in said:
            if self.dialect.name == "kraken":
                message["data"][0]["symbol"] = self.symbol
        return said


@asynccontextmanager
async def streaming(venue: str, server: BookServer) -> AsyncIterator[VenueStream]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with Emulator() as rest, MemoryBus() as bus:
        stream = VenueStream(
            venue,
            [server.symbol],
            bus,
            kinds=["book"],
            endpoints={"rest": rest.base_url, "ws": f"ws://127.0.0.1:{port}"},
            options={"options": SPOT[venue], "enableRateLimit": False, "timeout_on_exit": 0},
            patience=Patience(check_s=0.01, first_retry_s=0.01, longest_retry_s=0.02),
        )
        running = asyncio.create_task(stream.run())
        try:
            yield stream
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await runner.cleanup()


async def whole(stream: VenueStream, server: BookServer) -> None:
    for _ in range(3000):
        book = stream.books.get(server.symbol)
        if book is not None and book.valid and shows(book, server.told[-1], server.dialect.depth):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(stream.health())


def server_of(venue: str) -> BookServer:
    if venue == "kraken":
        return BookServer(kraken(2, 5), history(21, 8), "BTC/USDT")
    return BookServer(BYBIT, one_by_one(history(21, 8)), "BTC/USDT")


@pytest.mark.parametrize("venue", ["bybit", "kraken"])
async def test_a_book_comes_whole_with_its_subscription_and_is_followed(venue: str) -> None:
    server = server_of(venue)
    async with streaming(venue, server) as stream:
        await whole(stream, server)
        assert stream.counts.reconnects == 0
        assert stream.books[server.symbol].counts.applied == 9


@pytest.mark.parametrize("venue", ["bybit", "kraken"])
async def test_a_lost_message_ends_the_session_and_the_next_brings_the_book_whole(venue: str) -> None:
    # ccxt.pro 4.5.90 alone follows both without a word (measured).
    server = server_of(venue)
    server.lost = {3}
    async with streaming(venue, server) as stream:
        for _ in range(3000):
            if stream.counts.reconnects:
                break
            await asyncio.sleep(0.01)
        book = stream.books[server.symbol]
        assert book.counts.gap + book.counts.checksum > 0
        assert "the book of" in stream.health().last_failure
        await whole(stream, server)
        assert server.subscriptions == 2
