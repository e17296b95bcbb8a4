"""The application: every route over one home, and its document."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from api.rest import acting, health, problems, reading, schemas, signals
from api.rest.feed import Feed
from api.rest.guard import SCHEME, Keys
from api.rest.served import Served
from api.rest.shell import Shell
from core.errors import DeskError
from desk.clock import SystemClock
from desk.home import Home
from desk.settings import Settings
from desk.signalling import Issuing
from desk.signing import Signer
from memory.books.database import Books

DOCUMENT: Final = "/v1/openapi.json"
_NOTE_S: Final = 30.0
_ABOUT: Final = (
    "What the desk says, did and holds, and the few words that a person may say to it. Nothing here can write a limit, "
    "and no order passes but through the risk officer. Times are nanoseconds since 1970 (UTC), amounts exact decimals "
    "as text. Errors are problem documents (RFC 9457)."
)


@asynccontextmanager
async def serving(home: Home, settings: Settings, books: Books) -> AsyncIterator[Served]:
    """What the routes work with, at work: signals are issued and loaded, uses of keys are noted."""
    clock, signer = SystemClock(), Signer.of(home)
    seen, looked = books.changes(), books.changes()
    api = settings.api
    keys = Keys(books, seen, clock, per_minute=api.requests_per_minute, third_parties=settings.signals.third_parties)
    feed = Feed(books, looked, Issuing(home, books, signer, clock))
    at = Served(home, settings, books, keys, feed, signer, clock)
    await feed.look()
    tasks = [asyncio.create_task(feed.run()), asyncio.create_task(_noting(keys))]
    try:
        yield at
    finally:
        at.closing.set()
        feed.wake()
        for task in tasks:
            task.cancel()
        # What a person's word began is finished; the rest of the server may go.
        await asyncio.gather(*tasks, *at.working, return_exceptions=True)
        keys.note_use()
        seen.close()
        looked.close()


def application(at: Served) -> Shell:
    """The whole application around what it serves."""
    app = FastAPI(
        title="Tradewarden",
        version=version("tradewarden"),
        description=_ABOUT,
        openapi_url=DOCUMENT,
        docs_url=None,
        redoc_url=None,
    )
    app.state.served = at
    for part in (signals, reading, acting, health):
        app.include_router(part.router)
    app.add_exception_handler(HTTPException, problems.refused)
    app.add_exception_handler(RequestValidationError, problems.invalid)
    app.add_exception_handler(DeskError, problems.desk_refused)
    app.add_exception_handler(Exception, problems.broken)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    api = at.settings.api
    return Shell(signals.Shortcut(app, at), at.meters, body_bytes=api.body_bytes, timeout_s=float(api.timeout_s))


async def _noting(keys: Keys) -> None:
    while True:
        await asyncio.sleep(_NOTE_S)
        keys.note_use()


def _document(app: FastAPI) -> dict[str, Any]:
    """The framework's, with our problems in the place of its own errors, and how a key is sent."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        parts = found.setdefault("components", {})
        named = parts.setdefault("schemas", {})
        named["ProblemDocument"] = schemas.ProblemDocument.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            named.pop(unused, None)
        told = "`warden keys create` makes one; the scopes that open a route stand beside it, any one of them does"
        parts["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer", "description": told}}
        for path in found["paths"].values():
            for operation in path.values():
                _ours(operation)
        app.openapi_schema = found
    return app.openapi_schema


def _ours(operation: dict[str, Any]) -> None:
    """A value that is not allowed is told as every other problem is."""
    if "422" in operation["responses"]:
        operation["responses"] |= {str(k): v for k, v in schemas.problems(422).items()}
