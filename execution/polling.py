"""Asks the venue about the orders of ours that may still fill: several at once, and no step waits long for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from execution.orderbook import Attempt

# A step must end well before the lease lapses and the watchdog's patience does, whatever the venue leaves unanswered.
LONGEST_S: Final = 8.0
AT_ONCE: Final = 8


class Polls:
    """`ask` looks at one order. One that the venue does not answer keeps only its own place, and is not asked twice."""

    def __init__(self, ask: Callable[[Attempt], Awaitable[None]]) -> None:
        self._ask = ask
        self._places = asyncio.Semaphore(AT_ONCE)
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def round(self, attempts: Iterable[Attempt]) -> None:
        """One look at each, oldest first. What has not come back in `LONGEST_S` goes on beside the steps to come.

        Raises what `ask` raised.
        """
        self._take_in()
        for attempt in attempts:
            if attempt.client_order_id not in self._asking:
                self._asking[attempt.client_order_id] = asyncio.create_task(self._one(attempt))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=LONGEST_S)
            self._take_in()

    async def close(self) -> None:
        """Lets go of what is still asked."""
        tasks, self._asking = tuple(self._asking.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _take_in(self) -> None:
        """What came back makes room to be asked again."""
        ended = [task for task in self._asking.values() if task.done()]
        self._asking = {name: task for name, task in self._asking.items() if not task.done()}
        for task in ended:
            task.result()

    async def _one(self, attempt: Attempt) -> None:
        async with self._places:
            await self._ask(attempt)
