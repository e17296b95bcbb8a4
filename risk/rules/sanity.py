"""Sanity: orders that are well formed and still make no sense."""

from decimal import Decimal
from typing import ClassVar

from core.money import Quantity
from core.orders import Order
from core.time import SECOND_NS
from risk.arithmetic import largest_within, notional, share
from risk.codes import DenialCode
from risk.facts import Facts, worth_price
from risk.rules.base import CountRule, Layer, LimitRule, count
from risk.settings import RiskSettings
from risk.states import TradingState


class Tradable(CountRule):
    """The venue has closed this instrument. Binds exits too: a closed venue takes nothing."""

    code: ClassVar[str] = DenialCode.TRADABLE
    layer: ClassVar[Layer] = "sanity"
    binds_exits: ClassVar[bool] = True

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        instrument = facts.instrument(order)
        return None if instrument is None else count(not instrument.tradable)


class OrderSize(LimitRule):
    """Worth of one order as a fraction of equity: quantity * max(limit price, ask). Exactly the cap is allowed."""

    code: ClassVar[str] = DenialCode.ORDER_SIZE
    layer: ClassVar[Layer] = "sanity"
    setting: ClassVar[str | None] = "max_order_size"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        price = worth_price(order, facts)
        if price is None or facts.equity is None or facts.equity <= 0:
            return None
        return share(notional(order.quantity, price), facts.equity)

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return policy.max_order_size

    def largest(self, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
        price = worth_price(order, facts)
        if price is None or facts.equity is None:
            return None
        return Quantity(largest_within(policy.max_order_size, facts.equity, Decimal(0), price))


class NearDuplicate(CountRule):
    """Orders of the last seconds with the same symbol and side that this one repeats or exceeds.

    At least as large (within the tolerance) counts: a looping agent must not escape by asking for a little more.
    """

    code: ClassVar[str] = DenialCode.NEAR_DUPLICATE
    layer: ClassVar[Layer] = "sanity"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        since = facts.now_ns - policy.duplicate_window_s * SECOND_NS
        return count(
            *(
                order.quantity >= recent.quantity * (1 - policy.duplicate_tolerance)
                for recent in facts.recent
                if recent.symbol == order.symbol
                and recent.side is order.side
                and recent.placed_ns > since
                and recent.proposal_id != order.proposal_id
            )
        )
