"""Coarser bars from finer ones, without ever showing a bucket that has not closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from core.time import Timeframe


def closed_by(bars: Bars, as_of_ns: int) -> int:
    """How many of `bars` are closed at `as_of_ns`."""
    return int(np.searchsorted(bars.open_ns, as_of_ns - bars.timeframe.ns, side="right"))


def window(bars: Bars, start: int, end: int) -> Bars:
    """Bars `start` up to, not including, `end`; views of the same arrays."""
    part = slice(start, end)
    return Bars(
        symbol=bars.symbol,
        timeframe=bars.timeframe,
        open_ns=bars.open_ns[part],
        open=bars.open[part],
        high=bars.high[part],
        low=bars.low[part],
        close=bars.close[part],
        volume=bars.volume[part],
    )


def aggregate(bars: Bars, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
    """The last `n` bars of `timeframe` whose bucket is closed at `as_of_ns`, from the finer `bars`.

    Buckets are aligned to UTC. One with missing base bars keeps what exists; one without any is absent. The newest is
    whole once its last base bar is there or a later one: where the data end before, more of it may come.
    """
    ratio, rest = divmod(timeframe.ns, bars.timeframe.ns)
    if rest or not ratio:
        raise DataRefused(
            f"{bars.symbol} has {bars.timeframe} bars, of which no {timeframe} bar can be made;"
            f" allowed are whole multiples of {bars.timeframe}"
        )
    last_close_ns = as_of_ns // timeframe.ns * timeframe.ns
    end = closed_by(bars, last_close_ns)
    if end and end == closed_by(bars, as_of_ns):
        newest_ns = int(bars.open_ns[end - 1])
        bucket_ns = newest_ns - newest_ns % timeframe.ns
        if newest_ns + bars.timeframe.ns < bucket_ns + timeframe.ns:
            end = int(np.searchsorted(bars.open_ns, bucket_ns))
    # n full buckets, or more buckets that are not full, of which the oldest may be cut and is dropped below.
    base = window(bars, max(0, end - max(0, n) * ratio), end)
    if not len(base):
        return replace(base, timeframe=timeframe)
    buckets = base.open_ns // timeframe.ns
    starts = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))[-n:]
    ends = np.append(starts[1:], len(base)) - 1
    first = starts[0]
    return Bars(
        symbol=bars.symbol,
        timeframe=timeframe,
        open_ns=buckets[starts] * timeframe.ns,
        open=base.open[starts],
        high=np.maximum.reduceat(base.high[first:], starts - first),
        low=np.minimum.reduceat(base.low[first:], starts - first),
        close=base.close[ends],
        volume=np.add.reduceat(base.volume[first:], starts - first),
    )
