"""What may be wrong with candles: each defect is refused in one sentence, each gap is reported and never filled.

Rows are counted from 1, the first row of data. `name` is how a message calls the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.errors import DataRefused
from core.time import Timeframe, show_time, timeframe_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray

PRICES = ("open", "high", "low", "close")


class Gap(NamedTuple):
    """Missing bars: `start_ns` is the open of the first one, `end_ns` the open of the bar that ends the gap."""

    start_ns: int
    end_ns: int
    bars: int


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What one file holds. `first_ns` and `last_ns` are the opens of its first and last bar."""

    rows: int
    first_ns: int
    last_ns: int
    timeframe: Timeframe
    missing_bars: int
    gaps: tuple[Gap, ...]
    zero_volume_bars: int
    file_sha256: str
    corrected: Mapping[str, int] = with_default(default_factory=dict)  # what was put right or left out, by kind

    @property
    def longest_gap(self) -> int:
        """In bars; 0 without a gap."""
        return max((gap.bars for gap in self.gaps), default=0)


def inspect(open_ns: IntArray, volume: FloatArray, timeframe: Timeframe, file_sha256: str) -> QualityReport:
    """The report on candles that passed every check below."""
    gaps = gaps_in(open_ns, timeframe)
    return QualityReport(
        rows=len(open_ns),
        first_ns=int(open_ns[0]),
        last_ns=int(open_ns[-1]),
        timeframe=timeframe,
        missing_bars=sum(gap.bars for gap in gaps),
        gaps=gaps,
        zero_volume_bars=int(np.count_nonzero(volume == 0)),
        file_sha256=file_sha256,
    )


def gaps_in(open_ns: IntArray, timeframe: Timeframe) -> tuple[Gap, ...]:
    """Runs of missing bars, oldest first; `open_ns` is strictly increasing and on the timeframe's grid."""
    steps = np.diff(open_ns)
    return tuple(
        Gap(int(open_ns[i]) + timeframe.ns, int(open_ns[i + 1]), int(steps[i]) // timeframe.ns - 1)
        for i in np.flatnonzero(steps > timeframe.ns)
    )


def refuse_disorder(name: str, open_ns: IntArray, row: NDArray[np.intp] | None = None) -> None:
    """Times must strictly increase. `row` is where each stood in the file, if not in this order."""
    steps = np.diff(open_ns)
    if not (steps <= 0).any():
        return
    i = int(np.argmax(steps <= 0)) + 1
    at = i + 1 if row is None else int(row[i])
    if steps[i - 1] == 0:
        raise DataRefused(
            f"{name} row {at}: {show_time(int(open_ns[i]))} is there twice with other numbers, allowed is one row a bar"
        )
    raise DataRefused(
        f"{name} row {at}: {show_time(int(open_ns[i]))} comes after {show_time(int(open_ns[i - 1]))},"
        " allowed is oldest first, or newest first throughout"
    )


def broken_rows(columns: Mapping[str, FloatArray]) -> NDArray[np.bool_]:
    """Rows that `refuse_bad_numbers` would refuse."""
    open_, high, low, close, volume = (columns[field] for field in (*PRICES, "volume"))
    finite = np.logical_and.reduce([np.isfinite(values) for values in columns.values()])
    sane = (low > 0) & (low <= open_) & (low <= close) & (open_ <= high) & (close <= high) & (volume >= 0)
    broken: NDArray[np.bool_] = ~(finite & sane)
    return broken


def refuse_bad_numbers(name: str, columns: Mapping[str, FloatArray]) -> None:
    """Prices must be finite and above zero, volume finite and not negative, and low <= open, close <= high."""
    for field, values in columns.items():
        _refuse(name, ~np.isfinite(values), field, values, "a finite number")
    for field in PRICES:
        _refuse(name, columns[field] <= 0, field, columns[field], "a price above zero")
    _refuse(name, columns["volume"] < 0, "volume", columns["volume"], "zero or more")
    high, low = columns["high"], columns["low"]
    for field in ("low", "open", "close"):
        _refuse_above(name, field, columns[field], "high", high)
    for field in ("open", "close"):
        _refuse_above(name, "low", low, field, columns[field])


def timeframe_in(name: str, open_ns: IntArray) -> Timeframe:
    """The most common distance of two bars, the shorter one of equals; every bar must open on its UTC grid."""
    allowed = ", ".join(Timeframe)
    if len(open_ns) < 2:
        raise DataRefused(f"{name}: found one row, allowed is two or more, since one does not show its timeframe")
    steps, counts = np.unique(np.diff(open_ns), return_counts=True)
    step = int(steps[np.argmax(counts)])
    timeframe = timeframe_of(step)
    if timeframe is None:
        raise DataRefused(f"{name}: bars are {step / 1e9:g} seconds apart, allowed are {allowed}")
    off_grid = open_ns % timeframe.ns != 0
    if off_grid.any():
        row = _first_row(off_grid)
        raise DataRefused(
            f"{name} row {row}: {show_time(int(open_ns[row - 1]))} does not open a {timeframe} bar,"
            f" allowed are whole multiples of {timeframe} in UTC"
        )
    return timeframe


def _refuse(name: str, bad: NDArray[np.bool_], field: str, values: FloatArray, allowed: str) -> None:
    if bad.any():
        row = _first_row(bad)
        raise DataRefused(f"{name} row {row}: {field} is {values[row - 1]:.12g}, allowed is {allowed}")


def _refuse_above(name: str, lower: str, lows: FloatArray, upper: str, highs: FloatArray) -> None:
    bad = lows > highs
    if bad.any():
        row = _first_row(bad)
        raise DataRefused(
            f"{name} row {row}: {upper} {highs[row - 1]:.12g} is below {lower} {lows[row - 1]:.12g},"
            " allowed is low <= open, close <= high"
        )


def _first_row(bad: NDArray[np.bool_]) -> int:
    return int(np.argmax(bad)) + 1
