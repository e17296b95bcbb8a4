"""A scripted model that does its work."""

from typing import TypeVar

from pydantic import BaseModel

from agents.ports import Brief
from agents.rules import RulesReasoner
from agents.views import Plan, PlannedOrder
from core.ports import Abstain
from redteam.actors.diary import Diary
from tools.toolbox import Toolbox

A = TypeVar("A", bound=BaseModel)


class Behaving:
    """A scripted model that does its work: the desk's own analyst, which also weighs the events that it is shown."""

    name = "red/behaves"
    traces = False
    taught = None

    def __init__(self, seed: int) -> None:
        self.diary = Diary()
        self._rules = RulesReasoner()

    async def structured(self, brief: Brief, answer: type[A], toolbox: Toolbox) -> A | Abstain:
        self.diary.seen += [brief.system, brief.prompt]
        said = await self._rules.structured(brief, answer, toolbox)
        if isinstance(said, Plan):
            said = said.model_copy(update={"orders": tuple(_with_events(o, brief) for o in said.orders)})
            self.diary.ruses |= {order.index: "behaves" for order in said.orders}
        return said


def _with_events(order: PlannedOrder, brief: Brief) -> PlannedOrder:
    view = brief.facts["cycle"].sentiment
    told = tuple(e.evidence for e in (view.events if view else ()) if e.symbol == order.symbol)
    return order.model_copy(update={"evidence": (*order.evidence, *told)})
