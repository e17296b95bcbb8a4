"""Work that must go on: tasks that are begun anew whatever broke them, and end with the block that they belong to."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0

Work = Callable[[], Awaitable[None]]


class Tended:
    """Tasks of one block. What broke last is told in `troubles`, by the name of the task, until it works again."""

    def __init__(self, stack: AsyncExitStack, troubles: dict[str, str]) -> None:
        self._stack = stack
        self._troubles = troubles

    def keep(self, name: str, work: Work) -> None:
        task = asyncio.create_task(self._supervised(name, work))

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def _supervised(self, name: str, work: Work) -> None:
        pause_s = _FIRST_S
        while True:
            began_s = time.monotonic()
            try:
                await work()
                return
            except Exception as broken:  # noqa: BLE001  # a timer of money must run again, whatever broke
                self._troubles[name] = f"{type(broken).__name__}: {broken}"
            held = time.monotonic() - began_s > _LONGEST_S
            pause_s = _FIRST_S if held else min(2 * pause_s, _LONGEST_S)
            await asyncio.sleep(pause_s)


def every(seconds: float, work: Work) -> Work:
    """The work, again and again, so far apart."""

    async def on_and_on() -> None:
        while True:
            await work()
            await asyncio.sleep(seconds)

    return on_and_on
