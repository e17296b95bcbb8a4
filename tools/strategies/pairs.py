"""Pairs by cointegration: two symbols that came back to each other so far, traded where they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from core.errors import DataRefused
from tools.strategies.parameters import Parameters

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


@dataclass(frozen=True, slots=True)
class Fit:
    """log(first) = `level` + `ratio` log(second), with residuals of mean 0 and deviation `spread`; `p` is of no tie."""

    level: float
    ratio: float
    spread: float
    p: float

    def apart(self, first: float, second: float) -> float:
        """How far the two logarithms are from their line, in deviations."""
        return (first - self.level - self.ratio * second) / self.spread


class Pairs(Parameters):
    """Short the dear one and long the cheap one while two symbols are further apart than `enter` deviations.

    Every `refit` bars the line between their logarithms is fitted on the last `formation` ones and tested for a unit
    root in its residuals; one with a probability above `significance`, or with a ratio not above 0, is not traded. A
    position keeps the line that it was opened on, and ends within `leave` deviations of it, beyond `stop`, or where the
    tie is lost. Gross exposure is 1, split by the ratio.

    Engle and Granger, *Co-Integration and Error Correction* (1987); Gatev, Goetzmann and Rouwenhorst, *Pairs Trading*
    (2006) for the rule.
    """

    formation: int = Field(500, ge=50, le=5_000, description="bars that the line is fitted on")
    refit: int = Field(24, ge=1, le=5_000, description="bars between two fits")
    enter: float = Field(2.0, gt=0, le=10, description="deviations from which on it is traded")
    leave: float = Field(0.5, ge=0, le=10, description="deviations within which it ends")
    stop: float = Field(4.0, gt=0, le=20, description="deviations beyond which it was wrong")
    significance: float = Field(0.05, gt=0, lt=1, description="of the test for a tie")

    legs: ClassVar[int] = 2

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.leave < self.enter < self.stop:
            found = f"{self.leave:g}, {self.enter:g} and {self.stop:g}"
            raise ValueError(f"enter: expected leave < enter < stop, found {found}")
        return self

    @property
    def look_back(self) -> int:
        return self.formation

    def exposures(self, bars: Sequence[Bars]) -> FloatArray:
        """Of both symbols on the bars that both have, float64 (n_bars, 2); the value of a bar knows no later one."""
        first, second = (np.log(one.close) for one in bars)
        # By the clock and not by the first bar: the same bar is a fit wherever the history begins.
        turns = bars[0].open_ns // bars[0].timeframe.ns % self.refit == 0
        wanted = np.full((len(first), 2), np.nan)
        fit: Fit | None = None
        held: Fit | None = None
        side = 0
        for at in range(self.formation - 1, len(first)):
            if turns[at] or at == self.formation - 1:
                part = slice(at + 1 - self.formation, at + 1)
                fit = fitted(first[part], second[part])
                if fit is not None and (fit.p > self.significance or fit.ratio <= 0):
                    fit = None
                side = side if fit is not None else 0
            if side and held is not None:
                apart = side * held.apart(first[at], second[at])
                # Opened above the line with side 1: back at it, or so far away that there is none.
                if apart <= self.leave or apart >= self.stop:
                    side = 0
            elif fit is not None:
                apart = fit.apart(first[at], second[at])
                if self.enter <= abs(apart) < self.stop:
                    side, held = int(np.sign(apart)), fit
            wanted[at] = (0.0, 0.0) if not side or held is None else _split(side, held.ratio)
        return wanted


def fitted(first: FloatArray, second: FloatArray) -> Fit | None:
    """The line by least squares and the probability of the test; None where either does not move."""
    from statsmodels.tsa.stattools import coint

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    ratio, level = np.polyfit(second, first, 1)
    spread = float((first - level - ratio * second).std(ddof=2))
    if not spread > 1e-9:
        raise DataRefused("the two symbols are one: nothing is left between them to trade")
    p = float(coint(first, second, trend="c", maxlag=1, autolag=None)[1])
    return Fit(float(level), float(ratio), spread, p)


def _split(side: int, ratio: float) -> tuple[float, float]:
    """Worth of both legs, as the logarithms' line has it, with a gross of 1."""
    return -side / (1 + ratio), side * ratio / (1 + ratio)
