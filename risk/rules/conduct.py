"""Conduct: what the law on market abuse forbids anybody to do (MiCA title VI), and who may not trade at all.

Thresholds are the policy's, or an owner's own. Protective and reducing orders are exempt from all but self-trade.
"""

from decimal import Decimal
from typing import ClassVar

from core.fills import stop_hit
from core.money import ONE, ZERO
from core.orders import Order, OrderState, OrderType, Side
from risk.arithmetic import share
from risk.candidate import Candidate
from risk.codes import DenialCode
from risk.facts import OpenOrder
from risk.rules.base import CountRule, Layer, LimitRule, positive, tally
from risk.settings import RiskSettings


class SelfTrade(CountRule):
    """Our own live orders on the other side that this one could trade with. Exits too: the gate cancels those first."""

    code: ClassVar[str] = DenialCode.SELF_TRADE
    layer: ClassVar[Layer] = "conduct"
    binds_exits: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        resting = c.sums.working.get((c.order.symbol, c.opposite))
        if resting is None:
            return ZERO
        last = None if c.quote is None else positive(c.quote.last)
        return tally(sum(could_cross(c.order, other, last) for other in resting))


class OwnerRule(LimitRule):
    """A threshold of the order's owner: its own where the policy names one, else everybody's."""

    layer: ClassVar[Layer] = "conduct"
    setting: ClassVar[str | None] = None

    def cap(self, policy: RiskSettings) -> Decimal | None:
        return None if policy.owners else super().cap(policy)

    def bound(self, c: Candidate) -> Decimal:
        own = c.policy.owners.get(c.order.owner)
        return Decimal(getattr(c.policy if own is None else own, self.setting or ""))


class CancelRatio(OwnerRule):
    """Cancels for each fill of this owner today, once it cancelled more than `least_cancels`."""

    code: ClassVar[str] = DenialCode.CANCEL_RATIO
    setting: ClassVar[str | None] = "max_cancel_ratio"
    unit: ClassVar[str] = "times"

    def measure(self, c: Candidate) -> Decimal | None:
        cancels = c.facts.activity.owner_cancels
        if cancels <= c.policy.least_cancels:
            return ZERO
        return share(Decimal(cancels), Decimal(max(1, c.facts.activity.owner_fills)))


class QuickCancels(OwnerRule):
    """Orders of this owner today that it cancelled within `quick_cancel_s` of sending them."""

    code: ClassVar[str] = DenialCode.QUICK_CANCELS
    setting: ClassVar[str | None] = "max_quick_cancels"
    unit: ClassVar[str] = "orders"

    def measure(self, c: Candidate) -> Decimal | None:
        return tally(c.facts.activity.owner_quick_cancels)


class Layering(OwnerRule):
    """Orders of this owner that would rest on the same side of the same book, this one included."""

    code: ClassVar[str] = DenialCode.LAYERING
    setting: ClassVar[str | None] = "max_layers"
    unit: ClassVar[str] = "orders"

    def measure(self, c: Candidate) -> Decimal | None:
        same_side = c.sums.working.get((c.order.symbol, c.side))
        if same_side is None:
            return ONE
        owner = c.order.owner
        resting = [o for o in same_side if not (o.reduce_only or o.protective or o.unsent)]
        return tally(1 + len([o for o in resting if o.owner == owner]))


class Restricted(CountRule):
    """A symbol or an asset on the restricted list."""

    code: ClassVar[str] = DenialCode.RESTRICTED
    layer: ClassVar[Layer] = "conduct"
    fixed: ClassVar[str] = "not in `restricted`"

    def measure(self, c: Candidate) -> Decimal | None:
        barred = c.policy.restricted
        if not barred:
            return ZERO
        return ONE if c.order.symbol in barred or (c.instrument is not None and c.instrument.base in barred) else ZERO


class AccountFree(CountRule):
    """The venue has frozen or restricted the account."""

    code: ClassVar[str] = DenialCode.ACCOUNT_RESTRICTED
    layer: ClassVar[Layer] = "conduct"

    def measure(self, c: Candidate) -> Decimal | None:
        return ONE if c.facts.restricted else ZERO


def could_cross(order: Order, resting: OpenOrder, last: Decimal | None) -> bool:
    """Whether the two could trade with each other at the worst prices of both, the market having traded at `last`.

    A stop that waits is in no book until its trigger trades: by then what stood nearer to the market has filled.
    """
    if resting.symbol != order.symbol or resting.side is order.side or resting.unsent:
        return False
    if _waits(order.side, order.trigger_price, last):
        return _still_rests(resting.limit_price or resting.trigger_price, order.side, order.trigger_price)
    if resting.state is OrderState.OPEN and _waits(resting.side, resting.trigger_price, last):
        return _still_rests(order.limit_price or order.trigger_price, resting.side, resting.trigger_price)
    if order.type is not OrderType.LIMIT or order.limit_price is None:
        # Neither of two that take at the market is ever there for the other.
        return resting.limit_price is not None or resting.trigger_price is not None
    buy_at, sell_at = (
        (order.limit_price, resting.worst_price) if order.side is Side.BUY else (resting.worst_price, order.limit_price)
    )
    return buy_at >= sell_at


def _waits(side: Side, trigger: Decimal | None, last: Decimal | None) -> bool:
    """Whether an order is a stop that the market has not reached; one that cannot be compared may have been."""
    return trigger is not None and last is not None and not stop_hit(trigger, last, last, side.sign)


def _still_rests(price: Decimal | None, side: Side, trigger: Decimal | None) -> bool:
    """Whether what stands at `price` is unfilled yet when a stop on `side` is triggered; without a price it is not."""
    if price is None or trigger is None:
        return False
    return price <= trigger if side is Side.SELL else price >= trigger
