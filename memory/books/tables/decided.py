"""What was known and decided: runs, cycles, records, and the journal that chains them."""

from sqlalchemy import Column, LargeBinary, Table, UniqueConstraint

from memory.books.columns import Json, count, index, key, name, number_key, time, word
from memory.books.tables.schema import metadata
from memory.books.words import CycleState, RecordKind, RunState

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
