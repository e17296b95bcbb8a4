"""What every dialect sees of a request and gives back, apart from any web server."""

from collections.abc import Callable, Mapping
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

    @property
    def client_id(self) -> str:
        """Our id of the order that this is about, by whatever name; empty where it names none."""
        return client_id_in(self.params) or client_id_in(_object(self.body))


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


_CLIENT_IDS = (
    *("newClientOrderId", "origClientOrderId", "clientAlgoId"),  # Binance
    *("cl_ord_id", "orderLinkId"),  # Kraken, Bybit
)

Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    handle: Handler


def client_id_in(params: Mapping[str, Any]) -> str:
    return next((str(params[key]) for key in _CLIENT_IDS if params.get(key)), "")


def _object(body: str) -> dict[str, Any]:
    if not body.startswith("{"):
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(orjson.dumps(value), status, headers or {})


def decimal_of(text: str | None) -> Decimal | None:
    """A finite number, or None where it is missing or malformed."""
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return number if number is None or number.is_finite() else None
