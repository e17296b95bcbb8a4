"""What a simulated bar costs: the kernel beside a bare compiled loop that can do nothing but this one strategy.

`python -m bench.backtest [--bars N] [--rounds N]`. Moving averages 20 and 50 cross, long only, one unit a trade, fee
0.1 %, slippage 5 bps, on a seeded random walk whose opens are the closes before them. Trades and equity must agree
before anything is printed. Times are of one thread's processor, least of the rounds, which are interleaved; memory is
the peak of what numpy and Python allocate.
"""

import argparse
import math
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from time import process_time_ns
from typing import Any

import numba
import numpy as np

from bench.timing import row
from core.bars import Bars
from core.time import MINUTE_NS, Timeframe
from risk.breakers import STANDARD
from tools.simulation import layout
from tools.simulation.grid import Grid, grid
from tools.simulation.kernel import simulate
from tools.simulation.preparing import prepared
from tools.simulation.settings import Exits, Terms, tiers_of
from tools.simulation.sweeping import COLUMNS, measured
from tools.strategies.trend import TrendFollowing

CASH, FEE, SLIPPAGE = 1_000_000.0, 0.001, 0.0005
PLAIN = Terms(capital=CASH, fee=FEE, slippage=SLIPPAGE, impact=0.0, participation=math.inf, latency_ms=0.0, units=1.0)
# Ways out and tiers that are looked at in every bar and never reached, so that the trades stay those of the bare loop.
FAR = Exits(stop=0.9, trail=0.9, chandelier=1e4, chandelier_bars=20, break_even=9.0, hold_bars=1e9, take=((9.0, 1.0),))
LOOSE = tuple(replace(tier, limit=tier.limit * 1e6) for tier in tiers_of(STANDARD))
CROSSES = [(fast, slow) for fast in range(5, 25, 2) for slow in range(30, 130, 10)]


def market(n: int) -> Grid:
    draw = np.random.default_rng(7)
    close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.0005, n))), 6)
    opens = np.append([100.0], close[:-1])
    high = np.round(np.maximum(opens, close) * (1 + np.abs(draw.normal(0, 0.0002, n))), 6)
    low = np.round(np.minimum(opens, close) * (1 - np.abs(draw.normal(0, 0.0002, n))), 6)
    open_ns = MINUTE_NS * np.arange(n, dtype=np.int64)
    return grid([Bars("BTC/USDT", Timeframe.M1, open_ns, opens, high, low, close, draw.lognormal(3, 1, n))])


@numba.njit
def bare(opens: Any, close: Any, fast: int, slow: int, fee: float, slippage: float, cash: float) -> tuple[int, float]:
    """Nothing but the averages, the cross and the money. Long from the first bar whose fast average is above."""
    quick = steady = held = 0.0
    side = trades = order = 0
    for i in range(len(close)):
        if order == 1:
            cash -= opens[i] * (1 + slippage) * (1 + fee)
            held = 1.0
        elif order == -1:
            cash += opens[i] * (1 - slippage) * (1 - fee)
            held = 0.0
            trades += 1
        order = 0
        quick += close[i]
        steady += close[i]
        if i >= fast:
            quick -= close[i - fast]
        if i >= slow:
            steady -= close[i - slow]
        if i >= slow - 1:
            apart = quick / fast - steady / slow
            now = 1 if apart > 0 else (-1 if apart < 0 else side)
            if now == 1 and held == 0:
                order = 1
            elif now == -1 and held > 0:
                order = -1
            side = now
    return trades, cash + held * close[-1]


def targets(bars: Bars, fast: int, slow: int) -> Any:
    """The strategy's own exposures, long only."""
    return np.maximum(np.nan_to_num(TrendFollowing(fast=fast, slow=slow).exposure(bars)), 0.0)


def least(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, int]:
    found: dict[str, list[int]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            started = process_time_ns()
            work()
            found[name].append(process_time_ns() - started)
    return {name: min(times) for name, times in found.items()}


def ready(of: Grid, wanted: Any, terms: Terms, ways: Exits) -> tuple[Callable[[], object], Any]:
    """The kernel alone over arrays that are prepared, and where it writes."""
    given = prepared(of, wanted, terms, (ways,), 0)
    out, vetoes = np.zeros((len(wanted), layout.SUMMARY)), np.zeros((len(wanted), len(layout.VETOES)), dtype=np.int64)
    arguments = given.of(wanted, slice(0, len(wanted)))
    rest = (np.zeros((0, 2)), np.zeros((0, layout.TRADE)), vetoes, out, *given.room())
    return lambda: simulate(*arguments, *rest), out


def same(name: str, trades: float, equity: float, expected: tuple[int, float]) -> None:
    if trades != expected[0] or not math.isclose(equity, expected[1], rel_tol=1e-12, abs_tol=1e-5):
        raise SystemExit(f"{name}: {trades:.0f} trades and {equity}, the bare loop has {expected[0]} and {expected[1]}")


def one(n: int, rounds: int) -> None:
    of = market(n)
    bars = of.bars[0]
    expected = bare(bars.open, bars.close, 20, 50, FEE, SLIPPAGE, CASH)
    wanted = targets(bars, 20, 50)[np.newaxis, :, np.newaxis].copy()
    works: dict[str, Callable[[], object]] = {
        "bare loop": lambda: bare(bars.open, bars.close, 20, 50, FEE, SLIPPAGE, CASH)
    }
    for name, terms, ways in (
        ("kernel, no stop or tier asked for", PLAIN, Exits()),
        ("kernel, every way out looked at", PLAIN, FAR),
        ("kernel, the policy's loss tiers too", replace(PLAIN, tiers=LOOSE), FAR),
    ):
        work, out = ready(of, wanted, terms, ways)
        work()
        same(name, out[0, layout.TRIPS_OUT], out[0, layout.EQUITY_OUT], expected)
        works[name] = work
    works["averages and exposures, in numpy"] = lambda: targets(bars, 20, 50)
    took = least(works, rounds)
    row(f"{n:,} bars, {expected[0]:,} trades", "ns a bar", "x bare loop")
    for name, ns in took.items():
        row(f"  {name}", f"{ns / n:.2f}", f"{ns / took['bare loop']:.2f}")


def many(n: int, rounds: int) -> None:
    of = market(n)
    bars = of.bars[0]

    def loops() -> list[tuple[int, float]]:
        return [bare(bars.open, bars.close, fast, slow, FEE, SLIPPAGE, CASH) for fast, slow in CROSSES]

    sets = [{"fast": float(fast), "slow": float(slow)} for fast, slow in CROSSES]

    def swept() -> Any:
        return measured("trend", sets, of, PLAIN, 0)

    tracemalloc.start()
    found = swept()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for k, expected in enumerate(loops()):
        same(f"set {CROSSES[k]}", found[k, COLUMNS.index("trips")], found[k, COLUMNS.index("equity")], expected)
    took = least({"bare loops": loops, "averages, exposures and kernel": swept}, rounds)
    print()
    row(f"{len(CROSSES)} sets of {n:,} bars", "ns a bar", "x bare loop", "MB")
    for name, ns in took.items():
        cells = (f"{ns / n / len(CROSSES):.2f}", f"{ns / took['bare loops']:.2f}")
        row(f"  {name}", *cells, f"{peak / 2**20:.0f}" if name != "bare loops" else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=250_000)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    one(asked.bars, asked.rounds)
    many(asked.bars * 2 // 5, max(1, asked.rounds // 3))
