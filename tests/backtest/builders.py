"""Outcomes to test with: of equity that is written down, of a seeded walk, and of trades on bars."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.bars import Bars
from core.time import DAY_NS
from tests.models.builders import START_NS
from tools.simulation.outcome import ExitReason, Outcome, Trade

FloatArray = NDArray[np.float64]
# The first midnight after the builders' bars begin.
MIDNIGHT = (START_NS // DAY_NS + 1) * DAY_NS


def outcome(
    equity: Sequence[float] | FloatArray,
    *,
    trades: Sequence[Trade] = (),
    step_ns: int = DAY_NS,
    held: Sequence[float] | FloatArray | None = None,
    exposure: Sequence[float] | FloatArray | None = None,
    trials: int = 1,
    luck: float | None = None,
) -> Outcome:
    """Of equity at closes `step_ns` apart, the first at a midnight."""
    line = np.asarray(equity, np.float64)
    return Outcome(
        name="sma cross",
        symbols=("BTC/USDT",),
        interval_ns=step_ns,
        close_ns=MIDNIGHT + step_ns * np.arange(len(line), dtype=np.int64),
        equity=line,
        exposure=np.zeros(len(line)) if exposure is None else np.asarray(exposure, np.float64),
        held=line if held is None else np.asarray(held, np.float64),
        trades=tuple(trades),
        parameters={"fast": 20.0, "kind": "simple"},
        costs={"fee_rate": 0.001, "slippage": 0.0005},
        data={"BTC/USDT": "ab" * 32},
        vetoes={},
        trials=trials,
        luck=luck,
    )


def trade(
    profit: float, *, worth: float = 1000.0, opened: int = 0, closed: int = 1, cost: float = 0.0, **others: object
) -> Trade:
    """Of a long position of 10 units, `opened` and `closed` so many days after the first midnight."""
    entry = worth / 10
    made = Trade(
        symbol="BTC/USDT",
        direction=1,
        opened_ns=MIDNIGHT + opened * DAY_NS,
        closed_ns=MIDNIGHT + closed * DAY_NS,
        quantity=10.0,
        entry=entry,
        exit=entry + (profit + cost) / 10,
        fees=cost,
        slippage=0.0,
        funding=0.0,
        profit=profit,
        reason=ExitReason.SIGNAL,
    )
    return replace(made, **others)  # type: ignore[arg-type]


def walk_of(n: int, *, seed: int = 3, drift: float = 0.0005, spread: float = 0.02) -> FloatArray:
    """Equity that begins with 10,000."""
    moves = np.random.default_rng(seed).normal(drift, spread, n - 1)
    return np.concatenate([[10_000.0], 10_000.0 * np.cumprod(1 + moves)])


def traded(
    bars: Bars,
    spans: Sequence[tuple[int, int, int]],
    *,
    capital: float = 10_000.0,
    share: float = 0.5,
    fee_rate: float = 0.001,
    **others: object,
) -> Outcome:
    """An outcome whose equity and trades agree: positions of `share` of equity, from the close of one bar to another's.

    `spans` are (first bar, last bar, direction), in order and apart.
    """
    cash, equity, exposure, trades = capital, np.full(len(bars), capital), np.zeros(len(bars)), []
    done = 0
    for at, (first, last, direction) in enumerate(spans):
        equity[done : first + 1] = cash
        entry, exit_ = float(bars.close[first]), float(bars.close[last])
        quantity = cash * share / entry
        fees = fee_rate * quantity * (entry + exit_)
        way = bars.close[first + 1 : last + 1]
        equity[first + 1 : last + 1] = cash - fee_rate * quantity * entry + direction * quantity * (way - entry)
        exposure[first + 1 : last] = quantity * way[:-1] / equity[first + 1 : last]
        profit = direction * quantity * (exit_ - entry) - fees
        trades.append(
            Trade(
                symbol=bars.symbol,
                direction=direction,
                opened_ns=int(bars.open_ns[first]) + bars.timeframe.ns,
                closed_ns=int(bars.open_ns[last]) + bars.timeframe.ns,
                quantity=quantity,
                entry=entry,
                exit=exit_,
                fees=fees,
                slippage=0.0,
                funding=0.0,
                profit=profit,
                reason=(ExitReason.SIGNAL, ExitReason.STOP, ExitReason.TARGET)[at % 3],
                stop=entry * (1 - direction * 0.03),
                strategy=("trend", "reversion")[at % 2],
                agent=("research", "forecast", "")[at % 3],
            )
        )
        cash += profit
        equity[last], done = cash, last
    equity[done:] = cash
    made = Outcome(
        name="sma cross",
        symbols=(bars.symbol,),
        interval_ns=bars.timeframe.ns,
        close_ns=bars.open_ns + bars.timeframe.ns,
        equity=equity,
        exposure=exposure,
        held=capital * bars.close / bars.close[0],
        trades=tuple(trades),
        parameters={"fast": 20.0, "slow": 50.0},
        costs={"fee_rate": fee_rate, "slippage": 0.0},
        data={bars.symbol: "ab" * 32},
        vetoes={"ORDER_NOTIONAL": 3, "house_rule": 1},
    )
    return replace(made, **others)  # type: ignore[arg-type]


def spans_of(n_bars: int, n_trades: int, *, seed: int = 5) -> list[tuple[int, int, int]]:
    """`n_trades` positions that do not overlap, of random length and direction."""
    random = np.random.default_rng(seed)
    cuts = np.sort(random.choice(np.arange(1, n_bars - 1), 2 * n_trades, replace=False))
    sides = random.choice([1, 1, -1], n_trades)
    return [(int(cuts[2 * i]), int(cuts[2 * i + 1]), int(sides[i])) for i in range(n_trades)]
