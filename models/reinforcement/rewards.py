"""What a policy is taught to want of the returns of its account, one bar at a time.

Moody and Saffell, *Learning to Trade via Direct Reinforcement* (2001), for the two ratios: each reward is what the
newest return did to a trailing ratio, to first order in its `rate`. Where the trailing mean is below 0 a ratio is less
bad with more risk, and so a large loss may be rewarded there: that is the ratios' own defect, and `return` has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from core.errors import ConfigError

# A ratio of a handful of returns is whatever the first of them made it.
SETTLED: Final = 20
# A ratio whose risk has nearly died out jumps at the next return.
MOST: Final = 10.0


class Reward(Protocol):
    """Fed with the returns of one episode in their order; each episode has its own."""

    def __call__(self, gain: float) -> float:
        """Of a simple return of equity over a bar, after costs."""


@dataclass(slots=True)
class ReturnLessRisk:
    """r - aversion * r^2: what a quadratic utility gains, so that its sum weighs mean against variance.

    Ritter, *Machine Learning for Trading* (2017), with the mean return of a bar taken as 0 within the square.
    """

    aversion: float = 1.0

    def __call__(self, gain: float) -> float:
        return gain - self.aversion * gain * gain


@dataclass(slots=True)
class DifferentialSharpe:
    """(B dA - A dB / 2) / (B - A^2)^(3/2), A and B the trailing means of r and r^2 before this return.

    dA = r - A and dB = r^2 - B. 0 while the means settle and where nothing has varied, within 10 of 0 elsewhere.
    """

    rate: float = 0.01
    mean: float = 0.0
    square: float = 0.0
    seen: int = 0

    def __call__(self, gain: float) -> float:
        step, step_square = gain - self.mean, gain * gain - self.square
        variance = self.square - self.mean * self.mean
        told = (self.square * step - self.mean * step_square / 2, variance**1.5 if variance > 0 else 0.0)
        self.mean += self.rate * step
        self.square += self.rate * step_square
        self.seen += 1
        return _settled(self.seen, *told)


@dataclass(slots=True)
class DifferentialSortino:
    """The same of the mean over the downside deviation D, where D^2 is the trailing mean of min(r, 0)^2.

    (r - A/2) / D for a gain, and (D^2 (r - A/2) - A r^2 / 2) / D^3 for a loss.
    """

    rate: float = 0.01
    mean: float = 0.0
    downside: float = 0.0
    seen: int = 0

    def __call__(self, gain: float) -> float:
        fall = min(gain, 0.0) ** 2
        told = (
            self.downside * (gain - self.mean / 2) - self.mean * fall / 2,
            self.downside**1.5,
        )
        self.mean += self.rate * (gain - self.mean)
        self.downside += self.rate * (fall - self.downside)
        self.seen += 1
        return _settled(self.seen, *told)


REWARDS: Final[Mapping[str, type[Reward]]] = {
    "return": ReturnLessRisk,
    "sharpe": DifferentialSharpe,
    "sortino": DifferentialSortino,
}


def check_reward(name: str) -> None:
    """ConfigError for a name that is none of `REWARDS`."""
    if name not in REWARDS:
        raise ConfigError(f"a reward is one of {', '.join(REWARDS)}, found {name!r}")


def _settled(seen: int, above: float, below: float) -> float:
    if seen <= SETTLED or below <= 0:
        return 0.0
    return max(min(above / below, MOST), -MOST)
