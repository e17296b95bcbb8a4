"""Placed, refused or unknown: what the end of a request proves about an order.

The default is unknown. A refusal needs a class of ccxt that cannot mean anything else, or a code of the venue that
says so; and what never left this process is refused as well.
"""

import json
import re
import socket
from collections.abc import Iterator
from enum import StrEnum

import aiohttp
from ccxt.base import errors

from execution.venues.exchange.facts import VenueFacts

_SHOWN = 300
_CODE = re.compile(r"-?\d+")
_QUERY = re.compile(r"\?\S+")
_CODE_KEYS = frozenset(
    {"code", "retCode", "ret_code", "sCode", "error", "failure_reason", "preview_failure_reason"}
    | {"new_order_failure_reason", "errorCode"}
)

_RESTRICTED = (errors.AccountSuspended, errors.PermissionDenied, errors.ManualInteractionNeeded)
_REFUSED = (
    errors.InsufficientFunds,
    errors.AuthenticationError,
    errors.InvalidOrder,
    errors.BadRequest,
    errors.OperationRejected,
    errors.ArgumentsRequired,
    errors.NotSupported,
    errors.InvalidProxySettings,
    errors.InvalidNonce,  # from the venue's body: the request was not accepted
)
_LIMITED = (errors.RateLimitExceeded, errors.DDoSProtection)
_NEVER_CONNECTED = (aiohttp.ClientConnectorError, socket.gaierror)


class Outcome(StrEnum):
    REJECTED = "rejected"
    RESTRICTED = "restricted"  # rejected, and a person must lift something at the venue first
    DUPLICATE = "duplicate"  # an order with this id exists: look it up
    UNKNOWN = "unknown"


def classify(error: BaseException, facts: VenueFacts, *, sent: bool) -> Outcome:
    """What a failed request for a new order proves. `sent`: whether it may have left this process."""
    if not may_have_left(error, sent=sent):
        return Outcome.REJECTED
    answer = _Answer(str(error))
    if answer.says(facts.unclear):
        return Outcome.UNKNOWN
    if isinstance(error, errors.DuplicateOrderId) or answer.says(facts.duplicate):
        return Outcome.DUPLICATE
    if restricts(error, facts):
        return Outcome.RESTRICTED
    if isinstance(error, _REFUSED):
        return Outcome.REJECTED
    if isinstance(error, _LIMITED):
        return Outcome.REJECTED if facts.rate_limit_refuses else Outcome.UNKNOWN
    if type(error) is errors.ExchangeError and answer.says(facts.refused):
        return Outcome.REJECTED
    return Outcome.UNKNOWN


def restricts(error: BaseException, facts: VenueFacts) -> bool:
    """Whether the venue says that the account or its keys are frozen, whatever it was asked."""
    named = isinstance(error, _RESTRICTED) and not isinstance(error, errors.AccountNotEnabled)
    return named or _Answer(str(error)).says(facts.restricted)


def may_have_left(error: BaseException, *, sent: bool) -> bool:
    """Whether the venue can have heard of it: a connection that was never made carried nothing."""
    return sent and not isinstance(error.__cause__, _NEVER_CONNECTED)


def not_found(error: BaseException) -> bool:
    """Whether the venue itself says that it has no such order; anything less is a failed read."""
    return isinstance(error, errors.OrderNotFound)


def already_so(error: BaseException) -> bool:
    """Whether a setting was refused because it is what was asked for."""
    text = str(error).lower()
    return isinstance(error, errors.NoChange) or any(words in text for words in _NO_CHANGE)


_NO_CHANGE = ("no need to change", "not modified", "is not changed")


def shown(error: BaseException) -> str:
    """An error in one line, without the signed queries that ccxt writes into it."""
    text = " ".join(_QUERY.sub("", str(error)).split())
    return f"{type(error).__name__}: {text if len(text) <= _SHOWN else text[: _SHOWN - 3] + '...'}"


class _Answer:
    """The venue's codes and texts in an error of ccxt, which ends with the body of the answer."""

    def __init__(self, text: str) -> None:
        self.text = text
        start = text.find("{")
        try:
            body = json.loads(text[start:]) if start >= 0 else None
        except ValueError:
            body = None
        self.codes = frozenset(_codes(body))

    def says(self, words: tuple[str, ...]) -> bool:
        """A number must be a code of the answer; a text may stand anywhere in it."""
        return any(word in self.codes or (not _CODE.fullmatch(word) and word in self.text) for word in words)


def _codes(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _CODE_KEYS and isinstance(value, str | int):
                yield str(value)
            yield from _codes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _codes(value)
