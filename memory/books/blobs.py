"""Payloads by content. They live in the database, so that one transaction holds a blob and whatever names it.

A blob is named by the SHA-256 of its content and kept compressed. Retention may delete one: `get` then answers None,
and the chain that names it still verifies.
"""

import json
import zlib

from sqlalchemy import Connection, bindparam, select

from core.canonical import JSON, canonical_text, digest_bytes
from core.errors import LedgerBroken
from memory.books.columns import insert_new
from memory.books.tables import blobs

# Records are mostly repeated keys: the fastest level already takes off four fifths.
_LEVEL = 1
_SHORT = 1 << 14

_SIZE = select(blobs.c.size).where(blobs.c.digest == bindparam("digest"))
_CONTENT = select(blobs.c.content).where(blobs.c.digest == bindparam("digest"))


def put(conn: Connection, content: bytes) -> str:
    """Stores `content` unless it is there already, and answers its SHA-256."""
    digest = digest_bytes(content)
    # Packing something short again costs less than asking whether it is there.
    if len(content) < _SHORT or conn.execute(_SIZE, {"digest": digest}).first() is None:
        insert_new(conn, blobs, {"digest": digest, "content": zlib.compress(content, _LEVEL), "size": len(content)})
    return digest


def get(conn: Connection, digest: str) -> bytes | None:
    """The content of that name, or None where it was never kept or is deleted. Raises LedgerBroken if it changed."""
    row = conn.execute(_CONTENT, {"digest": digest}).first()
    return None if row is None else open_blob(digest, row.content)


def open_blob(digest: str, compressed: bytes) -> bytes:
    """What a stored blob holds. Raises LedgerBroken where that is not what its name says."""
    try:
        content = zlib.decompress(compressed)
    except zlib.error as error:
        raise LedgerBroken(f"blob {digest[:12]} cannot be unpacked: {error}") from None
    if digest_bytes(content) != digest:
        raise LedgerBroken(f"blob {digest[:12]} was changed: it now hashes to {digest_bytes(content)[:12]}")
    return content


def put_json(conn: Connection, value: JSON) -> str:
    """Stores the canonical text of `value`, and answers its digest, which is `core.canonical.digest(value)`."""
    return put(conn, canonical_text(value).encode())


def get_json(conn: Connection, digest: str) -> JSON:
    """The value of that name, or None as `get`."""
    content = get(conn, digest)
    return None if content is None else json.loads(content)
