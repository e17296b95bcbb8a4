"""Brings our books into line with a venue's report: fills once, states forward, stops armed, all in one write."""

from sqlalchemy import Connection, select

from core.errors import LedgerBroken
from core.instruments import Instrument
from core.money import ZERO
from core.orders import OrderState
from execution import guardbook, orderbook
from execution.ports import OrderReport
from memory.books import journal, ledger, tables


def settle(conn: Connection, report: OrderReport, instrument: Instrument, now_ns: int) -> bool:
    """Applies a report; True when it told anything new. Telling it twice changes nothing.

    An order that is over with fewer fills than it claims is not over: until the rest is told, it counts as live.
    """
    table = tables.orders
    row = conn.execute(select(table).where(table.c.client_order_id == report.client_order_id)).one()
    fresh = [fill for fill in report.fills if ledger.apply_fill(conn, fill, instrument)]
    for fill in fresh:
        journal.append(conn, row.account_id, "fill", fill, ts_ns=now_ns)
    filled = sum((fill.quantity for fill in report.fills), ZERO)
    state = report.state
    if not state.live and filled < report.filled_quantity:
        state = OrderState.PARTIAL if filled else OrderState.OPEN
    if not fresh and row.state is state:
        return False
    orderbook.set_state(
        conn,
        report.client_order_id,
        state,
        now_ns,
        filled_quantity=filled,
        filled_notional=sum((fill.quantity * fill.price for fill in report.fills), ZERO),
        exchange_order_id=report.exchange_order_id,
    )
    if row.state is not state:
        entry = {"client_order_id": report.client_order_id, "from": row.state, "to": state}
        journal.append(conn, row.account_id, "order", entry, ts_ns=now_ns)
    if fresh:
        found = orderbook.find_proposal(conn, row.proposal_id)
        proposal = None if found is None else orderbook.stored_proposal(found.body)
        guardbook.follow(conn, proposal, fresh, instrument, now_ns)
    return True


def mark_absent(conn: Connection, client_order_id: str, account_id: str, now_ns: int) -> None:
    """The venue proved that it never had the order. Raises LedgerBroken where it had it before."""
    row = conn.execute(select(tables.orders).where(tables.orders.c.client_order_id == client_order_id)).one()
    if row.filled_quantity or row.state in (OrderState.OPEN, OrderState.PARTIAL):
        raise LedgerBroken(f"the venue knows nothing of order {client_order_id}, which it took and showed before")
    orderbook.set_state(conn, client_order_id, OrderState.ABSENT, now_ns)
    entry = {"client_order_id": client_order_id, "to": OrderState.ABSENT}
    journal.append(conn, account_id, "order", entry, ts_ns=now_ns)
