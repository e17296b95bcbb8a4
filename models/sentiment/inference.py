"""One thread for all that computes long, so that the event loop's timers stay on time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class InferenceThread:
    """Runs work one after another, off the event loop. Torch and tokenizers let go of the interpreter's lock."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")

    async def run(self, work: Callable[[], T]) -> T:
        """What the work answers, or the error that it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Waits for what runs; what has not begun is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
