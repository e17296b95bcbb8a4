"""From pyarrow's columns to numpy, without the import of pandas that pyarrow's own `to_numpy` costs (0.8 s)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

Column = Any  # pyarrow ships no types


def floats(column: Column) -> FloatArray:
    """A float64 column without nulls, copied."""
    return np.from_dlpack(column.combine_chunks()).astype(np.float64)


def integers(column: Column) -> IntArray:
    """An int64 column without nulls, copied."""
    return np.from_dlpack(column.combine_chunks()).astype(np.int64)


def first_row(mask: Column, wanted: bool) -> int:
    """The row, counted from 1, where a boolean column first is `wanted`; 0 where it never is."""
    return int(mask.index(wanted).as_py()) + 1
