"""A limit order that follows the best price of its own side, no further than the parent's limit."""

from dataclasses import dataclass

from core.algorithms import LimitChase
from core.money import Price, round_price
from core.orders import OrderType, Side
from core.time import SECOND_NS
from execution.algorithms.schedule import Action, Finish, Release, Withdraw, Work, end_ns


@dataclass(frozen=True, slots=True)
class ChaseSchedule:
    plan: LimitChase

    def decide(self, work: Work) -> Action | None:
        if work.now_ns >= end_ns(work, self.plan.duration_s) and not work.reduces:
            return Finish("its time is up")
        if work.tried_since(work.now_ns - self.plan.every_s * SECOND_NS + 1):
            return None
        price = _price(work)
        if not work.live:
            return Release(work.left, OrderType.LIMIT, price)
        child = work.live[0]
        # Only a market that left is followed: the best price of our own side may be our own.
        left_behind = child.limit_price is not None and work.order.side.sign * (price - child.limit_price) > 0
        return Withdraw(child.client_order_id) if left_behind else None


def _price(work: Work) -> Price:
    side, cap = work.order.side, work.order.limit_price
    best = work.quote.bid if side is Side.BUY else work.quote.ask
    rounded = round_price(best, work.instrument.tick_size, side)
    if cap is None:
        return rounded
    return Price(min(rounded, cap) if side is Side.BUY else max(rounded, cap))
