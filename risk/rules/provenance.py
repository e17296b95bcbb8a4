"""Provenance: where the wish to trade came from, and how it ends."""

from decimal import Decimal
from typing import ClassVar

from core.orders import Order, Side
from core.taint import Taint
from risk.codes import DenialCode
from risk.facts import Facts, worth_price
from risk.rules.base import CountRule, Layer, count
from risk.settings import RiskSettings
from risk.states import TradingState


class Tainted(CountRule):
    """Worst taint of the claims behind the order: 0 trusted, 1 derived, 2 untrusted, 3 hostile."""

    code: ClassVar[str] = DenialCode.TAINT
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
        stop, price = facts.intent.stop_price, worth_price(order, facts)
        if stop is None:
            return Decimal(1)
        if price is None or not stop.is_finite():
            return None
        return count(stop <= 0, stop >= price if order.side is Side.BUY else stop <= price)
