"""Conduct: what the market abuse rules forbid anybody to do (MiCA title VI)."""

from decimal import Decimal
from typing import ClassVar

from core.orders import Order, OrderType, Side
from risk.codes import DenialCode
from risk.facts import Facts, OpenOrder
from risk.rules.base import CountRule, Layer, count
from risk.settings import RiskSettings
from risk.states import TradingState


class SelfTrade(CountRule):
    """Our own live orders on the other side that this one could trade with. Exits too: the gate cancels those first."""

    code: ClassVar[str] = DenialCode.SELF_TRADE
    layer: ClassVar[Layer] = "conduct"
    binds_exits: ClassVar[bool] = True

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(*(could_cross(order, resting) for resting in facts.orders))


def could_cross(order: Order, resting: OpenOrder) -> bool:
    """Whether the two could trade with each other at the worst prices of both."""
    if resting.symbol != order.symbol or resting.side is order.side:
        return False
    if order.type is not OrderType.LIMIT or order.limit_price is None:
        return True
    buy_at, sell_at = (
        (order.limit_price, resting.worst_price) if order.side is Side.BUY else (resting.worst_price, order.limit_price)
    )
    return buy_at >= sell_at
