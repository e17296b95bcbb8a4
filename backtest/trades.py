"""What is measured of round trips: each is one observation, net of fees, slippage and funding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.curves import Unmeasured

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray
    from tools.simulation.outcome import Trade

NO_TRADE: Final = "no trade was made"


@dataclass(frozen=True, slots=True)
class Closed:
    """Trades as columns, shape (n,), in the order in which they were closed.

    `worth` is entry x quantity, `traded` adds exit x quantity, `smaller` is the less of the two; `cost` is fees,
    slippage and funding together. Money is quote currency. `unknown` says why nothing can be told, '' where all can.
    """

    opened_ns: IntArray
    closed_ns: IntArray
    profit: FloatArray
    cost: FloatArray
    worth: FloatArray
    traded: FloatArray
    smaller: FloatArray
    unknown: str

    def __len__(self) -> int:
        return len(self.profit)

    def known(self) -> Closed:
        """Itself; Unmeasured where there is no trade, or a number of one is none."""
        if not len(self):
            raise Unmeasured(NO_TRADE)
        if self.unknown:
            raise Unmeasured(self.unknown)
        return self

    @property
    def returns(self) -> FloatArray:
        """Profit over worth at entry."""
        shares: FloatArray = self.profit / self.worth
        return shares


def closed_of(trades: Sequence[Trade]) -> Closed:
    """The columns of trades in any order."""
    ordered = sorted(trades, key=lambda one: (one.closed_ns, one.opened_ns))
    rows = np.array(
        [
            (one.profit, one.fees + one.slippage + one.funding, one.entry, one.exit, one.quantity, one.direction)
            for one in ordered
        ],
        dtype=np.float64,
    ).reshape(-1, 6)
    profit, cost, entry, exit_, quantity, direction = rows.T
    strange = ~np.isfinite(rows).all(axis=1)
    impossible = (entry <= 0) | (exit_ <= 0) | (quantity <= 0) | (np.abs(direction) != 1)
    unknown = ""
    if strange.any():
        unknown = f"a number of {int(strange.sum())} of {len(rows)} trades is not finite"
    elif impossible.any():
        unknown = f"{int(impossible.sum())} of {len(rows)} trades have no quantity, price or direction"
    return Closed(
        opened_ns=np.array([one.opened_ns for one in ordered], np.int64),
        closed_ns=np.array([one.closed_ns for one in ordered], np.int64),
        profit=profit,
        cost=cost,
        worth=entry * quantity,
        traded=(entry + exit_) * quantity,
        smaller=np.minimum(entry, exit_) * quantity,
        unknown=unknown,
    )


def win_rate(closed: Closed) -> float:
    """Share of trades with a profit after costs; a profit of nothing is no win."""
    return float((closed.known().profit > 0).mean())


def profit_factor(closed: Closed) -> float:
    """Sum of the profits of trades that won over the sum of the losses of those that lost, after costs."""
    profit = closed.known().profit
    lost = -float(profit[profit < 0].sum())
    if lost == 0:
        raise Unmeasured("no trade lost")
    return float(profit[profit > 0].sum()) / lost


def average_trade(closed: Closed) -> float:
    """Mean over trades of profit after costs / worth at entry."""
    return float(closed.known().returns.mean())


def expectancy(closed: Closed) -> float:
    """Win rate x mean win - (1 - win rate) x mean loss, in quote currency: the mean profit of a trade after costs."""
    return float(closed.known().profit.mean())


def cost_share(closed: Closed) -> float:
    """Fees, slippage and funding over what all trades earned before them: above 1, costs ate more than the edge."""
    costs = float(closed.known().cost.sum())
    gross = float(closed.profit.sum()) + costs
    if gross <= 0:
        raise Unmeasured("trades earned nothing before costs: there was no edge to eat")
    return costs / gross
