"""Brings our books into line with a venue's report: fills once, states forward, stops armed, all in one write."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from core.instruments import Instrument
from core.money import ZERO, Price, nearest_tick
from core.orders import Fill, OrderState, Proposal
from execution import actions, orderbook
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
        _keep_stops(conn, row, fresh, instrument, now_ns)
    return True


def _keep_stops(conn: Connection, row: Row[Any], fresh: Sequence[Fill], instrument: Instrument, now_ns: int) -> None:
    """An entry's stop grows with what fills of it and shrinks with what it sells; a flat position needs none."""
    found = orderbook.find_proposal(conn, row.proposal_id)
    proposal = None if found is None else orderbook.stored_proposal(found.body)
    filled = sum((fill.quantity for fill in fresh), ZERO)
    if proposal is not None and proposal.source.startswith(actions.STOP):
        _change_stop(conn, proposal.source.removeprefix(actions.STOP), -filled)
    elif (
        proposal is not None
        and proposal.stop_price is not None
        and not proposal.order.reduce_only
        and not _change_stop(conn, proposal.proposal_id, filled)
    ):
        _arm_stop(conn, proposal, proposal.stop_price, filled, fresh[0].ts_event_ns, instrument, now_ns)
    if not any(position.symbol == instrument.symbol for position in ledger.positions(conn, row.account_id)):
        table = tables.stops
        of_symbol = and_(table.c.account_id == row.account_id, table.c.symbol == instrument.symbol)
        conn.execute(update(table).where(of_symbol).values(state=StopState.DONE, quantity=ZERO))


def _change_stop(conn: Connection, stop_id: str, by: Decimal) -> bool:
    """False if there is no such stop yet."""
    table = tables.stops
    stop = conn.execute(select(table.c.quantity).where(table.c.stop_id == stop_id)).first()
    if stop is None:
        return False
    left = max(ZERO, stop.quantity + by)
    state = StopState.ARMED if left else StopState.DONE
    conn.execute(update(table).where(table.c.stop_id == stop_id).values(quantity=left, state=state))
    return True


def _arm_stop(
    conn: Connection,
    proposal: Proposal,
    stop: Price,
    quantity: Decimal,
    since_ns: int,
    instrument: Instrument,
    now_ns: int,
) -> None:
    """One stop an entry; its id is the entry's proposal id."""
    order = proposal.order
    trigger = nearest_tick(stop, instrument.tick_size)  # off the tick the exit would be refused for its form
    conn.execute(
        insert(tables.stops).values(
            stop_id=order.proposal_id,
            account_id=order.account_id,
            symbol=order.symbol,
            owner=order.owner,
            side=order.side.opposite,
            trigger_price=trigger,
            quantity=quantity,
            target_price=proposal.target_price,
            state=StopState.ARMED,
            hits=0,
            proposal_id=order.proposal_id,
            created_ns=since_ns,
        )
    )
    entry = {"stop_id": order.proposal_id, "symbol": order.symbol, "trigger_price": trigger}
    journal.append(conn, order.account_id, "stop", entry, ts_ns=now_ns)


def mark_absent(conn: Connection, client_order_id: str, account_id: str, now_ns: int) -> None:
    """The venue proved that it never had the order."""
    orderbook.set_state(conn, client_order_id, OrderState.ABSENT, now_ns)
    entry = {"client_order_id": client_order_id, "to": OrderState.ABSENT}
    journal.append(conn, account_id, "order", entry, ts_ns=now_ns)
