"""A desk whose market has a book and moves by the second, and what the books say of the parents that it works."""

from dataclasses import replace
from decimal import Decimal

from core.algorithms import ExecutionPlan
from core.orders import Order, Proposal
from core.time import SECOND_NS
from execution import parents
from execution.parents import Parent
from execution.ports import PlainOrder
from tests.execution.desk import Desk

DEEP = "1000"


async def later(desk: Desk, seconds: int, *, price: str = "100", asks: str = "", bids: str = "") -> None:
    """So many seconds later, at a price with a cent of spread on either side, the watch steps.

    `asks` and `bids` as `price x quantity`; a deep book where a test says nothing.
    """
    at_ns = desk.clock.now_ns() + seconds * SECOND_NS
    show(desk, price, at_ns=at_ns, asks=asks, bids=bids)
    await desk.step(at_ns)


def show(desk: Desk, price: str, *, at_ns: int, asks: str = "", bids: str = "", symbol: str = "BTC/USDT") -> None:
    mid = Decimal(price)
    desk.market.show(price, at_ns=at_ns, spread="0.02", symbol=symbol)
    asks = asks or f"{mid + Decimal('0.01')}x{DEEP}"
    desk.market.depth(asks=asks, bids=bids or f"{mid - Decimal('0.01')}x{DEEP}", at_ns=at_ns, symbol=symbol)


def worked(proposal: Proposal, plan: ExecutionPlan) -> Proposal:
    """The same wish, worked as the plan says."""
    return replace(proposal, order=replace(proposal.order, execution=plan))


def parent(desk: Desk, proposal: Proposal) -> Parent:
    found = desk.books.read(lambda conn: parents.find(conn, proposal.proposal_id))
    assert found is not None
    return found


def sizes(desk: Desk) -> list[Decimal]:
    """Of everything that reached the venue."""
    return [order.quantity for order in desk.venue.placed]


def last(desk: Desk) -> PlainOrder:
    return desk.venue.placed[-1]


def plain_order(order: Order) -> tuple[str, Decimal | None, str]:
    return order.type.value, order.limit_price, order.time_in_force.value
