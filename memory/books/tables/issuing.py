"""Signals as they were issued, and what was answered to requests that may be sent again."""

from sqlalchemy import Column, Table, Text, UniqueConstraint

from memory.books.columns import count, index, key, name, number, time
from memory.books.tables.schema import account, metadata

# `body` and `outcome` are the canonical texts that were signed, byte for byte. `entry` is the record's in the journal.
signals = Table(
    "signals",
    metadata,
    number(),
    name("signal_id"),
    account(),
    name("symbol"),
    name("record_id"),
    count("entry"),
    time("as_of_ns"),
    time("expires_ns"),
    Column("body", Text, nullable=False),
    name("signer"),
    name("signature"),
    Column("outcome", Text),
    name("outcome_signature", null=True),
    UniqueConstraint("signal_id", name="uq_signals_signal_id"),
)
index(signals, "account_id", "symbol", "id")
index(signals, "account_id", "entry")

# Keyed by whoever asked and the key they drew: asked again, the same answer, and nothing is done twice.
api_answers = Table(
    "api_answers",
    metadata,
    key("principal"),
    key("idempotency_key"),
    name("request"),
    count("status"),
    Column("body", Text, nullable=False),
    time("created_ns"),
)
