"""Price bars: arrays for research, one exact `Bar` for the venue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.time import Timeframe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed bar in exact money. Known at `open_ns + timeframe.ns`, never before."""

    symbol: str
    timeframe: Timeframe
    open_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @property
    def close_ns(self) -> int:
        return self.open_ns + self.timeframe.ns


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed bars, oldest first.

    `open_ns` is int64 UTC nanoseconds, strictly increasing; the others are float64, quote currency (`volume` in base
    units), each finite, prices > 0. Missing bars are absent, never filled: `missing` counts them inside the range.
    """

    symbol: str
    timeframe: Timeframe
    open_ns: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return len(self.open_ns)

    @property
    def missing(self) -> int:
        if len(self) < 2:
            return 0
        span = int(self.open_ns[-1] - self.open_ns[0])
        return span // self.timeframe.ns + 1 - len(self)


@dataclass(frozen=True, slots=True)
class Tape:
    """What one symbol showed at moments of the past, one value a moment.

    `event_ns` and `close` are of the newest bar known then. `open_ns`, `low` and `high` are of the bar that became
    known at the moment itself, NaN (-1) where none did. `odd` marks moments at which more happened than one bar
    closing and being known at once, or at which a quote made of that close would not be whole.
    """

    event_ns: IntArray
    close: FloatArray
    open_ns: IntArray
    low: FloatArray
    high: FloatArray
    odd: NDArray[np.bool_]
