"""Raw clients for what ccxt would hide: plain HTTP and WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from emulator.server import Emulator

SOCKET_WAIT_S = 30


@asynccontextmanager
async def http(venue: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(venue.base_url, timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


async def get(venue: Emulator, path: str, **params: Any) -> Any:
    """The JSON answer of one GET."""
    async with http(venue) as session, session.get(path, params={k: str(v) for k, v in params.items()}) as answer:
        return await answer.json()


@asynccontextmanager
async def listening(venue: Emulator, *streams: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A socket on which every message of these streams arrives bare."""
    async with aiohttp.ClientSession() as session, session.ws_connect(venue.ws_url + "/ws") as socket:
        await socket.send_json({"method": "SUBSCRIBE", "params": list(streams), "id": 1})
        assert orjson.loads((await socket.receive(SOCKET_WAIT_S)).data) == {"result": None, "id": 1}
        yield socket


async def messages(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[Any]:
    """The next `count` messages."""
    return [orjson.loads((await socket.receive(SOCKET_WAIT_S)).data) for _ in range(count)]


async def nothing_more(socket: aiohttp.ClientWebSocketResponse, seconds: float = 0.15) -> bool:
    """Whether the socket stays open and says nothing."""
    try:
        await asyncio.wait_for(socket.receive(), seconds)
    except TimeoutError:
        return True
    return False
