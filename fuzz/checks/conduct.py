"""What the law on market abuse forbids, and who may not trade at all."""

from fractions import Fraction

from core.orders import OrderType, Side
from fuzz.checks.base import Finding, bound, check
from fuzz.scene import Working
from fuzz.sums import Case, exactly


@check("SELF_TRADE")
def self_trade(c: Case) -> Finding:
    return any(_meets(c, other) for other in c.against)


@check("CANCEL_RATIO")
def cancel_ratio(c: Case) -> Finding:
    cancels, fills = c.scene.counts.get("owner_cancels", 0), c.scene.counts.get("owner_fills", 0)
    if cancels <= c.limits["least_cancels"]:
        return False
    return bound(cancels, _owners(c, "max_cancel_ratio") * max(1, fills))


@check("QUICK_CANCELS")
def quick_cancels(c: Case) -> Finding:
    return bound(c.scene.counts.get("owner_quick_cancels", 0), _owners(c, "max_quick_cancels"))


@check("LAYERING")
def layering(c: Case) -> Finding:
    layers = [o for o in c.beside if o.owner == c.order.owner and not o.reduce_only and not o.protective]
    return bound(len(layers) + 1, _owners(c, "max_layers"))


@check("RESTRICTED")
def restricted(c: Case) -> Finding:
    named = {c.order.symbol} | (set() if c.instrument is None else {c.instrument.base})
    return bool(named & set(c.limits["restricted"]))


@check("ACCOUNT_RESTRICTED")
def account_restricted(c: Case) -> Finding:
    return c.scene.restricted


def _owners(c: Case, limit: str) -> Fraction:
    own = c.limits["owners"].get(c.order.owner)
    return Fraction((c.limits if own is None else own)[limit])


def _meets(c: Case, other: Working) -> bool:
    """Whether the two could trade with each other: a stop that waits meets what is still there once it is triggered."""
    own, theirs = exactly(c.order.trigger_price), exactly(other.trigger_price)
    if own is not None and c.last is not None and _waits(c.order.side, own, c.last):
        stands = exactly(other.limit_price) or theirs
        return stands is not None and _left(stands, c.order.side, own)
    if other.rests and theirs is not None and c.last is not None and _waits(other.side, theirs, c.last):
        return c.asked is not None and _left(c.asked, other.side, theirs)
    worst = exactly(other.worst_price)
    if c.order.type is not OrderType.LIMIT or c.limit is None:
        # Of two that take at the market neither is there for the other.
        return other.limit_price is not None or other.trigger_price is not None
    if worst is None:
        return True
    return c.limit >= worst if c.buys else worst >= c.limit


def _waits(side: Side, trigger: Fraction, last: Fraction) -> bool:
    return last < trigger if side is Side.BUY else last > trigger


def _left(price: Fraction, side: Side, trigger: Fraction) -> bool:
    """Of what stands on the other side, what the market has not traded through on its way to the trigger."""
    return price >= trigger if side is Side.BUY else price <= trigger
