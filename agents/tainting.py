"""How far an order can be trusted, worked out from what stands behind it. A planner's own word can only add taint."""

from collections.abc import Iterator, Mapping, Sequence

from agents.cycle import Cycle
from agents.views import Plan
from core.taint import Taint, join, worst_of


def tainted(plan: Plan, cycle: Cycle, given: Mapping[str, Taint], *, traced: bool) -> Plan:
    """The plan, each order as tainted as its evidence, and unless its planner is `traced` as every view of the cycle
    and all that its tools gave: a model is shown all of it, and nobody can tell what moved it.

    `given` is the evidence that the planner's own tools gave. What neither they nor a view gave, the gate looks up in
    the record, and denies where it is not there.
    """
    of_views = _of_views(cycle)
    known = worst_of([*given.items(), *of_views.items()])
    shown = Taint.TRUSTED if traced else join([*of_views.values(), *given.values()])
    orders = []
    for order in plan.orders:
        cited = (known[evidence] for evidence in order.evidence if evidence in known)
        orders.append(order.model_copy(update={"taint": join([order.taint, shown, *cited])}))
    return plan.model_copy(update={"orders": tuple(orders)})


def _of_views(cycle: Cycle) -> dict[str, Taint]:
    """The evidence of every view, with its taint."""
    return worst_of((evidence, taint) for taint, cited in _said(cycle) for evidence in cited)


def _said(cycle: Cycle) -> Iterator[tuple[Taint, Sequence[str]]]:
    for opinion in cycle.research.opinions if cycle.research else ():
        yield from ((claim.taint, claim.evidence) for claim in opinion.claims)
    if cycle.sentiment:
        yield from ((mood.taint, mood.evidence) for mood in cycle.sentiment.moods)
        yield from ((event.taint, (event.evidence,)) for event in cycle.sentiment.events)
    for outlook in cycle.forecast.outlooks if cycle.forecast else ():
        yield outlook.taint, outlook.evidence
