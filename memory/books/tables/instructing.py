"""Standing instructions that a person confirmed, and the orders that each of them placed."""

from sqlalchemy import Column, ForeignKey, Table, Text

from core.money import ZERO
from core.orders import Side
from memory.books.columns import Json, count, exact, index, key, name, time, word
from memory.books.tables.schema import account, metadata
from memory.books.words import InstructionState, SlotState

# `term` counts a person's confirmations; each lets it place `confirmed` orders before somebody must look again.
instructions = Table(
    "instructions",
    metadata,
    key("instruction_id"),
    account(),
    name("kind"),
    Column("body", Json, nullable=False),
    Column("memo", Json),
    word("state", InstructionState),
    Column("reason", Text, nullable=False, default=""),
    name("confirmed_by"),
    count("confirmed"),
    count("term", 1),
    time("created_ns"),
    time("updated_ns"),
)
index(instructions, "account_id", "state")

# Its proposal stands here before the gate has it; `worst` and `spent` are in quote currency, with fees.
slots = Table(
    "instruction_slots",
    metadata,
    key("proposal_id"),
    Column("instruction_id", Text, ForeignKey("instructions.instruction_id"), nullable=False),
    name("slot"),
    count("number"),
    name("symbol"),
    word("side", Side),
    Column("body", Json, nullable=False),
    word("state", SlotState),
    Column("reason", Text, nullable=False, default=""),
    exact("quantity"),
    exact("worst", default=ZERO),
    exact("filled", default=ZERO),
    exact("spent", default=ZERO),
    time("created_ns"),
)
index(slots, "instruction_id", "number")
