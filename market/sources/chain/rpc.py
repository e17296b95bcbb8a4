"""JSON-RPC to any Ethereum node: quantities as integers, vendors' errors by what to do about them.

https://ethereum.github.io/execution-apis/ and, for the limits, https://docs.infura.io and https://docs.alchemy.com.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from core.canonical import JSON
from market.sources.fields import pick, words
from market.web import Unavailable, Unwilling

if TYPE_CHECKING:
    from market.web.client import Web

# Codes and words by which nodes say 'too many blocks or logs at once' (Infura -32005, Alchemy -32602, geth -32000).
_TOO_MUCH: Final = ("more than 10000 results", "block range", "response size", "query timeout", "too many results")
_LATER: Final = (429, -32005, -32603, -32097)


class TooMuch(Unavailable):
    """The node wants a smaller question."""


class Node:
    """One node by its URL, which is a secret where a key stands in it: no message repeats it."""

    def __init__(self, web: Web, url: str) -> None:
        self._web, self._url = web, url
        self._ids = count(1)

    async def call(self, method: str, *params: JSON) -> Any:
        """The result of one call.

        Raises
        ------
        TooMuch
            The node refuses the size of the question: ask for less.
        Unavailable
            It is busy, behind or over its quota.
        Unwilling
            It does not know the method, or refuses the key.
        """
        number = next(self._ids)
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
        try:
            answer = (await self._web.post(self._url, what=method, body=body)).table()
        except Unwilling as refused:
            if refused.status in (401, 403):
                raise Unwilling(f"{method}: the node does not accept the key ({refused.status})") from None
            raise
        if (error := answer.get("error")) is not None:
            raise _refusal(method, error)
        if answer.get("id") != number or "result" not in answer:
            raise Unavailable(f"{method}: the node answered something else than was asked")
        return answer["result"]

    async def quantity(self, method: str, *params: JSON) -> int:
        """A result that is one number."""
        return quantity_of(await self.call(method, *params), method)


def quantity_of(value: Any, what: str) -> int:
    """'0x1b4' as 436; Unavailable for anything that is no quantity."""
    if isinstance(value, str) and value.startswith("0x") and len(value) <= 66:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise Unavailable(f"{what}: the node answered a quantity that is none")


def _refusal(method: str, error: Any) -> Unavailable | Unwilling:
    code, said = pick(error, "code"), "".join(c for c in words(error, "message") if c.isprintable())[:200]
    message = f"{method}: the node says {said or 'no reason'} ({code})"
    if any(part in said.lower() for part in _TOO_MUCH):
        return TooMuch(message)
    if code in _LATER or "limit" in said.lower() or "header not found" in said.lower():
        return Unavailable(message)
    return Unwilling(message)
