"""Reads a column of numbers exactly as doubles, or refuses it with what stood there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.errors import DataRefused
from market.columns import Column, first_row, floats

if TYPE_CHECKING:
    from core.bars import FloatArray


def read_numbers(name: str, field: str, column: Column) -> FloatArray:
    """float64 of a column of doubles, whole or decimal numbers, or texts of them. Infinite and NaN are left in."""
    import pyarrow as pa

    if column.null_count:
        row = first_row(column.is_null(), True)
        raise DataRefused(f"{name} row {row}: {field} is missing, allowed is a finite number")
    kind = column.type
    text = pa.types.is_string(kind)
    # Half and single precision would turn 0.1 into 0.10000000149.
    if not (text or pa.types.is_float64(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise DataRefused(f"{name}: {field} is of type {kind}, allowed is a double, decimal or integer column")
    try:
        return floats(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        row, found = next((i, value) for i, value in enumerate(column, 1) if not _fits_double(value))
        raise DataRefused(f"{name} row {row}: {field} is {found.as_py()!r}, allowed is a finite number") from None


def _fits_double(value: Any) -> bool:
    import pyarrow as pa

    try:
        value.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
