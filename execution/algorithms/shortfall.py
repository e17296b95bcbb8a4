"""Implementation shortfall: what working an order cost against having all of it at once, at the arrival mid.

References
----------
Perold, *The Implementation Shortfall: Paper versus Reality*, Journal of Portfolio Management (1988); the split as in
Kissell, *The Science of Algorithmic Trading and Portfolio Management* (2013), chapter 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.money import ZERO, Price
from core.orders import Side


@dataclass(frozen=True, slots=True)
class Part:
    """One fill of a child. `released_mid` was the mid when that child was released, `fee` is in quote currency.

    None is not known.
    """

    quantity: Decimal
    price: Price
    released_mid: Price | None
    fee: Decimal | None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """In quote currency, positive for a cost; `bps` of the quantity at the arrival mid. They add up to `total`.

    `delay` is what the market moved from arrival to each release, `impact` from release to fill, `opportunity` what it
    moved for the part that never filled. `unpriced_fees` counts the fills whose fee has no known worth.
    """

    filled: Decimal
    delay: Decimal
    impact: Decimal
    fees: Decimal
    opportunity: Decimal
    total: Decimal
    bps: Decimal
    unpriced_fees: int


def shortfall(
    side: Side, quantity: Decimal, arrival_mid: Price | None, end_mid: Price | None, parts: Sequence[Part]
) -> Shortfall | None:
    """None where the arrival mid, or the last one for a part that never filled, is not known."""
    filled = sum((part.quantity for part in parts), ZERO)
    unfilled = max(ZERO, quantity - filled)
    if arrival_mid is None or (unfilled and end_mid is None):
        return None
    delay = impact = fees = ZERO
    for part in parts:
        # Without a mid at its release nothing says when the market moved: all of it is impact.
        released = arrival_mid if part.released_mid is None else part.released_mid
        delay += side.sign * (released - arrival_mid) * part.quantity
        impact += side.sign * (part.price - released) * part.quantity
        fees += part.fee or ZERO
    missed = ZERO if end_mid is None else side.sign * (end_mid - arrival_mid) * unfilled
    total = delay + impact + fees + missed
    bps = round(total / (arrival_mid * quantity) * 10_000, 4)
    return Shortfall(filled, delay, impact, fees, missed, total, bps, sum(part.fee is None for part in parts))
