"""A person's verbs over orders: cancel, resolve, reconcile; and what the surfaces show of an order's life."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from core.canonical import JSON, plain
from core.errors import ConfigError, ExchangeUnavailable
from core.orders import LIVE_STATES, OrderState
from core.time import show_time
from desk.build import Desk
from execution import lifecycle, orderbook, resolution
from execution.orderbook import Attempt
from memory.books import journal, tables

_PRESUMED = "presumed absent: needs a person"


async def cancel(desk: Desk, order: str, by: str, reason: str) -> JSON:
    """Asks the venue to cancel one order, whoever placed it."""
    row = desk.books.read(lambda conn: resolution.find(conn, desk.account_id, order))
    if not row.state.live:
        raise ConfigError(f"order {row.client_order_id} is {row.state}: there is nothing to cancel")
    live = desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
    return await _cancelled(desk, [a for a in live if a.client_order_id == row.client_order_id], by, reason)


async def cancel_all(desk: Desk, by: str, reason: str) -> JSON:
    """Asks the venue to cancel every order of ours. Those of somebody else are cancelled one by one, by their id."""
    live = desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
    return await _cancelled(desk, [a for a in live if not a.external], by, reason)


async def resolve(desk: Desk, order: str, to: str, by: str, reason: str) -> JSON:
    """Says what became of an order that nobody can prove anything about."""
    if to not in resolution.WORDS:
        raise ConfigError(f"an order can be resolved as {', '.join(resolution.WORDS)}, found {to!r}")
    state, now_ns = OrderState(to), desk.clock.now_ns()

    def write(conn: Connection) -> Row[Any]:
        row = resolution.find(conn, desk.account_id, order)
        name = row.client_order_id
        resolution.resolve(conn, desk.account_id, name, state, by=by, reason=reason, now_ns=now_ns)
        return lifecycle.order(conn, name)

    row = desk.books.write(write)
    await desk.gate.look()
    return {"account": desk.account_id, "orders": [line(row)], "unknown": _unknown(desk)}


async def reconcile(desk: Desk) -> JSON:
    """Brings the books into agreement with the venue, now."""
    found = await desk.watch.reconcile()
    if found is None:
        raise ConfigError(f"account {desk.account_id} has no venue to be reconciled with")
    told = plain(found)
    return {**told, "account": desk.account_id, "clean": found.clean, "unknown": _unknown(desk)}


async def _cancelled(desk: Desk, attempts: Sequence[Attempt], by: str, reason: str) -> JSON:
    left, names = [], [a.client_order_id for a in attempts]
    entry = {"orders": names, "by": by, "reason": reason}
    desk.books.write(lambda conn: journal.append(conn, desk.account_id, "cancel", entry, ts_ns=desk.clock.now_ns()))
    for attempt in attempts:
        try:
            await desk.gate.cancel(attempt.client_order_id, attempt.symbol)
        except ExchangeUnavailable as away:
            left.append(f"{attempt.client_order_id}: {away}")
    rows = desk.books.read(lambda conn: [lifecycle.order(conn, name) for name in names])
    return {"account": desk.account_id, "orders": [line(r) for r in rows], "left": left, "unknown": _unknown(desk)}


def _unknown(desk: Desk) -> int:
    return desk.books.read(lambda conn: resolution.unresolved(conn, desk.account_id))


# What is shown.


def listing(conn: Connection, account_id: str, *, live: bool, limit: int) -> list[JSON]:
    """Orders, newest first; of those that may still fill, all."""
    table = tables.orders
    wanted = [table.c.account_id == account_id, *([table.c.state.in_(LIVE_STATES)] if live else [])]
    query = select(table).where(*wanted).order_by(table.c.created_ns.desc(), table.c.client_order_id)
    return [line(row) for row in conn.execute(query if live else query.limit(limit))]


def line(row: Row[Any]) -> JSON:
    average = row.filled_notional / row.filled_quantity if row.filled_quantity else None
    return plain(
        {
            "order": row.client_order_id,
            "exchange_order_id": row.exchange_order_id,
            "proposal_id": row.proposal_id,
            "attempt": row.attempt,
            "owner": row.owner,
            "symbol": row.symbol,
            "side": row.side,
            "type": row.type,
            "quantity": row.quantity,
            "limit_price": row.limit_price,
            "trigger_price": row.trigger_price,
            "reduce_only": row.reduce_only,
            "state": row.state,
            "filled": row.filled_quantity,
            "average_price": average,
            "created": show_time(row.created_ns),
            "updated": show_time(row.updated_ns),
            "looks": row.looks,
            "note": _PRESUMED if row.presumed_absent and row.state.live else None,
        }
    )


def life(conn: Connection, account_id: str, prefix: str) -> JSON:
    """One order with every attempt of its proposal, its fills, and its life as the journal tells it."""
    row = resolution.find(conn, account_id, prefix)
    table = tables.orders
    same = table.c.client_order_id == row.client_order_id
    if row.proposal_id is not None:
        same = table.c.proposal_id == row.proposal_id
    attempts = conn.execute(select(table).where(same).order_by(table.c.attempt)).all()
    names = [attempt.client_order_id for attempt in attempts]
    proposal = None if row.proposal_id is None else orderbook.find_proposal(conn, row.proposal_id)
    stage = lifecycle.Stage(row.state) if proposal is None else lifecycle.stage(proposal.kind, attempts[-1].state)
    return {
        **line(row),
        "stage": stage.value,
        "answer": None if proposal is None else plain({"kind": proposal.kind, "detail": proposal.detail}),
        "proposal": None if proposal is None else proposal.body,
        "attempts": [line(attempt) for attempt in attempts],
        "fills": _fills(conn, names),
        "timeline": _timeline(conn, account_id, [*names, *([row.proposal_id] if row.proposal_id else [])]),
    }


def _fills(conn: Connection, names: Sequence[str]) -> list[JSON]:
    table = tables.fills
    query = select(table).where(table.c.client_order_id.in_(names)).order_by(table.c.ts_event_ns, table.c.trade_id)
    return [plain(dict(row)) | {"at": show_time(row["ts_event_ns"])} for row in conn.execute(query).mappings()]


def _timeline(conn: Connection, account_id: str, names: Sequence[str]) -> list[JSON]:
    """Every entry of the account's journal that names the order or its proposal, oldest first."""
    table = tables.journal
    names_it = or_(*(table.c.body.contains(name, autoescape=True) for name in names))
    found = select(table.c.sequence).where(and_(table.c.stream == account_id, names_it)).order_by(table.c.sequence)
    told = []
    for sequence in conn.scalars(found).all():
        (entry,) = journal.entries(conn, account_id, after=sequence - 1, limit=1)
        told.append({"entry": entry.name, "at": show_time(entry.ts_ns), "kind": entry.kind, "body": entry.body})
    return told
