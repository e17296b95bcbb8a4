"""Our guards in the books. Small functions on one open transaction.

A guard is armed by the entry's first fill, grows with what fills of it, and shrinks with whatever is sold of it: what
all guards of a symbol would sell is never more than is held.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from core import identity
from core.canonical import plain
from core.exits import ExitPlan
from core.fills import average_price
from core.instruments import Instrument
from core.money import ZERO, Price, nearest_tick
from core.orders import Fill, Proposal
from execution import actions, orderbook
from execution.guards import FIXED, Guard, plan_of
from execution.orderbook import Attempt
from memory.books import accounts, journal, ledger, owners, tables
from memory.books.words import StopState

_PLAN = TypeAdapter(ExitPlan)
_WATCHED = (
    select(tables.stops)
    .where(
        tables.stops.c.account_id == bindparam("account_id"),
        or_(tables.stops.c.state == StopState.ARMED, tables.stops.c.resting > ""),
    )
    .order_by(tables.stops.c.created_ns, tables.stops.c.stop_id)
)


def armed(conn: Connection, account_id: str) -> list[Guard]:
    """Guards with something to guard, oldest first."""
    return [guard for guard in watched(conn, account_id) if guard.state is StopState.ARMED]


def watched(conn: Connection, account_id: str) -> list[Guard]:
    """Those, and the ones that are done and may have left an order at the venue."""
    return [_guard(row) for row in conn.execute(_WATCHED, {"account_id": account_id})]


def find(conn: Connection, stop_id: str) -> Guard | None:
    row = conn.execute(select(tables.stops).where(tables.stops.c.stop_id == stop_id)).first()
    return None if row is None else _guard(row)


def resting(conn: Connection, account_id: str, live: Sequence[Attempt]) -> list[Attempt]:
    """Those of our live orders that are a guard's stop, waiting at the venue; the loosest first."""
    ids = {guard.resting for guard in watched(conn, account_id)} if live else set()
    found = [a for a in live if a.proposal_id in ids and not a.filled_quantity]
    return sorted(found, key=lambda a: -a.side.sign * (a.trigger_price or ZERO))


def change(conn: Connection, stop_id: str, **values: object) -> None:
    conn.execute(update(tables.stops).where(tables.stops.c.stop_id == stop_id).values(**values))


def keep(conn: Connection, before: Guard, after: Guard, now_ns: int) -> None:
    """Writes what new bars made of a guard."""
    if after == before:
        return
    change(
        conn,
        after.stop_id,
        trigger_price=after.trigger,
        set_by=after.set_by,
        high_price=after.high,
        low_price=after.low,
        rungs=after.rungs,
        seen_ns=after.seen_ns,
    )
    if after.trigger != before.trigger:
        moved = {"stop_id": after.stop_id, "from": before.trigger, "to": after.trigger, "by": after.set_by}
        journal.append(conn, after.account_id, "stop_moved", moved, ts_ns=now_ns)


def follow(
    conn: Connection, proposal: Proposal | None, fresh: Sequence[Fill], instrument: Instrument, now_ns: int
) -> None:
    """Arms, grows or shrinks guards after one order's fills. All children of a parent have its one guard."""
    parent_id = None if proposal is None else actions.parent_of(proposal)
    whole = None if parent_id is None else orderbook.find_proposal(conn, parent_id)
    proposal = proposal if whole is None else orderbook.stored_proposal(whole.body)
    filled = sum((fill.quantity for fill in fresh), ZERO)
    if proposal is not None and proposal.source.startswith(actions.STOP):
        guard = find(conn, proposal.source.removeprefix(actions.STOP))
        if guard is not None:
            _leave(conn, guard, guard.quantity - filled)
    elif proposal is not None and proposal.stop_price is not None and not proposal.order.reduce_only:
        for fill in fresh:
            _protect(conn, proposal, proposal.stop_price, fill, instrument, now_ns)
    fill = fresh[0]
    _trim(conn, fill.account_id, fill.symbol, "" if proposal is None else proposal.order.owner)


def leave(conn: Connection, account_id: str, currency: str, now_ns: int) -> None:
    """After money moved out: a position of coins that are gone is not held, and cannot be sold by any stop."""
    symbol = f"{currency}/{accounts.account(conn, account_id).numeraire}"
    if gone := ledger.leave(conn, account_id, symbol, now_ns):
        journal.append(conn, account_id, "coins_left", {"symbol": symbol, "quantity": gone}, ts_ns=now_ns)
        _trim(conn, account_id, symbol, "")


