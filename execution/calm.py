"""Whether an account is at rest: nothing of it is under way, and only a price or the clock can begin anything.

From then on a bar that reaches none of what waits for it changes nothing but marks, and `execution/quiet.py` looks for
the first that does. In doubt an account is not at rest, and its bars are stepped one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select

from core.instruments import ContractKind, Instrument
from core.orders import OrderState, OrderType, TimeInForce
from core.ports import MarketFacts
from execution import guardbook, halting, incidents, orderbook, parents
from execution import latches as causes
from execution.breakers import Breakers
from execution.guards import Guard
from execution.readings import sight
from execution.venues import paperbooks
from memory.books import accounts, instructions, ledger, tables
from memory.books.accounts import Account
from memory.books.words import ApprovalState, IncidentKind
from risk.causes import Cause
from risk.states import Kind
from risk.stops import tightened

_RESTS = (OrderState.OPEN, OrderState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Calm:
    """An account at rest. `holdings` are its balances in the order in which equity adds them up, each with the symbol
    that prices it, None for the numeraire itself. `orders` are those that rest at the paper venue, `instruments` those
    of every symbol whose price matters."""

    account: Account
    holdings: tuple[tuple[Decimal, str | None], ...]
    guards: tuple[Guard, ...]
    orders: tuple[Row[Any], ...]
    watched: frozenset[str]
    instruments: Mapping[str, Instrument]
    causes: tuple[Cause, ...]


def calm(
    conn: Connection, account_id: str, market: MarketFacts, breakers: Breakers, now_ns: int, reconciled_ns: int | None
) -> Calm | None:
    """None where anything is under way. `reconciled_ns` is when a reconciliation was last tried."""
    account = accounts.account(conn, account_id)
    orders = paperbooks.live_orders(conn, account_id)
    if breakers.killed or account.clock_ns > now_ns or not all(_rests(row, market, now_ns) for row in orders):
        return None
    if not _agreed(conn, account_id, orders, reconciled_ns) or _awaited(conn, account_id):
        return None
    if halting.entries(conn, account_id, breakers, now_ns):
        return None
    guards = tuple(guardbook.armed(conn, account_id))
    live = tuple(latch.cause for latch in causes.live(conn, account_id, account.clock_ns))
    if not all(_waits(guard, market, now_ns) for guard in guards) or any(c.kind is Kind.CONDITION for c in live):
        return None
    seen = sight(conn, account_id, market, now_ns)
    tripped = breakers.tripping(conn, seen)
    if seen.equity is None or not all(any(cause.stands_for(trip) for cause in live) for trip in tripped):
        return None
    held = accounts.balances(conn, account_id)
    holdings = tuple(
        (total, None if currency == account.numeraire else f"{currency}/{account.numeraire}")
        for currency, total in held.items()
        if total
    )
    priced = {symbol for _, symbol in holdings if symbol is not None}
    symbols = priced | seen.watched | {guard.symbol for guard in guards}
    instruments = {symbol: known for symbol in sorted(symbols) if (known := market.instrument(symbol)) is not None}
    if instruments.keys() != symbols or {p.symbol for p in ledger.positions(conn, account_id)} - priced:
        return None
    if any(i.kind is not ContractKind.SPOT or i.quote != account.numeraire for i in instruments.values()):
        return None
    return Calm(account, holdings, guards, tuple(orders), seen.watched, instruments, live)


def _rests(row: Row[Any], market: MarketFacts, now_ns: int) -> bool:
    """Whether an order at the venue waits for a price, and has met every bar so far."""
    waits = row.type is OrderType.LIMIT or (row.type is OrderType.STOP and not row.triggered)
    waits = waits and row.time_in_force is TimeInForce.GTC and row.state in _RESTS
    return waits and not market.closed_bars(row.symbol, after_ns=row.matched_ns, until_ns=now_ns)


def _waits(guard: Guard, market: MarketFacts, now_ns: int) -> bool:
    """Whether a guard has seen every bar so far, and they have moved it as far as they can."""
    instrument = market.instrument(guard.symbol)
    if instrument is None or (guard.rungs and guard.profit_due() > 0):
        return False
    if market.closed_bars(guard.symbol, after_ns=guard.seen_ns, until_ns=now_ns):
        return False
    trade = guard.trade(instrument.taker_fee)
    return tightened(guard.plan, trade, guard.trigger, (), instrument.tick_size) == guard.trigger


def _agreed(conn: Connection, account_id: str, orders: Sequence[Row[Any]], reconciled_ns: int | None) -> bool:
    """Whether books and venue hold the same orders in the same state, and agreed on all else when last compared."""
    table = tables.reconciled
    at_ns = conn.execute(select(table.c.at_ns).where(table.c.account_id == account_id)).scalar()
    if at_ns is None or at_ns != reconciled_ns:
        return False
    there = {(row.client_order_id, row.state, row.filled_quantity) for row in orders}
    ours = {(a.client_order_id, a.state, a.filled_quantity) for a in orderbook.live_attempts(conn, account_id)}
    counted = incidents.open_count(conn, account_id)
    return there == ours and not (counted[IncidentKind.MISMATCH] or counted[IncidentKind.RESTRICTED])


def _awaited(conn: Connection, account_id: str) -> bool:
    """Whether a person's answer, an algorithm or a standing instruction is looked after at every step."""
    approvals = tables.approvals
    waiting = (approvals.c.account_id == account_id, approvals.c.state == ApprovalState.WAITING)
    if conn.execute(select(func.count()).select_from(approvals).where(*waiting)).scalar():
        return True
    return bool(parents.unended(conn, account_id) or instructions.listing(conn, account_id, instructions.UNENDED))
