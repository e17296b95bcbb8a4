"""The real ccxt.kraken and ccxt.bybit against the same core."""

import time
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from emulator.server import Emulator
from tests.emulator.clients import get
from tests.emulator.pointed import at

BTC = "BTC/USDT"
HOUR_MS = 3_600_000
T0 = 1_577_836_800_000
DIALECTS = ("kraken", "bybit")
# bybit's fetch_order wants to be told that we know it sees the last 500 orders only.
ASKED = {"bybit": {"acknowledged": True}, "kraken": dict[str, bool]()}


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture(params=DIALECTS)
async def exchange(request: pytest.FixtureRequest, venue: Emulator) -> AsyncIterator[Any]:
    async with at(request.param, venue) as found:
        await found.load_markets()
        yield found


async def test_markets_book_and_ticker_agree(exchange: Any) -> None:
    assert exchange.market(BTC)["precision"] == {"amount": 0.00001, "price": 0.01}
    book, ticker = await exchange.fetch_order_book(BTC, 5), await exchange.fetch_ticker(BTC)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert len(await exchange.fetch_trades(BTC)) > 3
    assert set(await exchange.fetch_tickers()) == set(exchange.symbols)


async def test_an_order_lives_from_placing_to_cancelling(exchange: Any) -> None:
    price = (await exchange.fetch_ticker(BTC))["bid"] * 0.9
    placed = await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "mine-1"})
    found = await exchange.fetch_order(placed["id"], BTC, ASKED[exchange.id])
    assert (found["status"], found["clientOrderId"], found["filled"]) == ("open", "mine-1", 0)
    assert [order["id"] for order in await exchange.fetch_open_orders(BTC)] == [placed["id"]]
    await exchange.cancel_order(placed["id"], BTC)
    assert (await exchange.fetch_order(placed["id"], BTC, ASKED[exchange.id]))["status"] == "canceled"
    assert await exchange.fetch_open_orders(BTC) == []


async def test_a_fill_shows_in_the_order_the_trades_and_the_balance(exchange: Any) -> None:
    before = (await exchange.fetch_balance())["BTC"]["total"]
    placed = await exchange.create_order(BTC, "market", "sell", 0.01)
    found = await exchange.fetch_order(placed["id"], BTC, ASKED[exchange.id])
    assert (found["status"], found["filled"]) == ("closed", 0.01)
    # The venue's book is that of the moment: the best level may not take all of it.
    assert sum(trade["amount"] for trade in await exchange.fetch_my_trades(BTC)) == pytest.approx(0.01)
    assert (await exchange.fetch_balance())["BTC"]["total"] == pytest.approx(before - 0.01)
    assert [order["id"] for order in await exchange.fetch_closed_orders(BTC)] == [placed["id"]]


async def test_a_refused_order_raises_its_class(exchange: Any) -> None:
    bid = (await exchange.fetch_ticker(BTC))["bid"]
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(BTC, "limit", "buy", 100, bid)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order("O00000-00000-000001" if exchange.id == "kraken" else "1", BTC)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_wrong_secret_is_refused(venue: Emulator, dialect: str) -> None:
    async with at(dialect, venue, secret="YW5vdGhlcg==") as exchange:
        # Kraken's "EAPI:Invalid signature" is in no table of ccxt: a bare ExchangeError.
        with pytest.raises(ccxt.ExchangeError, match=r"Invalid signature|10004"):
            await exchange.fetch_balance()


async def test_the_three_dialects_serve_one_market(venue: Emulator) -> None:
    recent = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS - 5 * HOUR_MS
    rows = []
    for dialect in ("binance", *DIALECTS):
        async with at(dialect, venue) as exchange:
            rows.append(await exchange.fetch_ohlcv(BTC, "1h", since=recent, limit=3))
    assert len(rows[0]) == 3
    assert rows[0] == rows[1] == rows[2]


async def test_an_order_of_one_dialect_shows_in_another(venue: Emulator) -> None:
    async with at("binance", venue) as binance, at("bybit", venue) as bybit:
        price = (await binance.fetch_ticker(BTC))["bid"] * 0.9
        placed = await binance.create_order(BTC, "limit", "buy", 0.01, price)
        assert [order["id"] for order in await bybit.fetch_open_orders(BTC)] == [placed["id"]]


async def test_kraken_serves_only_the_latest_720_whatever_since_says(venue: Emulator) -> None:
    answer = await get(venue, "/0/public/OHLC", pair="XBTUSDT", interval=60, since=T0 // 1000)
    rows = answer["result"]["XBTUSDT"]
    now_s = time.time()
    assert len(rows) == 720
    assert rows[-1][0] <= now_s < rows[-1][0] + 3600
    assert rows[0][0] == rows[-1][0] - 719 * 3600
    assert answer["result"]["last"] == rows[-2][0]


async def test_kraken_refuses_a_nonce_that_does_not_rise(venue: Emulator) -> None:
    async with at("kraken", venue) as exchange:
        await exchange.fetch_balance()
        exchange.incrementing_nonce = lambda: 1
        with pytest.raises(ccxt.InvalidNonce):
            await exchange.fetch_balance()


async def test_bybit_serves_candles_newest_first_and_at_most_a_thousand(venue: Emulator) -> None:
    ask = {"category": "spot", "symbol": "BTCUSDT", "interval": "60"}
    answer = await get(venue, "/v5/market/kline", **ask, start=T0, limit=5000)
    opens = [int(row[0]) for row in answer["result"]["list"]]
    assert len(opens) == 1000
    assert opens == sorted(opens, reverse=True)
    assert opens[-1] == T0
    ranged = await get(venue, "/v5/market/kline", **ask, start=T0, end=T0 + 2000 * HOUR_MS, limit=3)
    assert int(ranged["result"]["list"][0][0]) == T0 + 2000 * HOUR_MS


async def test_bybit_refuses_an_old_stamp_and_another_category(venue: Emulator) -> None:
    answer = await get(venue, "/v5/market/kline", category="linear", symbol="BTCUSDT", interval="60")
    assert answer["retCode"] == 10001
    async with at("bybit", venue) as exchange:
        exchange.milliseconds = lambda: int(time.time() * 1000) - 60_000
        with pytest.raises(ccxt.InvalidNonce):
            await exchange.fetch_balance()
