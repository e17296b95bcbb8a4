"""Reads a column of times: UTC said in so many words, or by an epoch whose unit its size shows; never guessed.

An epoch counts UTC seconds, milliseconds, microseconds or nanoseconds. Of the years 1990 to 2100 no two units share a
number, so the size of each stamp is proof of its unit. A text without an offset is refused until the operator says
which zone it is in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from core.errors import ConfigError, DataRefused
from market.columns import Column, first_row, floats, integers

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

_UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}
_OLDEST, _NEWEST = 631_152_000, 4_102_444_800  # 1990-01-01 and 2100-01-01 in seconds

_DATE_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?"
_STATED = rf"^{_DATE_TIME}(Z|[+-]\d\d(:?\d\d)?)$"
_NAIVE = rf"^{_DATE_TIME}$"
_DAY = r"^\d{4}-\d\d-\d\d$"
_EPOCH = r"^\d{9,19}(\.\d*)?$"
_ALLOWED = "allowed is a UTC time that says so, such as 2021-05-19T13:00:00Z"


@dataclass(frozen=True, slots=True)
class Times:
    """int64 UTC nanoseconds in the order of the file, and how they stood there: the rows of each unit or offset."""

    ns: IntArray
    found: Mapping[str, int]

    def shown(self) -> str:
        """'milliseconds', or 'seconds in 12 rows, milliseconds in 30'."""
        if len(self.found) == 1:
            return next(iter(self.found))
        return ", ".join(f"{kind} in {rows} rows" for kind, rows in self.found.items())


def read_times(name: str, field: str, column: Column, zone: str | None = None) -> Times:
    """The times of a column of any type. `zone` is what the operator says of texts without an offset."""
    import pyarrow as pa

    if column.null_count:
        row = first_row(column.is_null(), True)
        raise DataRefused(f"{name} row {row}: {field} is missing, {_ALLOWED}")
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _timestamps(name, field, column, zone)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _one_unit(name, field, epochs(name, field, floats(column.cast(pa.float64(), safe=False)), column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(name, field, column, zone)
    raise DataRefused(f"{name}: {field} is of type {kind}, {_ALLOWED}")


def epochs(name: str, field: str, values: FloatArray, column: Column) -> Times:
    """Epoch numbers, each by its own size; `column` holds the same numbers exactly. The units may differ."""
    import pyarrow as pa
    import pyarrow.compute as pc

    scales = np.zeros(len(values), dtype=np.int64)
    found: dict[str, int] = {}
    for unit, scale in _UNITS.items():
        inside = (values >= _OLDEST * (10**9 // scale)) & (values < _NEWEST * (10**9 // scale))
        scales[inside] = scale
        if inside.any():
            found[unit] = int(inside.sum())
    if (scales == 0).any():
        row = int(np.argmax(scales == 0))
        raise DataRefused(
            f"{name} row {row + 1}: {field} is {column[row].as_py()!r}, an epoch number of no year from 1990 to 2100;"
            f" {_ALLOWED}"
        )
    if pa.types.is_string(column.type):
        column = pc.replace_substring_regex(column, r"\.0*$", "")
    try:
        whole = integers(column.cast(pa.int64()))
    except pa.ArrowInvalid:
        whole, scales = np.rint(values * scales).astype(np.int64), np.ones_like(scales)
    return Times(whole * scales, found)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name, or ConfigError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"found the time zone {name!r}, allowed is a name such as UTC or Europe/Berlin") from None


def _one_unit(name: str, field: str, times: Times) -> Times:
    if len(times.found) > 1:
        raise DataRefused(
            f"{name}: {field} mixes {' and '.join(times.found)}, and nothing beside it says the time; {_ALLOWED}"
        )
    return times


def _timestamps(name: str, field: str, column: Column, zone: str | None) -> Times:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return Times(_nanoseconds(name, field, column), {column.type.tz: len(column)})
    if zone is None:
        raise DataRefused(f"{name}: {field} has no time zone, {_say_zone()}")
    return Times(_located(name, field, column, zone), {f"times without an offset read as {zone}": len(column)})


def _texts(name: str, field: str, column: Column, zone: str | None) -> Times:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not first_row(pc.match_substring_regex(column, pattern=_STATED), False):
        offsets = pc.value_counts(pc.replace_substring_regex(column, rf"^{_DATE_TIME}", ""))
        found = {f"offset {entry['values']}": entry["counts"] for entry in offsets.to_pylist()}
        return Times(_nanoseconds(name, field, column), found)
    if not first_row(pc.match_substring_regex(column, pattern=_EPOCH), False):
        return _one_unit(name, field, epochs(name, field, floats(column.cast(pa.float64())), column))
    naive = pc.or_(pc.match_substring_regex(column, pattern=_NAIVE), pc.match_substring_regex(column, pattern=_DAY))
    if zone is not None and not first_row(naive, False):
        return Times(_located(name, field, column, zone), {f"times without an offset read as {zone}": len(column)})
    row, text = _odd(column)
    raise DataRefused(f"{name} row {row}: {field} is {text!r}, {_fault(text)}")


def _odd(column: Column) -> tuple[int, str]:
    """The first row that does not look like the most of them, or else the first."""
    import pyarrow.compute as pc

    kinds = [pc.match_substring_regex(column, pattern=pattern) for pattern in (_STATED, _EPOCH)]
    common = max(kinds, key=lambda kind: pc.sum(kind).as_py() or 0)
    row = first_row(common, False) if (pc.sum(common).as_py() or 0) else 1
    return row, column[row - 1].as_py()


def _fault(text: str) -> str:
    if re.match(_NAIVE, text) or re.match(_DAY, text):
        return f"which has no time zone; {_say_zone()}"
    if re.match(_EPOCH, text):
        return f"an epoch number among times; {_ALLOWED}"
    if re.match(_STATED, text):
        return f"unlike the other rows; {_ALLOWED}"
    return f"which is no time; {_ALLOWED}"


def _say_zone() -> str:
    return f"{_ALLOWED}, or say which with --timezone UTC"


def _nanoseconds(name: str, field: str, column: Column) -> IntArray:
    import pyarrow as pa

    try:
        return integers(column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        # Such as the 30th of February, or a year that 64 bits of nanoseconds cannot hold.
        raise DataRefused(f"{name}: {field} holds no such time ({str(error).splitlines()[0]}); {_ALLOWED}") from None


def _located(name: str, field: str, column: Column, zone: str) -> IntArray:
    """Wall clock times of a zone. An hour that a clock shows twice, or never, is refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zone_of(zone)
    try:
        naive = column.cast(pa.timestamp("ns"))
        return integers(pc.assume_timezone(naive, zone).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        raise DataRefused(f"{name}: {field} in {zone}: {str(error).splitlines()[0]}; {_ALLOWED}") from None


def iso(ns: int) -> str:
    """'2021-05-19T13:00', for what a person types."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M")
