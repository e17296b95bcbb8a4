"""Time on this machine, against the venue's, and how late our own loop runs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from core.ports import Clock
from core.time import SECOND_NS

_MS_NS: Final = 1_000_000
_BEATS: Final = 600
# Counts through sleep, so that a woken laptop's data is old. Elsewhere than on Linux, what comes closest.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class SteadyClock:
    """UTC as it was at the start, plus what has passed since: it never goes back nor jumps with the wall clock."""

    def __init__(self) -> None:
        self._origin_ns = time.time_ns() - self._passed_ns()

    def now_ns(self) -> int:
        return self._origin_ns + self._passed_ns()

    def _passed_ns(self) -> int:
        return time.monotonic_ns() if _STEADY is None else time.clock_gettime_ns(_STEADY)


class VenueClock:
    """The venue's clock as seen from here: `offset_ns` ahead of ours, known to within `uncertainty_ns`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset_ns: int | None = None
        self.uncertainty_ns = 0

    async def measure(self, ask_ms: Callable[[], Awaitable[int | None]]) -> None:
        """Asks the venue's time once: it is taken to have been read half-way between question and answer."""
        asked_ns = self._clock.now_ns()
        venue_ms = await ask_ms()
        answered_ns = self._clock.now_ns()
        if type(venue_ms) is not int or venue_ms <= 0:
            return
        self.offset_ns = venue_ms * _MS_NS - (asked_ns + answered_ns) // 2
        self.uncertainty_ns = (answered_ns - asked_ns) // 2

    @property
    def skew_s(self) -> Decimal | None:
        """Seconds that the two are apart, either way; None before the venue told its time."""
        return None if self.offset_ns is None else Decimal(abs(self.offset_ns)) / SECOND_NS

    def venue_now_ns(self) -> int:
        """What the venue's clock shows now: ours, corrected by what was last measured."""
        return self._clock.now_ns() + (self.offset_ns or 0)


class LoopLag:
    """How late the event loop wakes who asked to be woken: what everything on it waits for at least."""

    def __init__(self, every_s: float = 0.1) -> None:
        self._every_s = every_s
        self._late_s: deque[float] = deque(maxlen=_BEATS)

    async def beat(self) -> None:
        """Measures for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._every_s
            await asyncio.sleep(self._every_s)
            self._late_s.append(max(0.0, loop.time() - due))

    def worst_s(self, beats: int = 10) -> float | None:
        """The latest of the last beats; None where nobody has counted yet."""
        recent = list(self._late_s)[-beats:]
        return max(recent, default=None)

    def quantile_s(self, share: float) -> float | None:
        """Over the last minute: `share` of the beats were no later."""
        ordered = sorted(self._late_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
