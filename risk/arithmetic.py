"""The supervisor's leaf functions: numbers in, number out, so that Decimal and float kernels share one source.

Only + - x / and comparisons, integer literals, no calls of our own. `sign` is +1 for a buy and -1 for a sell.
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


def share_after(held_value: N, added_value: N, equity: N) -> N:
    """Exposure as a fraction of equity once `added_value` more is held."""
    return (held_value + added_value) / equity


def loss_share_after(held_value: N, added_value: N, loss: N, equity: N) -> N:
    """What a fall of `loss` (a fraction) would cost, as a fraction of equity, once `added_value` more is held."""
    return (held_value + added_value) * loss / equity


def shortfall_share_after(portfolio: N, added_value: N, unit_shortfall: N, equity: N) -> N:
    """Upper bound of the expected shortfall after an order, as a fraction of equity: ES(a + b) <= ES(a) + ES(b).

    Subadditivity: Acerbi and Tasche, *On the coherence of expected shortfall* (2002).
    """
    return (portfolio + added_value * unit_shortfall) / equity


def net_after(same_side: N, other_side: N, added_value: N) -> N:
    """Net exposure in the order's own direction once it filled: what it hedges is negative."""
    return same_side - other_side + added_value


def largest_within(cap: N, equity: N, held_value: N, price: N) -> N:
    """The quantity that brings `share_after` to exactly `cap`; negative where it is beyond already."""
    return (cap * equity - held_value) / price


def largest_affordable(cap: N, total: N, reserved: N, price: N, fee_rate: N) -> N:
    """The quantity whose cost with fee brings the used part of a balance to exactly `cap` of it."""
    return (cap * total - reserved) / (price * (1 + fee_rate))


def largest_at_loss(cap: N, equity: N, held_loss: N, unit_loss: N, price: N) -> N:
    """The quantity whose loss of `unit_loss` (a fraction of its worth) brings all losses to exactly `cap` of equity."""
    return (cap * equity - held_loss) / (unit_loss * price)


def deviation(price: N, reference: N) -> N:
    """Distance of a price from a reference, as a fraction of the reference."""
    return (price - reference if price > reference else reference - price) / reference


def beyond(value: N, bound: N) -> N:
    """By how much `value` exceeds `bound`; 0 within it."""
    return value - bound if value > bound else bound - bound


def loss_share(now: N, before: N) -> N:
    """Loss since `before` as a fraction of it; negative for a gain."""
    return (before - now) / before


def spread_bps(bid: N, ask: N) -> N:
    """The distance between the best prices, in basis points of the mid."""
    return (ask - bid) * 20000 / (bid + ask)


def slippage_bps(average: N, mid: N, sign: int) -> N:
    """What an average fill price costs against the mid, in basis points; negative for a gain."""
    return sign * (average - mid) / mid * 10000


def modelled_slippage_bps(quantity: N, bar_volume: N, bar_move: N, half_spread_bps: N) -> N:
    """Slippage where no depth is seen: half the spread, and of a bar's usual move our share of its usual volume."""
    return half_spread_bps + quantity / bar_volume * bar_move * 10000


def liquidation_distance(mark: N, liquidation: N, sign: int) -> N:
    """How far the mark is from a liquidation price, as a fraction of the mark; negative beyond it."""
    return sign * (mark - liquidation) / mark
