"""Our orders in the books: proposals, attempts, approvals. Small functions on one open transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from core.canonical import JSON
from core.errors import ConfigError
from core.money import ZERO
from core.orders import LIVE_STATES, Order, OrderState, OrderType, Proposal, Side
from core.verdicts import AnswerKind
from execution.judged import Judged
from memory.books import blobs, tables
from memory.books.columns import upsert
from memory.books.words import ApprovalState
from risk.facts import OpenOrder, RecentOrder

# The owner of an order that somebody else placed on the same account.
EXTERNAL: Final = "external"

_PROPOSAL = TypeAdapter(Proposal)

# Building a statement costs more than running it.
_orders, _slices = tables.orders, tables.slices
_PROPOSED = select(tables.proposals).where(tables.proposals.c.proposal_id == bindparam("proposal_id"))
_LIVE = select(_orders).where(_orders.c.account_id == bindparam("account_id"), _orders.c.state.in_(LIVE_STATES))
_RECENT = (
    select(_orders.c.proposal_id, _orders.c.symbol, _orders.c.side, _orders.c.quantity, _orders.c.created_ns)
    .where(
        _orders.c.account_id == bindparam("account_id"),
        _orders.c.created_ns > bindparam("since_ns"),
        _orders.c.state != OrderState.ABSENT,
        _orders.c.proposal_id != bindparam("but"),
        _orders.c.proposal_id.not_in(select(_slices.c.proposal_id).where(_slices.c.created_ns > bindparam("since_ns"))),
    )
    .order_by(_orders.c.created_ns, _orders.c.client_order_id)
)
_LAST_ATTEMPT = select(func.max(_orders.c.attempt)).where(_orders.c.proposal_id == bindparam("proposal_id"))
_ATTEMPTS = select(_orders).where(_orders.c.proposal_id == bindparam("proposal_id")).order_by(_orders.c.attempt)
_STATE = select(_orders.c.state).where(_orders.c.client_order_id == bindparam("client_order_id"))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of an order: what the venue knows it by, and what it holds of the account.

    Where somebody else placed it, `proposal_id` is the client order id, since nothing was ever proposed.
    """

    client_order_id: str
    proposal_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    trigger_price: Decimal | None
    state: OrderState
    filled_quantity: Decimal
    filled_notional: Decimal
    protective: bool
    plan: str
    created_ns: int
    owner: str

    @property
    def external(self) -> bool:
        """Whether somebody else placed it: it counts, and only a person cancels it."""
        return self.owner == EXTERNAL

    @property
    def remaining(self) -> Decimal:
        return max(ZERO, self.quantity - self.filled_quantity)

    @property
    def average_price(self) -> Decimal | None:
        return self.filled_notional / self.filled_quantity if self.filled_quantity else None


def find_proposal(conn: Connection, proposal_id: str) -> Row[Any] | None:
    return conn.execute(_PROPOSED, {"proposal_id": proposal_id}).first()


def stored_proposal(body: JSON) -> Proposal:
    return _PROPOSAL.validate_python(body)


def write_proposal(conn: Connection, judged: Judged, cycle_id: str | None) -> None:
    """Stores a proposal with what it was judged on; a release or a new attempt replaces the answer."""
    order = judged.proposal.order
    answered = {
        "account_id": order.account_id,
        "body": judged.wanted,
        "order_hash": order.order_hash,
        "facts": blobs.put_json(conn, judged.known),
        "review": judged.said,
        "kind": judged.kind,
        "detail": judged.detail,
    }
    row = {"proposal_id": order.proposal_id, "cycle_id": cycle_id, "created_ns": judged.facts.now_ns, **answered}
    upsert(conn, tables.proposals, row, tuple(answered))


def answer(conn: Connection, proposal_id: str, kind: AnswerKind, detail: str) -> None:
    table = tables.proposals
    conn.execute(update(table).where(table.c.proposal_id == proposal_id).values(kind=kind, detail=detail))


def write_attempt(
    conn: Connection,
    order: Order,
    client_order_id: str,
    *,
    attempt: int,
    venue: str,
    reserved: tuple[str, Decimal],
    reduce_only: bool,
    protective: bool,
    plan: str,
    vouched: bool,
    now_ns: int,
) -> None:
    row = {
        "client_order_id": client_order_id,
        "proposal_id": order.proposal_id,
        "attempt": attempt,
        "account_id": order.account_id,
        "venue": venue,
        "owner": order.owner,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "quantity": order.quantity,
        "limit_price": order.limit_price,
        "trigger_price": order.trigger_price,
        "time_in_force": order.time_in_force,
        "reduce_only": reduce_only,
        "state": OrderState.SENDING,
        "filled_quantity": ZERO,
        "filled_notional": ZERO,
        "reserved_currency": reserved[0],
        "reserved_amount": reserved[1],
        "protective": protective,
        "plan": plan,
        "vouched": vouched,
        "created_ns": now_ns,
        "updated_ns": now_ns,
    }
    conn.execute(insert(_orders), row)


def attempts(conn: Connection, proposal_id: str) -> list[Attempt]:
    """Every attempt of a proposal, oldest first."""
    return [_attempt(row) for row in conn.execute(_ATTEMPTS, {"proposal_id": proposal_id})]


def may_try_again(conn: Connection, proposal_id: str) -> bool:
    """Only after the last attempt is proven never to have reached the venue, and nothing of it filled.

    A parent is not sent again: its schedule goes on.
    """
    tried = attempts(conn, proposal_id)
    absent = bool(tried) and all(a.state is OrderState.ABSENT and not a.filled_quantity for a in tried)
    return absent and not _is_parent(conn, proposal_id)


