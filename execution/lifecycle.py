"""The life of an order: one table of what may follow what, and the one place that sets a state.

What the venue says is true even where the table has no room for it: it is booked, and an alarm goes with it. A step of
our own that the table does not know is refused, and an alarm goes with that. Neither ever raises into a loop.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from core.orders import OrderState
from core.verdicts import AnswerKind
from execution import incidents
from memory.books import journal, tables
from memory.books.words import IncidentKind


class Stage(StrEnum):
    """Where an order stands, from the wish to its end: four stages of a proposal, then the states of its attempt."""

    PROPOSED = "proposed"
    DENIED = "denied"
    WAITING = "waiting"
    APPROVED = "approved"
    SENDING = "sending"
    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    PENDING_CANCEL = "pending_cancel"
    CANCEL_UNKNOWN = "cancel_unknown"
    ABSENT = "absent"


class Teller(StrEnum):
    """Who says that an order moved on."""

    DESK = "desk"
    VENUE = "venue"
    PERSON = "person"


_S = Stage
_OVER: Final = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})
_SEEN: Final = _OVER | {_S.OPEN, _S.PARTIAL}  # what a venue says of an order that it has
_NOTHING: Final[frozenset[Stage]] = frozenset()

# From a stage, what each teller may make of it. Where nothing is left to say, the order is over.
TABLE: Final[Mapping[Stage, Mapping[Teller, frozenset[Stage]]]] = {
    _S.PROPOSED: {Teller.DESK: frozenset({_S.DENIED, _S.WAITING, _S.APPROVED})},
    _S.DENIED: {},
    _S.WAITING: {Teller.DESK: frozenset({_S.DENIED, _S.APPROVED}), Teller.PERSON: frozenset({_S.DENIED})},
    _S.APPROVED: {Teller.DESK: frozenset({_S.SENDING})},
    _S.SENDING: {Teller.VENUE: _SEEN, Teller.DESK: frozenset({_S.UNKNOWN, _S.PENDING_CANCEL, _S.ABSENT})},
    _S.OPEN: {Teller.VENUE: _SEEN - {_S.OPEN}, Teller.DESK: frozenset({_S.PENDING_CANCEL})},
    _S.PARTIAL: {Teller.VENUE: _OVER, Teller.DESK: frozenset({_S.PENDING_CANCEL})},
    _S.UNKNOWN: {
        Teller.VENUE: _SEEN,
        Teller.DESK: frozenset({_S.PENDING_CANCEL, _S.ABSENT}),
        Teller.PERSON: _OVER | {_S.ABSENT},
    },
    _S.PENDING_CANCEL: {Teller.VENUE: _SEEN, Teller.DESK: frozenset({_S.CANCEL_UNKNOWN, _S.ABSENT})},
    _S.CANCEL_UNKNOWN: {
        Teller.VENUE: _SEEN,
        Teller.DESK: frozenset({_S.PENDING_CANCEL, _S.ABSENT}),
        Teller.PERSON: _OVER | {_S.ABSENT},
    },
    _S.FILLED: {},
    _S.CANCELLED: {},
    _S.EXPIRED: {},
    _S.REJECTED: {},
    _S.ABSENT: {},
}

UNRESOLVED: Final = frozenset({OrderState.UNKNOWN, OrderState.CANCEL_UNKNOWN})
_LOST: Final = {OrderState.SENDING: OrderState.UNKNOWN, OrderState.PENDING_CANCEL: OrderState.CANCEL_UNKNOWN}
_ANSWERED: Final = {
    AnswerKind.DENIED: _S.DENIED,
    AnswerKind.WAITING: _S.WAITING,
    AnswerKind.WORKING: _S.APPROVED,
    AnswerKind.DONE: _S.APPROVED,
}


def may_follow(before: Stage, after: Stage, by: Teller) -> bool:
    return after in TABLE[before].get(by, _NOTHING)


def stage(answer: AnswerKind, attempt: OrderState | None) -> Stage:
    """Where a proposal stands, with the state of its last attempt."""
    return _ANSWERED[answer] if attempt is None else Stage(attempt)


def order(conn: Connection, client_order_id: str) -> Row[Any]:
    return conn.execute(select(tables.orders).where(tables.orders.c.client_order_id == client_order_id)).one()


def move(
    conn: Connection,
    row: Row[Any],
    to: OrderState,
    by: Teller,
    now_ns: int,
    said: Mapping[str, str] | None = None,
    **more: object,
) -> bool:
    """Sets a state, with whatever else changes with it, and journals it. False for a step of ours that was refused.

    `row` is the order as the books have it, `said` what the journal keeps beside the step. Where only the rest changes,
    the state stays without a word.
    """
    legal = row.state is to or may_follow(Stage(row.state), Stage(to), by)
    if not legal:
        who = "we" if by is Teller.DESK else "a person" if by is Teller.PERSON else "the venue"
        alarm(conn, row, f"{who} said {to} of an order that was {row.state}", now_ns)
        if by is not Teller.VENUE:
            return False
    table = tables.orders
    this = update(table).where(table.c.client_order_id == row.client_order_id)
    conn.execute(this.values(state=to, updated_ns=now_ns, **more))
    if row.state is not to:
        entry = {"client_order_id": row.client_order_id, "from": row.state, "to": to, "by": by, **(said or {})}
        journal.append(conn, row.account_id, "order", entry, ts_ns=now_ns)
    return True


def alarm(conn: Connection, row: Row[Any], what: str, now_ns: int) -> None:
    """Something that no order should do. The policy says what becomes of the account."""
    subject = f"order {row.client_order_id}"
    incidents.add(conn, row.account_id, IncidentKind.IRREGULARITY, subject, what, now_ns)


def asks_cancel(conn: Connection, client_order_id: str, now_ns: int) -> bool:
    """Durable before the cancel leaves. False where there is nothing left to cancel.

    When it was first asked for stays: cancels are messages too, and conduct is measured by them.
    """
    row = order(conn, client_order_id)
    if not row.state.live:
        return False
    if row.state is OrderState.PENDING_CANCEL:
        return True
    since_ns = now_ns if row.cancel_ns is None else row.cancel_ns
    return move(conn, row, OrderState.PENDING_CANCEL, Teller.DESK, now_ns, cancel_ns=since_ns)


def lost(conn: Connection, client_order_id: str, now_ns: int, said: Mapping[str, str] | None = None) -> bool:
    """A request came back without proof, or the process that sent it is gone. True where that changed anything.

    Not where the venue has shown the order meanwhile: that is proof.
    """
    row = order(conn, client_order_id)
    if row.state not in _LOST:
        return False
    since_ns = now_ns if row.looked_ns is None else row.looked_ns
    return move(conn, row, _LOST[row.state], Teller.DESK, now_ns, said, looked_ns=since_ns)


def told(row: Row[Any], state: OrderState, claimed: Decimal, filled: Decimal) -> OrderState:
    """What a venue's word makes of an order of which `filled` is booked, while it claims so much.

    Filled is filled, however old the word. One that is over with fewer fills than it claims is not over: until the rest
    is told, it counts as live.
    """
    if filled >= row.quantity:
        return OrderState.FILLED
    if state.live or claimed > filled:
        return OrderState.PARTIAL if filled else OrderState.OPEN
    return state
