"""What a desk lived through is read from its books as it was: decisions, what they saw, fills, and its stops."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.errors import ConfigError, DataRefused
from core.orders import Side
from desk.home import Home
from desk.lived import Lived, lived, run_named
from desk.rehearsal import Rehearsal
from desk.runs import RunResult, open_run
from desk.settings import Settings, parse
from memory.books import tables
from tests.desk.desks import LIVELY, books_of, series


async def run(home: Home, candles: dict[str, str], settings: Settings | None = None) -> tuple[RunResult, Lived]:
    command = replace(series(candles, *LIVELY, every_h=6), rehearsal=Rehearsal())
    async with open_run(home, settings or Settings(), command) as opened:
        result = await opened.execute()
    with books_of(home) as books:
        return result, books.read(lambda conn: lived(conn, run_named(conn, result.account_id)))


async def test_every_decision_order_and_fill_of_the_books_is_there_once(home: Home, candles: dict[str, str]) -> None:
    result, found = await run(home, candles)
    assert [one.at_ns for one in found.decided] == sorted(one.at_ns for one in found.decided)
    assert len(found.decided) == result.cycles
    orders = list(found.orders)
    with books_of(home) as books:
        fills = books.read(lambda conn: conn.execute(tables.fills.select()).mappings().all())
    traded = sum((one.filled.worth for one in orders if one.filled is not None), Decimal(0))
    assert traded == sum(row["quantity"] * row["price"] for row in fills) > 0
    fees = sum((one.filled.fee for one in orders if one.filled is not None), Decimal(0))
    assert fees == sum(row["fee_worth"] for row in fills)
    bought = [one for one in orders if one.filled is not None and one.side is Side.BUY]
    for one in bought:
        assert one.slippage is not None
        assert 0 < one.slippage < Decimal("0.01")
    stopped = [one for one in found.others if one.filled is not None]
    assert stopped
    assert all(one.asked is not None and "stop" in one.why for one in stopped)


async def test_a_run_is_found_by_its_account_or_the_beginning_of_its_id(home: Home, candles: dict[str, str]) -> None:
    result, _ = await run(home, candles)
    other, _ = await run(home, candles, parse({"execution": {"paper": {"slippage": "0.001"}}}, "the test"))
    with books_of(home) as books:
        assert books.read(lambda conn: run_named(conn, result.run_id[:9])).run_id == result.run_id
        assert books.read(lambda conn: run_named(conn, other.account_id)).run_id == other.run_id
        for word in ("nobody", ""):
            with pytest.raises(ConfigError, match=f"there are: .*{result.account_id}"):
                books.read(lambda conn, word=word: run_named(conn, word))


async def test_a_record_whose_body_is_gone_is_refused_and_not_left_out(home: Home, candles: dict[str, str]) -> None:
    result, _ = await run(home, candles)
    with books_of(home) as books:
        body = books.read(lambda conn: conn.execute(tables.records.select()).mappings().first())["body"]
        books.write(lambda conn: conn.execute(tables.blobs.delete().where(tables.blobs.c.digest == body)))
        with pytest.raises(DataRefused, match="is no longer stored"):
            books.read(lambda conn: lived(conn, run_named(conn, result.account_id)))
