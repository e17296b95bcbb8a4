"""What a halt takes with it: whatever may still add risk, and neither positions nor their exits."""

from collections.abc import Iterable

from sqlalchemy import Connection

from core.instruments import ContractKind
from core.money import ZERO
from core.orders import Position
from execution import orderbook, parents
from execution.breakers import Breakers
from execution.orderbook import Attempt
from memory.books import ledger
from memory.books.words import ParentState
from risk.facts import OpenOrder
from risk.states import TradingState

_HALTED = TradingState.HALTED


def entries(conn: Connection, account_id: str, breakers: Breakers, now_ns: int) -> list[Attempt]:
    """Resting orders that add risk where the account, the venue or their symbol is halted."""
    if not breakers.halts_anything(conn, now_ns):
        return []
    held = {p.symbol: p for p in ledger.positions(conn, account_id)}
    live, _ = orderbook.open_orders(conn, account_id)
    adding = {
        o.proposal_id
        for o in live
        if not o.reduce_only
        and not _closes(o, held.get(o.symbol), live)
        and breakers.standing(conn, now_ns, o.symbol).state is _HALTED
    }
    live_now = orderbook.live_attempts(conn, account_id)
    return [a for a in live_now if a.proposal_id in adding and not a.external]


def _closes(order: OpenOrder, position: Position | None, live: Iterable[OpenOrder]) -> bool:
    """Whether it only ever closes the position. More of a perpetual than is held, all orders together, would turn it.

    Spot is sold out of what is held, and nothing else.
    """
    if position is None or position.side is not order.side.opposite:
        return False
    if position.kind is ContractKind.SPOT:
        return True
    against = [o.remaining for o in live if (o.symbol, o.side) == (order.symbol, order.side)]
    return sum(against, ZERO) <= position.quantity


def schedules(conn: Connection, account_id: str, breakers: Breakers, now_ns: int) -> list[str]:
    """Parents of entries that are being worked where they are halted."""
    if not breakers.halts_anything(conn, now_ns):
        return []
    working = [p for p in parents.unended(conn, account_id, [ParentState.WORKING]) if not p.reduces]
    standing = {p.order.symbol: breakers.standing(conn, now_ns, p.order.symbol) for p in working}
    return [p.parent_id for p in working if standing[p.order.symbol].state is _HALTED]
