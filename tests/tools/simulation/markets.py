"""Small random markets for the kernel, and the same for the reference in decimals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.time import DAY_NS, Timeframe
from tests.tools.simulation.reference import Candle, exact
from tools.simulation.grid import Grid, grid

if TYPE_CHECKING:
    from core.bars import FloatArray

START_NS = 20_000 * DAY_NS


def bars_of(
    rows: Sequence[tuple[float, float, float, float, float]],
    *,
    symbol: str = "BTC/USDT",
    timeframe: Timeframe = Timeframe.H4,
    missing: Sequence[int] = (),
) -> Bars:
    """Open, high, low, close, volume of each bar; those of `missing` are not there."""
    kept = [k for k in range(len(rows)) if k not in missing]
    values = np.array(rows, dtype=np.float64)[kept]
    return Bars(symbol, timeframe, START_NS + timeframe.ns * np.array(kept, dtype=np.int64), *values.T.copy())


def wild(seed: int, n: int, symbols: int, *, gaps: bool = False) -> Grid:
    """Prices that jump, gap and fall out of the grid, with funding every other bar."""
    draw = np.random.default_rng(seed)
    series, funding = [], {}
    for k in range(symbols):
        close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.04, n))), 4)
        opens = np.round(np.concatenate([[100.0], close[:-1]]) * np.exp(draw.normal(0, 0.02, n)), 4)
        high = np.round(np.maximum(opens, close) * (1 + np.abs(draw.normal(0, 0.02, n))), 4)
        low = np.round(np.minimum(opens, close) * (1 - np.abs(draw.normal(0, 0.02, n))), 4)
        volume = np.round(draw.lognormal(7, 2, n), 3)
        missing = list(draw.choice(np.arange(1, n - 1), size=n // 8, replace=False)) if gaps else []
        rows = list(zip(opens, high, low, close, volume, strict=True))
        series.append(bars_of(rows, symbol=f"C{k}/USDT", missing=missing))
        times = START_NS + Timeframe.H4.ns * np.arange(0, n, 2, dtype=np.int64)
        funding[f"C{k}/USDT"] = (times, np.round(draw.normal(0, 0.001, len(times)), 6))
    return grid(series, funding=funding)


def wishes(seed: int, n: int, symbols: int) -> FloatArray:
    """Targets that stay, change and turn over, with some bars without an opinion; (n, symbols)."""
    draw = np.random.default_rng(seed + 1)
    levels = draw.choice([-1.0, -0.6, -0.25, 0.0, 0.0, 0.3, 0.7, 1.0], size=(n, symbols))
    kept = draw.random((n, symbols)) < 0.75
    for k in range(symbols):
        for b in range(1, n):
            if kept[b, k]:
                levels[b, k] = levels[b - 1, k]
    levels[draw.random((n, symbols)) < 0.05] = np.nan
    return levels


def candles(of: Grid) -> list[list[Candle | None]]:
    return [
        [
            None if np.isnan(of.prices[0, b, k]) else Candle(*(exact(value) for value in of.prices[:, b, k]))
            for k in range(len(of.symbols))
        ]
        for b in range(len(of))
    ]


def decimals(values: FloatArray) -> list[list[Decimal | None]]:
    return [[None if np.isnan(value) else exact(value) for value in row] for row in values]


def rates(of: Grid) -> list[list[Decimal]]:
    if not len(of.rate):
        return [[Decimal(0)] * len(of.symbols)] * len(of)
    return [[exact(value) for value in row] for row in of.rate]
