"""Ranges of time: what was asked for, what of it is still to be fetched, and pages of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from core.time import Timeframe

MS_NS = 1_000_000


class Range(NamedTuple):
    """Times with `start_ns <= t < end_ns`."""

    start_ns: int
    end_ns: int

    def bars(self, timeframe: Timeframe) -> int:
        """How many candles open in it."""
        return max(0, (self.end_ns - self.start_ns) // timeframe.ns)


def pages_of(span: Range, length_ns: int) -> list[Range]:
    return [Range(start, min(start + length_ns, span.end_ns)) for start in range(span.start_ns, span.end_ns, length_ns)]


def wanted(asked: Range, covered: Sequence[tuple[int, int]], again_ns: int) -> list[Range]:
    """The parts of what is asked for that were not `covered` before, and again the last `again_ns` of what was."""
    start, end = asked
    found, at = [], start
    for span in covered:
        begins, ends = span
        if ends <= at or begins >= end:
            continue
        if begins > at:
            found.append(Range(at, begins))
        at = max(at, ends - again_ns if span is covered[-1] else ends)
    if at < end:
        found.append(Range(max(start, at), end))
    return found


def union(one: Range | None, other: Range) -> Range:
    return other if one is None else Range(min(one.start_ns, other.start_ns), max(one.end_ns, other.end_ns))
