"""Parent orders for the surfaces: which one a person means, how it stands, and its end by a person's word."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, not_, or_, select

from core.canonical import JSON, plain
from core.errors import ConfigError
from core.money import ZERO
from core.time import show_time
from execution import parents, resolution
from execution.parents import UNENDED, Parent
from memory.books import tables
from memory.books.words import ParentState

_parents, _slices, _orders = tables.parents, tables.slices, tables.orders
_TO_ORDERS = _slices.c.proposal_id == _orders.c.proposal_id


def named(conn: Connection, account_id: str, prefix: str) -> Parent | None:
    """The parent whose proposal id starts with `prefix`; None where nothing but orders may be meant.

    Raises ConfigError where it could be another order as well.
    """
    mine = (_parents.c.account_id == account_id, _parents.c.proposal_id.startswith(prefix, autoescape=True))
    found = conn.scalars(select(_parents.c.proposal_id).where(*mine).limit(2)).all() if prefix else []
    if not found:
        return None
    if len(found) > 1 or _of_others(conn, account_id, prefix, found[0]):
        raise ConfigError(f"more than one order starts with {prefix!r}: give more of it")
    return parents.find(conn, found[0])


def _of_others(conn: Connection, account_id: str, prefix: str, parent_id: str) -> bool:
    own = select(_slices.c.proposal_id).where(_slices.c.parent_id == parent_id)
    names = (_orders.c.client_order_id, _orders.c.proposal_id, _orders.c.exchange_order_id)
    starts = or_(*(name.startswith(prefix, autoescape=True) for name in names))
    foreign = or_(_orders.c.proposal_id.is_(None), not_(_orders.c.proposal_id.in_(own)))
    query = select(_orders.c.client_order_id).where(_orders.c.account_id == account_id, starts, foreign)
    return conn.execute(query.limit(1)).first() is not None


def meant(conn: Connection, account_id: str, prefix: str) -> tuple[Parent | None, Row[Any] | None]:
    """The parent that an id names, itself or by one of its children, and the child; or an order that has no parent.

    Raises ConfigError where nothing has such an id, or more than one order.
    """
    parent = named(conn, account_id, prefix)
    if parent is not None:
        return parent, None
    row = resolution.find(conn, account_id, prefix)
    return parent_of(conn, row), row


def parent_of(conn: Connection, row: Row[Any]) -> Parent | None:
    """The parent whose slice an order is."""
    parent_id = conn.scalar(select(_slices.c.parent_id).where(_slices.c.proposal_id == row.proposal_id))
    return None if parent_id is None else parents.find(conn, parent_id)


def parent_ids(conn: Connection, rows: Sequence[Row[Any]]) -> dict[str, str]:
    """By client order id, of those orders that are slices."""
    names = [row.client_order_id for row in rows]
    query = select(_orders.c.client_order_id, _slices.c.parent_id).join(_slices, _TO_ORDERS)
    found = conn.execute(query.where(_orders.c.client_order_id.in_(names)))
    return {row.client_order_id: row.parent_id for row in found}


def children(conn: Connection, parent_id: str) -> Sequence[Row[Any]]:
    """Every sending of a slice, oldest first."""
    query = select(_orders).join(_slices, _TO_ORDERS).where(_slices.c.parent_id == parent_id)
    return conn.execute(query.order_by(_slices.c.number, _orders.c.attempt)).all()


def listing(conn: Connection, account_id: str, *, live: bool, limit: int) -> list[JSON]:
    """Parents, newest first; of those that may still trade, all."""
    wanted = and_(_parents.c.account_id == account_id, *([_parents.c.state.in_(UNENDED)] if live else []))
    query = select(_parents).where(wanted).order_by(_parents.c.created_ns.desc(), _parents.c.proposal_id)
    return [line(conn, row.proposal_id) for row in conn.execute(query if live else query.limit(limit)).all()]


def line(conn: Connection, parent_id: str) -> JSON:
    """One parent as a line among orders.

    `left` is neither filled nor out with a child, in base units; `shortfall` (quote currency, of
    `execution.algorithms.shortfall`) is known when it has ended.
    """
    parent = parents.find(conn, parent_id)
    if parent is None:
        raise ConfigError(f"no parent order {parent_id}")
    row = conn.execute(select(_parents).where(_parents.c.proposal_id == parent_id)).one()
    order, rows = parent.order, children(conn, parent_id)
    notional = sum((child.filled_notional for child in rows), ZERO)
    return plain(
        {
            "order": parent_id,
            "exchange_order_id": None,
            "proposal_id": parent_id,
            "attempt": None,
            "parent": None,
            "owner": order.owner,
            "symbol": order.symbol,
            "side": order.side,
            "type": order.type,
            "quantity": order.quantity,
            "limit_price": order.limit_price,
            "trigger_price": None,
            "reduce_only": order.reduce_only,
            "state": parent.state,
            "filled": parent.filled,
            "average_price": notional / parent.filled if parent.filled else None,
            "created": show_time(row.created_ns),
            "updated": show_time(row.updated_ns),
            "looks": 0,
            "note": None if parent.state is ParentState.WORKING else parent.reason,
            "execution": order.execution,
            "slices": parent.slices,
            "left": parent.left,
            "arrival_mid": parent.arrival_mid,
            "shortfall": row.shortfall,
        }
    )
