"""The one check of prices before anything is measured on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ToolInputError

if TYPE_CHECKING:
    from core.bars import FloatArray


def priced(least: int, **series: FloatArray) -> tuple[FloatArray, ...]:
    """Series of prices as contiguous float64, in the order given.

    Raises ToolInputError with what was found: lengths that differ, a price that is not finite and > 0, fewer than
    `least` bars.
    """
    length = _length_of(series)
    for name, values in series.items():
        good = np.isfinite(values) & (values > 0)
        if not good.all():
            at = int(np.argmin(good))
            raise ToolInputError(f"{name}: expected finite prices > 0, found {float(values[at])} at bar {at}")
    if length < least:
        raise ToolInputError(f"expected at least {least} bars, found {length}")
    return tuple(np.ascontiguousarray(values, dtype=np.float64) for values in series.values())


def candles(least: int, high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[FloatArray, ...]:
    """High, low and close as `priced` gives them, and ToolInputError where a close lies outside its bar."""
    high, low, close = priced(least, high=high, low=low, close=close)
    good = (low <= close) & (close <= high)
    if not good.all():
        at = int(np.argmin(good))
        found = f"low {float(low[at])}, close {float(close[at])}, high {float(high[at])}"
        raise ToolInputError(f"expected low <= close <= high, found {found} at bar {at}")
    return high, low, close


def traded(close: FloatArray, volume: FloatArray) -> FloatArray:
    """Volume in base units as contiguous float64; ToolInputError unless as long as `close`, finite and >= 0."""
    _length_of({"close": close, "volume": volume})
    good = np.isfinite(volume) & (volume >= 0)
    if not good.all():
        at = int(np.argmin(good))
        raise ToolInputError(f"volume: expected finite volumes >= 0, found {float(volume[at])} at bar {at}")
    return np.ascontiguousarray(volume, dtype=np.float64)


def _length_of(series: dict[str, FloatArray]) -> int:
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) != 1:
        raise ToolInputError(f"expected series of one length, found {lengths}")
    return next(iter(lengths.values()))
