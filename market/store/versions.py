"""Candles with all their versions, and which of them were known at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from market.aggregate import window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray
    from core.time import Timeframe

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Versions:
    """Rows sorted by `open_ns`, then by `known_ns`: a bar that was revised has one row a version.

    `known_ns` is never before the close. `plain` says that no bar has two versions and that known times never fall:
    then what is known is a beginning of the rows, found by bisection.
    """

    rows: Bars
    known_ns: IntArray
    plain: bool

    @classmethod
    def of(cls, rows: Bars, known_ns: IntArray) -> Versions:
        plain = bool(np.all(np.diff(rows.open_ns) > 0) and np.all(np.diff(known_ns) >= 0))
        return cls(rows, known_ns, plain)

    @classmethod
    def closed(cls, bars: Bars) -> Versions:
        """Bars that were known at their close and never revised."""
        return cls(bars, bars.open_ns + bars.timeframe.ns, True)

    @property
    def prompt(self) -> bool:
        """Whether every bar was known at its close, and never revised."""
        return self.plain and bool(np.array_equal(self.known_ns, self.rows.open_ns + self.rows.timeframe.ns))

    def known(self, as_of_ns: int) -> Bars:
        """Every bar known at `as_of_ns`, in the version known then, oldest first. Views where the rows are plain."""
        return self.tail(as_of_ns, len(self.rows))

    def tail(self, as_of_ns: int, n: int) -> Bars:
        """The last `n` of them, in time that grows with `n` alone."""
        if self.plain:
            end = int(np.searchsorted(self.known_ns, as_of_ns, side="right"))
            return window(self.rows, max(0, end - max(0, n)), end)
        return taken(self.rows, self._last(as_of_ns, n))

    def newest_known_ns(self, as_of_ns: int) -> int:
        """When the newest bar known at `as_of_ns` got the version that it has then; -1 before the first."""
        if self.plain:
            end = int(np.searchsorted(self.known_ns, as_of_ns, side="right"))
            return int(self.known_ns[end - 1]) if end else -1
        last = self._last(as_of_ns, 1)
        return int(self.known_ns[last[0]]) if len(last) else -1

    def fresh(self, after_ns: int, until_ns: int) -> Bars:
        """Bars newer than the newest known at `after_ns`, as known at `until_ns`: what the market did in between.

        One that came late, behind a newer one, is history by then and no event.
        """
        if self.plain:
            start, end = np.searchsorted(self.known_ns, (after_ns, until_ns), side="right").tolist()
            return window(self.rows, start, max(start, end))
        newest = self._last(after_ns, 1)
        start = (
            int(np.searchsorted(self.rows.open_ns, self.rows.open_ns[newest[0]], side="right")) if len(newest) else 0
        )
        return taken(self.rows, self._latest(start, self._closed(until_ns), until_ns))

    def _last(self, as_of_ns: int, n: int) -> NDArray[np.intp]:
        """Rows of the last `n` bars known at `as_of_ns`: looks back twice as far as long as it has found too few."""
        end = self._closed(as_of_ns)
        reach = 2 * n + 8
        while True:
            start = max(0, end - reach)
            # From the first version of a bar on, so that no bar is seen without its earlier versions.
            start = int(np.searchsorted(self.rows.open_ns, self.rows.open_ns[start])) if start < end else start
            found = self._latest(start, end, as_of_ns)
            if len(found) >= n or start == 0:
                return found[max(0, len(found) - n) :]
            reach *= 2

    def _latest(self, start: int, end: int, as_of_ns: int) -> NDArray[np.intp]:
        part = slice(start, max(start, end))
        return latest(self.rows.open_ns[part], self.known_ns[part], as_of_ns) + start

    def _closed(self, as_of_ns: int) -> int:
        """How many rows are of bars closed at `as_of_ns`: none of the others can be known."""
        return int(np.searchsorted(self.rows.open_ns, as_of_ns - self.rows.timeframe.ns, side="right"))

    def moments(self) -> IntArray:
        """When a newer bar became known, sorted: the moments at which the market moved on."""
        if self.plain:
            return self.known_ns
        first = self.known_ns[np.flatnonzero(np.diff(self.rows.open_ns, prepend=-1))]
        soonest_after = np.minimum.accumulate(first[::-1])[::-1]
        return np.unique(first[first <= soonest_after])


def latest(groups: IntArray, known_ns: IntArray, as_of_ns: int) -> NDArray[np.intp]:
    """Positions of the last row of each group known at `as_of_ns`; rows are sorted by group, then by `known_ns`."""
    known = np.flatnonzero(known_ns <= as_of_ns)
    if not len(known):
        return known
    last = np.flatnonzero(np.diff(groups[known]))
    return np.append(known[last], known[-1])


def taken(bars: Bars, positions: NDArray[np.intp]) -> Bars:
    """The bars at some positions, copied."""
    return Bars(
        symbol=bars.symbol,
        timeframe=bars.timeframe,
        open_ns=bars.open_ns[positions],
        **{field: getattr(bars, field)[positions] for field in FIELDS},
    )


def joined(pieces: Sequence[Bars]) -> Bars:
    """Bars one after the other: each piece is later than the one before."""
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    return Bars(
        symbol=first.symbol,
        timeframe=first.timeframe,
        open_ns=np.concatenate([piece.open_ns for piece in pieces]),
        **{field: np.concatenate([getattr(piece, field) for piece in pieces]) for field in FIELDS},
    )


def nothing(symbol: str, timeframe: Timeframe) -> Bars:
    """No bars."""
    empty: FloatArray = np.empty(0)
    return Bars(symbol, timeframe, np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)
