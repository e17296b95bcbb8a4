"""The venue's own stream of the account as hints: something changed, go and ask. Supervised, for ever."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ccxt.base import errors

from execution.ports import VenueEvent
from execution.venues.exchange.facts import VenueFacts
from execution.venues.exchange.reading import client_id

_FIRST_S = 0.5
_LONGEST_S = 30.0
_WAITING = 1_000  # hints that nobody fetched yet; older ones say no more than "ask", which the poll does anyway
_WATCHED = ("watchOrders", "watchMyTrades")
# Orders may well rest for longer: to begin anew costs one connection, and nothing was lost meanwhile but haste.
SILENCE_S: Final = 300.0
_LOOK_S = 1.0
_CLOSE_S = 5.0


@dataclass(slots=True)
class _Heard:
    """When the stream last told something, or nothing was to be told, by the loop's clock."""

    at_s: float


async def hints(
    client: Any,
    facts: VenueFacts,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    *,
    awaited: Callable[[], bool] = lambda: False,
    silence_s: float = SILENCE_S,
) -> AsyncIterator[VenueEvent]:
    """Ends at once where the venue has no stream. After each lost connection comes one that names no order.

    While something of us is `awaited`, a stream that tells nothing for `silence_s` seconds is begun anew: a connection
    may live, and what was subscribed to on it be dead.
    """
    watched = [name for name in _WATCHED if client.has.get(name) and hasattr(client, _method(name))]
    if not watched:
        return
    waiting: asyncio.Queue[VenueEvent] = asyncio.Queue(_WAITING)
    heard = _Heard(asyncio.get_running_loop().time())
    tasks = [asyncio.create_task(_follow(client, facts, _method(name), waiting, heard, sleep)) for name in watched]
    tasks.append(asyncio.create_task(_mind_silence(client, heard, awaited, silence_s)))
    try:
        while True:
            yield await waiting.get()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(
    client: Any,
    facts: VenueFacts,
    method: str,
    waiting: asyncio.Queue[VenueEvent],
    heard: _Heard,
    sleep: Callable[..., Any],
) -> None:
    loop, pause_s = asyncio.get_running_loop(), _FIRST_S
    while True:
        try:
            rows = await getattr(client, method)()
        except Exception:  # noqa: BLE001  # what was missed can only be found by asking, and the next try may hold
            _put(waiting, VenueEvent(None, None))
            await sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(_LONGEST_S, 2 * pause_s)
            continue
        pause_s, heard.at_s = _FIRST_S, loop.time()
        for row in rows:
            _put(waiting, VenueEvent(client_id(row, facts) or row.get("clientOrderId"), row.get("symbol")))


async def _mind_silence(client: Any, heard: _Heard, awaited: Callable[[], bool], silence_s: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(_LOOK_S, silence_s / 4))
        if not awaited():
            heard.at_s = loop.time()
        elif loop.time() - heard.at_s > silence_s:
            heard.at_s = loop.time()
            await _end_connections(client)


async def _end_connections(client: Any) -> None:
    """Whoever waits on one hears of it and connects again, with a new listen key: the old one may have run out."""
    for options in client.options.values():
        if isinstance(options, dict) and "lastAuthenticatedTime" in options:
            options["lastAuthenticatedTime"] = 0
    for url, connection in tuple((client.clients or {}).items()):
        connection.reset(errors.NetworkError("the stream of the account was silent for too long"))
        client.clients.pop(url, None)
        with suppress(Exception):  # a dead socket need not answer a close
            async with asyncio.timeout(_CLOSE_S):
                await connection.close()


def _put(waiting: asyncio.Queue[VenueEvent], event: VenueEvent) -> None:
    if waiting.full():
        waiting.get_nowait()
    waiting.put_nowait(event)


def _method(name: str) -> str:
    return {"watchOrders": "watch_orders", "watchMyTrades": "watch_my_trades"}[name]
