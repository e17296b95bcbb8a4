"""What must never happen to a parent, whatever fills, fails, is cut, halted and restarted, in whatever order."""

import asyncio
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import ExecutionPlan, Iceberg, LimitChase, Twap
from core.errors import ExchangeRejected, OrderStateUnknown
from core.orders import Proposal, Side
from core.verdicts import AnswerKind
from execution import orderbook, parents
from memory.books.words import ParentState
from tests.execution.algorithms.working import later, parent, show, worked
from tests.execution.desk import T0, Desk, copied_books

D = Decimal
EMPTY: dict[str, Path] = {}
FAULTS = {
    "lost on its way": ("fails_before", OrderStateUnknown("timed out")),
    "its answer is lost": ("fails_after", OrderStateUnknown("timed out")),
    "rejected": ("fails_before", ExchangeRejected("no")),
    "a crash on its way": ("fails_before", asyncio.CancelledError()),
    "a crash after it": ("fails_after", asyncio.CancelledError()),
}
EVENTS = (*FAULTS, "thin", "thin", "deep", "unreadable", "restart", "up", "down", "halt", "cancel")

plans = st.sampled_from(
    [
        (Twap(400, 4), None),
        (Twap(400, 7, D("0.5")), "100.5"),
        (Iceberg(D("1.3"), D("0.3")), "100.5"),
        (LimitChase(500, every_s=20), "101"),
    ]
)


@pytest.fixture(scope="module", autouse=True)
def template(empty_books: Path) -> None:
    EMPTY["books"] = empty_books


@settings(max_examples=25)
@given(
    wanted=st.lists(st.tuples(plans, st.integers(1_000, 9_000)), min_size=1, max_size=3),
    exits=st.booleans(),
    events=st.lists(st.sampled_from(EVENTS), min_size=4, max_size=10),
)
def test_no_parent_trades_more_than_it_asked_for(
    wanted: list[tuple[tuple[ExecutionPlan, str | None], int]], exits: bool, events: list[str]
) -> None:
    async def lived(desk: Desk) -> None:
        show(desk, "100", at_ns=T0)
        if exits:
            await desk.propose(desk.buy("12"))
            await later(desk, 120)
        accepted = []
        for (plan, at), thousandths in wanted:
            quantity = D(thousandths) / 1000
            cap = None if at is None else at if not exits else str(200 - D(at))
            proposal = worked(desk.sell(quantity, at=cap) if exits else desk.buy(quantity, at=cap), plan)
            if (await desk.propose(proposal)).kind is not AnswerKind.DENIED:
                accepted.append(proposal)
        for event in (*events, "deep", "deep"):
            desk = await happened(desk, event, accepted)
            holds(desk, accepted, exits)

    with tempfile.TemporaryDirectory() as folder, copied_books(EMPTY["books"], Path(folder)) as books:
        asyncio.run(lived(Desk.open(books)))


async def happened(desk: Desk, event: str, accepted: Sequence[Proposal]) -> Desk:
    desk.venue.fails_before = desk.venue.fails_after = None
    desk.venue.unreadable = event == "unreadable"
    if event in FAULTS:
        side, fault = FAULTS[event]
        setattr(desk.venue, side, fault)
    elif event == "restart":
        desk = desk.restarted()
    elif event == "halt":
        await desk.gate.halt(by="ada", reason="drill")
    elif event == "cancel" and accepted:
        await desk.watch.algorithms.cancel([accepted[0].proposal_id], "enough")
    price = {"up": "100.4", "down": "99.6"}.get(event, "100")
    thin = {"asks": f"{D(price) + D('0.01')}x0.7", "bids": f"{D(price) - D('0.01')}x0.7"} if event == "thin" else {}
    try:
        await later(desk, 60, price=price, **thin)
    except asyncio.CancelledError:
        return desk.restarted()
    return desk


def holds(desk: Desk, accepted: Sequence[Proposal], exits: bool) -> None:
    promised = D(0)
    for proposal in accepted:
        found = parent(desk, proposal)
        filled = sum((f.quantity for f in desk.rows("fills") if f.client_order_id in names(desk, proposal)), D(0))
        out = sum((child.remaining for child in found.children), D(0))
        assert filled == found.filled
        assert filled + out <= found.order.quantity
        assert filled + out + found.left == found.order.quantity
        if found.state is ParentState.WORKING:
            promised += found.left
    if exits:
        assert desk.held() >= 0
        assert all(order.reduce_only for order in desk.venue.placed if order.side is Side.SELL)
        return
    assert counted(desk) == promised + sum((attempt.remaining for attempt in desk.live()), D(0))


def names(desk: Desk, proposal: Proposal) -> set[str]:
    return {child.client_order_id for child in parent(desk, proposal).children}


def counted(desk: Desk) -> Decimal:
    """What the review of somebody else's order would take to be still coming."""
    asking = desk.buy("1", at="99", symbol="ETH/USDT")
    unsent, _ = desk.books.read(lambda conn: parents.unsent(conn, asking))
    live, _ = desk.books.read(lambda conn: orderbook.open_orders(conn, desk.account_id))
    return sum((o.remaining for o in (*unsent, *live) if o.symbol == "BTC/USDT" and o.side is Side.BUY), D(0))
