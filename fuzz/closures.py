"""What closes the desk, worked out by the oracle from a table of breakers and its own readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

DAY_NS: Final = 86_400 * 10**9
_SEVERITY: Final = {"active": 0, "reducing": 1, "halted": 2}

# One reading, or one with the number of samples that it rests on. None could not be measured.
Read = Fraction | tuple[Fraction | None, int] | None
# By scope, then by reading.
Readings = Mapping[str, Mapping[str, Read]]


@dataclass(frozen=True, slots=True)
class Closure:
    """One live cause; without an end it stays until a person re-arms it."""

    name: str
    scope: str
    state: str
    caps: Decimal
    kind: str
    until_ns: int | None


class Closures:
    """`table` is the policy's breakers as plain data."""

    def __init__(self, table: Sequence[Mapping[str, Any]]) -> None:
        self._table = table
        self.live: list[Closure] = []

    def look(self, readings: Readings, now_ns: int) -> list[str]:
        """Takes in one moment's readings; answers what is new."""
        found = [(row, scope) for row in self._table for scope in self._scopes(row, readings)]
        kept = []
        for closure in self.live:
            row = next((r for r, scope in found if (r["name"], scope) == (closure.name, closure.scope)), None)
            if closure.kind == "condition" and row is not None:
                kept.append(replace(closure, until_ns=max(closure.until_ns or 0, self._until(row, now_ns) or 0)))
            elif closure.until_ns is None or now_ns < closure.until_ns:
                kept.append(closure)
        standing = {(closure.name, closure.scope) for closure in kept}
        fresh = [
            Closure(row["name"], scope, row["state"], row["caps"], row["kind"], self._until(row, now_ns))
            for row, scope in found
            if (row["name"], scope) not in standing
        ]
        self.live = kept + fresh
        return [closure.name for closure in fresh]

    def standing(self, now_ns: int, symbol: str, venue: str) -> tuple[str, Decimal]:
        """The strictest state and the smallest caps that hold for one symbol."""
        reach = {"account", f"venue:{venue}", f"symbol:{symbol}"}
        held = [
            c
            for c in self.live
            if c.scope in reach and not (c.kind == "window" and c.until_ns is not None and now_ns >= c.until_ns)
        ]
        state = max((c.state for c in held), key=_SEVERITY.__getitem__, default="active")
        return state, min((c.caps for c in held), default=Decimal(1))

    def rearm(self, name: str) -> None:
        self.live = [c for c in self.live if c.name != name or c.kind != "latch"]

    def _scopes(self, row: Mapping[str, Any], readings: Readings) -> list[str]:
        tripped = [
            scope for scope, read in readings.items() if row["reads"] in read and _trips(row, read[row["reads"]])
        ]
        return ["account"] if tripped and row["scope"] == "account" else tripped

    def _until(self, row: Mapping[str, Any], now_ns: int) -> int | None:
        if row["kind"] == "latch":
            return None
        if row["window"] == "day":
            return (now_ns // DAY_NS + 1) * DAY_NS
        return now_ns + int(row["window"] or row["quiet_s"] or 0) * 10**9


def _trips(row: Mapping[str, Any], read: Read) -> bool:
    value, samples = read if isinstance(read, tuple) else (read, 1)
    if value is None or samples < row["samples"]:
        return bool(row["missing"] == "trips")
    return value > Fraction(row["over"]) if row["at"] is None else value >= Fraction(row["at"])
