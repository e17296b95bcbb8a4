"""Standing instructions in the books: how each stands, what it remembers, and the orders that it placed.

Every change is journaled in the transaction that makes it. Functions on one open transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from core import identity
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.money import ZERO
from core.orders import Proposal, Side
from memory.books import journal, tables
from memory.books.columns import insert_new
from memory.books.words import InstructionState, SlotState

_instructions, _slots = tables.instructions, tables.instruction_slots
UNENDED: Final = (InstructionState.ACTIVE, InstructionState.PAUSED, InstructionState.ENDING)


@dataclass(frozen=True, slots=True)
class Standing:
    """One instruction. `body` is what a person confirmed for the `term`-th time, for `confirmed` orders in that term.

    `memo` is the state of its strategy, None before its first step.
    """

    instruction_id: str
    account_id: str
    kind: str
    body: JSON
    memo: JSON
    state: InstructionState
    reason: str
    confirmed_by: str
    confirmed: int
    term: int
    created_ns: int
    updated_ns: int

    @property
    def plan(self) -> str:
        return identity.instruction_plan(self.instruction_id, self.term)


@dataclass(frozen=True, slots=True)
class Slot:
    """One order of an instruction: `body` is its proposal, `worst` and `spent` are quote currency with fees."""

    proposal_id: str
    instruction_id: str
    slot: str
    number: int
    symbol: str
    side: Side
    body: JSON
    state: SlotState
    reason: str
    quantity: Decimal
    worst: Decimal
    filled: Decimal
    spent: Decimal
    created_ns: int

    @property
    def settled(self) -> bool:
        return self.state in (SlotState.DENIED, SlotState.OVER)


def add(
    conn: Connection,
    account_id: str,
    instruction_id: str,
    kind: str,
    body: JSON,
    *,
    confirmed: int,
    by: str,
    reason: str,
    now_ns: int,
) -> bool:
    """Writes down what a person has confirmed. False where that is known already: then nothing changes."""
    row = {
        "instruction_id": instruction_id,
        "account_id": account_id,
        "kind": kind,
        "body": body,
        "memo": None,
        "state": InstructionState.ACTIVE,
        "reason": reason,
        "confirmed_by": by,
        "confirmed": confirmed,
        "term": 1,
        "created_ns": now_ns,
        "updated_ns": now_ns,
    }
    new = insert_new(conn, _instructions, row)
    if new:
        entry = {"instruction_id": instruction_id, "body": body, "confirmed": confirmed, "by": by, "reason": reason}
        journal.append(conn, account_id, "instructed", entry, ts_ns=now_ns)
    return new


def find(conn: Connection, instruction_id: str) -> Standing | None:
    row = conn.execute(select(_instructions).where(_instructions.c.instruction_id == instruction_id)).first()
    return None if row is None else _standing(row)


def named(conn: Connection, account_id: str, prefix: str) -> Standing:
    """The one whose id starts with `prefix`. Raises ConfigError where there is none, or more than one."""
    table = _instructions
    starts = (table.c.account_id == account_id, table.c.instruction_id.startswith(prefix, autoescape=True))
    found = conn.execute(select(table).where(*starts).limit(2)).all() if prefix else []
    if not found:
        said = f"account {account_id} has no instruction whose id starts with {prefix!r}"
        raise ConfigError(f"{said}: `warden instructions list` shows them")
    if len(found) > 1:
        raise ConfigError(f"more than one instruction starts with {prefix!r}: give more of it")
    return _standing(found[0])


def listing(conn: Connection, account_id: str, states: Sequence[InstructionState]) -> list[Standing]:
    """Oldest first."""
    table = _instructions
    query = select(table).where(table.c.account_id == account_id, table.c.state.in_(states))
    return [_standing(row) for row in conn.execute(query.order_by(table.c.created_ns, table.c.instruction_id))]


def move(
    conn: Connection, standing: Standing, state: InstructionState, *, by: str, reason: str, now_ns: int, **more: Any
) -> None:
    """To another state, with why; `more` are other columns that change with it."""
    values = {"state": state, "reason": reason, "updated_ns": now_ns, **more}
    table = _instructions
    conn.execute(update(table).where(table.c.instruction_id == standing.instruction_id).values(**values))
    entry = {"instruction_id": standing.instruction_id, "from": standing.state, "to": state, "by": by, **more}
    journal.append(conn, standing.account_id, "instruction", {**entry, "reason": reason}, ts_ns=now_ns)


def remember(conn: Connection, standing: Standing, memo: JSON, now_ns: int) -> None:
    """What its strategy knows from now on."""
    if memo == standing.memo:
        return
    table = _instructions
    values = {"memo": memo, "updated_ns": now_ns}
    conn.execute(update(table).where(table.c.instruction_id == standing.instruction_id).values(**values))
    entry = {"instruction_id": standing.instruction_id, "memo": memo}
    journal.append(conn, standing.account_id, "instruction_memo", entry, ts_ns=now_ns)


def plan(
    conn: Connection, standing: Standing, slot: str, proposal: Proposal, *, number: int, worst: Decimal, now_ns: int
) -> bool:
    """The one order of a slot, before the gate hears of it. False where the slot has one: then nothing changes."""
    order = proposal.order
    row = {
        "proposal_id": proposal.proposal_id,
        "instruction_id": standing.instruction_id,
        "slot": slot,
        "number": number,
        "symbol": order.symbol,
        "side": order.side,
        "body": plain(proposal),
        "state": SlotState.PLANNED,
        "reason": "",
        "quantity": order.quantity,
        "worst": worst,
        "filled": ZERO,
        "spent": ZERO,
        "created_ns": now_ns,
    }
    new = insert_new(conn, _slots, row)
    if new:
        _tell(conn, standing.account_id, _slot_of(row), now_ns)
    return new


def keep(conn: Connection, account_id: str, before: Slot, after: Slot, now_ns: int) -> None:
    """Writes what became of an order."""
    if after == before:
        return
    values = {"state": after.state, "reason": after.reason, "filled": after.filled, "spent": after.spent}
    conn.execute(update(_slots).where(_slots.c.proposal_id == after.proposal_id).values(**values))
    if after.state is not before.state:
        _tell(conn, account_id, after, now_ns)


def slots(conn: Connection, instruction_id: str) -> list[Slot]:
    """In the order in which they were placed."""
    query = select(_slots).where(_slots.c.instruction_id == instruction_id).order_by(_slots.c.number)
    return [_slot_of(row) for row in conn.execute(query).mappings()]


def confirmed(conn: Connection, proposal: Proposal) -> bool:
    """Whether a person's confirmation that still holds stands behind it: this very order, in the term of today.

    One that is paused or ends buys nothing any more; what it sells still goes out.
    """
    found = find(conn, proposal.source.removeprefix(identity.INSTRUCTION))
    if found is None or found.account_id != proposal.order.account_id:
        return False
    allowed = (InstructionState.ACTIVE,) if proposal.order.side is Side.BUY else UNENDED
    if found.state not in allowed:
        return False
    query = select(_slots.c.body).where(_slots.c.proposal_id == proposal.proposal_id)
    body = conn.execute(query.where(_slots.c.instruction_id == found.instruction_id)).scalar()
    own = (proposal.plan, proposal.confirmed) == (found.plan, found.confirmed)
    return own and body == plain(proposal)


def _tell(conn: Connection, account_id: str, slot: Slot, now_ns: int) -> None:
    entry = {
        "instruction_id": slot.instruction_id,
        "slot": slot.slot,
        "proposal_id": slot.proposal_id,
        "state": slot.state,
        "reason": slot.reason,
        "filled": slot.filled,
        "spent": slot.spent,
    }
    journal.append(conn, account_id, "instruction_order", entry, ts_ns=now_ns)


def _standing(row: Row[Any]) -> Standing:
    return Standing(**{each.name: getattr(row, each.name) for each in fields(Standing)})


def _slot_of(row: Any) -> Slot:
    return Slot(**{each.name: row[each.name] for each in fields(Slot)})
