"""Mean reversion: against a close outside its Bollinger bands, where the relative strength index agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from models import indicators
from models.rolling import memory
from tools.strategies.parameters import Parameters
from tools.strategies.trend import carried

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import Bars, FloatArray


class MeanReversion(Parameters):
    """Long from a close below the lower band, with an RSI at most `oversold`, until one at the middle; short mirrored.

    Bollinger, *Bollinger on Bollinger Bands* (2001); Wilder (1978) for the index.
    """

    period: int = Field(20, ge=2, le=5_000, description="bars of the bands")
    deviations: float = Field(2.0, gt=0, le=10, description="from the middle to a band")
    rsi_bars: int = Field(14, ge=2, le=500, description="of the index")
    oversold: float = Field(30.0, ge=0, le=50, description="of the index; overbought is as far from 100")
    leave: float = Field(0.0, gt=-1, lt=1, description="where it ends: 0 is the middle, 1 the band on the other side")

    @property
    def look_back(self) -> int:
        return max(self.period, self.rsi_bars + 1 + memory((self.rsi_bars - 1) / self.rsi_bars))

    def exposure(self, bars: Bars) -> FloatArray:
        place = indicators.bollinger_position(bars.close, self.period, self.deviations)
        strength = indicators.rsi(bars.close, self.rsi_bars)
        long = held_between((place <= -1) & (strength <= self.oversold), place >= self.leave)
        short = held_between((place >= 1) & (strength >= 100 - self.oversold), place <= -self.leave)
        wanted: FloatArray = np.where(long > 0, long, -short)
        wanted[: self.look_back - 1] = np.nan
        return wanted


def held_between(begins: NDArray[np.bool_], ends: NDArray[np.bool_]) -> FloatArray:
    """1 from each bar that `begins` until the next that `ends`, else 0. One that does both ends."""
    return carried(np.where(ends, 0.0, np.where(begins, 1.0, np.nan)))
