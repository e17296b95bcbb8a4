"""Standing instructions as the surfaces show them: read from the books, with why one places nothing."""

from collections.abc import Sequence

from sqlalchemy import Connection

from agents import instructions
from agents.instructions import parsed
from core.canonical import JSON, plain
from core.money import ZERO
from core.orders import Side
from core.time import show_time
from execution import latches
from memory.books import accounts, owners
from memory.books import instructions as book
from memory.books.instructions import Slot, Standing
from memory.books.words import InstructionState, SlotState
from risk.states import TradingState


def listing(conn: Connection, account_id: str, *, ended: bool) -> list[JSON]:
    """Those that have not ended, or all, oldest first."""
    states = tuple(InstructionState) if ended else book.UNENDED
    return [
        _shown(conn, each, book.slots(conn, each.instruction_id)) for each in book.listing(conn, account_id, states)
    ]


def line(conn: Connection, account_id: str, prefix: str) -> JSON:
    """One instruction with every order that it placed."""
    standing = book.named(conn, account_id, prefix)
    slots = book.slots(conn, standing.instruction_id)
    return {**_shown(conn, standing, slots), "orders": [_slot(slot) for slot in slots]}


def holdings(conn: Connection, account_id: str) -> list[JSON]:
    """What each instruction holds of a symbol under its stops, in base units; the rest of a position is the desk's."""
    known = {
        instructions.owner_of(each.instruction_id): each
        for each in book.listing(conn, account_id, (*InstructionState,))
    }
    held = [(known[one.owner], one) for one in owners.held(conn, account_id) if one.owner in known]
    return [
        plain(
            {
                "instruction": standing.instruction_id,
                "owner": one.owner,
                "does": instructions.told(parsed(standing.body)),
                "state": standing.state,
                "symbol": one.symbol,
                "quantity": one.quantity,
            }
        )
        for standing, one in held
    ]


def _slot(slot: Slot) -> JSON:
    order = slot.body["order"]
    return plain(
        {
            "slot": slot.slot,
            "proposal_id": slot.proposal_id,
            "symbol": slot.symbol,
            "side": slot.side,
            "quantity": slot.quantity,
            "limit_price": order.get("limit_price"),
            "stop_price": slot.body.get("stop_price"),
            "thesis": slot.body.get("thesis"),
            "state": slot.state,
            "reason": slot.reason,
            "filled": slot.filled,
            "spent": slot.spent,
            "at": show_time(slot.created_ns),
        }
    )


def _shown(conn: Connection, standing: Standing, slots: Sequence[Slot]) -> JSON:
    """`waits` says why an active one places nothing."""
    instruction = parsed(standing.body)
    spent = sum((slot.spent for slot in slots if slot.side is Side.BUY), ZERO)
    return plain(
        {
            "instruction": standing.instruction_id,
            "account": standing.account_id,
            "kind": standing.kind,
            "does": instructions.told(instruction),
            "body": standing.body,
            "state": standing.state,
            "reason": standing.reason,
            "waits": _waits(conn, standing),
            "confirmed_by": standing.confirmed_by,
            "confirmed": standing.confirmed,
            "term": standing.term,
            "memo": standing.memo,
            "placed": len(slots),
            "filled": sum(bool(slot.filled) for slot in slots),
            "denied": sum(slot.state is SlotState.DENIED for slot in slots),
            "spent": spent,
            "created": show_time(standing.created_ns),
            "updated": show_time(standing.updated_ns),
        }
    )


def _waits(conn: Connection, standing: Standing) -> str | None:
    now_ns = accounts.account(conn, standing.account_id).clock_ns
    state = latches.standing(conn, standing.account_id, now_ns).state
    waits = standing.state is InstructionState.ACTIVE and state is not TradingState.ACTIVE
    return f"the desk is {state}: nothing is placed" if waits else None
