"""The venue's own stream of the account as hints: something changed, go and ask. Supervised, for ever."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from execution.ports import VenueEvent
from execution.venues.exchange.facts import VenueFacts
from execution.venues.exchange.reading import client_id

_FIRST_S = 0.5
_LONGEST_S = 30.0
_WAITING = 1_000  # hints that nobody fetched yet; older ones say no more than "ask", which the poll does anyway
_WATCHED = ("watchOrders", "watchMyTrades")


async def hints(
    client: Any, facts: VenueFacts, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[VenueEvent]:
    """Ends at once where the venue has no stream. After each lost connection comes one that names no order."""
    watched = [name for name in _WATCHED if client.has.get(name) and hasattr(client, _method(name))]
    if not watched:
        return
    waiting: asyncio.Queue[VenueEvent] = asyncio.Queue(_WAITING)
    tasks = [asyncio.create_task(_follow(client, facts, _method(name), waiting, sleep)) for name in watched]
    try:
        while True:
            yield await waiting.get()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(
    client: Any, facts: VenueFacts, method: str, waiting: asyncio.Queue[VenueEvent], sleep: Callable[..., Any]
) -> None:
    pause_s = _FIRST_S
    while True:
        try:
            rows = await getattr(client, method)()
        except Exception:  # noqa: BLE001  # what was missed can only be found by asking, and the next try may hold
            _put(waiting, VenueEvent(None, None))
            await sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(_LONGEST_S, 2 * pause_s)
            continue
        pause_s = _FIRST_S
        for row in rows:
            _put(waiting, VenueEvent(client_id(row, facts) or row.get("clientOrderId"), row.get("symbol")))


def _put(waiting: asyncio.Queue[VenueEvent], event: VenueEvent) -> None:
    if waiting.full():
        waiting.get_nowait()
    waiting.put_nowait(event)


def _method(name: str) -> str:
    return {"watchOrders": "watch_orders", "watchMyTrades": "watch_my_trades"}[name]
