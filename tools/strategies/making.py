"""Market making: a bid and an ask around a price that leans against what is held."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import Field

from tools.strategies.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Quoted:
    """What is offered, in quote currency; None where inventory allows no more of that side."""

    bid: float | None
    ask: float | None


class MarketMaking(Parameters):
    """Quotes around the reservation price r = s - q g v (T - t), a distance of d = g v (T - t) / 2 + log(1 + g / k) / g
    on either side, with mid s, inventory q, risk aversion g, variance v of the mid in a unit of time and k of arrivals.

    A bid is none at `most` held, an ask at `most` short, and neither crosses the mid. Proven on simulated books that
    answer at once (`tools.simulation.books`), and on no venue: it cannot be a standing instruction.

    Avellaneda and Stoikov, *High-Frequency Trading in a Limit Order Book* (2008), equations 29 and 30.
    """

    aversion: float = Field(0.1, gt=0, le=100, description="to inventory, of one unit of quote currency")
    arrivals: float = Field(1.5, gt=0, le=1_000, description="how fast fills thin out with distance, of one unit of it")
    most: int = Field(10, ge=1, le=1_000_000, description="units held, or short, at most")

    def quoted(self, mid: float, inventory: int, *, variance: float, left: float) -> Quoted:
        """`left` is the share of the session that is left, 0 to 1; `variance` is that of the mid over a whole one."""
        risk = self.aversion * variance * left
        reservation = mid - inventory * risk
        half = risk / 2 + math.log1p(self.aversion / self.arrivals) / self.aversion
        bid = None if inventory >= self.most else min(reservation - half, mid)
        ask = None if inventory <= -self.most else max(reservation + half, mid)
        return Quoted(bid, ask)
