"""Everything that is told of an outcome, worked out once: the page, the terminal and programs show the same figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from backtest.attribution import BY, Share, Year, attributed, by_month
from backtest.curves import Curve, Unmeasured, curve_of
from backtest.honesty import MINIMUM_NOTIONAL, Finding, Honesty, honesty
from backtest.intervals import DRAWS, LEVEL
from backtest.metrics import Measured, Run, measured, of_equity, run_of
from core.time import show_time

if TYPE_CHECKING:
    from core.canonical import JSON
    from tools.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Summary:
    """`held` are the figures of buying and holding, `years` is empty where equity was lost, `shares` are by what."""

    run: Run
    figures: Mapping[str, Measured]
    holding: Curve
    held: Mapping[str, Measured]
    honesty: Honesty
    years: tuple[Year, ...]
    shares: Mapping[str, tuple[Share, ...]]

    @property
    def outcome(self) -> Outcome:
        return self.run.outcome


def summarised(outcome: Outcome, *, minimum_notional: float = MINIMUM_NOTIONAL, draws: int = DRAWS) -> Summary:
    """Raises DataRefused for arrays that do not belong together."""
    run = run_of(outcome)
    holding = curve_of(outcome.close_ns, outcome.held)
    figures, held = measured(run), of_equity(holding)
    try:
        years = by_month(run.curve)
    except Unmeasured:
        years = ()
    box = honesty(run, figures, held, minimum_notional=minimum_notional, draws=draws)
    shares = {name: attributed(outcome.trades, of) for name, of in BY.items()}
    return Summary(run, figures, holding, held, box, years, shares)


def told(summary: Summary) -> JSON:
    """For programs. A figure without a value is null and says why; an interval's end without a bound is null."""
    outcome, box = summary.outcome, summary.honesty
    return {
        "name": outcome.name,
        "symbols": list(outcome.symbols),
        "from": show_time(int(outcome.close_ns[0])),
        "to": show_time(int(outcome.close_ns[-1])),
        "bars": len(outcome.close_ns),
        "interval_s": outcome.interval_ns // 10**9,
        "trials": outcome.trials,
        "figures": {name: asdict(one) for name, one in summary.figures.items()},
        "held": {name: asdict(one) for name, one in summary.held.items()},
        "thresholds": [_found(one) for one in box.findings],
        "minimum_notional": box.minimum_notional,
        "least_equity": None if box.least_equity is None else asdict(box.least_equity),
        "doubts": list(box.doubts),
        "months": {str(year.year): {"months": list(year.months), "whole": year.whole} for year in summary.years},
        "attribution": {name: [_finite(asdict(one)) for one in shares] for name, shares in summary.shares.items()},
        "vetoes": dict(outcome.vetoes),
        "parameters": dict(outcome.parameters),
        "costs": dict(outcome.costs),
        "data": dict(outcome.data),
    }


def _found(finding: Finding) -> JSON:
    threshold, found = finding.threshold, finding.interval
    return {
        "metric": threshold.metric,
        "wanted": ">" if threshold.above else "<",
        "bound": threshold.bound,
        "value": finding.value,
        "interval": None if found is None else _finite({"low": found.low, "high": found.high, "level": LEVEL}),
        "verdict": finding.verdict.value,
        "why": finding.why,
    }


def _finite(values: Mapping[str, object]) -> JSON:
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in values.items()}