def _protect(
    conn: Connection, proposal: Proposal, stop: Price, fill: Fill, instrument: Instrument, now_ns: int
) -> None:
    """One guard an entry; its id is the entry's proposal id. Entries of an instruction may share one."""
    order = proposal.order
    trigger = nearest_tick(stop, instrument.tick_size)  # off the tick the exit would be refused for its form
    guard = find(conn, order.proposal_id) or _shared(conn, proposal, trigger)
    if guard is None:
        values = {
            "account_id": order.account_id,
            "symbol": order.symbol,
            "owner": order.owner,
            "side": order.side.opposite,
            "trigger_price": trigger,
            "set_by": FIXED,
            "quantity": fill.quantity,
            "entered": fill.quantity,
            "entry_price": fill.price,
            "high_price": fill.price,
            "low_price": fill.price,
            "plan": plain(plan_of(proposal)),
            "invalidation": list(proposal.invalidation),
            "undecided": [],
            "rungs": 0,
            "state": StopState.ARMED,
            "hits": 0,
            "resting": "",
            "proposal_id": order.proposal_id,
            "created_ns": fill.ts_event_ns,
            "seen_ns": fill.ts_event_ns,
        }
        conn.execute(insert(tables.stops).values(stop_id=order.proposal_id, **values))
        entry = {"stop_id": order.proposal_id, "symbol": order.symbol, "trigger_price": trigger}
        journal.append(conn, order.account_id, "stop", entry, ts_ns=now_ns)
        return
    change(
        conn,
        guard.stop_id,
        state=StopState.ARMED,
        quantity=guard.quantity + fill.quantity,
        entered=guard.entered + fill.quantity,
        entry_price=average_price(guard.entered, guard.entry, fill.quantity, fill.price),
        high_price=max(guard.high, fill.price),
        low_price=min(guard.low, fill.price),
    )


def _shared(conn: Connection, proposal: Proposal, trigger: Price) -> Guard | None:
    """The guard of an earlier entry of the same instruction that ends like this one, with a stop that never moves.

    A venue takes few stops, and what is bought for a year would need hundreds.
    """
    order, plan = proposal.order, plan_of(proposal)
    if plan != ExitPlan() or not proposal.source.startswith(identity.INSTRUCTION):
        return None
    ours = (g for g in armed(conn, order.account_id) if (g.owner, g.symbol) == (order.owner, order.symbol))
    alike = (trigger, plan, proposal.invalidation)
    return next((g for g in ours if (g.trigger, g.plan, g.invalidation) == alike), None)


def _trim(conn: Connection, account_id: str, symbol: str, owner: str) -> None:
    """What others sold is guarded no longer: first of the guards of the owner who sold it, the oldest first.

    Then of those on the owner's side, for what an instruction holds is nobody else's to sell, nor the other way round.
    """
    guards = [guard for guard in armed(conn, account_id) if guard.symbol == symbol]
    beyond = sum((guard.quantity for guard in guards), ZERO) - held(conn, account_id, symbol)
    side = owners.is_instruction(owner)
    for guard in sorted(guards, key=lambda guard: (guard.owner != owner, owners.is_instruction(guard.owner) != side)):
        sold = min(max(ZERO, beyond), guard.quantity)
        if sold:
            beyond -= sold
            _leave(conn, guard, guard.quantity - sold, entered=guard.entered - sold)


def held(conn: Connection, account_id: str, symbol: str) -> Decimal:
    """How much of a symbol is open, on whichever side."""
    return next((p.quantity for p in ledger.positions(conn, account_id) if p.symbol == symbol), ZERO)


def _leave(conn: Connection, guard: Guard, left: Decimal, **more: object) -> None:
    left = max(ZERO, left)
    change(conn, guard.stop_id, quantity=left, state=StopState.ARMED if left else StopState.DONE, **more)


def _guard(row: Row[Any]) -> Guard:
    return Guard(
        stop_id=row.stop_id,
        account_id=row.account_id,
        symbol=row.symbol,
        owner=row.owner,
        side=row.side,
        state=row.state,
        trigger=row.trigger_price,
        set_by=row.set_by,
        quantity=row.quantity,
        entered=row.entered,
        entry=row.entry_price,
        high=row.high_price,
        low=row.low_price,
        plan=_PLAN.validate_python(row.plan),
        invalidation=tuple(row.invalidation),
        undecided=tuple(row.undecided),
        rungs=row.rungs,
        hits=row.hits,
        resting=row.resting,
        opened_ns=row.created_ns,
        seen_ns=row.seen_ns,
    )
