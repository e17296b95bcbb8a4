"""What vendors say when they refuse: their own words, short and printable, beside the status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from market.sources.fields import words
from market.web import Unavailable, Unwilling

# Vendors' own names for 'enough for today' that do not come as 429.
_QUOTAS: Final = ("quota", "limit exceeded", "too many requests", "rate limit", "usagecapexceeded")


@contextmanager
def explain(vendor: str, *path: str) -> Iterator[None]:
    """Adds what a vendor's error body says at a path. A quota is Unavailable: it comes back by itself.

    The words are a vendor's, cut to a line: for a person to read, and for nobody to obey.
    """
    try:
        yield
    except Unwilling as refused:
        said = _said(refused.content, path)
        if refused.status == 401 or (refused.status == 403 and not _is_quota(said)):
            raise Unwilling(f"{vendor} does not accept the key ({refused.status}): {said}", refused.status) from None
        if refused.status is not None and _is_quota(said):
            raise Unavailable(f"{vendor}'s quota is spent ({refused.status}): {said}") from None
        if refused.status is not None:
            raise Unwilling(f"{vendor} refused ({refused.status}): {said}", refused.status, refused.content) from None
        raise


def _said(content: bytes, path: tuple[str, ...]) -> str:
    try:
        found = words(json.loads(content), *path)
    except (ValueError, RecursionError):
        found = ""
    return "".join(c if c.isprintable() else " " for c in found)[:200] or "no reason given"


def _is_quota(said: str) -> bool:
    return any(word in said.lower() for word in _QUOTAS)
