"""Between which two figures the truth may well lie: block-bootstrap intervals of what is held against a threshold.

Days depend on the days before them, and trades on the trades before: whole blocks are drawn again, as long as Politis
and White would have them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.curves import DAYS_PER_YEAR, Curve, Unmeasured, drawdowns, max_drawdown, sharpe
from backtest.metrics import Run
from backtest.trades import Closed, average_trade, profit_factor, win_rate
from core.time import DAY_NS
from models.validation.bootstrap import Interval, block_length, interval, resampled_means, resampled_rows
from models.validation.trading import sharpe_interval

if TYPE_CHECKING:
    from core.bars import FloatArray

LEVEL: Final = 0.9
DRAWS: Final = 1000
LEAST_TRADES: Final = 30  # three trades that won would be drawn again as three that won
_SEED: Final = 0


def interval_of(name: str, run: Run, *, draws: int = DRAWS) -> Interval:
    """Of `sharpe`, `max_drawdown`, `win_rate`, `profit_factor` or `average_trade`, at 90 %.

    Raises Unmeasured where the figure is not measured, or rests on too little to be drawn again.
    """
    match name:
        case "sharpe":
            return _sharpe(run.curve, draws)
        case "max_drawdown":
            return _drawdown(run.curve, draws)
        case "win_rate":
            return _of_mean(run.closed, win_rate(run.closed), (run.closed.profit > 0).astype(np.float64), draws)
        case "profit_factor":
            return _profit_factor(run.closed, draws)
        case "average_trade":
            return _of_mean(run.closed, average_trade(run.closed), run.closed.returns, draws)
    raise KeyError(name)


def _sharpe(curve: Curve, draws: int) -> Interval:
    sharpe(curve)
    found = sharpe_interval(curve.returns, DAYS_PER_YEAR, level=LEVEL, draws=draws, seed=_SEED)
    if found is None or not math.isfinite(found.low):
        raise Unmeasured("daily returns do not vary")
    return found


def _drawdown(curve: Curve, draws: int) -> Interval:
    """Of days drawn again, each with its own way from bar to bar, so that depths within days count."""
    deepest = max_drawdown(curve)
    growth = 1 + curve.daily()
    inside, low, high = _ways(curve)
    found = np.empty(draws)
    for draw, rows in enumerate(
        resampled_rows(len(growth), length=block_length(curve.returns), draws=draws, seed=_SEED)
    ):
        began = np.concatenate([[1.0], np.cumprod(growth[rows])[:-1]])
        peak = np.maximum.accumulate(np.concatenate([[1.0], began * high[rows]]))[:-1]
        found[draw] = max(float(inside[rows].max()), float((1 - began * low[rows] / peak).max()))
    return interval(deepest, found, level=LEVEL)


def _ways(curve: Curve) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of each day its own deepest drawdown, and its lowest and highest equity over that at its beginning."""
    starts = np.searchsorted(curve.close_ns, curve.day_ns - DAY_NS, side="right")
    ends = np.searchsorted(curve.close_ns, curve.day_ns, side="right")
    found = np.empty((len(starts), 3))
    for day, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        way = curve.equity[max(start - 1, 0) : end]  # from the last equity of the day before
        found[day] = drawdowns(way).max(), way.min() / way[0], way.max() / way[0]
    return found[:, 0], found[:, 1], found[:, 2]


def _of_mean(closed: Closed, value: float, each: FloatArray, draws: int) -> Interval:
    return interval(value, _drawn(closed, each[:, None], draws)[:, 0], level=LEVEL)


def _profit_factor(closed: Closed, draws: int) -> Interval:
    """By way of the share of profits in profits and losses together, which a history without a loss has too."""
    value = profit_factor(closed)
    won, lost = np.maximum(closed.profit, 0.0), np.maximum(-closed.profit, 0.0)
    means = _drawn(closed, np.column_stack([won, lost]), draws)
    share = interval(value / (1 + value), means[:, 0] / means.sum(axis=1), level=LEVEL)
    return Interval(value, _factor(share.low), _factor(share.high))


def _factor(share: float) -> float:
    return share / (1 - share) if share < 1 else math.inf


def _drawn(closed: Closed, columns: FloatArray, draws: int) -> FloatArray:
    if len(closed) < LEAST_TRADES:
        raise Unmeasured(f"{LEAST_TRADES} trades are the least for an interval, found {len(closed)}")
    return resampled_means(columns, length=block_length(closed.profit), draws=draws, seed=_SEED)
