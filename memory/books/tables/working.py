"""What the gate answered and what works at the venue: proposals, orders, stops, approvals."""

from sqlalchemy import Column, Table, Text, UniqueConstraint

from core.money import ZERO
from core.orders import OrderState, OrderType, Side, TimeInForce
from core.verdicts import AnswerKind
from memory.books.columns import Json, count, exact, index, key, name, time, word
from memory.books.tables.schema import flag, metadata, proposal
from memory.books.words import ApprovalState, StopState

proposals = Table(
    "proposals",
    metadata,
    key("proposal_id"),
    name("account_id"),
    name("cycle_id", null=True),
    Column("body", Json, nullable=False),
    name("order_hash"),
    name("facts", null=True),
    Column("review", Json),
    word("kind", AnswerKind),
    Column("detail", Text, nullable=False, default=""),
    time("created_ns"),
)
index(proposals, "account_id", "created_ns")
index(proposals, "cycle_id")

# An order of somebody else on the same account has no proposal: nobody here wanted it.
orders = Table(
    "orders",
    metadata,
    key("client_order_id"),
    proposal(null=True),
    count("attempt"),
    name("account_id"),
    name("venue"),
    name("owner"),
    name("symbol"),
    word("side", Side),
    word("type", OrderType),
    exact("quantity"),
    exact("limit_price", null=True),
    exact("trigger_price", null=True),
    word("time_in_force", TimeInForce),
    flag("reduce_only"),
    word("state", OrderState),
    exact("filled_quantity", default=ZERO),
    exact("filled_notional", default=ZERO),
    name("reserved_currency"),
    exact("reserved_amount", default=ZERO),
    flag("protective"),
    Column("plan", Text, nullable=False, default=""),
    flag("vouched"),
    time("created_ns"),
    time("updated_ns"),
    time("cancel_ns", null=True),
    name("exchange_order_id", null=True),
    count("looks", 0),
    time("looked_ns", null=True),
    flag("presumed_absent"),
    UniqueConstraint("proposal_id", "attempt", name="uq_orders_attempt"),
)
index(orders, "account_id", "state")
index(orders, "account_id", "created_ns")
index(orders, "account_id", "cancel_ns")
index(orders, "account_id", "plan", "vouched", "created_ns")
index(orders, "exchange_order_id")

stops = Table(
    "stops",
    metadata,
    key("stop_id"),
    name("account_id"),
    name("symbol"),
    name("owner"),
    word("side", Side),
    exact("trigger_price"),
    name("set_by"),
    exact("quantity"),
    exact("entered"),
    exact("entry_price"),
    exact("high_price"),
    exact("low_price"),
    Column("plan", Json, nullable=False),
    Column("invalidation", Json, nullable=False),
    Column("undecided", Json, nullable=False),
    count("rungs", 0),
    word("state", StopState),
    count("hits", 0),
    Column("resting", Text, nullable=False, default=""),
    name("proposal_id"),
    time("created_ns"),
    time("seen_ns"),
)
index(stops, "account_id", "state")
index(stops, "account_id", "resting")

approvals = Table(
    "approvals",
    metadata,
    proposal(primary=True),
    name("account_id"),
    word("state", ApprovalState),
    name("order_hash"),
    exact("reference_price", null=True),
    time("created_ns"),
    time("expires_ns"),
    name("answered_by", null=True),
    name("reason", null=True),
    time("answered_ns", null=True),
)
index(approvals, "account_id", "state")
