"""Every figure of an outcome, by name, with its unit; its formula is the docstring of the function that measures it.

A figure that cannot be told says why: no number stands for "no trade", "one day" or "ruin".
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

from backtest import curves, trades
from backtest.curves import LEAST_DAYS, Curve, Unmeasured, curve_of
from backtest.trades import Closed, closed_of
from core.errors import DataRefused
from models.validation.overfitting import sharpe_above

if TYPE_CHECKING:
    from core.bars import FloatArray
    from tools.simulation.outcome import Outcome


class Unit(StrEnum):
    FRACTION = "fraction"
    RATIO = "ratio"
    DAYS = "days"
    MONEY = "quote currency"
    TIMES = "times a year"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, or None and why there is none."""

    value: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """An outcome with its equity and its trades as they are measured."""

    outcome: Outcome
    curve: Curve
    closed: Closed


def run_of(outcome: Outcome) -> Run:
    """Raises DataRefused for arrays that do not belong together."""
    for name, array in (("exposure", outcome.exposure), ("held", outcome.held)):
        if array.shape != outcome.close_ns.shape:
            raise DataRefused(f"{name} has the shape {array.shape}, the closes have {outcome.close_ns.shape}")
    return Run(outcome, curve_of(outcome.close_ns, outcome.equity), closed_of(outcome.trades))


def trade_count(run: Run) -> float:
    """Round trips, those included that were closed because the data ended."""
    return float(len(run.outcome.trades))


def turnover(run: Run) -> float:
    """Worth of all entries and exits / mean equity / years of 365 days."""
    if not run.outcome.trades:
        return 0.0
    run.curve.daily(LEAST_DAYS)
    run.closed.known()
    return traded_a_year(run)


def traded_a_year(run: Run) -> float:
    """The turnover of any time, however short; of equity and trades that are known."""
    return float(run.closed.traded.sum() / run.curve.equity.mean()) / run.curve.years


def mean_exposure(run: Run) -> float:
    """Mean over bars of gross exposure over equity."""
    return float(_exposure(run).mean())


def time_in_market(run: Run) -> float:
    """Share of bars that closed with a position."""
    return float((_exposure(run) > 0).mean())


def deflated_sharpe(run: Run) -> float:
    """Probability that the true Sharpe ratio of bars is above what the best of all trials would have had by luck.

    Bailey and López de Prado, *The Deflated Sharpe Ratio* (2014). That luck is the ledger's, told when the run was
    made: it depends on how many trials there were, and on how much their ratios vary.
    """
    curves.probabilistic_sharpe(run.curve)
    outcome = run.outcome
    luck = outcome.luck if outcome.trials > 1 else 0.0
    if luck is None:
        raise Unmeasured(f"the ratios of the {outcome.trials:,} trials that it was picked from are not known")
    return curves.told(sharpe_above(outcome.returns, luck))


def _exposure(run: Run) -> FloatArray:
    exposure = run.outcome.exposure
    if not np.isfinite(exposure).all():
        raise Unmeasured(f"exposure is not a number at {int((~np.isfinite(exposure)).sum())} bars")
    return exposure


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """`name` is for programs, `label` for people."""

    name: str
    label: str
    unit: Unit
    of: Callable[[T], float]

    def measured(self, subject: T) -> Measured:
        try:
            value = self.of(subject)
        except Unmeasured as error:
            return Measured(None, str(error))
        return Measured(value) if math.isfinite(value) else Measured(None, "beyond all numbers")

    @property
    def formula(self) -> str:
        """What it is, from the docstring: the first paragraph in one line."""
        return " ".join((inspect.getdoc(self.of) or "").split("\n\n")[0].split())


OF_EQUITY: Final[tuple[Metric[Curve], ...]] = (
    Metric("total_return", "total return", Unit.FRACTION, curves.total_return),
    Metric("annual_return", "annual return", Unit.FRACTION, curves.annual_return),
    Metric("volatility", "volatility a year", Unit.FRACTION, curves.volatility),
    Metric("sharpe", "Sharpe ratio", Unit.RATIO, curves.sharpe),
    Metric("sortino", "Sortino ratio", Unit.RATIO, curves.sortino),
    Metric("calmar", "Calmar ratio", Unit.RATIO, curves.calmar),
    Metric("max_drawdown", "max drawdown", Unit.FRACTION, curves.max_drawdown),
    Metric("drawdown_days", "longest drawdown", Unit.DAYS, curves.drawdown_days),
    Metric("value_at_risk", "value at risk, a day, 95 %", Unit.FRACTION, curves.value_at_risk),
    Metric("expected_shortfall", "expected shortfall, a day, 95 %", Unit.FRACTION, curves.expected_shortfall),
    Metric("tail_ratio", "tail ratio", Unit.RATIO, curves.tail_ratio),
    Metric("probabilistic_sharpe", "probabilistic Sharpe, of days", Unit.FRACTION, curves.probabilistic_sharpe),
)
OF_TRADES: Final[tuple[Metric[Closed], ...]] = (
    Metric("win_rate", "win rate", Unit.FRACTION, trades.win_rate),
    Metric("profit_factor", "profit factor", Unit.RATIO, trades.profit_factor),
    Metric("average_trade", "average trade", Unit.FRACTION, trades.average_trade),
    Metric("expectancy", "expectancy", Unit.MONEY, trades.expectancy),
    Metric("cost_share", "costs over gross edge", Unit.FRACTION, trades.cost_share),
)
OF_RUN: Final[tuple[Metric[Run], ...]] = (
    Metric("deflated_sharpe", "deflated Sharpe, of bars", Unit.FRACTION, deflated_sharpe),
    Metric("trades", "trades", Unit.COUNT, trade_count),
    Metric("turnover", "turnover", Unit.TIMES, turnover),
    Metric("exposure", "mean exposure", Unit.FRACTION, mean_exposure),
    Metric("time_in_market", "time in the market", Unit.FRACTION, time_in_market),
)


def measured(run: Run) -> dict[str, Measured]:
    """Every figure, by name, in the order in which they are shown."""
    found = of_equity(run.curve)
    found |= {metric.name: metric.measured(run) for metric in OF_RUN}
    return found | {metric.name: metric.measured(run.closed) for metric in OF_TRADES}


def of_equity(curve: Curve) -> dict[str, Measured]:
    """Those that equity alone can tell: of buying and holding, too."""
    return {metric.name: metric.measured(curve) for metric in OF_EQUITY}


def catalogue() -> Mapping[str, Metric[Curve] | Metric[Run] | Metric[Closed]]:
    """Every metric by name, in the same order."""
    every: tuple[Metric[Curve] | Metric[Run] | Metric[Closed], ...] = (*OF_EQUITY, *OF_RUN, *OF_TRADES)
    return {metric.name: metric for metric in every}
