"""One line of the doctor's."""

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import DeskError


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    ok: bool
    found: str


def look(part: str, looking: Callable[[], str]) -> Finding:
    """What was found, or why nothing could be."""
    try:
        return Finding(part, True, looking())
    except DeskError as ill:
        return Finding(part, False, str(ill))
