"""How the nouns are stored."""

from decimal import Decimal

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import StatementError

from memory.books import tables
from memory.books.columns import insert_new, upsert
from memory.books.database import Books


def account(equity: object) -> dict[str, object]:
    row: dict[str, object] = {"account_id": "paper", "numeraire": "USDT", "start_equity": equity, "peak_equity": equity}
    return row | {"clock_ns": 0, "epoch": 0, "opened_ns": 0}


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), 1.5, "1.5"])
def test_a_number_that_is_no_finite_decimal_is_refused(books: Books, number: object) -> None:
    with pytest.raises(StatementError, match="the books keep finite decimals"):
        books.write(lambda conn: conn.execute(insert(tables.accounts), account(number)))


@pytest.mark.parametrize(
    ("number", "stored"),
    [("1.500", "1.5"), ("1E+3", "1000"), ("-0", "0"), ("0.000000000000000001", "0.000000000000000001")],
)
def test_a_decimal_is_kept_exactly_as_its_canonical_text(books: Books, number: str, stored: str) -> None:
    books.write(lambda conn: conn.execute(insert(tables.accounts), account(Decimal(number))))
    assert books.read(lambda conn: conn.execute(text("SELECT start_equity FROM accounts")).scalar()) == stored
    assert books.read(lambda conn: conn.scalar(select(tables.accounts.c.start_equity))) == Decimal(number)


def test_a_word_outside_its_set_is_refused(books: Books) -> None:
    run = {"run_id": "r", "account_id": "paper", "command": {}, "created_ns": 0}
    with pytest.raises(StatementError, match="'paused' is not a valid RunState"):
        books.write(lambda conn: conn.execute(insert(tables.runs), run | {"state": "paused"}))


def test_json_that_holds_a_float_is_refused(books: Books) -> None:
    run = {"run_id": "r", "account_id": "paper", "state": "running", "created_ns": 0}
    with pytest.raises(StatementError, match="has no canonical form"):
        books.write(lambda conn: conn.execute(insert(tables.runs), run | {"command": {"size": 0.1}}))


def test_a_row_that_is_there_is_not_inserted_again(books: Books) -> None:
    row = {"digest": "d", "content": b"first", "size": 5}
    assert books.write(lambda conn: insert_new(conn, tables.blobs, row))
    assert not books.write(lambda conn: insert_new(conn, tables.blobs, row | {"content": b"second"}))
    assert books.read(lambda conn: conn.scalar(select(tables.blobs.c.content))) == b"first"


def test_an_upsert_changes_only_what_it_names(books: Books) -> None:
    books.write(lambda conn: upsert(conn, tables.accounts, account(Decimal(5)), ("epoch",)))
    books.write(lambda conn: upsert(conn, tables.accounts, account(Decimal(9)) | {"epoch": 3}, ("epoch",)))
    stored = books.read(lambda conn: conn.execute(select(tables.accounts)).one())
    assert (stored.start_equity, stored.epoch) == (Decimal(5), 3)
