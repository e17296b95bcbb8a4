"""Time-weighted average price: the target grows along a straight line, in slices."""

from dataclasses import dataclass

from core.algorithms import Twap
from core.identity import fraction_of
from core.money import ZERO
from core.time import SECOND_NS
from execution.algorithms.schedule import Action, Finish, Work, end_ns, taking


@dataclass(frozen=True, slots=True)
class TwapSchedule:
    """A slice is tried once when it is due; what it leaves is due with the next, and with one last at the end."""

    plan: Twap

    def decide(self, work: Work) -> Action | None:
        if work.live:
            return None
        until_ns = end_ns(work, self.plan.duration_s)
        if work.now_ns >= until_ns:
            if work.tried_since(until_ns) and not work.reduces:
                return Finish("its time is up")
            return taking(work.order, work.left) if work.may_try or not work.tried_since(until_ns) else None
        due = [k for k in range(self.plan.slices) if self._due_ns(work, k) <= work.now_ns]
        if not due or work.tried_since(self._due_ns(work, due[-1])):
            return None
        behind = work.order.quantity * (due[-1] + 1) / self.plan.slices - work.committed
        return taking(work.order, behind) if behind > ZERO else None

    def _due_ns(self, work: Work, slice_: int) -> int:
        late = self.plan.jitter * fraction_of(work.order.proposal_id, slice_) if slice_ else ZERO
        return work.started_ns + int(self.plan.duration_s * SECOND_NS * (slice_ + late) / self.plan.slices)
