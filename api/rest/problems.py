"""Every error of the API as a problem document (RFC 9457): what is wrong and what is allowed, and never a trace.

`type` is a word of a closed set, `detail` a sentence for a person, `request` the id by which a log line can be found.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from core import errors
from core.errors import DeskError
from core.printable import one_line
from desk.home import Home

MEDIA_TYPE: Final = "application/problem+json"
_TYPES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed", "The request cannot be read"),
    401: ("unauthenticated", "A key is needed"),
    403: ("forbidden", "The key may not do this"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "The method is not allowed here"),
    408: ("too-slow", "The request did not arrive in time"),
    409: ("conflict", "The state does not allow it"),
    413: ("too-large", "The body is too large"),
    415: ("unsupported-media-type", "The body must be JSON"),
    422: ("invalid", "A value is not allowed"),
    429: ("too-many-requests", "The key has asked too often"),
    500: ("broken", "The server broke"),
    503: ("unavailable", "The desk cannot answer now"),
}
# Who acts next, said in a status. What is not named here is the caller's to mend.
_STATUS: Final[Mapping[type[DeskError], int]] = {
    errors.DeskBusy: 503,
    errors.ExchangeUnavailable: 503,
    errors.LedgerBroken: 503,
    errors.DeskHalted: 409,
    errors.OrderStateUnknown: 409,
}


class Problem(HTTPException):
    """Raised anywhere in a request. `more` are further members of the document."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, type: str = "", **more: Any
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.type = type
        self.more = more


def document(status: int, detail: str, request_id: str, *, type: str = "", **more: Any) -> bytes:
    word, title = _TYPES.get(status, ("refused", "The request was refused"))
    body = {"type": type or word, "title": title, "status": status, "detail": one_line(detail), "request": request_id}
    return orjson.dumps({**body, **more})


async def refused(request: Request, found: Exception) -> Response:
    """For `Problem` and whatever else the framework raises of its own."""
    assert isinstance(found, HTTPException)
    headers = dict(found.headers or {})
    more = {"type": found.type, **found.more} if isinstance(found, Problem) else {}
    return _answer(request, found.status_code, str(found.detail), headers=headers, **more)


async def invalid(request: Request, found: Exception) -> Response:
    """A value outside its range: where it stands and what is allowed; what was found is not repeated."""
    assert isinstance(found, RequestValidationError)
    faults = [{"where": ".".join(str(part) for part in e["loc"]), "allowed": e["msg"]} for e in found.errors()]
    told = "; ".join(f"{fault['where']}: {fault['allowed']}" for fault in faults)
    return _answer(request, 422, told, faults=faults)


async def desk_refused(request: Request, found: Exception) -> Response:
    """What the desk raises on purpose. A folder of this machine is nobody's business."""
    assert isinstance(found, DeskError)
    return _answer(request, status_of(found), without_folders(request.app.state.served.home, found))


async def broken(request: Request, found: Exception) -> Response:
    """What nobody expected. It is raised again after this, and the shell logs it."""
    return _answer(request, 500, "it is in the log of the server, under this id")


def status_of(found: DeskError) -> int:
    return next((code for kind, code in _STATUS.items() if isinstance(found, kind)), 422)


def without_folders(home: Home, found: DeskError) -> str:
    return str(found).replace(str(home.path), "(home)")


def _answer(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    request_id = request.scope.get("request_id", "")
    return Response(document(status, detail, request_id, **more), status, dict(headers or {}), MEDIA_TYPE)
