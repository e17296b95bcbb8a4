"""A server on 127.0.0.1 that answers what a test scripts, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Paths to handlers or lists of answers; a list is used up one by one, and its last answer repeats."""

    routes: dict[str, Handler | list[Any]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    base: str = ""
    fallback: Handler | None = None  # answers every path that has no route

    def says(self, path: str, *answers: Any) -> None:
        self.routes[path] = list(answers)

    async def __aenter__(self) -> Server:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.base = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                body,
            )
        )
        found = self.routes.get(request.path, self.fallback)
        if found is None:
            return web.Response(status=404, text="no such page")
        if callable(found):
            return await found(request)
        answer = found.pop(0) if len(found) > 1 else found[0]
        return answer() if callable(answer) else answer


def json(value: Any, status: int = 200, **headers: str) -> Callable[[], web.Response]:
    """A JSON answer that can be given many times. Header names are written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda: web.json_response(value, status=status, headers=named)


def text(
    content: str | bytes, kind: str = "text/plain", status: int = 200, **headers: str
) -> Callable[[], web.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = content.encode() if isinstance(content, str) else content
    return lambda: web.Response(body=body, status=status, headers={"content-type": kind, **named})
