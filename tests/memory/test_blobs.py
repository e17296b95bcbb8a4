"""Payloads by content."""

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select, update

from core.canonical import digest, digest_bytes
from core.errors import LedgerBroken
from memory.books import blobs, tables
from memory.books.database import Books


def rows(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(tables.blobs)) or 0


def test_a_blob_that_was_never_stored_is_none(books: Books) -> None:
    assert books.read(lambda conn: blobs.get(conn, "0" * 64)) is None
    assert books.read(lambda conn: blobs.get_json(conn, "0" * 64)) is None


@given(content=st.binary())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_stored_comes_back_under_its_hash(books: Books, content: bytes) -> None:
    name = books.write(lambda conn: blobs.put(conn, content))
    assert name == digest_bytes(content)
    assert books.read(lambda conn: blobs.get(conn, name)) == content


def test_the_same_content_is_kept_once_and_compressed(books: Books) -> None:
    content = b"the same line again\n" * 1000
    names = {books.write(lambda conn: blobs.put(conn, content)) for _ in range(3)}
    assert len(names) == 1
    assert books.read(rows) == 1
    kept = books.read(lambda conn: conn.execute(select(tables.blobs)).one())
    assert kept.size == len(content) > 10 * len(kept.content)


def test_json_is_named_by_its_canonical_digest(books: Books) -> None:
    value = {"b": [1, None], "a": "größer"}
    name = books.write(lambda conn: blobs.put_json(conn, value))
    assert name == digest(value)
    assert books.read(lambda conn: blobs.get_json(conn, name)) == value


@pytest.mark.parametrize("content", [b"garbage", zlib.compress(b"something else"), b""])
def test_changed_content_is_refused(books: Books, content: bytes) -> None:
    name = books.write(lambda conn: blobs.put(conn, b"what was said"))
    books.write(lambda conn: conn.execute(update(tables.blobs).values(content=content)))
    with pytest.raises(LedgerBroken, match=f"blob {name[:12]}"):
        books.read(lambda conn: blobs.get(conn, name))
