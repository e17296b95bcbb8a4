"""Provenance: where the wish to trade came from, and how it ends."""

from decimal import Decimal
from typing import ClassVar

from core.orders import Order, Side
from core.taint import Taint
from risk.codes import DenialCode
from risk.facts import Facts
from risk.rules.base import CountRule, Layer, count
from risk.settings import RiskSettings
from risk.states import TradingState


class Tainted(CountRule):
    """Worst taint of the claims behind the order: 0 trusted, 1 derived, 2 untrusted, 3 hostile."""

    code: ClassVar[str] = DenialCode.TAINT
    fixed: ClassVar[str] = "derived"
    layer: ClassVar[Layer] = "provenance"
    unit: ClassVar[str] = "taint"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return Decimal(int(facts.intent.taint))

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return Decimal(int(Taint.DERIVED))


class StopPresent(CountRule):
    """New risk without a stop, or with one on the winning side of the price."""

    code: ClassVar[str] = DenialCode.STOP
    layer: ClassVar[Layer] = "provenance"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        stop, quote = facts.intent.stop_price, facts.quote(order)
        if stop is None:
            return Decimal(1)
        if quote is None or not stop.is_finite():
            return None
        buys = order.side is Side.BUY
        # The price at which it could be closed again right after it filled at its best.
        near = quote.bid if buys else quote.ask
        if order.limit_price is not None:
            near = min(near, order.limit_price) if buys else max(near, order.limit_price)
        return count(stop <= 0, stop >= near if buys else stop <= near)
