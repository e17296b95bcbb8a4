"""How fills are shown: a fee in the currency that it was paid in, and what no order of ours explains."""

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from api.cli import show, words
from api.cli.console import console
from desk.home import Home
from memory.books import tables
from tests.api.terminal import warden
from tests.desk.desks import BUYS_ETH, books_of, moment, report_of, run


@pytest.mark.parametrize(
    ("fee", "shown"),
    [
        ("0", "0 BTC"),
        ("0.00001274", "0.00001274 BTC"),
        ("0.0000000012", "0.000000001200 BTC"),
        ("0.1274", "0.1274 BTC"),
        ("1234.5678", "1,234.5678 BTC"),
        ("-0.00002", "-0.00002000 BTC"),
    ],
)
def test_a_fee_is_shown_with_its_currency_and_never_as_nothing(fee: str, shown: str) -> None:
    assert words.fee(fee, "BTC") == shown


async def test_a_fill_that_was_paid_for_in_coins_says_so(home: Home) -> None:
    await run(home, moment(BUYS_ETH))
    with books_of(home) as books:
        table = tables.fills
        books.write(lambda conn: conn.execute(update(table).values(fee=Decimal("0.0000314"), fee_currency="ETH")))
        record = books.read(lambda conn: conn.scalar(select(tables.records.c.record_id)))
    told = warden(home, "audit", "show", str(record))
    assert (told.code, told.err) == (0, "")
    assert "0.00003140 ETH taker" in told.out


async def test_a_run_names_what_was_liquidated(home: Home) -> None:
    result = await run(home, moment(BUYS_ETH))
    with books_of(home) as books:
        theirs = update(tables.fills).values(client_order_id="external-liquidation-1")
        books.write(lambda conn: conn.execute(theirs))
    report = report_of(home, result)
    assert [fill["origin"] for fill in report["fills"]] == ["liquidation"]
    with console.capture() as told:
        show.many_cycles({**report, "candles": []})
    assert "liquidated" in told.get()
    assert "ETH/USDT" in told.get()
