"""`/v1/signals`: what the desk says of each symbol, signed, as it happens and as it was."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Header, Path, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from api.rest import schemas
from api.rest.feed import document
from api.rest.guard import SIGNALS, admitted, asker, needs
from api.rest.pages import Cursor, Limit, decoded, encoded
from api.rest.problems import Problem
from api.rest.served import Served, served
from desk.access import Scope
from memory.books import signals
from memory.books.access import ApiKey

router = APIRouter(prefix="/v1/signals", tags=["signals"])
_READ = needs(Scope.SIGNALS_READ)
_JSON: Final = "application/json"
_EVENT: Final = "id: 17\nevent: signal\ndata: {…}\n\n"
_BEAT_S: Final = 15.0  # between two signs of life of a quiet stream
_MOST_NUMBER: Final = 2**63 - 1

Symbol = Annotated[
    str | None,
    Query(max_length=64, pattern=r"^[A-Za-z0-9._:/-]+$", description="Such as BTC/USDT.", examples=["BTC/USDT"]),
]


@router.get("", response_model=schemas.SignalPage, responses=schemas.problems(*schemas.GUARDED), **_READ)
async def latest(request: Request, symbol: Symbol = None) -> Response:
    """The newest signal of every symbol, or of one. Whether it still holds is for the reader: see `expires_ns`."""
    feed = served(request).feed
    body = feed.latest if symbol is None else feed.by_symbol.get(symbol, _NOTHING)
    return Response(body, media_type=_JSON)


_NOTHING: Final = document(())


class Shortcut:
    """`GET /v1/signals` without a query, past the framework: the route that is asked most does no work but its key's.

    Its guard, its bytes and its document are those of `latest`, which answers whatever else is asked of it.
    """

    def __init__(self, app: ASGIApp, at: Served) -> None:
        self._app, self._at = app, at

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["path"] != router.prefix or scope["method"] != "GET" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        scope["route"] = _LATEST
        said = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        admitted(self._at.keys, said.decode("latin-1"), SIGNALS)
        body = self._at.feed.latest
        headers = [(b"content-type", _JSON.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


_LATEST: Final = next(route for route in router.routes if getattr(route, "path", "") == router.prefix)


@router.get("/history", response_model=schemas.SignalPage, responses=schemas.problems(*schemas.GUARDED), **_READ)
def history(request: Request, symbol: Symbol = None, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Every signal that was issued, newest first, with what came of it once that is known."""
    at = served(request)
    before = None if cursor is None else decoded(cursor, int)[0]
    account_id = at.feed.account_id
    if account_id is None:
        return Response(_NOTHING, media_type=_JSON)
    found = at.books.read(lambda conn: signals.history(conn, account_id, symbol=symbol, before=before, limit=limit + 1))
    following = encoded(found[limit - 1].number) if len(found) > limit else None
    return Response(document(found[:limit], following), media_type=_JSON)


@router.get("/key", response_model=schemas.SignalKey)
async def key(request: Request) -> Response:
    """The public key that signals are signed with. Pin it: a key that changes without a word is a warning."""
    return Response(orjson.dumps(served(request).signer.published), media_type=_JSON)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                "text/event-stream": {"schema": {"type": "string"}, "example": "id: 17\nevent: signal\ndata: {…}\n\n"}
            }
        },
        **schemas.problems(*schemas.GUARDED),
    },
    **_READ,
)
async def stream(
    request: Request,
    symbol: Symbol = None,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=_MOST_NUMBER, description="The last number seen; browsers send it."),
    ] = None,
) -> Response:
    """Signals as server-sent events, from now on, or from after `Last-Event-ID`: nothing between is lost."""
    at = served(request)
    if at.streams >= at.settings.api.streams:
        raise Problem(
            429, f"{at.streams} streams are open, {at.settings.api.streams} are allowed", headers={"Retry-After": "30"}
        )
    since = at.feed.number if last_event_id is None else last_event_id
    return StreamingResponse(_events(at, asker(request), since, symbol), media_type="text/event-stream")


async def _events(at: Served, key: ApiKey, number: int, symbol: str | None) -> AsyncIterator[bytes]:
    """Ends with the server, and with the key: revocation closes what it opened."""
    at.streams += 1
    at.meters.streams.inc()
    try:
        yield b"retry: 2000\n\n"
        while not at.closing.is_set() and at.keys.still(key) and at.keys.may_read_signals(key):
            found, seen = await at.feed.after(number, symbol)
            for signal in found:
                yield f"id: {signal.number}\nevent: signal\ndata: {signal.line}\n\n".encode()
            if seen > number:
                number = seen
            else:
                before = asyncio.get_running_loop().time()
                await at.feed.wait(min(_BEAT_S, 1.0))
                at_s = asyncio.get_running_loop().time()
                if int(before / _BEAT_S) != int(at_s / _BEAT_S):
                    yield b": still here\n\n"
    finally:
        at.streams -= 1
        at.meters.streams.dec()


@router.get(
    "/{signal_id}", response_model=schemas.SignalLine, responses=schemas.problems(404, *schemas.GUARDED), **_READ
)
def one(request: Request, signal_id: Annotated[str, Path(max_length=36, pattern=r"^[0-9a-f-]{36}$")]) -> Response:
    """One signal, with what came of it once that is known."""
    found = served(request).books.read(lambda conn: signals.find(conn, signal_id))
    if found is None:
        raise Problem(404, f"no signal has the id {signal_id}")
    return Response(found.line.encode(), media_type=_JSON)
