"""The tables of the books, in the words of the trade. Migrations create them; a test holds both to one schema."""

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, MetaData, Table, Text, UniqueConstraint

from core.instruments import ContractKind
from core.money import ZERO
from core.orders import OrderState, OrderType, Side, TimeInForce
from core.verdicts import AnswerKind
from memory.books.columns import Exact, Json, Word, count, exact, index, key, name, number, number_key, time, word
from memory.books.words import (
    ApprovalState,
    CycleState,
    IncidentKind,
    RecordKind,
    RequestState,
    RunState,
    StopState,
)
from risk.readings import Reading
from risk.states import Kind, TradingState

metadata = MetaData()


def _flag(column: str) -> Column[bool]:
    return Column(column, Boolean, nullable=False, default=False)


def _account(*, primary: bool = False) -> Column[str]:
    return Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=primary, nullable=False)


def _proposal(*, primary: bool = False) -> Column[str]:
    return Column("proposal_id", Text, ForeignKey("proposals.proposal_id"), primary_key=primary, nullable=False)


# What was known and decided.

runs = Table(
    "runs",
    metadata,
    key("run_id"),
    name("account_id"),
    Column("command", Json, nullable=False),
    word("state", RunState),
    name("digest", null=True),
    count("cycles", 0),
    time("created_ns"),
)

cycles = Table(
    "cycles",
    metadata,
    key("cycle_id"),
    name("run_id"),
    name("account_id"),
    count("ordinal"),
    Column("symbols", Json, nullable=False),
    time("as_of_ns"),
    word("state", CycleState),
    name("record_hash", null=True),
)
index(cycles, "run_id", "ordinal")
index(cycles, "account_id", "state")

effects = Table(
    "effects",
    metadata,
    key("cycle_id"),
    key("node"),
    key("lane"),
    number_key("sequence"),
    name("request"),
    name("response"),
    name("body", null=True),
)

blobs = Table("blobs", metadata, key("digest"), Column("content", LargeBinary, nullable=False), count("size"))

records = Table(
    "records",
    metadata,
    key("record_id"),
    word("kind", RecordKind),
    name("account_id"),
    name("run_id", null=True),
    name("cycle_id", null=True),
    name("proposal_id", null=True),
    time("as_of_ns"),
    name("record_hash"),
    name("body"),
    name("annex"),
    name("stream"),
    count("sequence"),
    UniqueConstraint("stream", "sequence", name="uq_records_entry"),
)
index(records, "run_id")
index(records, "cycle_id")
index(records, "proposal_id")
index(records, "account_id", "as_of_ns")

# Without a row id SQLite keeps one copy of every key, so that no changed byte can hide between a table and its index.
journal = Table(
    "journal",
    metadata,
    key("stream"),
    number_key("sequence"),
    time("ts_ns"),
    name("kind"),
    name("body"),
    name("previous"),
    name("hash"),
    sqlite_with_rowid=False,
)

journal_heads = Table("journal_heads", metadata, key("stream"), count("sequence"), name("hash"))

# Money.

accounts = Table(
    "accounts",
    metadata,
    key("account_id"),
    name("numeraire"),
    exact("start_equity"),
    exact("peak_equity"),
    time("clock_ns"),
    count("epoch", 0),
    time("opened_ns"),
    name("policy", null=True),
    Column("transferred", Exact, nullable=False, server_default="0"),
)

transfers = Table(
    "transfers",
    metadata,
    number(),
    _account(),
    time("ts_ns"),
    name("currency"),
    exact("amount"),
    exact("worth"),
    name("reason"),
)
index(transfers, "account_id")

balances = Table("balances", metadata, _account(primary=True), key("currency"), exact("total"))

positions = Table(
    "positions",
    metadata,
    _account(primary=True),
    key("symbol"),
    word("side", Side),
    exact("quantity"),
    exact("average_price"),
    word("kind", ContractKind),
    exact("margin", default=ZERO),
    exact("funding", default=ZERO),
    exact("entry_fees", default=ZERO),
    exact("closed_quantity", default=ZERO),
    exact("closed_cost", default=ZERO),
    exact("closed_proceeds", default=ZERO),
    exact("realised", default=ZERO),
    time("opened_ns"),
)

