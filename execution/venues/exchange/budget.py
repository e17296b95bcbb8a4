"""How much may be asked of one venue: one budget for everybody in this process who asks it.

A bucket in the venue's own units of cost, as ccxt counts them. A part of it is kept for cancels and queries: they must
get through when everything else has been spent.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

_BURST_S = 10  # a full bucket is what comes back in so long
_RESERVED = 0.25
_MOST_WAIT_S = 5.0  # an order that would have to wait longer was decided on another price
_INSTANT_S = 1e-6  # less than that is rounding, and might never pass
_TOO_MANY, _BANNED = 429, 418
_UNSAID_S = {_TOO_MANY: 10.0, _BANNED: 120.0}  # where the venue does not say how long


class Use(StrEnum):
    """What a request is for."""

    ORDER = "order"
    CANCEL = "cancel"
    QUERY = "query"  # what became of one order
    POLL = "poll"  # everything else


_ESSENTIAL = frozenset({Use.CANCEL, Use.QUERY})
_use: ContextVar[Use] = ContextVar("use", default=Use.POLL)


@contextmanager
def using(use: Use) -> Iterator[None]:
    """Every request in this block is charged as `use`."""
    token = _use.set(use)
    try:
        yield
    finally:
        _use.reset(token)


class BudgetSpent(Exception):
    """The request was not made: the venue asked for silence, or an order would have come too late."""


class RateBudget:
    """A token bucket of `per_s` units of cost a second. `now_s` and `sleep` as `time.monotonic`, `asyncio.sleep`."""

    def __init__(
        self,
        per_s: float,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_s = per_s
        self._size = max(per_s * _BURST_S, 1.0)
        self._left = self._size
        self._now_s = now_s
        self._sleep = sleep
        self._seen_s = now_s()
        self._silent_until_s = 0.0
        self._banned = False

    @property
    def silent_s(self) -> float:
        """Seconds for which the venue asked not to be asked; 0 where it did not."""
        return max(0.0, self._silent_until_s - self._now_s())

    @property
    def left(self) -> float:
        """Units that can be spent now; below 0 is borrowed from the seconds to come."""
        self._refill()
        return self._left

    async def spend(self, cost: float) -> None:
        """Waits until `cost` can be paid. Raises BudgetSpent where the request must not be made.

        A cancel goes out after a 429 as well: it only lowers risk. After a 418 nothing does, since the venue answers
        nobody and each attempt makes the ban longer.
        """
        use = _use.get()
        if (silent_s := self.silent_s) > 0 and (self._banned or use is not Use.CANCEL):
            raise BudgetSpent(f"not asked: the venue asked for silence, {silent_s:.0f} s are left of it")
        while (wait_s := self._wait_s(cost, use)) > _INSTANT_S:
            if use is Use.ORDER and wait_s > _MOST_WAIT_S:
                raise BudgetSpent(f"not sent: the rate budget is spent, and comes back in {wait_s:.0f} s")
            await self._sleep(wait_s)
        self._left -= cost

    def told_to_stop(self, status: int, retry_after_s: float | None) -> None:
        """The venue answered 429 or 418."""
        seconds = _UNSAID_S[status] if retry_after_s is None else retry_after_s
        self._banned = status == _BANNED or (self._banned and self.silent_s > 0)
        self._silent_until_s = max(self._silent_until_s, self._now_s() + seconds)

    def _wait_s(self, cost: float, use: Use) -> float:
        self._refill()
        floor = 0.0 if use in _ESSENTIAL else self._size * _RESERVED
        # What costs more than there can ever be is paid from a full bucket.
        return max(0.0, min(cost, self._size - floor) + floor - self._left) / self._per_s

    def _refill(self) -> None:
        now_s = self._now_s()
        self._left = min(self._size, self._left + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s


class RateBudgets:
    """The budgets of a process by venue: whoever asks the same venue shares one."""

    def __init__(self) -> None:
        self._of: dict[str, RateBudget] = {}

    def of(self, venue: str, per_s: float) -> RateBudget:
        """The budget of `venue`, made at the first call with what ccxt states as its rate."""
        return self._of.setdefault(venue, RateBudget(per_s))
