"""Rows of a month of candles: what is written to Parquet, and how new bars join those that are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.bars import Bars
from market.columns import floats, integers
from market.quality import gaps_in
from market.store.versions import FIELDS, Versions, latest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray
    from core.canonical import JSON
    from core.time import Timeframe
    from market.store.candles import Appended
    from market.store.manifest import Origin, Span

    BoolArray = NDArray[np.bool_]

Table = Any  # pyarrow ships no types

_LISTED_GAPS = 20


@dataclass(frozen=True, slots=True)
class Rows:
    """Sorted by `open_ns`, then `known_ns`; `synthetic` marks filled ones.

    When a row came to us is in the manifest alone: two machines that know the same have the same bytes.
    """

    open_ns: IntArray
    known_ns: IntArray
    synthetic: BoolArray
    numbers: FloatArray  # shape (5, n_rows): open, high, low, close, volume

    def at(self, positions: Any) -> Rows:
        return Rows(
            self.open_ns[positions],
            self.known_ns[positions],
            self.synthetic[positions],
            self.numbers[:, positions],
        )

    def traded(self) -> Rows:
        """Without synthetic rows."""
        return self.at(~self.synthetic) if self.synthetic.any() else self

    def versions(self, symbol: str, timeframe: Timeframe) -> Versions:
        for array in (self.open_ns, self.known_ns, self.numbers):
            array.setflags(write=False)
        rows = Bars(symbol, timeframe, self.open_ns, *self.numbers)
        return Versions.of(rows, self.known_ns)


def rows_of(table: Table) -> Rows:
    """A month as it was written."""
    return Rows(
        open_ns=integers(table.column("open_ns")),
        known_ns=integers(table.column("known_at_ns")),
        synthetic=integers(table.column("synthetic")).astype(bool),
        numbers=np.stack([floats(table.column(field)) for field in FIELDS]),
    )


def table_of(rows: Rows) -> Table:
    import pyarrow as pa

    return pa.table(
        {
            "open_ns": rows.open_ns,
            "known_at_ns": rows.known_ns,
            "synthetic": rows.synthetic.astype(np.int8),
            **dict(zip(FIELDS, rows.numbers, strict=True)),
        }
    )


def stats_of(rows: Rows, timeframe: Timeframe) -> dict[str, JSON]:
    """Of one month, for the manifest: what is missing inside it is marked, its longest gaps by name."""
    real = rows.open_ns[~rows.synthetic]
    distinct = real[np.diff(real, prepend=-1) != 0]
    gaps = gaps_in(distinct, timeframe)
    longest = sorted(sorted(gaps, key=lambda gap: -gap.bars)[:_LISTED_GAPS])
    last = latest(rows.open_ns, rows.known_ns, np.iinfo(np.int64).max)
    return {
        "bars": len(distinct),
        "first_open_ns": int(distinct[0]) if len(distinct) else None,
        "last_open_ns": int(distinct[-1]) if len(distinct) else None,
        "revised": len(real) - len(distinct),
        "synthetic": int(rows.synthetic.sum()),
        "zero_volume": int(np.count_nonzero(rows.numbers[4][last][~rows.synthetic[last]] == 0)),
        "missing": sum(gap.bars for gap in gaps),
        "gaps": len(gaps),
        "longest": [list(gap) for gap in longest],
    }


def merge(
    stored: Rows | None, bars: Bars, synthetic: BoolArray, origin: Origin, covered: Sequence[Span]
) -> tuple[Rows | None, Appended]:
    """The stored rows of a month with `bars` added, or None where nothing changes; and what became of them.

    A real bar is known `origin.lag_ns` after its close, unless it differs from a version that is stored or comes where
    the venue had been asked before and had none: then it is known since it was seen. A synthetic bar never replaces
    anything.
    """
    from market.store.candles import Appended

    numbers = np.stack([getattr(bars, field) for field in FIELDS])
    known = bars.open_ns + bars.timeframe.ns + origin.lag_ns
    there, differs, before = _compared(stored, bars.open_ns, numbers)
    if stored is not None:
        there = there | (synthetic & np.isin(bars.open_ns, stored.open_ns))
    late = ~there & ~synthetic & _inside(bars.open_ns, covered)
    revised = there & differs & ~synthetic
    new = ~there
    # Known when seen: but a version must come after the one that it replaces, whatever a clock says.
    known = np.where(revised | late, np.maximum(origin.seen_ns, before + 1), known)
    keep = new | revised
    counts = Appended(
        new=int((new & ~late).sum()),
        revised=int(revised.sum()),
        unchanged=int((~keep).sum()),
        late=int(late.sum()),
    )
    if not keep.any():
        return None, counts
    added = Rows(bars.open_ns, known, synthetic, numbers).at(keep)
    return (added if stored is None else _sorted(stored, added)), counts


def _compared(stored: Rows | None, open_ns: IntArray, numbers: FloatArray) -> tuple[BoolArray, BoolArray, IntArray]:
    """Of each bar: is it stored as a real one, do its numbers differ from the last version, and when was that known."""
    n = len(open_ns)
    there, differs, before = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.full(n, -1, dtype=np.int64)
    if stored is None or not len(stored.open_ns):
        return there, differs, before
    real = stored.traded()
    last = real.at(latest(real.open_ns, real.known_ns, np.iinfo(np.int64).max))
    if len(last.open_ns):
        at = np.minimum(np.searchsorted(last.open_ns, open_ns), len(last.open_ns) - 1)
        there = last.open_ns[at] == open_ns
        differs = there & (last.numbers[:, at] != numbers).any(axis=0)
        before = np.where(there, last.known_ns[at], -1)
    return there, differs, before


def _inside(times_ns: IntArray, spans: Sequence[Span]) -> BoolArray:
    inside = np.zeros(len(times_ns), dtype=bool)
    for span in spans:
        inside |= (times_ns >= span.start_ns) & (times_ns < span.end_ns)
    return inside


def _sorted(stored: Rows, added: Rows) -> Rows:
    both = Rows(
        np.concatenate([stored.open_ns, added.open_ns]),
        np.concatenate([stored.known_ns, added.known_ns]),
        np.concatenate([stored.synthetic, added.synthetic]),
        np.concatenate([stored.numbers, added.numbers], axis=1),
    )
    return both.at(np.lexsort((both.known_ns, both.open_ns)))
