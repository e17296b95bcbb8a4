"""Who earned it, and when: trades by strategy, agent, symbol, side and way out, and equity by month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.curves import Curve, Unmeasured

if TYPE_CHECKING:
    from tools.simulation.outcome import Trade

NOBODY: Final = "nobody in particular"
# By what trades are told apart, in the order in which it is shown.
BY: Final[dict[str, Callable[[Trade], str]]] = {
    "strategy": lambda trade: trade.strategy or NOBODY,
    "agent": lambda trade: trade.agent or NOBODY,
    "symbol": lambda trade: trade.symbol,
    "side": lambda trade: "long" if trade.direction > 0 else "short",
    "way out": lambda trade: trade.reason.value,
}


@dataclass(frozen=True, slots=True)
class Share:
    """What the trades of one name came to: `profit` after, `cost` of fees, slippage and funding, in quote currency."""

    name: str
    trades: int
    won: int
    profit: float
    cost: float


def attributed(trades: Sequence[Trade], of: Callable[[Trade], str]) -> tuple[Share, ...]:
    """A share a name, the largest profit first."""
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(of(trade), []).append(trade)
    shares = [
        Share(
            name,
            len(group),
            sum(one.profit > 0 for one in group),
            sum(one.profit for one in group),
            sum(one.fees + one.slippage + one.funding for one in group),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.profit, share.name)))


@dataclass(frozen=True, slots=True)
class Year:
    """Returns of the twelve months of a year, None where there is no history, and of what there is of it together."""

    year: int
    months: tuple[float | None, ...]
    whole: float


def by_month(curve: Curve) -> tuple[Year, ...]:
    """Returns between the last closes of months of UTC, the first from the first close on; they compound to the total.

    Raises Unmeasured where equity is unknown or was lost.
    """
    equity = curve.known()
    if curve.ruined:
        raise Unmeasured(curve.ruined)
    month = (curve.close_ns - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    # A first close at midnight of the first is where a month begins, and no month of its own.
    begun = curve.close_ns[:1].astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)[0]
    every = np.arange(min(begun, month[-1]), month[-1] + 1)
    marks = equity[np.searchsorted(month, every, side="right") - 1]
    returns = marks / np.concatenate([equity[:1], marks[:-1]]) - 1
    years: dict[int, dict[int, float]] = {}
    for at, value in zip(every.tolist(), returns.tolist(), strict=True):
        years.setdefault(1970 + at // 12, {})[at % 12] = value
    return tuple(
        Year(year, tuple(told.get(at) for at in range(12)), float(np.prod([1 + one for one in told.values()])) - 1)
        for year, told in years.items()
    )
