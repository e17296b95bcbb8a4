"""How a desk works the orders that are too large to be sent whole: one rule over everything that it plans."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from core.algorithms import ExecutionPlan, Iceberg, LimitChase, Twap
from core.money import ZERO, Price
from core.orders import Order, OrderType

Kind = Literal["twap", "chase", "iceberg"]


@dataclass(frozen=True, slots=True)
class Working:
    """What is worth more than `above_notional` is worked as `kind` says; exactly that much is sent whole.

    In quote currency, at the limit price or the last. A TWAP takes market and limit orders, and exits too: none waits
    longer than `duration_s` for its rest. A chase and an iceberg rest, so what reduces leaves at once instead. A limit
    price is the worst that is paid; a chase gives a market order one, `reach` (a fraction) from the last price. An
    iceberg is made of limit orders alone, and shows `display_share` of the quantity at a time. `jitter` is that of the
    plans in `core.algorithms`.
    """

    kind: Kind
    above_notional: Decimal
    duration_s: int
    slices: int
    every_s: int
    display_share: Decimal
    jitter: Decimal
    reach: Decimal

    def worked(self, order: Order, last: Decimal | None) -> Order:
        """The order with its plan, or as it is where it is sent whole. Its prices are not on the increments yet."""
        price = order.limit_price or last
        if price is None or order.quantity * price <= self.above_notional:
            return order
        if self.kind == "twap":
            return _with(order, Twap(self.duration_s, self.slices, self.jitter))
        if order.reduce_only:
            return order
        if self.kind == "iceberg":
            shown = order.quantity * self.display_share
            return _with(order, Iceberg(shown, self.jitter)) if order.type is OrderType.LIMIT else order
        if order.type is OrderType.MARKET:
            worst = Price(price * (1 + order.side.sign * self.reach))
            order = replace(order, type=OrderType.LIMIT, limit_price=worst)
        return _with(order, LimitChase(self.duration_s, self.every_s))


def _with(order: Order, plan: ExecutionPlan) -> Order:
    return order if order.type is OrderType.STOP or order.quantity <= ZERO else replace(order, execution=plan)
