"""The real ccxt.kraken and ccxt.bybit against the same core."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from core.orders import Side
from emulator.exchange import API_KEY
from emulator.orders import Request
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


# ── order entry, whole ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest_asyncio.fixture
async def kraken(venue: Emulator) -> AsyncIterator[Any]:
    async with at("kraken", venue) as found:
        await found.load_markets()
        yield found


@pytest_asyncio.fixture
async def bybit(venue: Emulator) -> AsyncIterator[Any]:
    async with at("bybit", venue) as found:
        await found.load_markets()
        yield found


async def test_a_stop_waits_in_both_dialects(exchange: Any) -> None:
    bid = (await exchange.fetch_ticker(BTC))["bid"]
    stop = {"stopLossPrice": round(bid * 0.9, 2)}
    placed = await exchange.create_order(BTC, "market", "sell", 0.01, None, stop)
    (found,) = await exchange.fetch_open_orders(BTC)
    at_price = found["stopLossPrice"] or found["triggerPrice"]
    assert (found["id"], at_price) == (placed["id"], stop["stopLossPrice"])


async def test_what_came_and_went_is_listed_in_both_dialects(venue: Emulator, exchange: Any) -> None:
    account = venue.exchange.accounts[API_KEY]
    venue.exchange.transfer(account, "USDT", Decimal("12.5"))
    venue.exchange.transfer(account, "USDT", Decimal("-2.5"))
    assert [(d["currency"], d["amount"]) for d in await exchange.fetch_deposits("USDT")] == [("USDT", 12.5)]
    assert [(d["currency"], d["amount"]) for d in await exchange.fetch_withdrawals("USDT")] == [("USDT", 2.5)]


@pytest.mark.parametrize("client_id", ["x" * 19, "0b7c3f34-0000-0000-0000-00000000000"])
async def test_kraken_refuses_a_client_id_of_another_form(kraken: Any, client_id: str) -> None:
    with pytest.raises(ccxt.BaseError, match="cl_ord_id"):
        await kraken.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": client_id})


async def test_kraken_finds_and_cancels_by_client_id(kraken: Any) -> None:
    price = (await kraken.fetch_ticker(BTC))["bid"] * 0.9
    named = {"clientOrderId": uuid.uuid4().hex}
    await kraken.create_order(BTC, "limit", "buy", 0.01, price, named)
    await kraken.create_order(BTC, "limit", "buy", 0.01, price)
    assert len(await kraken.fetch_open_orders(BTC, params=named)) == 1
    with pytest.raises(ccxt.ExchangeError, match="unique"):
        await kraken.create_order(BTC, "limit", "buy", 0.01, price, named)
    await kraken.cancel_order(None, BTC, named)
    (closed,) = await kraken.fetch_closed_orders(BTC, params=named)
    assert closed["status"] == "canceled"


async def test_kraken_takes_no_order_after_its_deadline(kraken: Any) -> None:
    price = (await kraken.fetch_ticker(BTC))["bid"] * 0.9
    past, future = (
        datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for seconds in (-1, 60)
    )
    with pytest.raises(ccxt.BaseError, match="Deadline elapsed"):
        await kraken.create_order(BTC, "limit", "buy", 0.01, price, {"deadline": past})
    await kraken.create_order(BTC, "limit", "buy", 0.01, price, {"deadline": future})
    assert len(await kraken.fetch_open_orders(BTC)) == 1


async def test_kraken_cancels_everything_when_the_timer_runs_out(kraken: Any) -> None:
    price = (await kraken.fetch_ticker(BTC))["bid"] * 0.9
    await kraken.create_order(BTC, "limit", "buy", 0.01, price)
    await kraken.cancel_all_orders_after(1_000)
    await kraken.cancel_all_orders_after(0)
    await asyncio.sleep(1.1)  # the timer that was stopped
    assert len(await kraken.fetch_open_orders(BTC)) == 1
    await kraken.cancel_all_orders_after(1_000)
    for _ in range(500):
        if not await kraken.fetch_open_orders(BTC):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the timer never struck")


async def test_kraken_charges_in_quote_and_the_balance_says_the_same(venue: Emulator, kraken: Any) -> None:
    await kraken.create_order(BTC, "market", "buy", 0.01)
    trades = await kraken.fetch_my_trades(BTC)
    assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
    spent = sum(Decimal(t["info"]["cost"]) + Decimal(t["info"]["fee"]) for t in trades)
    account = venue.exchange.accounts[API_KEY]
    assert account.holding("USDT").free == Decimal(1_000_000) - spent
    assert account.holding("BTC").free == Decimal("10.01")


async def test_kraken_gives_its_history_fifty_at_a_time(venue: Emulator, kraken: Any) -> None:
    market = venue.exchange.market(BTC)
    price = market.price(market.best_bid) * Decimal("0.9") // 1
    account = venue.exchange.accounts[API_KEY]
    for n in range(60):
        request = Request(BTC, Side.BUY, Decimal("0.01"), price, f"n{n}")
        venue.exchange.cancel(account, venue.exchange.place(account, request))
    assert len(await kraken.fetch_closed_orders(BTC)) == 50
    assert len(await kraken.fetch_closed_orders(BTC, params={"ofs": 50})) == 10


@pytest.mark.parametrize("withdraw", [False, True])
async def test_what_a_key_may_do_can_be_read_in_both(venue: Emulator, kraken: Any, bybit: Any, withdraw: bool) -> None:
    venue.exchange.accounts[API_KEY].may.withdraw = withdraw
    krakens = (await kraken.private_post_getapikeyinfo())["result"]["permissions"]
    bybits = (await bybit.private_get_v5_user_query_api())["result"]["permissions"]["Wallet"]
    assert ("withdraw-funds" in krakens, "Withdraw" in bybits) == (withdraw, withdraw)


async def test_bybit_pages_by_cursor_and_finds_by_link_id(venue: Emulator, bybit: Any) -> None:
    price = (await bybit.fetch_ticker(BTC))["bid"] * 0.9
    for n in range(3):
        await bybit.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": f"n{n}"})
    ask = {"category": "spot", "limit": 2}
    first = (await bybit.private_get_v5_order_realtime(ask))["result"]
    rest = (await bybit.private_get_v5_order_realtime({**ask, "cursor": first["nextPageCursor"]}))["result"]
    assert [row["orderLinkId"] for row in first["list"] + rest["list"]] == ["n2", "n1", "n0"]
    assert rest["nextPageCursor"] == ""
    assert len(await bybit.fetch_open_orders(BTC, params={"orderLinkId": "n1"})) == 1
    await bybit.cancel_order(None, BTC, {"orderLinkId": "n1"})
    assert len(await bybit.fetch_open_orders(BTC)) == 2


async def test_bybit_remembers_its_disconnect_window(bybit: Any) -> None:
    with pytest.raises(ccxt.BadRequest):
        await bybit.cancel_all_orders_after(1_000, {"product": "SPOT"})
    await bybit.cancel_all_orders_after(10_000, {"product": "SPOT"})
    found = await bybit.private_get_v5_account_query_dcp_info()
    assert found["result"]["dcpInfos"][0]["timeWindow"] == "10"
