"""An iceberg where the venue has none: one slice shows at a time, and the next follows when it is filled."""

from dataclasses import dataclass
from decimal import Decimal

from core.algorithms import Iceberg
from core.identity import fraction_of
from core.orders import OrderType
from execution.algorithms.schedule import Action, Finish, Release, Work
from risk.shaping import is_dust


@dataclass(frozen=True, slots=True)
class IcebergSchedule:
    plan: Iceberg

    def decide(self, work: Work) -> Action | None:
        if work.live or not (work.last_filled or work.may_try):
            return None
        shown = self.plan.display * (1 - self.plan.jitter * fraction_of(work.order.proposal_id, work.slices))
        if self._too_small(work, shown):
            shown = self.plan.display
        if self._too_small(work, shown):
            return Finish("what it may show is less than the venue takes")
        return Release(min(shown, work.left), OrderType.LIMIT, work.order.limit_price)

    def _too_small(self, work: Work, quantity: Decimal) -> bool:
        return is_dust(quantity, work.price, work.instrument) and quantity < work.left
