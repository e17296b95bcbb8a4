"""How the nouns are stored: exact decimals and canonical JSON as text, times as integers, words of a closed set.

The same types serve SQLite and PostgreSQL. An `Exact` column is text in the database: it is read and then compared or
summed here, never in SQL, where '9' is larger than '10'.
"""

import json
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Dialect, Executable, Index, Integer, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeDecorator

from core.canonical import JSON, canonical_text
from core.money import text_of


class Exact(TypeDecorator[Decimal]):
    """A finite Decimal, kept as its canonical text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError(f"the books keep finite decimals, found {value!r}")
        return text_of(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Json(TypeDecorator[JSON]):
    """JSON data, kept as its canonical text. None is stored as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: JSON, dialect: Dialect) -> str | None:
        return None if value is None else canonical_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> JSON:
        return None if value is None else json.loads(value)


class Word(TypeDecorator[StrEnum]):
    """One word of a closed set. Another is refused before it reaches the database."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


def name(column: str, *, null: bool = False) -> Column[str]:
    return Column(column, Text, nullable=null)


def key(column: str) -> Column[str]:
    return Column(column, Text, primary_key=True)


def number_key(column: str) -> Column[int]:
    """A part of a primary key that we count ourselves."""
    return Column(column, BigInteger, primary_key=True, autoincrement=False)


def number() -> Column[int]:
    """A row number that the database gives: SQLite counts only plain INTEGER keys."""
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def time(column: str, *, null: bool = False) -> Column[int]:
    return Column(column, BigInteger, nullable=null)


def exact(column: str, *, null: bool = False, default: Decimal | None = None) -> Column[Decimal]:
    return Column(column, Exact, nullable=null, default=default)


def count(column: str, default: int | None = None) -> Column[int]:
    return Column(column, BigInteger, nullable=False, default=default)


def word(column: str, words: type[StrEnum]) -> Column[StrEnum]:
    return Column(column, Word(words), nullable=False)


def index(table: Table, *columns: str) -> Index:
    return Index(f"ix_{table.name}_{'_'.join(columns)}", *(table.c[c] for c in columns))


def insert_new(conn: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Inserts `row` unless its primary key is there already. Answers whether it was new."""
    return conn.execute(_insert(conn.dialect.name, table), row).rowcount == 1


def upsert(
    conn: Connection, table: Table, row: dict[str, Any] | list[dict[str, Any]], changing: tuple[str, ...]
) -> None:
    """Inserts a row or many, or where its primary key is there already sets its `changing` columns."""
    conn.execute(_insert(conn.dialect.name, table, changing), row)


# Building a statement costs four times what running it does.
@cache
def _insert(dialect: str, table: Table, changing: tuple[str, ...] = ()) -> Executable:
    # Both say ON CONFLICT alike, yet SQLAlchemy has one such insert for each.
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    key_columns = list(table.primary_key.columns)
    if not changing:
        return statement.on_conflict_do_nothing(index_elements=key_columns)
    fresh = {column: statement.excluded[column] for column in changing}
    return statement.on_conflict_do_update(index_elements=key_columns, set_=fresh)
