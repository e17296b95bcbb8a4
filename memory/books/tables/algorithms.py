"""Parent orders that an algorithm works in the market, and the slices that it proposed of them."""

from sqlalchemy import Column, ForeignKey, Table, Text

from core.money import ZERO
from core.orders import Side
from memory.books.columns import Json, count, exact, index, name, time, word
from memory.books.tables.schema import flag, metadata, proposal
from memory.books.words import ParentState

parents = Table(
    "parents",
    metadata,
    proposal(primary=True),
    name("account_id"),
    name("owner"),
    name("symbol"),
    word("side", Side),
    Column("body", Json, nullable=False),
    exact("quantity"),
    flag("reduces"),
    name("reserved_currency"),
    exact("reserved_amount", default=ZERO),
    Column("plan", Text, nullable=False),
    flag("vouched"),
    word("state", ParentState),
    Column("reason", Text, nullable=False, default=""),
    exact("arrival_mid", null=True),
    count("slices", 0),
    time("tried_ns", null=True),
    time("created_ns"),
    time("updated_ns"),
    Column("shortfall", Json),
)
index(parents, "account_id", "state")
index(parents, "account_id", "plan", "vouched", "created_ns")
index(parents, "account_id", "created_ns")

slices = Table(
    "slices",
    metadata,
    proposal(primary=True),
    Column("parent_id", Text, ForeignKey("parents.proposal_id"), nullable=False),
    count("number"),
    exact("mid", null=True),
    time("created_ns"),
)
index(slices, "parent_id", "number")
