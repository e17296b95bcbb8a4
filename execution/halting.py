"""What a halt takes with it: whatever may still add risk, and neither positions nor their exits."""

from sqlalchemy import Connection

from execution import orderbook, parents
from execution.breakers import Breakers
from execution.orderbook import Attempt
from memory.books import ledger
from memory.books.words import ParentState
from risk.states import TradingState

_HALTED = TradingState.HALTED


def entries(conn: Connection, account_id: str, breakers: Breakers, now_ns: int) -> list[Attempt]:
    """Resting orders that add risk where the account, the venue or their symbol is halted."""
    if not breakers.halts_anything(conn, now_ns):
        return []
    held = {p.symbol: p.side for p in ledger.positions(conn, account_id)}
    live, _ = orderbook.open_orders(conn, account_id)
    adding = {
        o.proposal_id
        for o in live
        if not o.reduce_only
        and held.get(o.symbol) is not o.side.opposite
        and breakers.standing(conn, now_ns, o.symbol).state is _HALTED
    }
    live_now = orderbook.live_attempts(conn, account_id)
    return [a for a in live_now if a.proposal_id in adding and not a.external]


def schedules(conn: Connection, account_id: str, breakers: Breakers, now_ns: int) -> list[str]:
    """Parents of entries that are being worked where they are halted."""
    if not breakers.halts_anything(conn, now_ns):
        return []
    working = [p for p in parents.unended(conn, account_id, [ParentState.WORKING]) if not p.reduces]
    standing = {p.order.symbol: breakers.standing(conn, now_ns, p.order.symbol) for p in working}
    return [p.parent_id for p in working if standing[p.order.symbol].state is _HALTED]
