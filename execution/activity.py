"""What was sent lately, counted by the database over its indexes: never by reading a history."""

from sqlalchemy import ColumnElement, Connection, and_, false, func, select, true

from core.money import ZERO
from core.orders import Order, OrderState
from core.time import DAY_NS, MINUTE_NS, SECOND_NS
from memory.books.tables import fills, orders, parents
from risk.ceilings import MAX_REPEATS
from risk.facts import Activity


def activity(conn: Connection, order: Order, quick_cancel_s: int, now_ns: int) -> Activity:
    """Orders and messages of the account in the last second, minute and UTC day, and its owner's conduct today.

    Orders that reduce are messages like any other, and no part of anybody's conduct. What the watch sends for its
    guards is counted nowhere: stops that follow the price must not use up the room of an entry.
    """
    account, day_ns = order.account_id, now_ns - now_ns % DAY_NS
    sent = [_sent(conn, account, since) for since in (now_ns - SECOND_NS, now_ns - MINUTE_NS, day_ns - 1)]
    cancelled = [_cancelled(conn, account, since) for since in (now_ns - SECOND_NS, now_ns - MINUTE_NS, day_ns - 1)]
    cancels, quick = _owner_cancels(conn, order, day_ns, quick_cancel_s * SECOND_NS)
    return Activity(
        orders_second=sent[0],
        orders_minute=sent[1],
        orders_day=sent[2],
        messages_second=sent[0] + cancelled[0],
        messages_minute=sent[1] + cancelled[1],
        messages_day=sent[2] + cancelled[2],
        owner_cancels=cancels,
        owner_fills=_owner_fills(conn, order, day_ns),
        owner_quick_cancels=quick,
    )


def executions(conn: Connection, account_id: str, plan: str, but: str) -> int:
    """How often a plan was sent since a person last released an order of it; `but` is the asking order's own id.

    Counted no further than any policy allows: beyond that it is too often, however long the history. A parent is one
    execution, however many children it has.
    """
    ours = and_(orders.c.account_id == account_id, orders.c.plan == plan)
    whole = and_(parents.c.account_id == account_id, parents.c.plan == plan)
    looks = [
        conn.execute(select(func.max(orders.c.created_ns)).where(and_(ours, orders.c.vouched == true()))).scalar(),
        conn.execute(select(func.max(parents.c.created_ns)).where(and_(whole, parents.c.vouched == true()))).scalar(),
    ]
    since = max((int(looked) for looked in looks if looked is not None), default=-1)
    wanted = and_(
        ours,
        orders.c.vouched == false(),
        orders.c.created_ns > since,
        orders.c.state != OrderState.ABSENT,
        orders.c.proposal_id != but,
    )
    found = select(orders.c.client_order_id).where(wanted).limit(MAX_REPEATS + 1).subquery()
    sent = int(conn.execute(select(func.count()).select_from(found)).scalar_one())
    asked = and_(whole, parents.c.vouched == false(), parents.c.created_ns > since, parents.c.proposal_id != but)
    return sent + int(conn.execute(select(func.count()).select_from(parents).where(asked)).scalar_one())


def _sent(conn: Connection, account_id: str, since_ns: int) -> int:
    return _count(conn, and_(_somebodys(account_id), orders.c.created_ns > since_ns))


def _cancelled(conn: Connection, account_id: str, since_ns: int) -> int:
    return _count(conn, and_(_somebodys(account_id), orders.c.cancel_ns > since_ns))


def _somebodys(account_id: str) -> ColumnElement[bool]:
    return and_(orders.c.account_id == account_id, orders.c.protective.is_(False))


def _owner_cancels(conn: Connection, order: Order, day_ns: int, quick_ns: int) -> tuple[int, int]:
    """How many of the owner's orders were cancelled today, and how many of them almost at once."""
    wanted = and_(
        orders.c.account_id == order.account_id,
        orders.c.cancel_ns >= day_ns,
        orders.c.owner == order.owner,
        orders.c.reduce_only.is_(False),
        orders.c.protective.is_(False),
    )
    quick = and_(wanted, orders.c.cancel_ns - orders.c.created_ns <= quick_ns, orders.c.filled_quantity == ZERO)
    return _count(conn, wanted), _count(conn, quick)


def _owner_fills(conn: Connection, order: Order, day_ns: int) -> int:
    joined = fills.join(orders, orders.c.client_order_id == fills.c.client_order_id)
    wanted = and_(fills.c.account_id == order.account_id, fills.c.ts_event_ns >= day_ns, orders.c.owner == order.owner)
    return int(conn.execute(select(func.count()).select_from(joined).where(wanted)).scalar_one())


def _count(conn: Connection, wanted: object) -> int:
    return int(conn.execute(select(func.count()).select_from(orders).where(wanted)).scalar_one())  # type: ignore[arg-type]
