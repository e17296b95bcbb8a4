"""What denied entries would have come to: whether the risk officer saved money or cost it.

Each is valued alone, as if nothing else had happened: bought or sold whole at the next open, left at its stop or its
target, at its time limit where it is not in profit, and in any case after `MOST_NS`. Stops that follow the price stand
still here: this is an estimate of what was refused, not a replay without the rule.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.fills import fee, limit_crossed, realised, slipped, stop_hit, stop_price
from core.time import DAY_NS, SECOND_NS

if TYPE_CHECKING:
    from core.bars import Bars
    from desk.denials import Denial

MOST_NS: Final = 30 * DAY_NS


@dataclass(frozen=True, slots=True)
class Forgone:
    """A denied entry with its profit in quote currency, net of fees and slippage, and when it would have ended."""

    denial: Denial
    profit: float
    closed_ns: int


@dataclass(frozen=True, slots=True)
class Tally:
    """`valued` of `count` entries had a price; `profit` is what those would have made together, each alone."""

    count: int
    valued: int
    lost: int
    profit: float


def forgone(
    denials: Iterable[Denial], candles: Mapping[str, Bars], *, fee_rate: float, slippage: float
) -> list[Forgone | None]:
    """One for each, None where no bar came after it. `fee_rate` and `slippage` are fractions."""
    return [_valued(one, candles[one.symbol], fee_rate, slippage) if one.symbol in candles else None for one in denials]


def tally(found: Sequence[Forgone | None]) -> Tally:
    valued = [one.profit for one in found if one is not None]
    return Tally(len(found), len(valued), sum(profit < 0 for profit in valued), math.fsum(valued))


def by_code(denials: Sequence[Denial], found: Sequence[Forgone | None]) -> dict[str, Tally]:
    """By the rule that denied. An entry that several rules denied stands under each of them."""
    groups: dict[str, list[Forgone | None]] = defaultdict(list)
    for denial, one in zip(denials, found, strict=True):
        for code in denial.codes:
            groups[code].append(one)
    tallies = {code: tally(group) for code, group in groups.items()}
    return dict(sorted(tallies.items(), key=lambda item: (-item[1].count, item[0])))


def _valued(one: Denial, bars: Bars, fee_rate: float, slippage: float) -> Forgone | None:
    first = int(np.searchsorted(bars.open_ns, one.decided_ns, side="left"))
    if first >= len(bars.open_ns):
        return None
    sign = one.side.sign
    entry = slipped(float(bars.open[first]), sign, slippage, 0.0, 0.0)
    left, k = _exit(one, bars, first, entry)
    price = slipped(left, -sign, slippage, 0.0, 0.0)
    costs = fee((entry + price) * one.quantity, fee_rate)
    return Forgone(one, realised(sign, entry, price, one.quantity) - costs, int(bars.open_ns[k]) + bars.timeframe.ns)


def _exit(one: Denial, bars: Bars, first: int, entry: float) -> tuple[float, int]:
    """The price at which it is left and the bar: the stop before the target, as everywhere."""
    sign, began_ns = one.side.sign, int(bars.open_ns[first])
    for k in range(first, len(bars.open_ns)):
        opens, high, low, close = (float(column[k]) for column in (bars.open, bars.high, bars.low, bars.close))
        if one.stop is not None and stop_hit(one.stop, low, high, -sign):
            return stop_price(one.stop, opens, -sign), k
        if one.target is not None and limit_crossed(one.target, low, high, -sign):
            return one.target, k
        held_ns = int(bars.open_ns[k]) + bars.timeframe.ns - began_ns
        waited = one.time_limit_s is not None and held_ns >= one.time_limit_s * SECOND_NS
        if held_ns >= MOST_NS or (waited and sign * (close - entry) <= 0):
            return close, k
    return float(bars.close[-1]), len(bars.open_ns) - 1
