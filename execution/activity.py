"""What was sent lately, counted by the database over its indexes: never by reading a history."""

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, bindparam, false, func, select, true

from core.money import ZERO
from core.orders import Order, OrderState
from core.time import DAY_NS, MINUTE_NS, SECOND_NS
from memory.books.tables import fills, orders, parents
from risk.ceilings import MAX_REPEATS
from risk.facts import Activity


def _count(*wanted: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(orders).where(and_(*wanted)).scalar_subquery()


# Built once, and asked in two statements: each of them costs more than what it counts.
_OURS = orders.c.account_id == bindparam("account_id")
_SOMEBODYS = and_(_OURS, orders.c.protective.is_(False))
_OWNERS = and_(_SOMEBODYS, orders.c.owner == bindparam("owner"), orders.c.reduce_only.is_(False))
_CANCELS = and_(_OWNERS, orders.c.cancel_ns >= bindparam("day_ns"))
_AT_ONCE = orders.c.cancel_ns - orders.c.created_ns <= bindparam("quick_ns")
_FILLS = (
    select(func.count())
    .select_from(fills.join(orders, orders.c.client_order_id == fills.c.client_order_id))
    .where(
        fills.c.account_id == bindparam("account_id"),
        fills.c.ts_event_ns >= bindparam("day_ns"),
        orders.c.owner == bindparam("owner"),
    )
)
_WINDOWS = ("second", "minute", "day")
_ACTIVITY = select(
    *(_count(_SOMEBODYS, orders.c.created_ns > bindparam(since)).label(f"orders_{since}") for since in _WINDOWS),
    *(_count(_SOMEBODYS, orders.c.cancel_ns > bindparam(since)).label(f"cancels_{since}") for since in _WINDOWS),
    _count(_CANCELS).label("owner_cancels"),
    _count(_CANCELS, _AT_ONCE, orders.c.filled_quantity == ZERO).label("owner_quick_cancels"),
    _FILLS.scalar_subquery().label("owner_fills"),
)

_OF_PLAN = and_(_OURS, orders.c.plan == bindparam("plan"))
_WHOLE = and_(parents.c.account_id == bindparam("account_id"), parents.c.plan == bindparam("plan"))
_VOUCHED = select(
    select(func.max(orders.c.created_ns)).where(_OF_PLAN, orders.c.vouched == true()).scalar_subquery(),
    select(func.max(parents.c.created_ns)).where(_WHOLE, parents.c.vouched == true()).scalar_subquery(),
)
_SENT_SINCE = (
    select(orders.c.client_order_id)
    .where(
        _OF_PLAN,
        orders.c.vouched == false(),
        orders.c.created_ns > bindparam("since"),
        orders.c.state != OrderState.ABSENT,
        orders.c.proposal_id != bindparam("but"),
    )
    .limit(MAX_REPEATS + 1)
    .subquery()
)
_WORKED_SINCE = and_(
    _WHOLE,
    parents.c.vouched == false(),
    parents.c.created_ns > bindparam("since"),
    parents.c.proposal_id != bindparam("but"),
)
_EXECUTIONS = select(
    select(func.count()).select_from(_SENT_SINCE).scalar_subquery(),
    select(func.count()).select_from(parents).where(_WORKED_SINCE).scalar_subquery(),
)


def activity(conn: Connection, order: Order, quick_cancel_s: int, now_ns: int) -> Activity:
    """Orders and messages of the account in the last second, minute and UTC day, and its owner's conduct today.

    Orders that reduce are messages like any other, and no part of anybody's conduct. What the watch sends for its
    guards is counted nowhere: stops that follow the price must not use up the room of an entry.
    """
    day_ns = now_ns - now_ns % DAY_NS
    asked = {
        "account_id": order.account_id,
        "owner": order.owner,
        "second": now_ns - SECOND_NS,
        "minute": now_ns - MINUTE_NS,
        "day": day_ns - 1,
        "day_ns": day_ns,
        "quick_ns": quick_cancel_s * SECOND_NS,
    }
    found = conn.execute(_ACTIVITY, asked).one()
    return Activity(
        orders_second=found.orders_second,
        orders_minute=found.orders_minute,
        orders_day=found.orders_day,
        messages_second=found.orders_second + found.cancels_second,
        messages_minute=found.orders_minute + found.cancels_minute,
        messages_day=found.orders_day + found.cancels_day,
        owner_cancels=found.owner_cancels,
        owner_fills=found.owner_fills,
        owner_quick_cancels=found.owner_quick_cancels,
    )


def executions(conn: Connection, account_id: str, plan: str, but: str) -> int:
    """How often a plan was sent since a person last released an order of it; `but` is the asking order's own id.

    Counted no further than any policy allows: beyond that it is too often, however long the history. A parent is one
    execution, however many children it has.
    """
    asked = {"account_id": account_id, "plan": plan}
    looks = conn.execute(_VOUCHED, asked).one()
    since = max((int(looked) for looked in looks if looked is not None), default=-1)
    return sum(conn.execute(_EXECUTIONS, asked | {"since": since, "but": but}).one())
