"""Brings our books into line with a venue's report: fills once, states forward, stops armed, all in one write."""

from sqlalchemy import Connection, and_, insert, select, update

from core.instruments import Instrument
from core.money import ZERO, Price, nearest_tick
from core.orders import OrderState, OrderType, Proposal
from execution import orderbook
from execution.ports import OrderReport
from memory.books import journal, ledger, tables
from memory.books.words import StopState


def settle(conn: Connection, report: OrderReport, instrument: Instrument, now_ns: int) -> bool:
    """Applies a report; True when it told anything new. Telling it twice changes nothing."""
    table = tables.orders
    row = conn.execute(select(table).where(table.c.client_order_id == report.client_order_id)).one()
    fresh = [fill for fill in report.fills if ledger.apply_fill(conn, fill, instrument)]
    for fill in fresh:
        journal.append(conn, row.account_id, "fill", fill, ts_ns=now_ns)
    if not fresh and row.state is report.state:
        return False
    orderbook.set_state(
        conn,
        report.client_order_id,
        report.state,
        now_ns,
        filled_quantity=report.filled_quantity,
        filled_notional=sum((fill.quantity * fill.price for fill in report.fills), ZERO),
        exchange_order_id=report.exchange_order_id,
    )
    if row.state is not report.state:
        entry = {"client_order_id": report.client_order_id, "from": row.state, "to": report.state}
        journal.append(conn, row.account_id, "order", entry, ts_ns=now_ns)
    if fresh:
        _keep_stops(conn, row.proposal_id, report, row.account_id, instrument, now_ns)
    return True


def _keep_stops(
    conn: Connection, proposal_id: str, report: OrderReport, account_id: str, instrument: Instrument, now_ns: int
) -> None:
    """Arms or grows the stop of an entry that filled; a flat position needs none."""
    found = orderbook.find_proposal(conn, proposal_id)
    proposal = None if found is None else orderbook.stored_proposal(found.body)
    if proposal is not None and proposal.stop_price is not None and _is_entry(proposal):
        _arm_stop(conn, proposal, proposal.stop_price, report, instrument, now_ns)
    if not any(position.symbol == instrument.symbol for position in ledger.positions(conn, account_id)):
        conn.execute(
            update(tables.stops)
            .where(and_(tables.stops.c.account_id == account_id, tables.stops.c.symbol == instrument.symbol))
            .values(state=StopState.DONE)
        )


def _is_entry(proposal: Proposal) -> bool:
    return not proposal.order.reduce_only and proposal.order.type is not OrderType.STOP


def _arm_stop(
    conn: Connection, proposal: Proposal, stop: Price, report: OrderReport, instrument: Instrument, now_ns: int
) -> None:
    """One stop an entry, as large as what filled of it. The stop's id is the entry's proposal id."""
    table, order = tables.stops, proposal.order
    trigger = nearest_tick(stop, instrument.tick_size)  # off the tick the exit would be refused for its form
    first = min(fill.ts_event_ns for fill in report.fills)
    changed = conn.execute(
        update(table).where(table.c.stop_id == order.proposal_id).values(quantity=report.filled_quantity)
    )
    if changed.rowcount == 0:
        conn.execute(
            insert(table).values(
                stop_id=order.proposal_id,
                account_id=order.account_id,
                symbol=order.symbol,
                owner=order.owner,
                side=order.side.opposite,
                trigger_price=trigger,
                quantity=report.filled_quantity,
                target_price=proposal.target_price,
                state=StopState.ARMED,
                hits=0,
                proposal_id=order.proposal_id,
                created_ns=first,
            )
        )
        entry = {"stop_id": order.proposal_id, "symbol": order.symbol, "trigger_price": trigger}
        journal.append(conn, order.account_id, "stop", entry, ts_ns=now_ns)


def mark_absent(conn: Connection, client_order_id: str, account_id: str, now_ns: int) -> None:
    """The venue proved that it never had the order."""
    orderbook.set_state(conn, client_order_id, OrderState.ABSENT, now_ns)
    entry = {"client_order_id": client_order_id, "to": OrderState.ABSENT}
    journal.append(conn, account_id, "order", entry, ts_ns=now_ns)
