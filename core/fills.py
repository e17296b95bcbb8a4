"""How a simulated venue fills: leaf functions of numbers, so that Decimal venues and float kernels share one source.

Only + - x / and comparisons. `sign` is +1 for a buy and -1 for a sell, so `price * (1 + sign * cost)` is always worse.
Intra-bar order is unknown and therefore pessimistic: a stop that gapped fills at the open, a touched one at its trigger
or worse, it comes before a target in the same bar, and a resting limit fills at its limit, once traded *through*.
"""

from decimal import Decimal
from typing import TypeVar

N = TypeVar("N", float, Decimal)


def fee(notional: N, rate: N) -> N:
    """Cost of a trade in quote currency; `rate` is a fraction of notional."""
    return notional * rate


def slipped(price: N, sign: int, base: N, impact: N, root_participation: N) -> N:
    """Price after slippage: `base` is a fixed fraction, `impact` scales the square root of our share of volume.

    Square-root impact: Almgren, Thum, Hauptmann, Li, *Direct Estimation of Equity Market Impact* (2005).
    """
    return price * (1 + sign * (base + impact * root_participation))


def after_latency(price: N, low: N, high: N, sign: int, root_share: N) -> N:
    """Price after the market moved against us while we decided: the bar's range times sqrt(latency / bar length).

    Diffusion scales with the square root of time. It never leaves the bar.
    """
    moved = price + sign * (high - low) * root_share
    if moved > high:
        return high
    if moved < low:
        return low
    return moved


def stop_hit(trigger: N, low: N, high: N, sign: int) -> bool:
    """Whether a stop trades in a bar: a buy stop at or above, a sell stop at or below its trigger."""
    return high >= trigger if sign > 0 else low <= trigger


def stop_price(trigger: N, open_: N, sign: int) -> N:
    """Where a hit stop starts to fill: its trigger, or the open if the bar gapped beyond it."""
    if sign > 0:
        return open_ if open_ > trigger else trigger
    return open_ if open_ < trigger else trigger


def limit_crossed(limit: N, low: N, high: N, sign: int) -> bool:
    """Whether a resting limit fills in a bar: the market must trade through it, since we are last in the queue."""
    return low < limit if sign > 0 else high > limit


def within_limit(price: N, limit: N, sign: int) -> N:
    """A taker's price, no worse than its limit."""
    if sign > 0:
        return price if price < limit else limit
    return price if price > limit else limit


def fillable(remaining: N, volume: N, share: N) -> N:
    """How much of an order one bar can take: at most `share` of its volume."""
    room = volume * share
    return room if room < remaining else remaining


def average_price(held: N, held_price: N, added: N, added_price: N) -> N:
    """Average cost after adding to a position."""
    return (held * held_price + added * added_price) / (held + added)


def realised(sign: int, entry: N, exit_: N, quantity: N) -> N:
    """Profit of closing `quantity`, before fees; `sign` is +1 for a long position."""
    return sign * (exit_ - entry) * quantity


def funding_payment(sign: int, quantity: N, mark: N, rate: N) -> N:
    """What a perpetual position pays (negative: receives) at a funding time; longs pay a positive rate."""
    return sign * quantity * mark * rate


def liquidation_price(sign: int, entry: N, margin_per_unit: N, maintenance: N) -> N:
    """Mark at which an isolated linear position's margin falls to `maintenance` (a fraction of notional)."""
    return (entry - sign * margin_per_unit) / (1 - sign * maintenance)
