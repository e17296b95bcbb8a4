"""The real ccxt.pro.binance, and a raw socket where ccxt would hide the message."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import aiohttp
import ccxt
import orjson
import pytest
import pytest_asyncio

from core.time import ManualClock
from emulator.server import Emulator
from tests.emulator.clients import get, listening, messages, nothing_more
from tests.emulator.pointed import at

BTC = "BTC/USDT"
DEPTH = "btcusdt@depth@100ms"
WAIT_S = 30


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture
async def still() -> AsyncIterator[Emulator]:
    """A venue whose time only passes when the test says so."""
    async with Emulator(clock=ManualClock(time.time_ns())) as found:
        yield found


async def test_ccxt_pro_keeps_a_book(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        book = await asyncio.wait_for(exchange.watch_order_book(BTC), WAIT_S)
        for _ in range(3):
            book = await asyncio.wait_for(exchange.watch_order_book(BTC), WAIT_S)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert book["nonce"] > 0


async def test_ccxt_pro_sees_trades_candles_and_tickers(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        await exchange.load_markets()
        trades, candles, ticker = await asyncio.wait_for(
            asyncio.gather(exchange.watch_trades(BTC), exchange.watch_ohlcv(BTC, "1m"), exchange.watch_ticker(BTC)),
            WAIT_S,
        )
        assert trades[0]["price"] == pytest.approx(ticker["last"], rel=0.01)
        assert candles[-1][0] % 60_000 == 0
        assert candles[-1][4] == pytest.approx(ticker["last"], rel=0.01)


async def test_ccxt_pro_sees_orders_and_balances_of_the_account(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        await exchange.load_markets()
        orders = asyncio.ensure_future(exchange.watch_orders(BTC))
        balance = asyncio.ensure_future(exchange.watch_balance())
        while not any(c.users for c in venue.binance.streams.connections):
            await asyncio.sleep(0.01)
        placed = await exchange.create_order(BTC, "market", "sell", 0.01)
        assert (await asyncio.wait_for(orders, WAIT_S))[-1]["id"] == placed["id"]
        assert (await asyncio.wait_for(balance, WAIT_S))["USDT"]["free"] > 0


async def test_an_order_may_be_placed_and_cancelled_by_websocket(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        bid = (await exchange.fetch_ticker(BTC))["bid"]
        placed = await asyncio.wait_for(exchange.create_order_ws(BTC, "limit", "buy", 0.01, bid * 0.9), WAIT_S)
        cancelled = await asyncio.wait_for(exchange.cancel_order_ws(placed["id"], BTC), WAIT_S)
        assert (placed["status"], cancelled["status"]) == ("open", "canceled")
        with pytest.raises(ccxt.InsufficientFunds):
            await asyncio.wait_for(exchange.create_order_ws(BTC, "limit", "buy", 200, bid), WAIT_S)


async def test_deltas_follow_a_snapshot_without_a_hole(still: Emulator) -> None:
    async with listening(still, DEPTH) as socket:
        snapshot = await get(still, "/api/v3/depth", symbol="BTCUSDT", limit=5000)
        await still.advance(3_000)
        last = snapshot["lastUpdateId"]
        for message in await messages(socket, 10):
            assert message["U"] == last + 1
            last = message["u"]


async def test_a_closed_candle_is_told_once_and_is_the_one_that_rest_serves(still: Emulator) -> None:
    async with listening(still, "btcusdt@kline_1m") as socket:
        open_ms = still.exchange.clock.now_ms() // 60_000 * 60_000
        await still.advance(61_000)
        told = [orjson.loads((await socket.receive(WAIT_S)).data)["k"] for _ in range(60)]
        closed = [k for k in told if k["x"]]
        assert [k["t"] for k in closed] == [open_ms]
        row = (await get(still, "/api/v3/klines", symbol="BTCUSDT", interval="1m", startTime=open_ms, limit=1))[0]
        assert [closed[0][key] for key in ("o", "h", "l", "c", "v")] == row[1:6]


async def test_slow_depth_merges_a_second_of_changes_without_a_hole(still: Emulator) -> None:
    async with listening(still, "btcusdt@depth") as socket:
        await still.advance(4_000)
        _, first, second = await messages(socket, 3)
        assert second["U"] == first["u"] + 1
        assert first["u"] - first["U"] > 10


async def test_combined_streams_come_wrapped(still: Emulator) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{still.ws_url}/stream?streams={DEPTH}/btcusdt@trade"
        async with session.ws_connect(url) as socket:
            await still.advance(3_000)
            found = {message["stream"]: message["data"]["e"] for message in await messages(socket, 25)}
    assert found == {DEPTH: "depthUpdate", "btcusdt@trade": "trade"}


async def test_what_is_unsubscribed_is_not_told_any_more(still: Emulator) -> None:
    async with listening(still, DEPTH) as socket:
        await socket.send_json({"method": "UNSUBSCRIBE", "params": [DEPTH], "id": 2})
        assert (await messages(socket, 1)) == [{"result": None, "id": 2}]
        await still.advance(1_000)
        assert await nothing_more(socket)


async def test_a_request_that_is_no_json_is_answered_with_an_error(still: Emulator) -> None:
    async with listening(still, DEPTH) as socket:
        await socket.send_str("subscribe please")
        assert (await messages(socket, 1))[0]["error"]["code"] == 2


async def _watch(exchange: Any, times: int, timeout_s: float = WAIT_S) -> Any:
    book = None
    for _ in range(times):
        book = await asyncio.wait_for(exchange.watch_order_book(BTC), timeout_s)
    return book


async def _ids(venue: Emulator, socket: Any, count: int) -> list[tuple[int, int]]:
    await venue.advance(100 * count + 200)
    return [(message["U"], message["u"]) for message in await messages(socket, count)]


async def test_a_dropped_message_is_a_gap(still: Emulator) -> None:
    still.faults.add("gap", stream="btcusdt@depth*", nth=3)
    async with listening(still, DEPTH) as socket:
        ids = await _ids(still, socket, 5)
    follows = [later[0] == earlier[1] + 1 for earlier, later in pairwise(ids)]
    assert follows == [True, False, True, True]


async def test_a_doubled_message_comes_twice(still: Emulator) -> None:
    still.faults.add("duplicate", stream="btcusdt@depth*", nth=2)
    async with listening(still, DEPTH) as socket:
        ids = await _ids(still, socket, 4)
    assert ids[1] == ids[2]


async def test_a_reordered_message_comes_after_the_next(still: Emulator) -> None:
    still.faults.add("reorder", stream="btcusdt@depth*", nth=2)
    async with listening(still, DEPTH) as socket:
        ids = await _ids(still, socket, 4)
    assert ids[1] > ids[2]
    assert sorted(ids) == [ids[0], ids[2], ids[1], ids[3]]


async def test_silence_keeps_the_socket_open(still: Emulator) -> None:
    still.faults.add("silence", stream="btcusdt@depth*", after=2)
    async with listening(still, DEPTH) as socket:
        await _ids(still, socket, 2)
        await still.advance(1_000)
        assert await nothing_more(socket)
        assert not socket.closed


async def test_a_cut_stream_ends_the_socket(still: Emulator) -> None:
    still.faults.add("cut_stream", stream="btcusdt@depth*", nth=2)
    async with listening(still, DEPTH) as socket:
        await still.advance(1_000)
        await messages(socket, 1)
        ended = await socket.receive(WAIT_S)
        assert ended.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.ERROR)


async def test_a_broken_frame_is_no_json(still: Emulator) -> None:
    still.faults.add("broken_frame", stream="btcusdt@depth*", nth=1)
    async with listening(still, DEPTH) as socket:
        await still.advance(300)
        with pytest.raises(orjson.JSONDecodeError):
            await messages(socket, 1)
        assert (await messages(socket, 1))[0]["e"] == "depthUpdate"


async def test_a_crossed_message_puts_a_bid_above_the_asks(still: Emulator) -> None:
    still.faults.add("crossed", stream="btcusdt@depth*", nth=1)
    async with listening(still, DEPTH) as socket:
        await still.advance(300)
        message = (await messages(socket, 1))[0]
    book = await get(still, "/api/v3/depth", symbol="BTCUSDT", limit=5)
    assert float(message["b"][0][0]) > float(book["asks"][0][0])


async def test_a_gap_is_a_checksum_error_of_ccxt_pro_and_the_next_call_heals_it(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        await asyncio.wait_for(exchange.watch_order_book(BTC), WAIT_S)
        venue.faults.add("gap", stream="btcusdt@depth*", nth=1)
        with pytest.raises(ccxt.ChecksumError):
            await _watch(exchange, 20)
        book = await asyncio.wait_for(exchange.watch_order_book(BTC), WAIT_S)
        assert book["bids"][0][0] < book["asks"][0][0]


async def test_a_malformed_frame_stops_ccxt_pro_for_good_without_an_exception(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        await asyncio.wait_for(exchange.watch_order_book(BTC), WAIT_S)
        venue.faults.add("broken_frame", stream="btcusdt@depth*", nth=1)
        with pytest.raises((TimeoutError, ccxt.NetworkError)):
            await _watch(exchange, 100, timeout_s=0.5)


async def test_an_order_by_websocket_that_is_never_answered_was_placed(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        bid = (await exchange.fetch_ticker(BTC))["bid"]
        venue.faults.add("gap", stream="ws-api:order.place")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchange.create_order_ws(BTC, "limit", "buy", 0.01, bid * 0.9), 0.5)
        assert len(await exchange.fetch_open_orders(BTC)) == 1


async def test_a_listen_key_opens_the_user_stream(still: Emulator) -> None:
    async with aiohttp.ClientSession(still.base_url) as session:
        headers = {"X-MBX-APIKEY": still.api_key}
        async with session.post("/api/v3/userDataStream", headers=headers) as answer:
            key = (await answer.json())["listenKey"]
        async with session.ws_connect(f"{still.ws_url}/ws/{key}") as socket:
            while not still.binance.streams.connections:
                await asyncio.sleep(0)
            async with at("binance", still) as exchange:
                await exchange.create_order(BTC, "market", "sell", 0.01)
            kinds = [message["e"] for message in await messages(socket, 4)]
    assert kinds[:4] == ["executionReport", "outboundAccountPosition", "executionReport", "outboundAccountPosition"]
