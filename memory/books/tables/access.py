"""Who may ask this desk for something over the network."""

from sqlalchemy import Column, Table

from memory.books.columns import Json, index, key, name, time
from memory.books.tables.schema import flag, metadata

# The secret itself is nowhere: `digest` is its SHA-256, enough to know it again and useless to whoever reads it.
api_keys = Table(
    "api_keys",
    metadata,
    key("key_id"),
    name("principal"),
    flag("person"),
    Column("scopes", Json, nullable=False),
    name("digest"),
    time("created_ns"),
    time("expires_ns", null=True),
    time("used_ns", null=True),
    time("revoked_ns", null=True),
)
index(api_keys, "principal")
