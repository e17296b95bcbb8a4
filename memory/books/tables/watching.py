"""What the watch keeps: latches, baselines, incidents, leases, and requests of people."""

from sqlalchemy import Column, Table, Text

from memory.books.columns import Json, Word, count, exact, index, key, name, number, time, word
from memory.books.tables.schema import account, metadata
from memory.books.words import IncidentKind, RequestState
from risk.readings import Reading
from risk.states import Kind, TradingState

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
    account(primary=True),
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
