"""A person's verbs over orders: cancel, resolve, reconcile; and what the surfaces show of an order's life."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select

from core.canonical import JSON, plain
from core.errors import ConfigError, ExchangeUnavailable
from core.orders import LIVE_STATES, OrderState
from core.time import show_time
from desk import working
from desk.build import Desk
from execution import accepting, lifecycle, orderbook, parents, resolution
from execution.mismatches import Reconciled
from execution.orderbook import Attempt
from execution.parents import Parent
from memory.books import journal, tables
from memory.books.words import ParentState

_PRESUMED = "presumed absent: needs a person"


async def cancel(desk: Desk, order: str, by: str, reason: str) -> JSON:
    """Asks the venue to cancel one order, whoever placed it. What works it in slices ends, so that none follows."""
    parent, row = desk.books.read(lambda conn: working.meant(conn, desk.account_id, order))
    live = desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
    if parent is not None and parent.state is not ParentState.ENDED:
        names = {child.client_order_id for child in parent.live}
        return await _cancelled(desk, [parent], [a for a in live if a.client_order_id in names], by, reason)
    if row is None or not row.state.live:
        name, state = (order, ParentState.ENDED) if row is None else (row.client_order_id, row.state)
        raise ConfigError(f"order {name} is {state}: there is nothing to cancel")
    return await _cancelled(desk, [], [a for a in live if a.client_order_id == row.client_order_id], by, reason)


async def cancel_all(desk: Desk, by: str, reason: str) -> JSON:
    """Asks the venue to cancel every order of ours, and works none any more. Standing instructions are paused.

    Those of somebody else are cancelled one by one, by their id.
    """
    await desk.instructions.pause_each(None, by=by, reason=reason)
    worked = desk.books.read(lambda conn: parents.unended(conn, desk.account_id))
    live = desk.books.read(lambda conn: orderbook.live_attempts(conn, desk.account_id))
    return await _cancelled(desk, worked, [a for a in live if not a.external], by, reason)


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
    told = desk.books.read(lambda conn: lines(conn, [row]))
    return {"account": desk.account_id, "orders": told, "unknown": _unknown(desk)}


async def reconcile(desk: Desk, accept: bool = False, by: str = "", reason: str = "") -> JSON:
    """Brings the books into agreement with the venue, now.

    With `accept` a person takes what is off in the balances alone as money that moved. Raises ConfigError where more is
    off, or nothing is.
    """
    found = await _reconciled(desk)
    accepted: dict[str, Decimal] = {}
    if accept:
        # What is off counts when it still is a quiet period later.
        if found.left_alone and not found.mismatches:
            await asyncio.sleep(desk.settings.execution.quiet_s + 1)
            found = await _reconciled(desk)
        known, now_ns, said = found, desk.clock.now_ns(), {"by": by, "reason": reason}
        accepted = desk.books.write(
            lambda conn: accepting.accept(conn, desk.account_id, desk.market, known, now_ns=now_ns, **said)
        )
        found = await _reconciled(desk)
    told = {**plain(found), "accepted": plain(accepted)}
    return {**told, "account": desk.account_id, "clean": found.clean, "unknown": _unknown(desk)}


async def _reconciled(desk: Desk) -> Reconciled:
    found = await desk.watch.reconcile()
    if found is None:
        raise ConfigError(f"account {desk.account_id} has no venue to be reconciled with")
    return found


async def _cancelled(desk: Desk, worked: Sequence[Parent], attempts: Sequence[Attempt], by: str, reason: str) -> JSON:
    """Ends the parents before their children: a slice that went makes room for the next one."""
    left, names, ended = [], [a.client_order_id for a in attempts], [p.parent_id for p in worked]
    entry = {"orders": names, "parents": ended, "by": by, "reason": reason}
    desk.books.write(lambda conn: journal.append(conn, desk.account_id, "cancel", entry, ts_ns=desk.clock.now_ns()))
    await desk.watch.algorithms.cancel(ended, reason)
    for attempt in attempts:
        try:
            await desk.gate.cancel(attempt.client_order_id, attempt.symbol)
        except ExchangeUnavailable as away:
            left.append(f"{attempt.client_order_id}: {away}")

    def read(conn: Connection) -> list[JSON]:
        own = [working.line(conn, parent_id) for parent_id in ended]
        return own + lines(conn, [lifecycle.order(conn, name) for name in names])

    return {"account": desk.account_id, "orders": desk.books.read(read), "left": left, "unknown": _unknown(desk)}


def _unknown(desk: Desk) -> int:
    return desk.books.read(lambda conn: unknown(conn, desk.account_id))


def unknown(conn: Connection, account_id: str) -> int:
    """How many orders nobody can prove anything about."""
    return resolution.unresolved(conn, account_id)


# What is shown.


def listing(conn: Connection, account_id: str, *, live: bool, limit: int) -> list[JSON]:
    """Parents, and then orders, each newest first; of those that may still fill, all."""
    table = tables.orders
    wanted = [table.c.account_id == account_id, *([table.c.state.in_(LIVE_STATES)] if live else [])]
    query = select(table).where(*wanted).order_by(table.c.created_ns.desc(), table.c.client_order_id)
    rows = conn.execute(query if live else query.limit(limit)).all()
    return [*working.listing(conn, account_id, live=live, limit=limit), *lines(conn, rows)]


def lines(conn: Connection, rows: Sequence[Row[Any]]) -> list[JSON]:
    """Orders as they stand, each with the parent whose slice it is."""
    slice_of = working.parent_ids(conn, rows)
    return [_line(row, slice_of.get(row.client_order_id)) for row in rows]


def _line(row: Row[Any], parent_id: str | None) -> JSON:
    average = row.filled_notional / row.filled_quantity if row.filled_quantity else None
    return plain(
        {
            "order": row.client_order_id,
            "exchange_order_id": row.exchange_order_id,
            "proposal_id": row.proposal_id,
            "attempt": row.attempt,
            "parent": parent_id,
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
    """One order with every attempt of its proposal, or of its slices, its fills, and its life from the journal."""
    parent, row = working.meant(conn, account_id, prefix)
    if row is not None:
        return {**_life_of(conn, account_id, row), "worked": None if parent is None else _worked(conn, parent)}
    assert parent is not None  # one of the two is meant
    rows, proposal = working.children(conn, parent.parent_id), orderbook.find_proposal(conn, parent.parent_id)
    names, told = [row.client_order_id for row in rows], _worked(conn, parent)
    return {
        **told,
        "stage": parent.state.value,
        **_asked(proposal),
        "attempts": lines(conn, rows),
        "fills": _fills(conn, names),
        "timeline": _timeline(conn, account_id, [parent.parent_id, *names]),
        "worked": told,
    }


def _worked(conn: Connection, parent: Parent) -> JSON:
    return working.line(conn, parent.parent_id)


def _life_of(conn: Connection, account_id: str, row: Row[Any]) -> JSON:
    table = tables.orders
    same = table.c.client_order_id == row.client_order_id
    if row.proposal_id is not None:
        same = table.c.proposal_id == row.proposal_id
    attempts = conn.execute(select(table).where(same).order_by(table.c.attempt)).all()
    names = [attempt.client_order_id for attempt in attempts]
    proposal = None if row.proposal_id is None else orderbook.find_proposal(conn, row.proposal_id)
    stage = lifecycle.Stage(row.state) if proposal is None else lifecycle.stage(proposal.kind, attempts[-1].state)
    return {
        **lines(conn, [row])[0],
        "stage": stage.value,
        **_asked(proposal),
        "attempts": lines(conn, attempts),
        "fills": _fills(conn, names),
        "timeline": _timeline(conn, account_id, [*names, *([row.proposal_id] if row.proposal_id else [])]),
    }


def _asked(proposal: Row[Any] | None) -> JSON:
    """What was proposed, and what the gate answered."""
    if proposal is None:
        return {"answer": None, "proposal": None}
    return {"answer": plain({"kind": proposal.kind, "detail": proposal.detail}), "proposal": proposal.body}


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
