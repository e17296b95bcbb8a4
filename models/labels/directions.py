"""Where the close is `horizon` bars later. The last `horizon` bars have no label: NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ToolInputError
from models.indicators import atr
from models.prices import priced

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


def forward_return(bars: Bars, *, horizon: int) -> FloatArray:
    """ln(c[t+h] / c[t]), float64, as long as the bars."""
    before, after = _ends(bars, horizon)
    return _padded(np.log(after / before), len(bars))


def two_class(bars: Bars, *, horizon: int) -> FloatArray:
    """1 where the close is higher `horizon` bars later, 0 where lower, one half where it is the same.

    The half is what `models.scores` counts a tie for, so that the market upside down has the mirrored labels.
    """
    before, after = _ends(bars, horizon)
    return _padded((np.sign(after - before) + 1) / 2, len(bars))


def three_class(bars: Bars, *, horizon: int, band: float = 0.5, period: int = 14) -> FloatArray:
    """1 for a rise and -1 for a fall of more than `band` average true ranges of bar t; 0 within, or exactly there.

    NaN in the first `period` bars, too, while the range warms up.
    """
    if not band >= 0:
        raise ToolInputError(f"expected a band of 0 or more average true ranges, found {band}")
    before, after = _ends(bars, horizon)
    reach = band * _atr(bars, period)[: len(before)]
    move = after - before
    label = np.where(np.abs(move) <= reach, 0.0, np.sign(move))
    return _padded(np.where(np.isnan(reach), np.nan, label), len(bars))


def _ends(bars: Bars, horizon: int) -> tuple[FloatArray, FloatArray]:
    """The closes at each bar whose horizon has passed, and those `horizon` bars later."""
    check_horizon(horizon)
    (close,) = priced(0, close=bars.close)
    return close[: max(len(close) - horizon, 0)], close[horizon:]


def check_horizon(horizon: int) -> None:
    """ToolInputError unless a horizon is at least one bar."""
    if horizon < 1:
        raise ToolInputError(f"expected a horizon of at least 1 bar, found {horizon}")


def _atr(bars: Bars, period: int) -> FloatArray:
    """Average true range in quote currency; NaN throughout where there are too few bars for one."""
    if len(bars) <= period:
        return np.full(len(bars), np.nan)
    return atr(bars.high, bars.low, bars.close, period)


def _padded(known: FloatArray, length: int) -> FloatArray:
    return np.concatenate([known, np.full(length - len(known), np.nan)])
