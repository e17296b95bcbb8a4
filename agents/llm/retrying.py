"""Asking again, with the server's own wish or growing waits, and the next model; not at all while one is left alone."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_any
from tenacity.stop import stop_base

from agents.llm.saying import AGAIN, Unanswered, Why
from agents.llm.settings import LlmSettings

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

# No other model would answer these either, or none may be asked.
_FINAL: Final = frozenset({Why.BUDGET, Why.NO_KEY, Why.BAD_KEY, Why.QUOTA})
_LONGEST_WAIT_S: Final = 60.0
# What says that a server is ill, rather than that it dislikes the question.
_ILL: Final = AGAIN | {Why.TIMED_OUT}


class Retrying:
    """Up to `attempts` calls within the time that is left; `left_s` answers it."""

    def __init__(self, settings: LlmSettings, sleep: Sleep = asyncio.sleep) -> None:
        self._attempts = settings.attempts
        self._wait_s = float(settings.wait_s)
        self._sleep = sleep

    async def __call__(self, once: Callable[[], Awaitable[T]], left_s: Callable[[], float]) -> T:
        asking = AsyncRetrying(
            stop=stop_any(stop_after_attempt(self._attempts), _TooLate(left_s)),
            wait=self._wait,
            retry=retry_if_exception(lambda failed: isinstance(failed, Unanswered) and failed.why in AGAIN),
            sleep=self._sleep,
            reraise=True,
        )
        return await asking(once)

    def _wait(self, state: RetryCallState) -> float:
        failed = state.outcome.exception() if state.outcome else None
        if isinstance(failed, Unanswered) and failed.retry_after_s is not None:
            return failed.retry_after_s
        growing = min(self._wait_s * 2.0 ** (state.attempt_number - 1), _LONGEST_WAIT_S)
        return growing * random.uniform(0.5, 1.5)


async def in_order(models: Sequence[str], ask: Callable[[str], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """What the first model that answers gives, as it comes. Once something came, nobody else is asked.

    Raises Unanswered where none does, with the last reason.
    """
    failed: list[Unanswered] = []
    for model in models:
        began = False
        try:
            async with aclosing(ask(model)) as parts:
                async for part in parts:
                    began = True
                    yield part
            return
        except Unanswered as unanswered:
            failed.append(unanswered)
            if began or unanswered.why in _FINAL:
                break
    # A model that is left alone says less than one that was asked.
    raise next((f for f in reversed(failed) if f.why is not Why.RESTING), failed[-1])


class _TooLate(stop_base):
    """No attempt that would begin after the time is up."""

    def __init__(self, left_s: Callable[[], float]) -> None:
        self._left_s = left_s

    def __call__(self, state: RetryCallState) -> bool:
        return state.upcoming_sleep >= self._left_s()


@dataclass(slots=True)
class _Health:
    failures: int = 0
    until: float = 0.0


class Breaker:
    """Leaves a model alone for a while after so many failures in a row; then one call tries whether it is well."""

    def __init__(self, settings: LlmSettings, monotonic: Callable[[], float]) -> None:
        self._most = settings.failures
        self._rest_s = float(settings.rest_s)
        self._monotonic = monotonic
        self._health: dict[str, _Health] = {}

    def enter(self, model: str) -> None:
        """Raises Unanswered while the model is left alone."""
        health = self._health.setdefault(model, _Health())
        if health.failures < self._most:
            return
        left_s = health.until - self._monotonic()
        if left_s > 0:
            raise Unanswered(Why.RESTING, f"{model} failed {health.failures} times, for {left_s:.0f} s more")
        health.until = self._monotonic() + self._rest_s

    def heard(self, model: str, failed: Unanswered | None) -> None:
        health = self._health.setdefault(model, _Health())
        if failed is None or failed.why not in _ILL:
            health.failures = 0
            return
        health.failures += 1
        health.until = self._monotonic() + self._rest_s
