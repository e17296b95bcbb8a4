"""Taking with a collar: what one immediate order leaves of an exit is asked for again, at a fresh collar."""

from dataclasses import dataclass

from core.orders import OrderType
from execution.algorithms.schedule import Action, Finish, Release, Work


@dataclass(frozen=True, slots=True)
class MarketableSchedule:
    def decide(self, work: Work) -> Action | None:
        if work.live:
            return None
        if work.slices and not work.reduces:
            return Finish("it took what there was")
        return Release(work.left, OrderType.MARKET) if work.may_try else None
