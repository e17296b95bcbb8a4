"""Orders that nobody can prove anything about: looks that find nothing are counted, and a person may decide.

An order is never sent again blindly. Until it is resolved it counts at its worst case; a later attempt has a new id, a
new review and a new ticket.
"""

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update

from core.errors import ConfigError
from core.money import text_of
from core.orders import OrderState
from execution import incidents, lifecycle
from execution.lifecycle import UNRESOLVED, Teller
from execution.orderbook import EXTERNAL
from execution.ports import AbsenceProof
from memory.books import journal, tables
from memory.books.words import IncidentKind

# What a person may say that an order has become.
WORDS: Final = (
    OrderState.ABSENT,
    OrderState.FILLED,
    OrderState.CANCELLED,
    OrderState.EXPIRED,
    OrderState.REJECTED,
)


class Look(StrEnum):
    """What one more look that found an order nowhere makes of it."""

    WAITS = "waits"  # it proves nothing yet
    ABSENT = "absent"  # the venue never had it
    PRESUMED = "presumed"  # the venue may still take it: a person must say
    VANISHED = "vanished"  # the venue had it, and knows nothing of it any more


def unseen(conn: Connection, client_order_id: str, proof: AbsenceProof, now_ns: int) -> Look:
    """Counts one clean look that found the order nowhere, and concludes where the proof is complete.

    Looks count when they are as far apart as the proof's spread asks for, from when the send came back.
    """
    # Still being sent, for the books, while nothing is on its way: whoever sent it is gone.
    lifecycle.lost(conn, client_order_id, now_ns)
    row = lifecycle.order(conn, client_order_id)
    if row.owner == EXTERNAL or not row.state.live:
        return Look.WAITS
    if row.presumed_absent:
        return Look.PRESUMED
    since_ns = now_ns if row.looked_ns is None else row.looked_ns
    if now_ns - since_ns < -(-proof.spread_ns // proof.looks):
        if row.looked_ns is None:
            _keep(conn, client_order_id, looked_ns=now_ns)
        return Look.WAITS
    _keep(conn, client_order_id, looks=row.looks + 1, looked_ns=now_ns)
    return _concluded(conn, row, proof, now_ns) if row.looks + 1 >= proof.looks else Look.WAITS


def _concluded(conn: Connection, row: Row[Any], proof: AbsenceProof, now_ns: int) -> Look:
    if row.exchange_order_id is not None or row.filled_quantity or row.state not in UNRESOLVED:
        return Look.VANISHED
    if proof.final:
        lifecycle.move(conn, row, OrderState.ABSENT, Teller.DESK, now_ns)
        return Look.ABSENT
    _keep(conn, row.client_order_id, presumed_absent=True)
    entry = {"client_order_id": row.client_order_id, "looks": proof.looks, "spread_ns": proof.spread_ns}
    journal.append(conn, row.account_id, "presumed_absent", entry, ts_ns=now_ns)
    return Look.PRESUMED


def vanished(client_order_id: str) -> str:
    return f"the venue knows nothing of order {client_order_id}, which it took and showed before"


def resolve(
    conn: Connection, account_id: str, client_order_id: str, to: OrderState, *, by: str, reason: str, now_ns: int
) -> None:
    """A person says what became of an order that nobody can prove anything about; journaled, with who and why.

    What they say is filled without its fills leaves the books short of them: that is a contradiction until the venue
    tells them. Raises ConfigError where there is nothing to resolve.
    """
    row = find(conn, account_id, client_order_id)
    if row.state not in UNRESOLVED:
        raise ConfigError(f"order {row.client_order_id} is {row.state}: only an unknown one can be resolved")
    if to not in WORDS:
        raise ConfigError(f"an order can be resolved as {', '.join(WORDS)}, found {to}")
    if not reason:
        raise ConfigError("a resolution needs a reason")
    if to is OrderState.ABSENT and (row.filled_quantity or row.exchange_order_id is not None):
        raise ConfigError(f"order {row.client_order_id} reached the venue: {text_of(row.filled_quantity)} filled")
    lifecycle.move(conn, row, to, Teller.PERSON, now_ns, presumed_absent=False)
    entry = {"client_order_id": row.client_order_id, "from": row.state, "to": to, "by": by, "reason": reason}
    journal.append(conn, account_id, "resolved", entry, ts_ns=now_ns)
    if to is OrderState.FILLED and row.filled_quantity < row.quantity:
        short = f"said to be filled by {by}; {text_of(row.quantity - row.filled_quantity)} of it is not booked"
        incidents.add(conn, account_id, IncidentKind.MISMATCH, f"order {row.client_order_id}", short, now_ns)


def find(conn: Connection, account_id: str, prefix: str) -> Row[Any]:
    """The one order whose client id, proposal id or venue's id starts with `prefix`."""
    table = tables.orders
    names = (table.c.client_order_id, table.c.proposal_id, table.c.exchange_order_id)
    for name in names:
        wanted = (table.c.account_id == account_id, name.startswith(prefix, autoescape=True))
        # Of several attempts of one proposal the last is meant.
        found = conn.execute(select(table).where(*wanted).order_by(table.c.attempt.desc()).limit(50)).all()
        if prefix and len({row.proposal_id or row.client_order_id for row in found}) == 1:
            return found[0]
        if prefix and found:
            raise ConfigError(f"more than one order starts with {prefix!r}: give more of it")
    raise ConfigError(f"no order has an id that starts with {prefix!r}: `warden orders list` shows them")


def unresolved(conn: Connection, account_id: str) -> int:
    """How many orders nobody can prove anything about."""
    table = tables.orders
    wanted = (table.c.account_id == account_id, table.c.state.in_(tuple(UNRESOLVED)))
    return int(conn.execute(select(func.count()).select_from(table).where(*wanted)).scalar_one())


def _keep(conn: Connection, client_order_id: str, **values: object) -> None:
    table = tables.orders
    conn.execute(update(table).where(table.c.client_order_id == client_order_id).values(**values))
