"""One request to a venue, again and again until it works or patience ends: jitter, Retry-After, and no more than that.

What a venue asks for holds for every request of the client at once: if it says wait, nobody asks.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from core.errors import ConfigError, ExchangeUnavailable
from market.fetching.hearing import JunkPage

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """`tries` of one request, the pause doubling from `first_s` to `longest_s`, each times 0.5 to 1.5.

    A venue that bans without saying for how long (418) is left alone for `ban_s`; one that asks for more than `most_s`
    is not waited for.
    """

    tries: int = 6
    first_s: float = 0.5
    longest_s: float = 30.0
    ban_s: float = 120.0
    most_s: float = 300.0


class Caller:
    """Makes the requests of one ccxt client. `requests` and `retries` count."""

    def __init__(
        self,
        client: Any,
        patience: Patience,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5),
    ) -> None:
        self.requests = 0
        self.retries = 0
        self._patience = patience
        self._sleep = sleep
        self._now_s = now_s
        self._jitter = jitter
        self._not_before_s = 0.0
        _hear_retry_after(client, self._asked_to_wait)

    async def call(self, what: str, ask: Callable[[], Awaitable[Any]], read: Callable[[Any], Answer]) -> Answer:
        """What `read` makes of the answer to `ask`, a request through ccxt; a JunkPage of either is tried again.

        ExchangeUnavailable after the last try, ConfigError where the venue refuses what cannot get better.
        """
        from ccxt.base.errors import BaseError

        failure: Exception | None = None
        for attempt in range(self._patience.tries):
            if attempt:
                self.retries += 1
                pause = min(self._patience.longest_s, self._patience.first_s * 2 ** (attempt - 1)) * self._jitter()
                self._hold(pause)
            await self._wait(what)
            self.requests += 1
            try:
                return read(await _parsed(ask))
            except JunkPage as junk:
                failure = junk
            except BaseError as error:
                if not _may_pass(error):
                    raise ConfigError(f"{what}: the venue refuses: {_short(error)}") from error
                failure = error
        raise ExchangeUnavailable(
            f"{what}: {self._patience.tries} tries failed, the last: {_short(failure)}"
        ) from failure

    def _asked_to_wait(self, status: int, seconds: float | None) -> None:
        if seconds is None:
            seconds = self._patience.ban_s if status == 418 else self._patience.first_s
        self._hold(seconds)

    def _hold(self, seconds: float) -> None:
        self._not_before_s = max(self._not_before_s, self._now_s() + seconds)

    async def _wait(self, what: str) -> None:
        while (left := self._not_before_s - self._now_s()) > 0:
            if left > self._patience.most_s:
                raise ExchangeUnavailable(
                    f"{what}: the venue asks to wait {left:.0f} s; what was fetched is stored, so run the same command"
                    " again then"
                )
            await self._sleep(left)


async def _parsed(ask: Callable[[], Awaitable[Any]]) -> Any:
    """ccxt's parsers stumble over a page that is no JSON, or JSON of another shape, in all of these ways."""
    try:
        return await ask()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise JunkPage(f"the answer could not be read ({_short(error)})") from error


def _may_pass(error: Exception) -> bool:
    """Whether asking again can help: what failed under way, or came back unreadable."""
    import aiohttp
    from ccxt.base import errors

    if isinstance(error, (errors.OperationFailed, errors.BadResponse, errors.NullResponse)):
        return True
    # A bare ExchangeError says that ccxt does not know what it means; a body that was cut in the middle is one, too.
    return type(error) is errors.ExchangeError or isinstance(error.__cause__, aiohttp.ClientError)


def _hear_retry_after(client: Any, tell: Callable[[int, float | None], None]) -> None:
    """ccxt raises 429 and 418 without the header that says how long; its error handler sees it."""
    original = client.handle_errors

    def handle_errors(code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
        if code in (418, 429):
            tell(code, _seconds(headers))
        return original(code, reason, url, method, headers, *rest)

    client.handle_errors = handle_errors


def _seconds(headers: Any) -> float | None:
    for name, value in dict(headers or {}).items():
        if name.lower() == "retry-after":
            try:
                return max(0.0, float(value))
            except ValueError:
                return None  # a date: no venue that we know writes one
    return None


def _short(error: Exception | None) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= 200 else f"{text[:197]}..."
