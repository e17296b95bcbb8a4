"""Parent orders in the books: what of them is still to be released, and what became of their slices.

A parent's remainder counts in every review from the moment that it is accepted. Functions on one open transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from core.canonical import JSON, plain
from core.money import ZERO, Price
from core.orders import Order, OrderState, Proposal
from core.verdicts import AnswerKind
from execution import actions, orderbook
from memory.books import journal, tables
from memory.books.words import ParentState
from risk.facts import OpenOrder, RecentOrder

UNPROVEN: Final = frozenset(
    {OrderState.SENDING, OrderState.UNKNOWN, OrderState.PENDING_CANCEL, OrderState.CANCEL_UNKNOWN}
)
UNENDED: Final = (ParentState.WORKING, ParentState.ENDING)

_ORDER = TypeAdapter(Order)
_table, _slices, _orders = tables.parents, tables.slices, tables.orders
_OF_ACCOUNT = select(_table).where(
    and_(_table.c.account_id == bindparam("account_id"), _table.c.state.in_(bindparam("states", expanding=True)))
)
_FIND = select(_table).where(_table.c.proposal_id == bindparam("parent_id"))
_CHILDREN = (
    select(_orders, _slices.c.mid, _slices.c.number, _slices.c.parent_id)
    .join(_slices, _slices.c.proposal_id == _orders.c.proposal_id)
    .where(_slices.c.parent_id == bindparam("parent_id"))
    .order_by(_slices.c.number, _orders.c.attempt)
)
_RECENT = select(_table.c.proposal_id, _table.c.symbol, _table.c.side, _table.c.quantity, _table.c.created_ns).where(
    and_(_table.c.account_id == bindparam("account_id"), _table.c.created_ns > bindparam("since_ns"))
)


@dataclass(frozen=True, slots=True)
class Child:
    """One sending of a slice. `mid` was the market's when it was released; what is over may still have filled.

    `number` counts the parent's slices from 0; `whole` marks the parent's own sending.
    """

    client_order_id: str
    number: int
    whole: bool
    state: OrderState
    quantity: Decimal
    filled: Decimal
    limit_price: Price | None
    mid: Price | None
    created_ns: int

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled if self.state.live else ZERO


@dataclass(frozen=True, slots=True)
class Parent:
    """An order that is worked in slices. `tried_ns` is when the last of its `slices` was proposed."""

    order: Order
    state: ParentState
    reason: str
    reduces: bool
    vouched: bool
    arrival_mid: Price | None
    slices: int
    tried_ns: int | None
    created_ns: int
    children: tuple[Child, ...]

    @property
    def parent_id(self) -> str:
        return self.order.proposal_id

    @property
    def live(self) -> tuple[Child, ...]:
        return tuple(child for child in self.children if child.state.live)

    @property
    def last_filled(self) -> bool:
        """Whether all of the last slice filled; true where there was none."""
        if not self.slices:
            return True
        last = self.children[-1] if self.children else None
        return last is not None and last.number == self.slices - 1 and last.state is OrderState.FILLED

    @property
    def filled(self) -> Decimal:
        return sum((child.filled for child in self.children), ZERO)

    @property
    def left(self) -> Decimal:
        """What is neither filled nor out with a child that may still fill."""
        return max(ZERO, self.order.quantity - self.filled - sum((c.remaining for c in self.children), ZERO))


def accept(
    conn: Connection,
    order: Order,
    proposal: Proposal,
    *,
    reserved: tuple[str, Decimal],
    reduces: bool,
    vouched: bool,
    mid: Price | None,
    now_ns: int,
) -> None:
    """From here on it counts. `order` is the parent as it was reviewed."""
    values = {
        "proposal_id": order.proposal_id,
        "account_id": order.account_id,
        "owner": order.owner,
        "symbol": order.symbol,
        "side": order.side,
        "body": plain(order),
        "quantity": order.quantity,
        "reduces": reduces,
        "reserved_currency": reserved[0],
        "reserved_amount": reserved[1],
        "plan": proposal.plan_id,
        "vouched": vouched,
        "state": ParentState.WORKING,
        "arrival_mid": mid,
        "created_ns": now_ns,
        "updated_ns": now_ns,
    }
    conn.execute(insert(_table).values(**values))
    entry = {"parent_id": order.proposal_id, "execution": plain(order.execution), "quantity": order.quantity}
    journal.append(conn, order.account_id, "parent", entry, ts_ns=now_ns)


def note_slice(conn: Connection, parent_id: str, proposal_id: str, mid: Price | None, now_ns: int) -> None:
    """Counts a slice that was proposed, whatever the gate answered: the next one has another name."""
    row = conn.execute(_FIND, {"parent_id": parent_id}).one()
    values = {"proposal_id": proposal_id, "parent_id": parent_id, "number": row.slices, "mid": mid}
    conn.execute(insert(_slices).values(**values, created_ns=now_ns))
    _set(conn, parent_id, now_ns, slices=row.slices + 1, tried_ns=now_ns)


def find(conn: Connection, parent_id: str) -> Parent | None:
    row = conn.execute(_FIND, {"parent_id": parent_id}).first()
    return None if row is None else _parent(conn, row)


def unended(conn: Connection, account_id: str, states: Iterable[ParentState] = UNENDED) -> list[Parent]:
    """Those that may still trade, oldest first."""
    rows = conn.execute(_OF_ACCOUNT, {"account_id": account_id, "states": list(states)}).all()
    return [_parent(conn, row) for row in sorted(rows, key=lambda row: (row.created_ns, row.proposal_id))]


def unsent(conn: Connection, proposal: Proposal) -> tuple[list[OpenOrder], dict[str, Decimal]]:
    """What working parents have not given to a child yet, at its worst case, as the review of `proposal` counts it.

    A child's own quantity is not counted twice. What exits will still want is promised to nobody else, yet holds up
    neither a stop nor another exit's child: each of those proves for itself what it closes.
    """
    account_id, first = (
        proposal.order.account_id,
        actions.parent_of(proposal) or proposal.source.startswith(actions.STOP),
    )
    found, reserved = [], dict[str, Decimal]()
    for row in conn.execute(_OF_ACCOUNT, {"account_id": account_id, "states": [ParentState.WORKING]}).all():
        parent = _parent(conn, row)
        own = proposal.order.quantity if actions.parent_of(proposal) == parent.parent_id else ZERO
        remaining = parent.left - own
        if remaining <= ZERO or (parent.reduces and first):
            continue
        held = row.reserved_amount * remaining / row.quantity
        reserved[row.reserved_currency] = reserved.get(row.reserved_currency, ZERO) + held
        found.append(_open(parent, remaining))
    return found, reserved


def recent(conn: Connection, proposal: Proposal, since_ns: int) -> list[RecentOrder]:
    """Parents accepted since: to whoever asks again they are the order, and to their own children they are not."""
    rows = conn.execute(_RECENT, {"account_id": proposal.order.account_id, "since_ns": since_ns})
    own = (proposal.proposal_id, actions.parent_of(proposal))
    return [RecentOrder(*row) for row in rows if row.proposal_id not in own]


def end(conn: Connection, account_id: str, parent_ids: Sequence[str], reason: str, now_ns: int) -> None:
    """Releases no more of them; the watch cancels their children, and closes each when none of those lives."""
    for parent_id in parent_ids:
        _set(conn, parent_id, now_ns, state=ParentState.ENDING, reason=reason)
        journal.append(conn, account_id, "parent_ending", {"parent_id": parent_id, "reason": reason}, ts_ns=now_ns)


def close(conn: Connection, parent: Parent, shortfall: JSON, now_ns: int) -> None:
    """Its last child is over: what it cost is stored beside it."""
    _set(conn, parent.parent_id, now_ns, state=ParentState.ENDED, shortfall=shortfall)
    orderbook.answer(conn, parent.parent_id, AnswerKind.DONE, parent.reason)
    entry = {"parent_id": parent.parent_id, "filled": parent.filled, "shortfall": shortfall}
    journal.append(conn, parent.order.account_id, "parent_ended", entry, ts_ns=now_ns)


def _set(conn: Connection, parent_id: str, now_ns: int, **values: object) -> None:
    conn.execute(update(_table).where(_table.c.proposal_id == parent_id).values(updated_ns=now_ns, **values))


def _parent(conn: Connection, row: Row[Any]) -> Parent:
    children = conn.execute(_CHILDREN, {"parent_id": row.proposal_id})
    return Parent(
        order=_ORDER.validate_python(row.body),
        state=row.state,
        reason=row.reason,
        reduces=row.reduces,
        vouched=row.vouched,
        arrival_mid=row.arrival_mid,
        slices=row.slices,
        tried_ns=row.tried_ns,
        created_ns=row.created_ns,
        children=tuple(_child(child) for child in children),
    )


def _child(row: Row[Any]) -> Child:
    return Child(
        client_order_id=row.client_order_id,
        number=row.number,
        whole=row.proposal_id == row.parent_id,
        state=row.state,
        quantity=row.quantity,
        filled=row.filled_quantity,
        limit_price=row.limit_price,
        mid=row.mid,
        created_ns=row.created_ns,
    )


def _open(parent: Parent, remaining: Decimal) -> OpenOrder:
    """At its limit, or at the ask of the moment where it has none: as it was reviewed, and so are its children."""
    order = parent.order
    return OpenOrder(
        proposal_id=parent.parent_id,
        owner=order.owner,
        symbol=order.symbol,
        side=order.side,
        remaining=remaining,
        worst_price=order.limit_price or ZERO,
        reduce_only=parent.reduces,
        state=OrderState.OPEN,
        limit_price=order.limit_price,
        unsent=True,
    )
