"""The supervisor's leaf functions: numbers in, number out, so that Decimal and float kernels share one source.

Only + - x / and comparisons, integer literals, no calls of our own.
"""

from decimal import Decimal
from typing import TypeVar

N = TypeVar("N", float, Decimal)


def notional(quantity: N, price: N) -> N:
    """Worth in quote currency."""
    return quantity * price


def share(part: N, whole: N) -> N:
    """`part` as a fraction of `whole`."""
    return part / whole


def cost_with_fee(quantity: N, price: N, fee_rate: N) -> N:
    """Quote currency that leaves the account when buying."""
    return quantity * price * (1 + fee_rate)


def share_after(held_value: N, quantity: N, price: N, equity: N) -> N:
    """Exposure as a fraction of equity once `quantity` more is held at `price`."""
    return (held_value + quantity * price) / equity


def largest_within(cap: N, equity: N, held_value: N, price: N) -> N:
    """The quantity that brings `share_after` to exactly `cap`; negative where it is beyond already."""
    return (cap * equity - held_value) / price


def largest_affordable(cap: N, total: N, reserved: N, price: N, fee_rate: N) -> N:
    """The quantity whose cost with fee brings the used part of a balance to exactly `cap` of it."""
    return (cap * total - reserved) / (price * (1 + fee_rate))


def deviation(price: N, reference: N) -> N:
    """Distance of a price from a reference, as a fraction of the reference."""
    distance = price - reference
    return (distance if distance > 0 else -distance) / reference


def beyond(value: N, bound: N) -> N:
    """By how much `value` exceeds `bound`; 0 within it."""
    return value - bound if value > bound else bound - bound
