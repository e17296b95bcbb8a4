"""Around the whole application: an id for every request, headers that keep browsers out of trouble, limits, counts.

Plain ASGI, since it runs for every request: a middleware of the framework would cost more than the answer itself.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.rest.meters import Meters
from api.rest.problems import MEDIA_TYPE, Problem, document

log: Final = logging.getLogger("tradewarden.api")
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BODIES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# No page of another origin may read, frame or guess anything here; there is no page of our own either.
_HEADERS: Final[Sequence[tuple[bytes, bytes]]] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class Shell:
    """`body_bytes` and `timeout_s` bound one request. A stream has no end, and bounds itself."""

    def __init__(self, app: ASGIApp, meters: Meters, *, body_bytes: int, timeout_s: float) -> None:
        self._app, self._meters = app, meters
        self._body_bytes, self._timeout_s = body_bytes, timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answer = perf_counter(), _Answer(send, _request_id(scope))
        scope["request_id"] = answer.request_id
        try:
            listening = self._bounded(scope, receive)
            if scope["path"].endswith("/stream"):
                await self._app(scope, listening, answer)
            else:
                async with asyncio.timeout(self._timeout_s):
                    await self._app(scope, listening, answer)
        except TimeoutError:
            await answer.problem(503, f"it took longer than {self._timeout_s:g} s", type="too-slow")
        except Problem as refused:
            more = {"type": refused.type, **refused.more}
            await answer.problem(refused.status_code, str(refused.detail), headers=refused.headers, **more)
        except Exception:
            log.exception("request %s broke", answer.request_id)
            await answer.problem(500, "it is in the log of the server, under this id")
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._meters.answered(scope["method"], route, answer.status, perf_counter() - started)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body, up to its most. Raises Problem beyond that, before it is read where its length is said."""
        if scope["method"] not in _BODIES:
            return receive
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if said.isdigit() and int(said) > self._body_bytes:
            raise Problem(413, f"the body has {int(said)} bytes, {self._body_bytes} are allowed")
        seen = 0

        async def listening() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._body_bytes:
                raise Problem(413, f"the body has more than the {self._body_bytes} bytes that are allowed")
            return message

        return listening


class _Answer:
    """What is sent, with our headers on it."""

    __slots__ = ("_send", "request_id", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self.request_id, self.status = send, request_id, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            named = (b"x-request-id", self.request_id.encode())
            message["headers"] = [*message.get("headers", ()), *_HEADERS, named]
        await self._send(message)

    async def problem(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        """Only where nothing was said yet: a half-sent answer cannot be taken back."""
        if self.status:
            return
        body = document(status, detail, self.request_id, **more)
        named = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **(headers or {})}
        raw = [(name.lower().encode(), value.encode()) for name, value in named.items()]
        await self({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> str:
    """The caller's, where it is one that may stand in a header and a log; else ours."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode())
    return secrets.token_hex(8)
