"""The witness's own log of what was approved, sent, told, filled and cancelled. It shares no code with the gate."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from core.orders import Order, Proposal, Side
from fuzz.closures import DAY_NS
from fuzz.scene import Placed, Working
from fuzz.sums import Limits, known

SECOND_NS: Final = 10**9
_LIVE: Final = ("sending", "open", "partial", "unknown")


@dataclass
class Sent:
    """One attempt to send an order, from the moment that it was approved."""

    name: str
    order: Order
    proposal: Proposal
    approved_ns: int
    epoch: int
    currency: str  # which one it holds back, and how much at its worst
    reserved: Fraction
    vouched: bool
    reducing: bool
    arrived: bool = False
    state: str = "sending"
    filled: Fraction = Fraction(0)
    cancel_ns: int | None = None

    @property
    def live(self) -> bool:
        return self.state in _LIVE

    @property
    def protective(self) -> bool:
        return self.proposal.source.startswith("stop:")

    @property
    def remaining(self) -> Fraction:
        return Fraction(self.order.quantity) - self.filled

    @property
    def held_back(self) -> Fraction:
        return self.reserved * self.remaining / Fraction(self.order.quantity)

    def cancelled_since(self, ns: int) -> bool:
        return self.cancel_ns is not None and self.cancel_ns > ns

    def working(self) -> Working:
        order = self.order
        cheapest = order.limit_price or Decimal(0)
        return Working(
            proposal_id=order.proposal_id,
            owner=order.owner,
            symbol=order.symbol,
            side=order.side,
            remaining=known(self.remaining),
            worst_price=known(self.reserved) / order.quantity if order.side is Side.BUY else cheapest,
            reduce_only=order.reduce_only,
            protective=self.protective,
            limit_price=order.limit_price,
            trigger_price=order.trigger_price,
            rests=self.state == "open",
        )


@dataclass
class Log:
    sent: dict[str, Sent] = field(default_factory=dict)
    fills: list[tuple[str, int]] = field(default_factory=list)  # owner and time of each that was told
    calls: deque[tuple[int, bool]] = field(default_factory=lambda: deque(maxlen=50))  # when, and whether it failed
    failed_ns: list[int] = field(default_factory=list)

    def live(self, symbol: str | None = None) -> list[Sent]:
        return [s for s in self.sent.values() if s.live and symbol in (None, s.order.symbol)]

    def attempts(self, proposal_id: str) -> list[Sent]:
        return [s for s in self.sent.values() if s.order.proposal_id == proposal_id]

    def recent(self, but: str) -> list[Placed]:
        """What was placed and is not proven absent."""
        return [
            Placed(s.order.proposal_id, s.order.symbol, s.order.side, s.order.quantity, s.approved_ns)
            for s in self.sent.values()
            if s.state != "absent" and s.order.proposal_id != but
        ]

    def executions(self, proposal: Proposal) -> int:
        """How often its plan was sent since a person last released an order of it."""
        plan = [s for s in self.sent.values() if s.proposal.plan_id == proposal.plan_id]
        others = [s for s in plan if s.order.proposal_id != proposal.proposal_id]
        looked_ns = max((s.approved_ns for s in others if s.vouched), default=-1)
        return sum(s.approved_ns > looked_ns and s.state != "absent" for s in others)

    def counts(self, owner: str, limits: Limits, now_ns: int) -> dict[str, int]:
        """Orders and messages lately, and what one owner did today. The watch's own are in nobody's way."""
        day_ns = now_ns - now_ns % DAY_NS
        everybodys = [s for s in self.sent.values() if not s.protective]
        counts = {}
        for span, since_ns in (
            ("second", now_ns - SECOND_NS),
            ("minute", now_ns - 60 * SECOND_NS),
            ("day", day_ns - 1),
        ):
            orders = sum(s.approved_ns > since_ns for s in everybodys)
            counts[f"orders_{span}"] = orders
            counts[f"messages_{span}"] = orders + sum(s.cancelled_since(since_ns) for s in everybodys)
        own = [s for s in everybodys if s.order.owner == owner and s.cancelled_since(day_ns - 1)]
        entries = [s for s in own if not s.order.reduce_only]
        quick_ns = limits["quick_cancel_s"] * SECOND_NS
        quick = [s for s in entries if (s.cancel_ns or 0) - s.approved_ns <= quick_ns and not s.filled]
        fills = sum(whose == owner and ns >= day_ns for whose, ns in self.fills)
        return counts | {"owner_cancels": len(entries), "owner_quick_cancels": len(quick), "owner_fills": fills}