def _is_parent(conn: Connection, proposal_id: str) -> bool:
    table = tables.parents
    return conn.execute(select(table.c.proposal_id).where(table.c.proposal_id == proposal_id)).first() is not None


def is_live(conn: Connection, client_order_id: str) -> bool:
    """Whether it is an order of ours, or one that we know of, that may still fill."""
    state = conn.execute(_STATE, {"client_order_id": client_order_id}).scalar()
    return state is not None and OrderState(state).live


def live_attempts(conn: Connection, account_id: str) -> list[Attempt]:
    """Attempts that may still fill, oldest first."""
    return [_attempt(row) for row in _live(conn, account_id)]


def _live(conn: Connection, account_id: str) -> list[Row[Any]]:
    """Sorted here: asked for an order of time, the database walks every order that there ever was."""
    rows = conn.execute(_LIVE, {"account_id": account_id})
    return sorted(rows, key=lambda row: (row.created_ns, row.client_order_id))


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        row.client_order_id,
        row.proposal_id or row.client_order_id,
        row.symbol,
        row.side,
        row.type,
        row.quantity,
        row.trigger_price,
        row.state,
        row.filled_quantity,
        row.filled_notional,
        row.protective,
        row.plan,
        row.created_ns,
        row.owner,
    )


def open_orders(conn: Connection, account_id: str) -> tuple[tuple[OpenOrder, ...], dict[str, Decimal]]:
    """Live orders at their worst case, and what they hold of each currency."""
    found: list[OpenOrder] = []
    reserved: dict[str, Decimal] = {}
    for row in _live(conn, account_id):
        remaining = row.quantity - row.filled_quantity
        # Somebody else's may have no quantity, where the venue takes whatever the position then is.
        held = row.reserved_amount * remaining / row.quantity if row.quantity else row.reserved_amount
        reserved[row.reserved_currency] = reserved.get(row.reserved_currency, ZERO) + held
        # What a buy reserved per unit is the dearest it can cost; a sale may fetch as little as its limit, or nothing.
        buys = row.side is Side.BUY and row.quantity
        worst = row.reserved_amount / row.quantity if buys else row.limit_price or ZERO
        found.append(
            OpenOrder(
                proposal_id=row.proposal_id or row.client_order_id,
                owner=row.owner,
                symbol=row.symbol,
                side=row.side,
                remaining=remaining,
                worst_price=worst,
                reduce_only=row.reduce_only,
                state=row.state,
                protective=row.protective,
                limit_price=row.limit_price,
                trigger_price=row.trigger_price,
            )
        )
    return tuple(found), reserved


def recent_orders(conn: Connection, account_id: str, since_ns: int, but: str = "") -> tuple[RecentOrder, ...]:
    """Orders placed since, oldest first, without those proven never to have arrived and without `but`'s own.

    A child is no order of its own here: its parent is (`parents.recent`).
    """
    rows = conn.execute(_RECENT, {"account_id": account_id, "since_ns": since_ns, "but": but})
    return tuple(RecentOrder(*row) for row in rows)


def next_attempt(conn: Connection, proposal_id: str) -> int:
    last = conn.execute(_LAST_ATTEMPT, {"proposal_id": proposal_id}).scalar()
    return 1 if last is None else int(last) + 1


def ask_person(conn: Connection, order: Order, reference_price: Decimal | None, now_ns: int, expires_ns: int) -> None:
    """Opens the question; a proposal whose release never reached the venue may be asked about again."""
    asked = {
        "proposal_id": order.proposal_id,
        "account_id": order.account_id,
        "state": ApprovalState.WAITING,
        "order_hash": order.order_hash,
        "reference_price": reference_price,
        "created_ns": now_ns,
        "expires_ns": expires_ns,
        "answered_by": None,
        "reason": None,
        "answered_ns": None,
    }
    upsert(conn, tables.approvals, asked, tuple(asked)[2:])


def approval(conn: Connection, proposal_id: str) -> Row[Any] | None:
    return conn.execute(select(tables.approvals).where(tables.approvals.c.proposal_id == proposal_id)).first()


def find_approval(conn: Connection, prefix: str) -> Row[Any]:
    """The one proposal that waits or waited for a person and whose id starts with `prefix`."""
    table = tables.approvals
    found = conn.execute(select(table).where(table.c.proposal_id.startswith(prefix, autoescape=True)).limit(2)).all()
    if not prefix or not found:
        raise ConfigError(f"no approval has an id that starts with {prefix!r}: `warden approvals list` shows them")
    if len(found) > 1:
        raise ConfigError(f"more than one approval starts with {prefix!r}: give more of it")
    return found[0]


def approvals(
    conn: Connection, account_id: str, states: Iterable[ApprovalState] = tuple(ApprovalState)
) -> list[Row[Any]]:
    table = tables.approvals
    query = select(table).where(table.c.account_id == account_id, table.c.state.in_(tuple(states)))
    return list(conn.execute(query.order_by(table.c.created_ns, table.c.proposal_id)))


def settle_approval(
    conn: Connection, proposal_id: str, state: ApprovalState, *, by: str, reason: str, now_ns: int
) -> None:
    table = tables.approvals
    conn.execute(
        update(table)
        .where(table.c.proposal_id == proposal_id)
        .values(state=state, answered_by=by, reason=reason, answered_ns=now_ns)
    )
