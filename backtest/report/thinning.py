"""A million points on a screen of a thousand: no peak and no trough is lost, and no point is invented."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray


def kept_of(values: FloatArray, buckets: int) -> IntArray:
    """Which points to draw, in order: of each bucket the lowest and the highest, and the first that is no number.

    The first and the last are always among them; all are where there are no more than two a bucket.
    """
    n = len(values)
    if n <= 2 * buckets:
        return np.arange(n, dtype=np.int64)
    edges = np.linspace(0, n, buckets + 1).astype(np.int64).tolist()
    unknown = np.isnan(values)
    low, high = np.where(unknown, np.inf, values), np.where(unknown, -np.inf, values)
    places = {0, n - 1}
    for start, end in pairwise(edges):
        places |= {start + int(low[start:end].argmin()), start + int(high[start:end].argmax())}
        if unknown[start:end].any():
            places.add(start + int(unknown[start:end].argmax()))
    return np.array(sorted(places), dtype=np.int64)


def wider(bars: Bars, most: int) -> tuple[Bars, int]:
    """At most `most` candles, each of so many bars: first open, highest high, lowest low, last close, all volume.

    The timeframe stays that of the bars; how many each candle has is the second answer.
    """
    each = -(-len(bars) // most)
    if each <= 1:
        return bars, 1
    starts = np.arange(0, len(bars), each)
    ends = np.minimum(starts + each, len(bars)) - 1
    return Bars(
        bars.symbol,
        bars.timeframe,
        bars.open_ns[starts],
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
    ), each
