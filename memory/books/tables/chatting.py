"""Conversations with people: threads, and what was said in each."""

from sqlalchemy import Column, ForeignKey, Table, Text

from memory.books.columns import Json, count, index, key, name, number_key, time
from memory.books.tables.schema import metadata

# `taint` only rises; `pending` is the one action that waits for its person's yes, with its key.
chat_threads = Table(
    "chat_threads",
    metadata,
    key("thread_id"),
    name("principal"),
    Column("title", Text, nullable=False),
    count("taint", 0),
    Column("pending", Json),
    time("created_ns"),
    time("updated_ns"),
)
index(chat_threads, "principal", "updated_ns")

# `answer` is empty as long as nobody has answered, and stays so where the process died.
chat_turns = Table(
    "chat_turns",
    metadata,
    Column("thread_id", Text, ForeignKey("chat_threads.thread_id"), primary_key=True),
    number_key("number"),
    Column("said", Text, nullable=False),
    Column("answer", Json),
    time("created_ns"),
)
