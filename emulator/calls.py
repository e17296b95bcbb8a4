"""What every dialect sees of a request and gives back, apart from any web server."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `query` and `body` exactly as sent (they are what is signed), `params` both of them read."""

    method: str
    path: str
    params: dict[str, str]
    query: str
    body: str
    headers: dict[str, str]  # names in lower case


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    handle: Handler


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(orjson.dumps(value), status, headers or {})


def decimal_of(text: str | None) -> Decimal | None:
    """A finite number, or None where it is missing or malformed."""
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return number if number is None or number.is_finite() else None
