"""When to come back: what servers say about it, in the ways in which they do."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from core.time import SECOND_NS
from market.web.answers import Unavailable


def retry_at_ns(headers: Mapping[str, str], now_ns: int) -> int | None:
    """When a server lets us come back: Retry-After in seconds or as a date, or the reset stamps of X and GitHub."""
    stated = headers.get("retry-after", "").strip()
    if stated.isascii() and stated.isdigit():
        return now_ns + min(int(stated), 30 * 86_400) * SECOND_NS
    if stated:
        try:
            return max(now_ns, int(parsedate_to_datetime(stated).timestamp()) * SECOND_NS)
        except (ValueError, TypeError, OverflowError):
            return None
    for name in ("x-rate-limit-reset", "x-ratelimit-reset"):
        reset = headers.get(name, "").strip()
        if reset.isascii() and reset.isdigit():
            # A stamp in Unix seconds (X, GitHub) or a number of seconds (Reddit): nobody waits thirty years.
            seconds = int(reset)
            return max(now_ns, seconds * SECOND_NS) if seconds > 1_000_000_000 else now_ns + seconds * SECOND_NS
    return None


def asks_for_patience(status: int, headers: Mapping[str, str]) -> bool:
    """429, and the ways in which others say it: 503 or 403 with Retry-After, GitHub's 403 with nothing remaining."""
    spent = headers.get("x-ratelimit-remaining", "").strip() == "0"
    return status in (420, 429) or (status in (403, 503) and ("retry-after" in headers or (status == 403 and spent)))


def patience(failure: Unavailable, now_ns: int, pause_s: float) -> float:
    """Seconds to wait: what the server asks, and never less than our own pause."""
    asked = 0.0 if failure.retry_at_ns is None else (failure.retry_at_ns - now_ns) / SECOND_NS
    return max(asked, pause_s)
