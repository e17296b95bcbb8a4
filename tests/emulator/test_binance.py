"""The real ccxt.binance against the emulated venue."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from emulator.server import Emulator
from tests.emulator.clients import get, http
from tests.emulator.pointed import at

BTC = "BTC/USDT"
HOUR_MS = 3_600_000
T0 = 1_577_836_800_000  # 2020-01-01


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture
async def binance(venue: Emulator) -> AsyncIterator[Any]:
    async with at("binance", venue) as exchange:
        await exchange.load_markets()
        yield exchange


async def test_markets_carry_the_increments_and_minima_of_the_real_venue(binance: Any) -> None:
    market = binance.market(BTC)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5
    assert market["spot"] is True


async def test_a_page_of_candles_ends_at_a_thousand(binance: Any, venue: Emulator) -> None:
    candles = await binance.fetch_ohlcv(BTC, "1h", since=T0, limit=5000)
    assert [row[0] for row in candles] == [T0 + n * HOUR_MS for n in range(1000)]
    raw = await get(venue, "/api/v3/klines", symbol="BTCUSDT", interval="1h", startTime=T0, limit=5000)
    assert len(raw) == 1000
    assert [len(row) for row in raw[:2]] == [12, 12]


async def test_candles_without_a_start_are_the_last_ones_and_the_last_is_unfinished(binance: Any) -> None:
    candles = await binance.fetch_ohlcv(BTC, "1h")
    assert len(candles) == 500
    assert candles[-1][0] <= time.time() * 1000 < candles[-1][0] + HOUR_MS


async def test_a_page_from_memory_and_a_page_across_two_blocks_are_the_same_candles(venue: Emulator) -> None:
    ask = {"symbol": "BTCUSDT", "interval": "1h", "startTime": T0 + 123 * HOUR_MS, "limit": 700}
    first, again = await get(venue, "/api/v3/klines", **ask), await get(venue, "/api/v3/klines", **ask)
    alone = await get(venue, "/api/v3/klines", **{**ask, "startTime": T0 + 700 * HOUR_MS, "limit": 1})
    assert first == again
    assert alone == [row for row in first if row[0] == T0 + 700 * HOUR_MS]


async def test_a_range_before_the_listing_begins_with_the_first_candle(venue: Emulator) -> None:
    rows = await get(venue, "/api/v3/klines", symbol="SOLUSDT", interval="1h", startTime=0, limit=2)
    assert rows[0][0] == 1_597_125_600_000  # 2020-08-11 06:00 UTC


async def test_a_range_in_the_future_is_empty(venue: Emulator) -> None:
    later = int(time.time() * 1000) + HOUR_MS
    assert await get(venue, "/api/v3/klines", symbol="BTCUSDT", interval="1h", startTime=later) == []


async def test_a_week_opens_on_monday(binance: Any) -> None:
    candles = await binance.fetch_ohlcv(BTC, "1w", since=T0, limit=2)
    assert candles[0][0] == T0 + 5 * 24 * HOUR_MS  # Monday 2020-01-06


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "NOPE", "interval": "1h"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "7h"}, -1120),
        ("klines", {"symbol": "BTCUSDT", "interval": "1h", "startTime": "soon"}, -1100),
        ("depth", {}, -1102),
    ],
)
async def test_a_wrong_question_gets_the_error_of_the_real_venue(
    venue: Emulator, path: str, params: dict[str, str], code: int
) -> None:
    assert (await get(venue, f"/api/v3/{path}", **params))["code"] == code


async def test_book_ticker_and_trades_agree(binance: Any) -> None:
    book = await binance.fetch_order_book(BTC, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = await binance.fetch_ticker(BTC)
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    trades = await binance.fetch_trades(BTC)
    assert {trade["side"] for trade in trades} == {"buy", "sell"}
    assert all(abs(trade["price"] / ticker["last"] - 1) < 0.01 for trade in trades)
    assert set(await binance.fetch_bids_asks()) == set(binance.symbols)


async def test_an_order_lives_from_placing_to_cancelling(binance: Any) -> None:
    price = (await binance.fetch_ticker(BTC))["bid"] * 0.9
    placed = await binance.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "mine-1"})
    assert (placed["status"], placed["clientOrderId"], placed["filled"]) == ("open", "mine-1", 0)
    found = await binance.fetch_order(None, BTC, {"clientOrderId": "mine-1"})
    assert found["id"] == placed["id"]
    assert [o["id"] for o in await binance.fetch_open_orders(BTC)] == [placed["id"]]
    assert (await binance.fetch_balance())["USDT"]["used"] == pytest.approx(0.01 * found["price"])
    assert (await binance.cancel_order(placed["id"], BTC))["status"] == "canceled"
    assert await binance.fetch_open_orders(BTC) == []
    assert (await binance.fetch_balance())["USDT"]["used"] == 0


async def test_a_fill_shows_in_the_order_the_trades_and_the_balance(binance: Any) -> None:
    filled = await binance.create_order(BTC, "market", "buy", 0.5)
    assert (filled["status"], filled["filled"]) == ("closed", 0.5)
    trades = await binance.fetch_my_trades(BTC)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.5)
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(0.0005)
    assert (await binance.fetch_balance())["BTC"]["total"] == pytest.approx(10 + 0.5 - 0.0005)
    assert [o["id"] for o in await binance.fetch_orders(BTC)] == [filled["id"]]


async def test_all_open_orders_are_cancelled_at_once(binance: Any) -> None:
    price = (await binance.fetch_ticker(BTC))["bid"] * 0.9
    for _ in range(3):
        await binance.create_order(BTC, "limit", "buy", 0.01, price)
    assert len(await binance.cancel_all_orders(BTC)) == 3
    with pytest.raises(ccxt.OrderNotFound):
        await binance.cancel_all_orders(BTC)


@pytest.mark.parametrize(
    ("amount", "price", "error"),
    [(100, 1.0, ccxt.InsufficientFunds), (0.01, 0.1, ccxt.InvalidOrder), (0.00001, 0.9, ccxt.BadRequest)],
)
async def test_a_refused_order_raises_what_ccxt_raises_at_the_real_address(
    binance: Any, amount: float, price: float, error: type[Exception]
) -> None:
    bid = (await binance.fetch_ticker(BTC))["bid"]
    with pytest.raises(error):
        await binance.create_order(BTC, "limit", "buy", amount, bid * price)


async def test_a_duplicate_client_id_and_a_taking_post_only_order_are_refused(binance: Any) -> None:
    bid = (await binance.fetch_ticker(BTC))["bid"]
    await binance.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        await binance.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await binance.create_order(BTC, "limit", "buy", 0.01, bid * 1.01, {"postOnly": True})


async def test_an_order_that_does_not_exist_is_not_found(binance: Any) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await binance.fetch_order("1", BTC)
    with pytest.raises(ccxt.OrderNotFound, match="Unknown order"):
        await binance.cancel_order("1", BTC)


async def test_a_wrong_key_a_wrong_secret_and_an_old_stamp_are_each_refused(venue: Emulator) -> None:
    async with at("binance", venue, secret="another") as exchange:
        with pytest.raises(ccxt.AuthenticationError, match="-1022"):
            await exchange.fetch_balance()
    async with at("binance", venue, apiKey="nobody") as exchange:
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await exchange.fetch_balance()
    async with at("binance", venue) as exchange:
        exchange.milliseconds = lambda: int(time.time() * 1000) - 60_000
        with pytest.raises(ccxt.InvalidNonce, match="outside of the recvWindow"):
            await exchange.fetch_balance()


async def test_a_stamp_from_the_future_is_refused(venue: Emulator) -> None:
    query = f"timestamp={int(time.time() * 1000) + 5_000}"
    signature = hmac.new(venue.api_secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    async with http(venue) as session:
        headers = {"X-MBX-APIKEY": venue.api_key}
        async with session.get(f"/api/v3/account?{query}&signature={signature}", headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["msg"] == "Timestamp for this request was 1000ms ahead of the server's time."


async def test_the_used_weight_is_told_then_429_then_418() -> None:
    async with Emulator(weight_limit=6) as venue, http(venue) as session:
        seen = []
        for _ in range(16):
            async with session.get("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1") as answer:
                seen.append(
                    (answer.status, answer.headers.get("x-mbx-used-weight-1m"), "Retry-After" in answer.headers)
                )
        assert seen[:3] == [(200, "2", False), (200, "4", False), (200, "6", False)]
        assert seen[3] == (429, "8", True)
        assert (seen[-1][0], seen[-1][2]) == (418, True)


async def test_ccxt_takes_a_spent_budget_as_ddos_protection() -> None:
    async with Emulator(weight_limit=25) as venue, at("binance", venue) as exchange:
        await exchange.load_markets()
        await exchange.fetch_ohlcv(BTC, "1h", limit=1)
        await exchange.fetch_ohlcv(BTC, "1h", limit=1)
        with pytest.raises(ccxt.DDoSProtection, match="429"):
            await exchange.fetch_ohlcv(BTC, "1h", limit=1)
