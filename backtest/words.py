"""How figures of a backtest look to a person, on a page as in a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from backtest.honesty import Finding, Threshold
from backtest.intervals import LEVEL
from backtest.metrics import Measured, Metric, Unit, catalogue
from core.time import MINUTE_NS, show_time, timeframe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.summary import Summary
    from tools.simulation.outcome import Outcome

NOTHING: Final = "—"
_FORMS: Final[Mapping[Unit, str]] = {
    Unit.FRACTION: "{:z.2%}",
    Unit.RATIO: "{:z.2f}",
    Unit.DAYS: "{:,.1f} days",
    Unit.MONEY: "{:z,.2f}",
    Unit.TIMES: "{:,.1f} x",
    Unit.COUNT: "{:,.0f}",
}
METRICS: Final[Mapping[str, Metric[object]]] = catalogue()  # type: ignore[assignment]


def number(value: float | None, unit: Unit) -> str:
    """'12.34%', '1.50', '—' for none, '∞' for one without bound."""
    if value is None or math.isnan(value):
        return NOTHING
    return ("∞" if value > 0 else "-∞") if math.isinf(value) else _FORMS[unit].format(value)


def figure(name: str, measured: Measured) -> str:
    return number(measured.value, METRICS[name].unit)


def wanted(threshold: Threshold) -> str:
    """'Sharpe ratio > 1.5', 'max drawdown < 20%'."""
    metric, bound = METRICS[threshold.metric], threshold.bound
    shown = f"{100 * bound:g}%" if metric.unit is Unit.FRACTION else f"{bound:g}"
    return f"{metric.label} {'>' if threshold.above else '<'} {shown}"


def between(finding: Finding) -> str:
    """'0.12 to 1.90', or why not."""
    found, unit = finding.interval, METRICS[finding.threshold.metric].unit
    if found is None:
        return finding.why
    return f"{number(found.low, unit)} to {number(found.high, unit)}"


def costs(summary: Summary) -> str:
    """What costs took of the gross edge, in a sentence."""
    share = summary.honesty.cost_share
    if share.value is None:
        return f"Share of the gross edge eaten by costs: not measured, {share.why}."
    return f"Fees, slippage and funding ate {share.value:.0%} of what the trades earned before them."


def least_equity(summary: Summary) -> str:
    """The smallest account on which the sizes can be traded, in a sentence."""
    box = summary.honesty
    if box.least_equity is None:
        return "Smallest equity for these sizes: not measured."
    least = box.least_equity
    return (
        f"At a minimum notional of {box.minimum_notional:g} every size needs an equity of {least.every:,.0f},"
        f" 95% of them {least.most:,.0f}."
    )


def many(n: int, noun: str) -> str:
    """'1 trade', '3,000 trades'."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def level() -> str:
    return f"{LEVEL:.0%} interval"


def bars(outcome: Outcome) -> str:
    """'45,024 bars of 1h'."""
    frame = timeframe_of(outcome.interval_ns)
    return f"{len(outcome.close_ns):,} bars of {frame or f'{outcome.interval_ns / MINUTE_NS:g} minutes'}"


def span(outcome: Outcome) -> str:
    """'2021-05-05 00:00 to 2021-06-05 00:00'."""
    first, last = (show_time(int(outcome.close_ns[at])) for at in (0, -1))
    return f"{first[:16]} to {last[:16]}"
