"""What speaks for and against an outcome: published thresholds by their intervals, costs, the least equity, alarms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from backtest.curves import Unmeasured
from backtest.intervals import DRAWS, interval_of
from backtest.metrics import Measured, Run, traded_a_year
from backtest.trades import NO_TRADE
from core.time import DAY_NS
from models.validation.alarms import alarms
from models.validation.bootstrap import Interval
from models.validation.trading import Result
from tools.simulation.outcome import ExitReason

MINIMUM_NOTIONAL: Final = 5.0  # of an order at the larger venues, in their dollars
_MOST: Final = 0.95
_DIFFERENCE: Final = 0.001  # of the equity at the start


class Verdict(StrEnum):
    MET = "met"
    NOT_MET = "not met"
    UNDECIDED = "not decided"


@dataclass(frozen=True, slots=True)
class Threshold:
    """What is published as good: a metric above, or below, a bound. Exactly the bound does not meet it."""

    metric: str
    bound: float
    above: bool = True

    def meets(self, value: float) -> bool:
        return value > self.bound if self.above else value < self.bound


THRESHOLDS: Final = (
    Threshold("sharpe", 1.5),
    Threshold("max_drawdown", 0.20, above=False),
    Threshold("win_rate", 0.52),
    Threshold("profit_factor", 1.5),
    Threshold("average_trade", 0.003),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A threshold beside what was measured. `why` says what an interval or a figure lacks, '' where there are both."""

    threshold: Threshold
    value: float | None
    interval: Interval | None
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class LeastEquity:
    """Equity, in quote currency, at which every trade, or 95 % of them, is worth a minimum notional on both sides."""

    every: float
    most: float


@dataclass(frozen=True, slots=True)
class Honesty:
    """The box on top of a report. `doubts` are sentences, the gravest first."""

    findings: tuple[Finding, ...]
    cost_share: Measured
    minimum_notional: float
    least_equity: LeastEquity | None
    doubts: tuple[str, ...]


def honesty(
    run: Run,
    figures: dict[str, Measured],
    held: dict[str, Measured],
    *,
    minimum_notional: float = MINIMUM_NOTIONAL,
    draws: int = DRAWS,
) -> Honesty:
    """Of a run, its figures, and those of buying and holding."""
    return Honesty(
        tuple(_finding(threshold, figures[threshold.metric], run, draws) for threshold in THRESHOLDS),
        figures["cost_share"],
        minimum_notional,
        _least_equity(run, minimum_notional),
        (*_gravest(run), *_alarms(run, figures), *_remarks(run, figures, held)),
    )


def _finding(threshold: Threshold, figure: Measured, run: Run, draws: int) -> Finding:
    value = figure.value
    if not len(run.closed):  # who does nothing has no drawdown either
        return Finding(threshold, value, None, Verdict.UNDECIDED, NO_TRADE)
    if value is None:
        return Finding(threshold, None, None, Verdict.UNDECIDED, figure.why)
    found, why = None, ""
    try:
        found = interval_of(threshold.metric, run, draws=draws)
    except Unmeasured as error:
        why = str(error)
    return Finding(threshold, value, found, _verdict(threshold, value, found), why)


def _verdict(threshold: Threshold, value: float, found: Interval | None) -> Verdict:
    """By both ends of the interval. A drawdown that was too deep is no estimate: it happened."""
    if not threshold.above and not threshold.meets(value):
        return Verdict.NOT_MET
    if found is None:
        return Verdict.UNDECIDED
    ends = (value, found.low, found.high)
    if all(threshold.meets(end) for end in ends):
        return Verdict.MET
    return Verdict.NOT_MET if not any(threshold.meets(end) for end in ends) else Verdict.UNDECIDED


def _least_equity(run: Run, minimum_notional: float) -> LeastEquity | None:
    """None where there is no trade to tell by. Sizes are taken to shrink with equity."""
    try:
        closed, equity = run.closed.known(), run.curve.known()
    except Unmeasured:
        return None
    before = np.searchsorted(run.curve.close_ns, closed.opened_ns, side="right") - 1
    at_entry = equity[np.maximum(before, 0)]
    if (at_entry <= 0).any():
        return None
    needed = minimum_notional * at_entry / closed.smaller
    return LeastEquity(float(needed.max()), float(np.quantile(needed, _MOST)))


def _gravest(run: Run) -> list[str]:
    if run.curve.unknown:
        return [run.curve.unknown]
    return [f"RUIN: {run.curve.ruined}"] if run.curve.ruined else []


def _alarms(run: Run, figures: dict[str, Measured]) -> list[str]:
    """The alarms that a model's result has, of this one; what was not measured raises none."""
    curve, closed = run.curve, run.closed
    if curve.unknown or closed.unknown:
        return []
    start = float(curve.equity[0])
    result = Result(
        returns=curve.returns,
        equity=curve.equity,
        trades=len(closed),
        turnover=traded_a_year(run),
        gross=float((closed.profit + closed.cost).sum()) / start,
        cost=float(closed.cost.sum()) / start,
        sharpe=_or_nan(figures["sharpe"]),
        drawdown=_or_nan(figures["max_drawdown"]),
    )
    return [alarm.message for alarm in alarms(result=result)]


def _or_nan(figure: Measured) -> float:
    return math.nan if figure.value is None else figure.value


def _remarks(run: Run, figures: dict[str, Measured], held: dict[str, Measured]) -> list[str]:
    found, curve, trades = [], run.curve, run.outcome.trades
    ours, theirs = figures["total_return"].value, held["total_return"].value
    if ours is not None and theirs is not None and ours < theirs:
        found.append(f"buying and holding the same earned {theirs:+.1%}, this {ours:+.1%}")
    if run.outcome.trials > 1:
        found.append(f"this is one of {run.outcome.trials:,} trials: the best of many looks good by luck")
    if curve.span_ns < 365 * DAY_NS:
        found.append(f"{curve.span_ns / DAY_NS:.0f} days are less than a year: one season of the market")
    if curve.silent:
        found.append(f"{curve.silent:,} of {len(curve.returns):,} days have no bar and count as unchanged")
    for reason, words in ((ExitReason.LIQUIDATION, "were liquidated"), (ExitReason.END, "were open at the end")):
        if many := sum(trade.reason is reason for trade in trades):
            found.append(f"{many:,} of {len(trades):,} trades {words}")
    if told := _disagreement(run):
        found.append(told)
    return found


def _disagreement(run: Run) -> str:
    """Profits of trades and the change of equity are one sum, unless something is missing from either."""
    if run.curve.unknown or run.closed.unknown:
        return ""
    changed, earned = float(run.curve.equity[-1] - run.curve.equity[0]), float(run.closed.profit.sum())
    if abs(changed - earned) <= _DIFFERENCE * float(run.curve.equity[0]):
        return ""
    return f"equity changed by {changed:+,.2f}, but the profits of all trades add up to {earned:+,.2f}"
