"""The triple barrier: a target, a stop and a time limit, and which of them a position from this bar meets first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ToolInputError
from models.indicators import atr
from models.labels.directions import check_horizon

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Barriers:
    """Of every bar: `label` 1 for the upper barrier, -1 for the lower, 0 for the time limit; NaN where it is not known.

    `end` is the bar in which that was decided, -1 where it is not known: until then the label overlaps with others.
    `returns` is the log return from the close of the bar to where the position would have ended.
    """

    label: FloatArray
    end: IntArray
    returns: FloatArray


def triple_barrier(bars: Bars, *, horizon: int, up: float = 2.0, down: float = 2.0, period: int = 14) -> Barriers:
    """Barriers `up` and `down` average true ranges of bar t away from its close, and a time limit `horizon` bars later.

    Highs and lows of the bars after t touch them. As the simulated venue fills (`core.fills`): a bar that touches both
    has met the lower one, since the order within a bar is unknown; a bar that opens below the lower one ends there, and
    the upper one, a resting limit, at its own price. Bars of the last horizon have no label, even where a barrier was
    touched: of those only the quick ones would be known. NaN in the first `period` bars, while the range warms up, and
    where it is 0.

    López de Prado, *Advances in Financial Machine Learning* (2018), 3.4.

    Raises
    ------
    ToolInputError
        A horizon below 1, or a width that is not > 0.
    """
    check_horizon(horizon)
    if not (up > 0 and down > 0):
        raise ToolInputError(f"expected barriers more than 0 average true ranges away, found {up} and {down}")
    n = len(bars)
    label, returns, end = np.full(n, np.nan), np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    if n <= period:
        return Barriers(label, end, returns)
    reach = atr(bars.high, bars.low, bars.close, period)
    upper, lower = bars.close + up * reach, bars.close - down * reach
    # Of each bar in the running the next one is looked at, until none is left.
    running = np.flatnonzero(reach[: max(n - horizon, 0)] > 0)
    for ahead in range(1, horizon + 1):
        at = running + ahead
        fell = bars.low[at] <= lower[running]
        rose = ~fell & (bars.high[at] >= upper[running])
        done = fell | rose if ahead < horizon else np.ones(len(running), dtype=bool)
        sign = np.where(fell, -1.0, np.where(rose, 1.0, 0.0))
        # Below a lower barrier at 0 or less no price can be, so every price here is one.
        stopped = np.minimum(bars.open[at], lower[running])
        price = np.where(fell, stopped, np.where(rose, upper[running], bars.close[at]))
        closed = running[done]
        label[closed], end[closed] = sign[done], at[done]
        returns[closed] = np.log(price[done] / bars.close[closed])
        running = running[~done]
    return Barriers(label, end, returns)
