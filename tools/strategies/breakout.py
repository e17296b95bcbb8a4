"""Breakout: with a close beyond the highest high, or lowest low, of the bars before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from models.prices import candles
from tools.strategies.parameters import Parameters
from tools.strategies.reversion import held_between

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


class Breakout(Parameters):
    """Long from a close above the highs of `enter` bars until one below the lows of `leave` bars; short mirrored.

    Donchian's channels; the bar itself is in neither. Faith, *Way of the Turtle* (2007).
    """

    enter: int = Field(20, ge=1, le=5_000, description="bars of the channel that is broken")
    leave: int = Field(10, ge=1, le=5_000, description="bars of the channel that ends it")

    @property
    def look_back(self) -> int:
        return max(self.enter, self.leave) + 1

    def exposure(self, bars: Bars) -> FloatArray:
        high, low, close = candles(self.look_back, bars.high, bars.low, bars.close)
        long = held_between(close > _highest(high, self.enter), close < -_highest(-low, self.leave))
        short = held_between(close < -_highest(-low, self.enter), close > _highest(high, self.leave))
        wanted: FloatArray = np.where(long > 0, long, -short)
        wanted[: self.look_back - 1] = np.nan
        return wanted


def _highest(high: FloatArray, n: int) -> FloatArray:
    """The highest of the `n` values before each; NaN for the first `n`."""
    found = np.full(len(high), np.nan)
    found[n:] = np.lib.stride_tricks.sliding_window_view(high, n)[:-1].max(axis=1)
    return found
