"""What becomes of an approved order: a parent that the watch works, one order that is sent whole, or both."""

from dataclasses import replace

from core.algorithms import Iceberg, Marketable
from core.orders import Order, OrderType, Proposal
from execution import actions


def parent_of(proposal: Proposal, order: Order, *, reducing: bool) -> Order | None:
    """The parent that a proposal makes, `order` being what was reviewed; None where nothing is left to an algorithm.

    An exit that got a collar may find nothing inside it, and is then tried again: by the guard that sent it, by the
    parent that it is a slice of, else as a parent of its own.
    """
    if actions.parent_of(proposal) is not None or proposal.source.startswith(actions.STOP):
        return None
    if proposal.order.type is OrderType.MARKET and order.type is OrderType.LIMIT:
        return replace(proposal.order, quantity=order.quantity, execution=Marketable()) if reducing else None
    return None if order.execution is None else order


def sent_whole(order: Order, *, iceberg_parts: int) -> bool:
    """Whether an order leaves as it is. Of those with a plan only an iceberg does, where the venue hides its rest.

    With one part to spare, since what shows may be cut to the venue's lot. What the venue then does not take, or ends,
    its schedule goes on with.
    """
    plan = order.execution
    if isinstance(plan, Iceberg):
        return not plan.jitter and order.quantity <= plan.display * (iceberg_parts - 1)
    return plan is None
