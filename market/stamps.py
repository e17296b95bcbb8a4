"""Reads the `date` column of a candle file: UTC said in so many words, or a refusal that says what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import DataRefused
from market.columns import Column, first_row, integers

if TYPE_CHECKING:
    from core.bars import IntArray

_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Z", "+00:00"})
_UTC_TEXT = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]00:?(00)?)$"
_OFFSET = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?")
_INTEGER = re.compile(r"-?\d+(\.0*)?")
_ALLOWED = "allowed is a UTC time that says so, such as 2021-05-19T13:00:00Z"


def from_timestamps(name: str, column: Column) -> IntArray:
    """int64 UTC nanoseconds of a typed column (Parquet): timestamps whose time zone is UTC."""
    import pyarrow as pa

    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if numeric and column.null_count < len(column):
        _refuse_epochs(name, column.drop_null().cast(pa.float64(), safe=False).to_pylist())
    if not pa.types.is_timestamp(kind):
        raise DataRefused(f"{name}: date is of type {kind}, allowed is a timestamp with the time zone UTC")
    if kind.tz is None:
        raise DataRefused(f"{name}: date has no time zone, allowed is a timestamp with the time zone UTC")
    if kind.tz not in _UTC_NAMES:
        raise DataRefused(f"{name}: date is in {kind.tz}, allowed is a timestamp with the time zone UTC")
    if column.null_count:
        row = first_row(column.is_null(), True)
        raise DataRefused(f"{name} row {row}: date is missing, {_ALLOWED}")
    return _nanoseconds(name, column)


def from_text(name: str, column: Column) -> IntArray:
    """int64 UTC nanoseconds of ISO 8601 texts, each with Z or an offset of zero."""
    import pyarrow.compute as pc

    row = first_row(pc.match_substring_regex(column, pattern=_UTC_TEXT), False)
    if row:
        text = column[row - 1].as_py()
        if _INTEGER.fullmatch(text):
            _refuse_epochs(name, [float(v) for v in column.to_pylist() if _INTEGER.fullmatch(v)])
        raise DataRefused(f"{name} row {row}: date is {text!r}, {_fault(text)}; {_ALLOWED}")
    return _nanoseconds(name, column)


def _nanoseconds(name: str, column: Column) -> IntArray:
    import pyarrow as pa

    try:
        stamps = column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid as error:
        # Such as the 30th of February, or a year that 64 bits of nanoseconds cannot hold.
        raise DataRefused(f"{name}: date holds no such time ({str(error).splitlines()[0]}); {_ALLOWED}") from None
    return integers(stamps)


def _fault(text: str) -> str:
    if _NAIVE.fullmatch(text):
        return "which has no time zone"
    if _OFFSET.search(text):
        return "which is not in UTC"
    return "which is no time"


def _refuse_epochs(name: str, stamps: Sequence[float]) -> None:
    """Numbers are never read as times: a wrong unit would move every bar without anybody noticing."""
    units = sorted({_unit(stamp) for stamp in stamps})
    looks = f"that look like {units[0]}" if len(units) == 1 else f"that mix {' and '.join(units)}"
    raise DataRefused(f"{name}: date holds epoch numbers {looks}; {_ALLOWED}")


def _unit(stamp: float) -> str:
    """By size: seconds stay under 1e11 until the year 5138, milliseconds reached it in 1973, and so on by thousands."""
    for unit, bound in (("seconds", 1e11), ("milliseconds", 1e14), ("microseconds", 1e17)):
        if abs(stamp) < bound:
            return unit
    return "nanoseconds"
