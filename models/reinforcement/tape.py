"""A recorded market as an environment plays it: prepared features of each bar, and the prices that fill and mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import DataRefused
from models.features.frames import Frame
from models.learners.port import check_rows

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray
    from models.features.preparing import Preparation
    from models.learners.port import Float32Array

LEAST_BARS: Final = 3


@dataclass(frozen=True, slots=True)
class Tape:
    """`x` is float32, shape (n, f), finite, row i known by the close of bar i; `open` and `close` float64, (n,), > 0.

    Raises DataRefused for shapes, dtypes or numbers that are not as stated, or fewer than 3 bars.
    """

    x: Float32Array
    open: FloatArray
    close: FloatArray

    def __post_init__(self) -> None:
        check_rows(self.x)
        if len(self.x) < LEAST_BARS:
            raise DataRefused(f"a market to trade in needs {LEAST_BARS} bars, found {len(self.x)}")
        for name in ("open", "close"):
            prices = getattr(self, name)
            if prices.dtype != np.float64 or prices.shape != (len(self.x),):
                raise DataRefused(f"{name} must be float64 of shape ({len(self.x)},), found {prices.shape}")
            if not ((prices > 0) & (prices < np.inf)).all():
                raise DataRefused(f"{name} must be finite and above 0 throughout")

    def __len__(self) -> int:
        return len(self.close)


def tape_of(bars: Bars, features: Frame, preparation: Preparation, rows: slice = slice(None)) -> Tape:
    """Neighbouring bars with their features, prepared as was fitted on the training part.

    Raises DataRefused where the frame is not of these bars, or a feature of `rows` is missing; the message names it.
    """
    if len(features.values) != len(bars):
        raise DataRefused(f"found features of {len(features.values)} bars for {len(bars)} bars")
    part = features.values[rows]
    holes = ~np.logical_and.reduce(np.isfinite(part))
    if holes.any():
        names = ", ".join(name for name, hole in zip(features.names, holes.tolist(), strict=True) if hole)
        raise DataRefused(f"the features {names} are not known on all of {len(part)} bars")
    return Tape(preparation.apply(features)[rows], bars.open[rows], bars.close[rows])


def tape_of_returns(x: Float32Array, y: FloatArray) -> Tape:
    """A market of which nothing is known but `y`, the log return from each row to the next: a bar opens at the last
    close. What comes after the last row is not traded.
    """
    close = np.exp(np.concatenate([[0.0], np.cumsum(y)])[:-1])
    return Tape(x, np.concatenate([close[:1], close[:-1]]), close)
