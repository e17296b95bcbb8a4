"""One line of equity and what is measured of it. Equity is read at closes, returns are a day's, a year has 365 days.

A day is one of UTC, and its equity that of the last bar that closed in it; a bar that closes at midnight belongs to the
day that ends there. A day without a bar keeps the equity that was known. There is no riskless rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import DataRefused
from core.time import DAY_NS, show_time
from models.validation.overfitting import sharpe_above
from models.validation.trading import sharpe_of

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

DAYS_PER_YEAR: Final = 365
LEAST_DAYS: Final = 30  # below, a figure a year would be a guess
LEAST_TAIL_DAYS: Final = 100  # the worst twentieth is then 5 days
TAIL: Final = 0.05
_BEYOND_BELIEF: Final = 1e6


class Unmeasured(DataRefused):
    """A figure that cannot be told, and why."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Equity, float64 of shape (n_bars,), stamped by `close_ns`; daily `returns` end at `day_ns`, both shape (n_days,).

    `silent` counts days without a bar. `unknown` says why nothing can be told of it, `ruined` why no return can;
    both are '' where that is not so, and there are no `returns` where it is.
    """

    close_ns: IntArray
    equity: FloatArray
    returns: FloatArray
    day_ns: IntArray
    silent: int
    unknown: str
    ruined: str

    @property
    def span_ns(self) -> int:
        return int(self.close_ns[-1] - self.close_ns[0])

    @property
    def years(self) -> float:
        return self.span_ns / (DAYS_PER_YEAR * DAY_NS)

    def known(self) -> FloatArray:
        """The equity of every bar; Unmeasured where one is not a number, or there is but one."""
        if self.unknown:
            raise Unmeasured(self.unknown)
        return self.equity

    def daily(self, least: int = LEAST_DAYS) -> FloatArray:
        """The returns of the days; Unmeasured where there are fewer than `least`, or nothing was left."""
        self.known()
        if self.ruined:
            raise Unmeasured(self.ruined)
        if len(self.returns) < least:
            raise Unmeasured(f"{least} days are the least, found {len(self.returns)}")
        return self.returns


def curve_of(close_ns: IntArray, equity: FloatArray) -> Curve:
    """Raises DataRefused for arrays that do not belong together, or times that do not increase."""
    if equity.shape != close_ns.shape or equity.ndim != 1 or not len(equity):
        raise DataRefused(f"expected equity for each of 1 or more closes, found {equity.shape} for {close_ns.shape}")
    if (np.diff(close_ns) <= 0).any():
        raise DataRefused("the closes of an outcome must be in order of time")
    unknown, ruined = _unknown(close_ns, equity), ""
    if not unknown and (equity <= 0).any():
        ruined = f"nothing was left on {show_time(int(close_ns[np.argmax(equity <= 0)]))}"
    if unknown or ruined:
        return Curve(close_ns, equity, np.zeros(0), np.zeros(0, np.int64), 0, unknown, ruined)
    returns, day_ns, silent = _by_day(close_ns, equity)
    return Curve(close_ns, equity, returns, day_ns, silent, unknown, ruined)


def _unknown(close_ns: IntArray, equity: FloatArray) -> str:
    strange = ~np.isfinite(equity)
    if strange.any():
        first = show_time(int(close_ns[np.argmax(strange)]))
        return f"equity is not a number at {int(strange.sum())} of {len(equity)} bars, first on {first}"
    if len(equity) < 2:
        return "one bar is no history"
    return f"it began with {equity[0]:g}" if equity[0] <= 0 else ""


def _by_day(close_ns: IntArray, equity: FloatArray) -> tuple[FloatArray, IntArray, int]:
    """Returns that compound to the total return, the ends of their days, and how many of these had no bar."""
    day = (close_ns - 1) // DAY_NS
    last = np.flatnonzero(np.append(np.diff(day) != 0, True))
    days, marks = day[last], equity[last]
    if last[0] > 0:  # what happened within the first day counts too
        days, marks = np.append(days[0] - 1, days), np.append(equity[0], marks)
    every = np.arange(days[0], days[-1] + 1)
    kept = marks[np.searchsorted(days, every, side="right") - 1]
    return kept[1:] / kept[:-1] - 1, (every[1:] + 1) * DAY_NS, len(every) - len(days)


def drawdowns(equity: FloatArray) -> FloatArray:
    """Fraction below the highest equity so far, shape (n_bars,), 0 or more."""
    below: FloatArray = 1 - equity / np.maximum.accumulate(equity)
    return below


def total_return(curve: Curve) -> float:
    """Last equity / first equity - 1."""
    equity = curve.known()
    return float(equity[-1] / equity[0] - 1)


def annual_return(curve: Curve) -> float:
    """(Last equity / first equity) ^ (365 days / time between) - 1: compounded. None is told of less than 30 days."""
    curve.daily(1)
    if curve.span_ns < LEAST_DAYS * DAY_NS:
        raise Unmeasured(f"{LEAST_DAYS} days are the least, found {curve.span_ns / DAY_NS:.1f}")
    return float((curve.equity[-1] / curve.equity[0]) ** (1 / curve.years) - 1)


def volatility(curve: Curve) -> float:
    """Deviation (ddof 1) of daily returns, times the root of 365."""
    return float(curve.daily().std(ddof=1)) * math.sqrt(DAYS_PER_YEAR)


def sharpe(curve: Curve) -> float:
    """Mean over deviation (ddof 1) of daily returns, times the root of 365; no riskless rate.

    Sharpe, *The Sharpe Ratio* (1994).
    """
    return _ratio(curve.daily()) * math.sqrt(DAYS_PER_YEAR)


def sortino(curve: Curve) -> float:
    """Mean of daily returns over the root of the mean square of losses (gains count as 0), times the root of 365.

    Sortino and Price, *Performance Measurement in a Downside Risk Framework* (1994).
    """
    returns = curve.daily()
    downside = math.sqrt(float((np.minimum(returns, 0.0) ** 2).mean()))
    if downside == 0:
        raise Unmeasured("no day lost")
    return float(returns.mean()) / downside * math.sqrt(DAYS_PER_YEAR)


def calmar(curve: Curve) -> float:
    """Annual return over the deepest drawdown.

    Young, *Calmar Ratio: A Smoother Tool* (1991), which took three years; here it is the whole history.
    """
    deepest = max_drawdown(curve)
    if deepest == 0:
        raise Unmeasured("equity never fell")
    return annual_return(curve) / deepest


def max_drawdown(curve: Curve) -> float:
    """Largest fraction below the highest equity so far, at closes of bars; what was worse within one is not seen."""
    return float(drawdowns(curve.known()).max())


def drawdown_days(curve: Curve) -> float:
    """Longest time, in days, from a highest equity to the close that reached it again, or to the end of the history."""
    equity = curve.known()
    highs = np.flatnonzero(equity >= np.maximum.accumulate(equity))
    ends = np.append(highs[1:], len(equity) - 1)
    lasted = np.where(ends - highs > 1, curve.close_ns[ends] - curve.close_ns[highs], 0)
    # The last stretch has nothing in between where it is one bar long, and is below its height all the same.
    lasted[-1] = curve.close_ns[-1] - curve.close_ns[highs[-1]]
    return float(lasted.max()) / DAY_NS


def value_at_risk(curve: Curve) -> float:
    """Loss of a day that one day in twenty exceeds: historical, at 95 %, a fraction of equity."""
    returns = np.sort(curve.daily(LEAST_TAIL_DAYS))
    return 0.0 - float(returns[_worst(len(returns))])


def expected_shortfall(curve: Curve) -> float:
    """Mean loss of the worst twentieth of days: historical, at 95 %, a fraction of equity.

    Rockafellar and Uryasev, *Conditional Value-at-Risk for General Loss Distributions* (2002): where the twentieth is
    no whole number of days, the last one counts in part.
    """
    returns = np.sort(curve.daily(LEAST_TAIL_DAYS))
    worst, share = _worst(len(returns)), TAIL * len(returns)
    return 0.0 - float(returns[:worst].sum() + returns[worst] * (share - worst)) / share


def tail_ratio(curve: Curve) -> float:
    """95th percentile of daily returns over the size of the 5th: above 1, good days are larger than bad ones."""
    low, high = np.quantile(curve.daily(LEAST_TAIL_DAYS), [TAIL, 1 - TAIL]).tolist()
    if low >= 0:
        raise Unmeasured("the 5th percentile of days is no loss")
    return float(high / -low)


def probabilistic_sharpe(curve: Curve) -> float:
    """Probability that the true Sharpe ratio of daily returns is above 0, given their skewness and kurtosis.

    Bailey and López de Prado, *The Sharpe Ratio Efficient Frontier* (2012).
    """
    returns = curve.daily()
    _ratio(returns)
    return told(sharpe_above(returns, 0.0))


def _ratio(returns: FloatArray) -> float:
    found = sharpe_of(returns)
    # Returns that are all alike differ in their last digit.
    if math.isnan(found) or abs(found) > _BEYOND_BELIEF:
        raise Unmeasured("daily returns do not vary")
    return found


def told(probability: float) -> float:
    """The probability; Unmeasured where it is none."""
    if math.isnan(probability):
        raise Unmeasured("so skewed that the estimate has no variance")
    return probability


def _worst(n: int) -> int:
    """How many whole days the worst twentieth of `n` has; a product such as 0.05 x 100 may lie just below 5."""
    return math.floor(TAIL * n + 1e-9)
