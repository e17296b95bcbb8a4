"""Which kind of market a bar closes: one that goes somewhere, or one that comes back. From bars up to it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from core.bars import Bars

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRENDING: Final = "trending"
RANGING: Final = "ranging"
# All regimes together: of a scorecard that rests on every outcome, and of bars with too little before them.
ANY: Final = "any"
WINDOW: Final = 48
# The median of |z| for a random walk, which is in either regime half of the time.
_MEDIAN: Final = 0.6745


def regimes(bars: Bars) -> NDArray[np.str_]:
    """The regime that each bar closes, shape (n,); `ANY` for the first `WINDOW` bars.

    Trending where the last `WINDOW` log returns r went further than a random walk mostly would: |sum r| / sqrt(sum r^2)
    above 0.6745. A price that never moved ranges.
    """
    found = np.full(len(bars), ANY, dtype="<U8")
    if len(bars) > WINDOW:
        returns = np.diff(np.log(bars.close))
        seen = np.lib.stride_tricks.sliding_window_view(returns, WINDOW)
        went, shook = np.abs(seen.sum(axis=1)), np.sqrt((seen**2).sum(axis=1))
        found[WINDOW:] = np.where(went > _MEDIAN * shook, TRENDING, RANGING)
    return found