fills = Table(
    "fills",
    metadata,
    key("venue"),
    key("trade_id"),
    name("client_order_id"),
    _account(),
    name("symbol"),
    word("side", Side),
    exact("quantity"),
    exact("price"),
    exact("fee"),
    name("fee_currency"),
    _flag("maker"),
    time("ts_event_ns"),
    time("known_at_ns"),
)
index(fills, "account_id", "ts_event_ns")
index(fills, "client_order_id")

funding_payments = Table(
    "funding_payments",
    metadata,
    _account(primary=True),
    key("symbol"),
    number_key("ts_event_ns"),
    exact("payment"),
)

round_trips = Table(
    "round_trips",
    metadata,
    number(),
    _account(),
    name("symbol"),
    time("closed_ns"),
    exact("quantity"),
    exact("entry_price"),
    exact("exit_price"),
    exact("pnl"),
)
index(round_trips, "account_id", "closed_ns")

marks = Table(
    "marks",
    metadata,
    _account(primary=True),
    number_key("ts_ns"),
    exact("equity"),
)

# The gate and the watch.

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

orders = Table(
    "orders",
    metadata,
    key("client_order_id"),
    _proposal(),
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
    _flag("reduce_only"),
    word("state", OrderState),
    exact("filled_quantity", default=ZERO),
    exact("filled_notional", default=ZERO),
    name("reserved_currency"),
    exact("reserved_amount", default=ZERO),
    _flag("protective"),
    Column("plan", Text, nullable=False, default=""),
    _flag("vouched"),
    time("created_ns"),
    time("updated_ns"),
    time("cancel_ns", null=True),
    name("exchange_order_id", null=True),
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
    _proposal(primary=True),
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

# One row a cause: a latch until a person re-arms it, a window until its end, a condition until it has been quiet.
latches = Table(
    "latches",
    metadata,
    number(),
    name("account_id"),
    name("scope"),
    name("cause"),
    word("reads", Reading),
    word("state", TradingState),
    exact("caps"),
    word("kind", Kind),
    Column("detail", Text, nullable=False, default=""),
    time("tripped_ns"),
    time("until_ns", null=True),
    time("ended_ns", null=True),
    name("ended_by", null=True),
    name("reason", null=True),
)
index(latches, "account_id", "ended_ns")

# From when a reading is measured, and from which equity, where a person had it begin anew.
baselines = Table(
    "baselines",
    metadata,
    _account(primary=True),
    Column("reads", Word(Reading), primary_key=True),
    time("since_ns"),
    exact("equity", null=True),
)

incidents = Table(
    "incidents",
    metadata,
    number(),
    name("account_id"),
    word("kind", IncidentKind),
    name("subject"),
    Column("detail", Text, nullable=False, default=""),
    time("opened_ns"),
    time("closed_ns", null=True),
    name("closed_by", null=True),
    name("reason", null=True),
)
index(incidents, "account_id", "closed_ns")

leases = Table(
    "leases",
    metadata,
    key("account_id"),
    name("holder"),
    name("host"),
    name("boot_id"),
    count("pid"),
    count("pid_started"),
    count("fence"),
    time("expires_ns"),
)

requests = Table(
    "requests",
    metadata,
    number(),
    name("account_id"),
    name("verb"),
    Column("arguments", Json, nullable=False),
    word("state", RequestState),
    Column("answer", Json),
    time("created_ns"),
)
index(requests, "account_id", "state")

# The simulated venue's own books: what an exchange would know, never read by the ledger.

paper_orders = Table(
    "paper_orders",
    metadata,
    key("client_order_id"),
    name("account_id"),
    name("symbol"),
    word("side", Side),
    word("type", OrderType),
    exact("quantity"),
    exact("limit_price", null=True),
    exact("trigger_price", null=True),
    word("time_in_force", TimeInForce),
    _flag("reduce_only"),
    word("state", OrderState),
    exact("filled_quantity", default=ZERO),
    _flag("triggered"),
    time("decided_ns"),
    time("arrives_ns"),
    time("matched_ns"),
)
index(paper_orders, "account_id", "state")

paper_fills = Table(
    "paper_fills",
    metadata,
    key("venue_trade_id"),
    Column("client_order_id", Text, ForeignKey("paper_orders.client_order_id"), nullable=False),
    exact("quantity"),
    exact("price"),
    exact("fee"),
    name("fee_currency"),
    _flag("maker"),
    time("ts_event_ns"),
)
index(paper_fills, "client_order_id")
