"""Reads fields of JSON that others wrote: a wrong type is a missing value, never a crash and never a guess."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from core.errors import ConfigError
from core.time import SECOND_NS, parse_time

_MILLISECONDS: Final = 100_000_000_000  # the year 5138 in seconds, 1973 in milliseconds
_LATEST: Final = 253_402_300_800  # the year 10000, in seconds
_LONGEST: Final = 500_000


def pick(value: Any, *path: str | int) -> Any:
    """What lies at a path of keys and positions; None where there is nothing."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def words(value: Any, *path: str | int) -> str:
    """The text at a path; '' where there is none."""
    found = pick(value, *path)
    return found[:_LONGEST] if isinstance(found, str) else ""


def items(value: Any, *path: str | int) -> list[Any]:
    """The list at a path; [] where there is none."""
    found = pick(value, *path)
    return found if isinstance(found, list) else []


def tables(value: Any, *path: str | int) -> list[dict[str, Any]]:
    """The objects of the list at a path; what is no object is left out."""
    return [found for found in items(value, *path) if isinstance(found, dict)]


def number(value: Any, *path: str | int) -> Decimal | None:
    """The finite number at a path, also where it is written as text; None for anything else."""
    found = pick(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | str | Decimal):
        return None
    if isinstance(found, str) and (len(found) > 100 or not found.isascii() or "_" in found):
        return None
    try:
        parsed = Decimal(found.strip() if isinstance(found, str) else found)
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() and abs(parsed.adjusted()) < 60 else None


def moment_ns(value: Any, *path: str | int) -> int | None:
    """The time at a path: ISO 8601 (UTC where it says no offset), or Unix seconds or milliseconds."""
    found = pick(value, *path)
    if isinstance(found, str) and not _is_number(found):
        try:
            return parse_time(found.replace("Z", "+00:00"))
        except (ConfigError, OverflowError):
            return None
    seconds = number(found)
    if seconds is None or seconds <= 0:
        return None
    if seconds >= _MILLISECONDS:
        seconds /= 1_000
    return int(seconds * SECOND_NS) if seconds < _LATEST else None


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).isdigit()


def iso(ns: int) -> str:
    """'2024-03-05T12:00:00Z', as vendors want it."""
    return datetime.fromtimestamp(ns // SECOND_NS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
