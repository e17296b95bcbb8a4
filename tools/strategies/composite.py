"""The composite score T of many indicators, traded by thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from models.labels.composite import LOOKBACK, composite_score
from tools.strategies.parameters import Parameters
from tools.strategies.reversion import held_between

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


class CompositeScore(Parameters):
    """Long from a score at or above `enter` until one at or below -`leave`; short mirrored.

    The score is 0 within its Bollinger bands, so that it says nothing at most bars, and what was wanted stays.
    `models.labels.composite` says what it is made of, and whose it is.
    """

    enter: float = Field(500.0, gt=0, description="of the score, beyond which a side is taken")
    leave: float = Field(0.5, gt=0, description="of the score, on the other side, from which on it is left")

    @property
    def look_back(self) -> int:
        return LOOKBACK + 1

    def exposure(self, bars: Bars) -> FloatArray:
        score = composite_score(bars)
        long = held_between(score >= self.enter, score <= -self.leave)
        short = held_between(score <= -self.enter, score >= self.leave)
        wanted: FloatArray = np.where(long > 0, long, -short)
        wanted[: self.look_back - 1] = np.nan
        return wanted
