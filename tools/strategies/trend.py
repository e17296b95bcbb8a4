"""Trend following: with the faster of two moving averages, as long as the average directional index sees a trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from models import indicators
from models.rolling import memory
from tools.strategies.parameters import Parameters

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


class TrendFollowing(Parameters):
    """Long while the fast average of closes is above the slow one, short while below; flat where ADX is too low.

    Equal averages keep what was wanted before. Brock, Lakonishok and LeBaron, *Simple Technical Trading Rules* (1992);
    Wilder, *New Concepts in Technical Trading Systems* (1978) for the index.
    """

    fast: int = Field(20, ge=1, le=5_000, description="bars of the fast average")
    slow: int = Field(50, ge=2, le=5_000, description="bars of the slow average, more than of the fast one")
    average: Literal["sma", "ema"] = Field("sma", description="simple or exponential")
    adx_exit: float = Field(0.0, ge=0, le=100, description="flat where the index is below; 0 does not ask")
    adx_bars: int = Field(14, ge=2, le=500, description="of the index")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.fast < self.slow:
            raise ValueError(f"fast: expected fewer bars than slow, found {self.fast} and {self.slow}")
        return self

    @property
    def look_back(self) -> int:
        bars = self.slow
        if self.average == "ema":
            bars += memory((self.slow - 1) / (self.slow + 1))
        if self.adx_exit:
            bars = max(bars, 2 * self.adx_bars + memory((self.adx_bars - 1) / self.adx_bars))
        return bars

    def exposure(self, bars: Bars) -> FloatArray:
        mean = indicators.sma if self.average == "sma" else indicators.ema
        apart = np.sign(mean(bars.close, self.fast) - mean(bars.close, self.slow))
        wanted = carried(np.where(apart != 0, apart, np.nan))
        if self.adx_exit:
            strength = indicators.adx(bars.high, bars.low, bars.close, self.adx_bars)
            wanted = np.where(strength >= self.adx_exit, wanted, 0.0)
        wanted[: self.look_back - 1] = np.nan
        return wanted


def carried(events: FloatArray) -> FloatArray:
    """Each NaN becomes the last number before it, 0 before the first."""
    missing = np.isnan(events)
    first = int(np.argmin(missing))
    if not missing[first:].any():
        # Nothing to carry but what comes before all: most averages are never equal.
        return np.where(missing, 0.0, events)
    known = np.maximum.accumulate(np.where(missing, -1, np.arange(len(events))))
    held: FloatArray = np.where(known >= 0, events[known], 0.0)
    return held
