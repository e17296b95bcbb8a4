"""A model's probability as a strategy: a side where it is sure enough, sized by Kelly or by volatility."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from models.rolling import lagged, moments
from risk.sizing import KELLY_SHARE
from tools.strategies.parameters import Parameters

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


class ModelSignal(Parameters):
    """Long where the probability of a rise is `buy` or more, short where it is `sell` or less, flat between.

    Sized by Kelly, a quarter of (b p - q) / b of equity with payoff b and p the probability of the side that is taken;
    by volatility, so that the position moves by `volatility` a year; or always one. Never above all of equity.
    Kelly, *A New Interpretation of Information Rate* (1956); Moskowitz, Ooi and Pedersen (2012) on volatility.

    `given` says who answers the probabilities: float64 of shape (n_bars,), each from its bar and those before it.
    """

    buy: float = Field(0.65, gt=0, lt=1, description="probability of a rise from which on it is long")
    sell: float = Field(0.35, gt=0, lt=1, description="probability of a rise down to which it is short")
    size: Literal["kelly", "volatility", "one"] = Field("kelly", description="how much of equity")
    payoff: float = Field(1.0, gt=0, le=100, description="mean win over mean loss, for Kelly")
    volatility: float = Field(0.3, gt=0, le=5, description="a year's, of the position")
    bars: int = Field(48, ge=3, le=5_000, description="over which volatility is measured")

    _p_up: Callable[[Bars], FloatArray] | None = PrivateAttr(None)
    _least: int = PrivateAttr(1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.sell < self.buy:
            raise ValueError(f"sell: expected less than buy, found {self.sell:g} and {self.buy:g}")
        return self

    def given(self, p_up: Callable[[Bars], FloatArray], *, least: int) -> Self:
        """The same with who answers probabilities, from the bar on that is the `least`-th."""
        told = self.model_copy()
        told._p_up, told._least = p_up, least
        return told

    @property
    def look_back(self) -> int:
        return max(self._least, self.bars + 1 if self.size == "volatility" else 1)

    def exposure(self, bars: Bars) -> FloatArray:
        if self._p_up is None:
            raise ValueError("no model answers probabilities")
        p_up = self._p_up(bars)
        side = np.where(p_up >= self.buy, 1.0, np.where(p_up <= self.sell, -1.0, 0.0))
        wanted: FloatArray = side * self._sized(bars, np.where(side < 0, 1 - p_up, p_up))
        # A bar without an opinion is none to hold a position on.
        wanted = np.where(np.isnan(p_up), 0.0, wanted)
        wanted[: self.look_back - 1] = np.nan
        return wanted

    def _sized(self, bars: Bars, sure: FloatArray) -> FloatArray:
        if self.size == "one":
            return np.ones(len(bars))
        if self.size == "kelly":
            return np.clip(float(KELLY_SHARE) * (self.payoff * sure - (1 - sure)) / self.payoff, 0.0, 1.0)
        deviation = moments(np.log(bars.close / lagged(bars.close, 1)), self.bars)[1]
        year = deviation * np.sqrt(bars.timeframe.bars_per_year)
        sized: FloatArray = np.clip(np.divide(self.volatility, year, out=np.ones(len(bars)), where=year > 0), 0.0, 1.0)
        return sized
