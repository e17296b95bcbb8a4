"""Figures as plotly reads them: plain data, colours by the name of a CSS variable, no word of others in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from backtest.curves import DAYS_PER_YEAR, Curve, drawdowns
from backtest.report.thinning import kept_of
from models.rolling import moments

if TYPE_CHECKING:
    from backtest.summary import Summary
    from core.bars import FloatArray, IntArray

Drawn = dict[str, Any]

BUCKETS: Final = 800
WINDOW_DAYS: Final = 90
_DIGITS: Final = 6
_LOG_FROM: Final = 10.0


def figure(data: Sequence[Drawn], *, high: int, **layout: Any) -> Drawn:
    """A figure `high` pixels high; colours of axes and text are given to it on the page."""
    axes = {name: {"automargin": True, **axis} for name, axis in layout.items() if "axis" in name}
    plain = {name: value for name, value in layout.items() if "axis" not in name}
    told = {
        "height": high,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hovermode": "x unified",
        "dragmode": "zoom",
        "xaxis": {"automargin": True},
        "yaxis": {"automargin": True},
    }
    return {"data": list(data), "layout": told | plain | axes}


def line(times: IntArray, values: FloatArray, name: str, color: str, **more: Any) -> Drawn:
    """A line through the peaks and troughs of `values`; one that is no number is a gap."""
    kept = kept_of(values, BUCKETS)
    drawn = {"type": "scatter", "mode": "lines", "name": name, "line": {"color": color, "width": 1.5}}
    return drawn | {"x": milliseconds(times[kept]), "y": rounded(values[kept])} | more


def milliseconds(times: IntArray) -> list[int]:
    found: list[int] = (times // 1_000_000).tolist()
    return found


def rounded(values: FloatArray) -> list[float | None]:
    """Six digits each; None for what is no finite number."""
    return [float(f"{one:.{_DIGITS}g}") if math.isfinite(one) else None for one in values.tolist()]


def equity(summary: Summary) -> Drawn:
    """Equity and drawdown, each beside that of buying and holding."""
    ours, theirs = summary.run.curve, summary.holding
    data = [
        line(theirs.close_ns, theirs.equity, "buy and hold", "--held"),
        line(ours.close_ns, ours.equity, "equity", "--ours"),
    ]
    for curve, color, fill in ((ours, "--ours", "tozeroy"), (theirs, "--held", "none")):
        if not curve.unknown:
            depth = -drawdowns(curve.equity)
            more = {"fill": fill, "fillcolor": "--shade", "yaxis": "y2", "showlegend": False}
            data.append(line(curve.close_ns, depth, "drawdown", color, **more))
    return figure(
        data,
        high=460,
        xaxis={"type": "date", "anchor": "y2"},
        yaxis={"domain": [0.34, 1], "title": {"text": "equity"}, **scale(ours.equity, theirs.equity)},
        yaxis2={"domain": [0, 0.28], "title": {"text": "drawdown"}, "tickformat": ".0%"},
    )


def scale(*lines: FloatArray) -> Drawn:
    """By the logarithm where values are far apart."""
    values = np.concatenate(lines)
    known = values[np.isfinite(values)]
    far = len(known) and known.min() > 0 and known.max() / known.min() > _LOG_FROM
    if not far:
        return {"type": "linear"}
    decades = range(math.floor(math.log10(known.min())), math.ceil(math.log10(known.max())) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}


def exposure(summary: Summary) -> Drawn:
    outcome = summary.outcome
    area = {"fill": "tozeroy", "fillcolor": "--shade", "line": {"color": "--ours", "width": 0.7}}
    return figure(
        [line(outcome.close_ns, outcome.exposure, "gross exposure", "--ours", **area)],
        high=220,
        xaxis={"type": "date"},
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
        showlegend=False,
    )


def rolling_sharpe(curve: Curve) -> Drawn | None:
    """Of the `WINDOW_DAYS` before each day; None where there are not so many days."""
    if len(curve.returns) <= WINDOW_DAYS:
        return None
    mean, deviation = moments(curve.returns, WINDOW_DAYS)
    sample = deviation * math.sqrt(WINDOW_DAYS / (WINDOW_DAYS - 1))
    found = np.divide(mean, sample, out=np.full(len(mean), np.nan), where=sample > 0) * math.sqrt(DAYS_PER_YEAR)
    return figure(
        [line(curve.day_ns, found, "Sharpe ratio", "--ours")],
        high=240,
        xaxis={"type": "date"},
        yaxis={"zeroline": True},
        showlegend=False,
    )


def distribution(returns: FloatArray) -> Drawn | None:
    """How many returns fell where, losses and gains apart; None of fewer than two that differ."""
    if len(returns) < 2 or np.ptp(returns) == 0:
        return None
    edges = _edges(returns)
    counts, _ = np.histogram(returns, edges)
    middle = (edges[:-1] + edges[1:]) / 2
    bars = {
        "type": "bar",
        "x": rounded(middle),
        "y": counts.tolist(),
        "width": rounded(np.diff(edges)),
        "marker": {"color": ["--gain" if at > 0 else "--loss" for at in middle.tolist()]},
        "hovertemplate": "%{x:.2%}: %{y}<extra></extra>",
    }
    return figure([bars], high=240, xaxis={"tickformat": "~%"}, yaxis={}, showlegend=False, bargap=0.05)


def _edges(returns: FloatArray) -> FloatArray:
    """Bins of one width with a boundary at nothing, so that none holds both losses and gains: 10 to 80."""
    low, high = float(returns.min()), float(returns.max())
    spread = float(np.subtract(*np.quantile(returns, [0.75, 0.25])))
    # Freedman and Diaconis (1981).
    wide = min(max(2 * spread / len(returns) ** (1 / 3), (high - low) / 80), (high - low) / 10)
    edges: FloatArray = wide * np.arange(math.floor(low / wide), math.floor(high / wide) + 2)
    return edges
