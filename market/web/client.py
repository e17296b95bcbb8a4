"""One HTTP client for all sources: time-outs, retries with jitter, budgets, validators and limits, all counted."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx2

from core.canonical import JSON
from core.ports import Clock
from core.time import SECOND_NS
from market.web.addresses import AddressRefused, Allowed, GuardedTransport
from market.web.answers import Answer, Unavailable, Unwilling, WebCounts
from market.web.budget import Budget
from market.web.kept import Kept, validators
from market.web.patience import asks_for_patience, patience, retry_at_ns

AGENT: Final = "tradewarden"
JSON_TYPES: Final = ("application/json", "text/json", "+json")
_PASSED_OVER: Final = 64 * 1024  # of an error's body: enough for a vendor's own words
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request. `timeout_s` is for each of connect, read and write, `total_s` for all of it together.

    Waiting for its turn at a host is no part of `total_s`: it is our own doing, and ends at `longest_turn_s`.
    """

    timeout_s: float = 10.0
    total_s: float = 60.0
    longest_turn_s: float = 120.0
    max_bytes: int = 5_000_000
    max_redirects: int = 4
    attempts: int = 4
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    per_minute: int = 60
    burst: int = 10


class Web:
    """Fetches what public hosts offer. Close it, or use it as an async context."""

    def __init__(
        self,
        clock: Clock,
        *,
        limits: Limits | None = None,
        allow_private: Sequence[str] = (),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.counts = WebCounts()
        self._clock, self._sleep = clock, sleep
        self._chance = chance or random.Random()
        self._budget = Budget(self.limits.per_minute, self.limits.burst)
        self._kept = Kept()
        self._transport = GuardedTransport(Allowed(allow_private))
        self._client = httpx2.AsyncClient(
            transport=self._transport,
            trust_env=False,
            follow_redirects=False,  # each hop is a request of its own, under the same rules
            timeout=self.limits.timeout_s,
            headers={"user-agent": AGENT, "accept-encoding": "gzip, deflate"},
        )
        _hush()

    async def __aenter__(self) -> Web:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(
        self,
        url: str,
        *,
        what: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        types: Sequence[str] = JSON_TYPES,
        max_bytes: int | None = None,
    ) -> Answer:
        """What a URL answers. `what` is how messages call it, `types` the media types that it may have.

        Raises
        ------
        Unavailable
            Time-outs, cut connections, 5xx, 429 and quotas, after the retries that the limits allow; a host whose
            budget is spent for longer than a request may wait.
        Unwilling
            Private addresses, other 4xx, wrong media types, too many bytes or redirects.
        """
        try:
            full = str(httpx2.URL(url, params=dict(params))) if params else str(httpx2.URL(url))
        except httpx2.InvalidURL:
            raise Unwilling(f"{what} is no URL") from None
        request = _Request("GET", full, what, dict(headers or {}), None, types, max_bytes or self.limits.max_bytes)
        return await self._persist(request)

    async def post(
        self,
        url: str,
        *,
        what: str,
        body: JSON = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        types: Sequence[str] = JSON_TYPES,
    ) -> Answer:
        """As `get`, for reads that are asked by POST: JSON-RPC, tokens. It is repeated like them, so it must be one."""
        content = {"data": dict(form)} if form is not None else {"json": body}
        return await self._persist(
            _Request("POST", url, what, dict(headers or {}), content, types, self.limits.max_bytes)
        )

    async def _persist(self, request: _Request) -> Answer:
        pause = self.limits.first_pause_s
        for attempt in range(1, self.limits.attempts + 1):
            try:
                return await self._follow(request)
            except Unavailable as error:
                failure = error
            wait = patience(failure, self._clock.now_ns(), self._chance.uniform(pause / 2, pause))
            # A host that closes for longer than we would ever pause is left alone: the caller hears when to come back.
            if attempt == self.limits.attempts or wait > self.limits.longest_pause_s:
                raise failure
            self.counts.retries += 1
            await self._sleep(wait)
            pause = min(2 * pause, self.limits.longest_pause_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _follow(self, request: _Request) -> Answer:
        total = self.limits.total_s
        left_s, loop = total, asyncio.get_running_loop()
        for _ in range(self.limits.max_redirects + 1):
            host = _host_of(request)
            await self._take_turn(host, request.what)
            began = loop.time()
            try:
                async with asyncio.timeout(left_s):
                    found = await self._once(request, host)
            except TimeoutError:
                self.counts.failures += 1
                raise Unavailable(f"{request.what}: {host} took more than {total:g} s to answer") from None
            left_s -= loop.time() - began
            if isinstance(found, Answer):
                return found
            self.counts.redirects += 1
            request = request.moved_to(found)
        raise Unwilling(f"{request.what} redirects more than {self.limits.max_redirects} times")

    async def _once(self, request: _Request, host: str) -> Answer | str:
        """The answer, or where it says that the answer is."""
        kept = self._kept.get(request.url) if request.method == "GET" else None
        self.counts.requests += 1
        try:
            async with self._client.stream(
                request.method,
                request.url,
                headers={**request.headers, **validators(kept), "accept": ", ".join(request.accepted())},
                **(request.content or {}),
            ) as response:
                return await self._read(request, response, host, kept)
        except AddressRefused as refused:
            self.counts.blocked_addresses += 1
            raise Unwilling(f"{request.what}: {refused}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            self.counts.failures += 1
            # Only the kind: the text of some of them repeats the URL, and a key may stand in it.
            raise Unavailable(f"{request.what}: {host} failed with {type(error).__name__}") from None

    async def _read(self, request: _Request, response: httpx2.Response, host: str, kept: Answer | None) -> Answer | str:
        headers = {name.lower(): value for name, value in response.headers.items()}
        status = response.status_code
        if status in _REDIRECTS and (target := headers.get("location")):
            return urljoin(request.url, target)
        if status == 304 and kept is not None:
            self.counts.unchanged += 1
            return Answer(request.what, kept.url, 200, kept.headers, kept.content, self._clock.now_ns(), True)
        if asks_for_patience(status, headers):
            raise self._throttled(request, host, headers)
        if status >= 500 or status == 408:
            self.counts.failures += 1
            raise Unavailable(f"{request.what}: {host} answered {status}")
        if not 200 <= status < 300:
            self.counts.refusals += 1
            content = await _at_most(response, _PASSED_OVER)
            raise Unwilling(f"{request.what}: {host} answered {status}", status, content or b"")
        stated = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not any(stated == kind or (kind.startswith("+") and stated.endswith(kind)) for kind in request.types):
            self.counts.wrong_types += 1
            raise Unwilling(
                f"{request.what} is {stated or 'of no stated type'}; allowed are {', '.join(request.types)}"
            )
        content = await _at_most(response, request.max_bytes)
        if content is None:
            self.counts.too_large += 1
            raise Unwilling(f"{request.what} is larger than {request.max_bytes} bytes")
        answer = Answer(request.what, request.url, status, headers, content, self._clock.now_ns())
        if request.method == "GET":
            self._kept.put(request.url, answer)
        self.counts.answers += 1
        return answer

    def _throttled(self, request: _Request, host: str, headers: Mapping[str, str]) -> Unavailable:
        self.counts.throttled += 1
        now = self._clock.now_ns()
        until = retry_at_ns(headers, now)
        if until is not None:
            self._budget.close(host, until)
        return Unavailable(f"{request.what}: {host} asks for patience", until)

    async def _take_turn(self, host: str, what: str) -> None:
        now = self._clock.now_ns()
        closed = self._budget.closed_ns(host, now)
        if closed > self.limits.longest_pause_s * SECOND_NS:
            raise Unavailable(f"{what}: {host} asked for patience", now + closed)
        longest_s = self.limits.longest_turn_s
        wait = self._budget.wait_ns(host, now)
        if wait > longest_s * SECOND_NS:
            self.counts.turned_away += 1
            told = f"its turn at {host} comes in {wait / SECOND_NS:.0f} s, allowed are {longest_s:g} s"
            raise Unavailable(f"{what}: {told}: too many requests wait for one host", now + wait)
        self._budget.reserve(host, now)
        if wait:
            self.counts.waited_ms += wait // 1_000_000
            await self._sleep(wait / SECOND_NS)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    what: str
    headers: Mapping[str, str]
    content: Mapping[str, Any] | None
    types: Sequence[str]
    max_bytes: int

    def accepted(self) -> list[str]:
        return [kind for kind in self.types if not kind.startswith("+")] + ["*/*;q=0.1"]

    def moved_to(self, url: str) -> _Request:
        """This request at another place. A key is for whom it was meant: it does not follow to another host."""
        old, new = urlsplit(self.url), urlsplit(url)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc) and (self.headers or self.content):
            raise Unwilling(f"{self.what} sends its key or question on to {new.hostname}; allowed is the same host")
        if old.scheme == "https" and new.scheme != "https":
            raise Unwilling(f"{self.what} redirects from https to {new.scheme}")
        return _Request(self.method, url, self.what, self.headers, self.content, self.types, self.max_bytes)


def _host_of(request: _Request) -> str:
    parts = urlsplit(request.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise Unwilling(f"{request.what} is no plain http or https address")
    return parts.hostname


async def _at_most(response: httpx2.Response, limit: int) -> bytes | None:
    """The decoded body, or None where it is longer: counted as it unpacks, so that a bomb stops early."""
    stated = response.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > limit:
        return None
    parts, size = [], 0
    async for part in response.aiter_bytes(65_536):
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


class _HostOnly(logging.Filter):
    """HTTPX logs whole URLs, and some vendors want their keys in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_host(arg) if isinstance(arg, httpx2.URL) else arg for arg in record.args)
        return True


def _host(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.host}"


def _hush() -> None:
    """Once for the process, as loggers are."""
    logger = logging.getLogger("httpx2")
    if not any(isinstance(known, _HostOnly) for known in logger.filters):
        logger.addFilter(_HostOnly())
    # Its traces repeat the headers of answers, and a redirect repeats the question in one.
    logging.getLogger("httpcore2").setLevel(logging.INFO)
