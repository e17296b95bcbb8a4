"""What a request ends in: an answer, `Unavailable` (later, perhaps) or `Unwilling` (not without a person).

No message repeats a path or a query: keys stand in both. A host, and what the caller calls the request, are enough.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from email.message import Message
from typing import Any

from core.canonical import JSON
from core.errors import DataRefused, DeskError


class Unavailable(DeskError):
    """The other side failed or asks for patience. `retry_at_ns` is when it may be asked again, where it said so."""

    def __init__(self, message: str, retry_at_ns: int | None = None) -> None:
        super().__init__(message)
        self.retry_at_ns = retry_at_ns


class Unwilling(DataRefused):
    """The request, or its answer, breaks a rule of ours or theirs: asking again changes nothing. `status` if HTTP's."""

    def __init__(self, message: str, status: int | None = None, content: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.content = content


@dataclass(frozen=True, slots=True)
class Answer:
    """A response within all limits. `unchanged` says that validators matched and the content is the one kept before."""

    what: str
    url: str
    status: int
    headers: Mapping[str, str]  # names in lower case
    content: bytes
    fetched_at_ns: int
    unchanged: bool = False

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty where none is stated."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The content by its stated charset, else UTF-8. A byte that is neither becomes U+FFFD, never an error."""
        header = Message()
        header.add_header("content-type", self.headers.get("content-type", ""))
        charset = str(header.get_param("charset", "utf-8"))
        try:
            return self.content.decode(charset, errors="replace")
        except LookupError:
            return self.content.decode("utf-8", errors="replace")

    def json(self) -> JSON:
        """The content as JSON with exact decimals; Unavailable where it is none, as half an answer of a busy server."""
        try:
            return json.loads(self.content, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise Unavailable(f"{self.what} answered {len(self.content)} bytes that are no JSON") from None

    def table(self) -> dict[str, Any]:
        """The content as a JSON object; Unavailable where it is anything else."""
        found = self.json()
        if not isinstance(found, dict):
            raise Unavailable(f"{self.what} answered {_kind(found)}, expected a JSON object")
        return found

    def rows(self) -> list[Any]:
        """The content as a JSON array; Unavailable where it is anything else."""
        found = self.json()
        if not isinstance(found, list):
            raise Unavailable(f"{self.what} answered {_kind(found)}, expected a JSON array")
        return found


@dataclass(slots=True)
class WebCounts:
    """Everything that happened, by kind. Nothing is corrected or left out without a number here."""

    requests: int = 0
    answers: int = 0
    unchanged: int = 0
    retries: int = 0
    throttled: int = 0  # 429, or 503 with Retry-After
    failures: int = 0  # 5xx, cut connections, time-outs
    refusals: int = 0  # 4xx
    redirects: int = 0
    blocked_addresses: int = 0
    too_large: int = 0
    wrong_types: int = 0
    turned_away: int = 0  # by our own budget: too many wait for the host
    waited_ms: int = field(default=0)  # for the budgets of the hosts

    def shown(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


def _kind(found: JSON) -> str:
    if isinstance(found, dict):
        return "an object"
    return "an array" if isinstance(found, list) else "a lone value"


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is no JSON")
