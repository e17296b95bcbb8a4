"""Runs the compiled kernel: many parameter sets to figures, or one of them to an `Outcome` with its trades.

Sets run in threads, since compiled code holds no interpreter lock. Numba's own parallel loops are not used: its plain
threading layer ends the process when two threads start one each, and its OpenMP layer when it was used before a fork.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from core.bars import Bars
from core.fills import slipped
from core.time import Timeframe
from market.store.locking import locked
from tools.simulation import layout
from tools.simulation.grid import grid as grid_of
from tools.simulation.outcome import Outcome, Trade
from tools.simulation.preparing import prepared
from tools.simulation.settings import Exits, Terms

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray
    from tools.simulation.grid import Grid


_COMPILES_S: Final = 300.0  # on a machine that has much else to do


@dataclass(frozen=True, slots=True)
class Figures:
    """What each set came to: float64 of shape (n_sets,), money in quote currency.

    `equity` is at the last close, `sharpe` of one bar (NaN where returns do not vary), `drawdown` the largest fraction
    below peak equity, `trips` round trips that ended, `wins` those of them with a profit, `held` bars with a position,
    `turnover` the notional traded. `vetoes` is int64 (n_sets, 6), by the codes of `layout.VETOES`.
    """

    equity: FloatArray
    sharpe: FloatArray
    drawdown: FloatArray
    trips: FloatArray
    wins: FloatArray
    fees: FloatArray
    slippage: FloatArray
    funding: FloatArray
    turnover: FloatArray
    held: FloatArray
    vetoes: IntArray

    @property
    def total(self) -> int:
        return len(self.equity)


def figures(
    grid: Grid, targets: FloatArray, terms: Terms, exits: Sequence[Exits], *, begin: int = 0, workers: int | None = None
) -> Figures:
    """Simulates every set. `targets` is float64 (n_sets, n_bars, n_assets) on the grid, NaN where there is no opinion.

    `begin` is the first bar at whose close anything is decided. Raises DataRefused where nothing could be.
    """
    wanted = np.ascontiguousarray(targets, dtype=np.float64)
    given = prepared(grid, wanted, terms, exits, begin)
    sets = len(wanted)
    out, vetoes = np.zeros((sets, layout.SUMMARY)), np.zeros((sets, len(layout.VETOES)), dtype=np.int64)
    nothing, no_trades = np.zeros((0, 2)), np.zeros((0, layout.TRADE))
    simulate = _compiled()

    def some(part: slice) -> None:
        simulate(*given.of(wanted, part), nothing, no_trades, vetoes[part], out[part], *given.room())

    threads = max(1, min(sets, workers or os.cpu_count() or 1))
    parts = [slice(sets * k // threads, sets * (k + 1) // threads) for k in range(threads)]
    if threads == 1:
        some(parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(some, parts))
    return _figures(out, vetoes)


def outcome(
    grid: Grid,
    target: FloatArray,
    terms: Terms,
    exits: Exits | Mapping[int, Exits],
    *,
    begin: int = 0,
    name: str = "",
    parameters: Mapping[str, float | str] | None = None,
    trials: int = 1,
) -> Outcome:
    """One set, float64 (n_bars, n_assets), with its equity at every close from `begin` on, and its trades.

    `exits` may differ by part of the history: each from its bar on, also for what is held already.
    """
    wanted = np.ascontiguousarray(target, dtype=np.float64)[np.newaxis]
    parts = {0: exits} if isinstance(exits, Exits) else dict(exits)
    given = prepared(grid, wanted, terms, tuple(parts.values()), begin, tuple(parts))
    simulate = _compiled()

    out, vetoes = np.zeros((1, layout.SUMMARY)), np.zeros((1, len(layout.VETOES)), dtype=np.int64)
    simulate(*given.of(wanted, slice(0, 1)), np.zeros((0, 2)), np.zeros((0, layout.TRADE)), vetoes, out, *given.room())
    # The same again, now that it is known how many trades there are: each that ended, and one open at most an asset.
    curve = np.zeros((len(grid), 2))
    rows = np.full((int(out[0, layout.TRIPS_OUT]) + wanted.shape[2], layout.TRADE), np.nan)
    vetoes[:] = 0
    simulate(*given.of(wanted, slice(0, 1)), curve, rows, vetoes, out, *given.room())
    equity, worth = np.ascontiguousarray(curve[begin:, 0]), curve[begin:, 1]
    trades = tuple(_trade(grid, row, name) for row in rows if not math.isnan(row[0]))
    counted = {code.value: int(n) for code, n in zip(layout.VETOES, vetoes[0], strict=True) if n}
    exposed: FloatArray = np.divide(worth, equity, out=np.zeros_like(worth), where=equity > 0)
    return Outcome(
        name=name,
        symbols=grid.symbols,
        interval_ns=grid.timeframe.ns,
        close_ns=grid.close_ns[begin:],
        equity=equity,
        exposure=exposed,
        held=held(grid, terms, begin),
        trades=trades,
        parameters=dict(parameters or {}),
        costs=terms.told(),
        data=grid.hashes(),
        vetoes=counted,
        trials=trials,
    )


@cache
def _compiled() -> Callable[..., None]:
    """The kernel, ready to be called. Whoever comes while it is compiled waits, and reads it from disk."""
    from tools.simulation.compiled import folder
    from tools.simulation.kernel import simulate

    price = np.ones(2)
    bars = Bars("ONE/ONE", Timeframe.D1, Timeframe.D1.ns * np.arange(2, dtype=np.int64), *[price] * 5)
    given = prepared(grid_of([bars]), np.zeros((1, 2, 1)), Terms(), (Exits(),), 0)
    out, vetoes = np.zeros((1, layout.SUMMARY)), np.zeros((1, len(layout.VETOES)), dtype=np.int64)
    with locked(folder() / "lock", wait_s=_COMPILES_S):
        first = given.of(np.zeros((1, 2, 1)), slice(0, 1))
        simulate(*first, np.zeros((0, 2)), np.zeros((0, layout.TRADE)), vetoes, out, *given.room())
    answer: Callable[..., None] = simulate
    return answer


def held(grid: Grid, terms: Terms, begin: int) -> FloatArray:
    """Equity of buying the same symbols in equal parts, each at the first open after bar `begin`, and holding them."""
    part = terms.capital / len(grid.symbols)
    equity: FloatArray = np.zeros(len(grid) - begin)
    for k, rows in enumerate(grid.rows):
        after = rows[rows > begin]
        if not len(after):
            equity += part
            continue
        at = int(after[0])
        price = slipped(float(grid.prices[0, at, k]), 1, terms.slippage, 0.0, 0.0)
        quantity = part / (price * (1 + terms.fee))
        equity[: at - begin] += part
        equity[at - begin :] += quantity * grid.prices[3, at:, k]
    return equity


def _figures(out: FloatArray, vetoes: IntArray) -> Figures:
    n, total, squares = out[:, layout.BARS_OUT], out[:, layout.SUM], out[:, layout.SQUARES]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / n
        variance = (squares - n * mean**2) / (n - 1)
        sharpe = np.where(variance > 1e-24, mean / np.sqrt(np.maximum(variance, 0.0)), np.nan)
    return Figures(
        equity=out[:, layout.EQUITY_OUT],
        sharpe=sharpe,
        drawdown=out[:, layout.DRAWDOWN_OUT],
        trips=out[:, layout.TRIPS_OUT],
        wins=out[:, layout.WINS_OUT],
        fees=out[:, layout.FEES_OUT],
        slippage=out[:, layout.SLIPPING_OUT],
        funding=out[:, layout.FUNDING_OUT],
        turnover=out[:, layout.TURNOVER_OUT],
        held=out[:, layout.HELD_OUT],
        vetoes=vetoes,
    )


def _trade(grid: Grid, row: FloatArray, strategy: str) -> Trade:
    stop = float(row[layout.T_STOP])
    opened, closing = int(row[layout.T_OPENED]), int(row[layout.T_CLOSED])
    return Trade(
        symbol=grid.symbols[int(row[layout.T_ASSET])],
        direction=int(row[layout.T_SIDE]),
        opened_ns=int(grid.close_ns[opened]) - grid.timeframe.ns,
        closed_ns=int(grid.close_ns[closing]),
        quantity=float(row[layout.T_QTY]),
        entry=float(row[layout.T_ENTRY]),
        exit=float(row[layout.T_EXIT]),
        fees=float(row[layout.T_FEES]),
        slippage=float(row[layout.T_SLIPPAGE]),
        funding=float(row[layout.T_FUNDING]),
        profit=float(row[layout.T_PROFIT]),
        reason=layout.REASONS[int(row[layout.T_WHY])],
        stop=None if math.isnan(stop) else stop,
        strategy=strategy,
    )
