"""Each fault as a client sees it: the classes of ccxt as measured, or the raw bytes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import ccxt
import pytest
import pytest_asyncio

from core.errors import ConfigError
from emulator.faults import Faults
from emulator.server import Emulator
from tests.emulator.clients import get, http
from tests.emulator.pointed import at

BTC = "BTC/USDT"
HOUR_MS = 3_600_000
T0 = 1_577_836_800_000
KLINES = "/api/v3/klines"
ASK = {"symbol": "BTCUSDT", "interval": "1h", "startTime": T0, "limit": 10}


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture
async def binance(venue: Emulator) -> AsyncIterator[Any]:
    async with at("binance", venue, timeout=300) as exchange:
        await exchange.load_markets()
        yield exchange


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, "expected a rule with a fault"),
        ({"fault": "gremlin"}, "found 'gremlin'"),
        ({"fault": "hang", "seconds_": 3}, "found seconds_"),
        ({"fault": "hang", "nth": -1}, "whole number for nth, found -1"),
        ({"fault": "hang", "nth": "3"}, "whole number for nth, found '3'"),
    ],
)
def test_a_malformed_rule_is_refused(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Faults().set([rule])


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"every": 2}, [2, 4, 6]),
        ({"after": 4}, [5, 6]),
        ({"times": 2}, [1, 2]),
        ({"after": 2, "times": 1}, [3]),
    ],
)
def test_a_rule_strikes_when_it_says(when: dict[str, int], struck: list[int]) -> None:
    faults = Faults()
    faults.add("cut", path="*/klines", **when)
    assert [n for n in range(1, 7) if faults.on_request("GET", KLINES)] == struck


def test_a_rule_strikes_only_what_it_names() -> None:
    faults = Faults()
    faults.add("cut", path="*/order", method="POST")
    assert faults.on_request("GET", "/api/v3/order") is None
    assert faults.on_request("POST", KLINES) is None
    assert faults.on_request("POST", "/api/v3/order") is not None


# ── of a request ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "keys", "error"),
    [
        ("hang", {}, ccxt.RequestTimeout),
        ("silent", {}, ccxt.RequestTimeout),
        ("drip", {"seconds": 5}, ccxt.RequestTimeout),
        ("cut", {}, ccxt.ExchangeNotAvailable),
        ("unanswered", {}, ccxt.ExchangeNotAvailable),
        ("status", {"status": 503}, ccxt.ExchangeNotAvailable),
        ("status", {"status": 400}, ccxt.ExchangeNotAvailable),
        ("redirect", {"location": "http://127.0.0.1:9/"}, ccxt.ExchangeNotAvailable),
        ("too_many", {"retry_after": 3}, ccxt.DDoSProtection),
        ("too_many", {}, ccxt.DDoSProtection),
        ("banned", {"retry_after": 60}, ccxt.DDoSProtection),
        ("truncated", {}, ccxt.ExchangeError),
    ],
)
async def test_a_failing_request_raises_what_was_measured(
    venue: Emulator, binance: Any, fault: str, keys: dict[str, Any], error: type[Exception]
) -> None:
    armed = venue.faults.add(fault, path="*/klines", **keys)
    with pytest.raises(error):
        await binance.fetch_ohlcv(BTC, "1h", since=T0, limit=10)
    assert armed.struck >= 1  # aiohttp asks twice by itself where a kept connection was cut
    venue.faults.clear()
    assert len(await binance.fetch_ohlcv(BTC, "1h", since=T0, limit=10)) == 10


@pytest.mark.parametrize("fault", ["html", "malformed"])
async def test_a_page_that_is_no_json_becomes_junk_rows_in_ccxt(venue: Emulator, binance: Any, fault: str) -> None:
    venue.faults.add(fault, path="*/klines")
    rows = await binance.fetch_ohlcv(BTC, "1h", since=T0, limit=10)
    assert rows == [] or all(row[1] is None for row in rows)


async def test_wrong_types_parse_and_are_nonsense(venue: Emulator) -> None:
    venue.faults.add("wrong_types", path="*/klines")
    rows = await get(venue, KLINES, **ASK)
    assert isinstance(rows, list)
    assert not any(isinstance(row, list) for row in rows)


async def test_retry_after_is_there_only_where_the_rule_says_so(venue: Emulator) -> None:
    venue.faults.set([{"fault": "too_many", "retry_after": 3, "nth": 1}, {"fault": "too_many"}])
    async with http(venue) as session:
        async with session.get(KLINES) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
        async with session.get(KLINES) as answer:
            assert (answer.status, "Retry-After" in answer.headers) == (429, False)


async def test_a_truncated_body_ends_in_the_middle(venue: Emulator) -> None:
    venue.faults.add("truncated")
    async with http(venue) as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            await get(venue, KLINES, **ASK)
        assert not session.closed


async def test_a_drip_comes_whole_in_the_end(venue: Emulator) -> None:
    venue.faults.add("drip", seconds=0.2)
    started = time.monotonic()
    assert len(await get(venue, KLINES, **ASK)) == 10
    assert time.monotonic() - started > 0.15


async def test_a_hang_ends_by_itself_where_it_says_when(venue: Emulator) -> None:
    venue.faults.add("hang", seconds=0.05)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await get(venue, KLINES, **ASK)


async def test_stopping_releases_whoever_hangs() -> None:
    async with Emulator(rules=[{"fault": "hang"}]) as venue:
        waiting = asyncio.ensure_future(get(venue, KLINES, **ASK))
        while not venue.requests:
            await asyncio.sleep(0.01)
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(waiting, 30)


# ── of orders ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("unanswered", ccxt.ExchangeNotAvailable),
        ("silent", ccxt.RequestTimeout),
        ("truncated", ccxt.ExchangeError),
        ("drip", ccxt.RequestTimeout),
    ],
)
async def test_an_order_without_a_whole_answer_was_placed(
    venue: Emulator, binance: Any, fault: str, error: type[Exception]
) -> None:
    bid = (await binance.fetch_ticker(BTC))["bid"]
    venue.faults.add(fault, path="*/order", method="POST", seconds=5)
    with pytest.raises(error):
        await binance.create_order(BTC, "limit", "buy", 0.01, bid * 0.9, {"clientOrderId": "mine"})
    assert [order["clientOrderId"] for order in await binance.fetch_open_orders(BTC)] == ["mine"]


@pytest.mark.parametrize(("fault", "keys"), [("html", {}), ("empty", {}), ("empty", {"body": "{}"}), ("malformed", {})])
async def test_an_empty_answer_is_an_order_without_an_id_that_was_placed(
    venue: Emulator, binance: Any, fault: str, keys: dict[str, str]
) -> None:
    bid = (await binance.fetch_ticker(BTC))["bid"]
    venue.faults.add(fault, path="*/order", method="POST", **keys)
    placed = await binance.create_order(BTC, "limit", "buy", 0.01, bid * 0.9)
    assert placed["id"] is None
    assert len(await binance.fetch_open_orders(BTC)) == 1


@pytest.mark.parametrize(("fault", "error"), [("hang", ccxt.RequestTimeout), ("cut", ccxt.ExchangeNotAvailable)])
async def test_an_order_that_never_arrived_looks_the_same_and_was_not_placed(
    venue: Emulator, binance: Any, fault: str, error: type[Exception]
) -> None:
    bid = (await binance.fetch_ticker(BTC))["bid"]
    venue.faults.add(fault, path="*/order", method="POST")
    with pytest.raises(error):
        await binance.create_order(BTC, "limit", "buy", 0.01, bid * 0.9)
    assert await binance.fetch_open_orders(BTC) == []


async def test_a_cancel_that_is_never_answered_was_done(venue: Emulator, binance: Any) -> None:
    bid = (await binance.fetch_ticker(BTC))["bid"]
    placed = await binance.create_order(BTC, "limit", "buy", 0.01, bid * 0.9)
    venue.faults.add("silent", path="*/order", method="DELETE")
    with pytest.raises(ccxt.RequestTimeout):
        await binance.cancel_order(placed["id"], BTC)
    assert (await binance.fetch_order(placed["id"], BTC))["status"] == "canceled"


async def test_a_frozen_account_places_nothing_and_reads_everything(venue: Emulator, binance: Any) -> None:
    venue.faults.add("frozen")
    with pytest.raises(ccxt.ExchangeError, match="disabled on this account"):
        await binance.create_order(BTC, "market", "buy", 0.01)
    assert (await binance.fetch_balance())["BTC"]["free"] == 10


@pytest.mark.parametrize("ms", [20_000, -20_000])
async def test_a_skewed_clock_shows_in_its_time_and_refuses_signed_requests(
    venue: Emulator, binance: Any, ms: int
) -> None:
    venue.faults.add("skew", ms=ms)
    assert await binance.fetch_time() == pytest.approx(time.time() * 1000 + ms, abs=2_000)
    with pytest.raises(ccxt.InvalidNonce):
        await binance.fetch_balance()


# ── of candles ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_missing_candles_are_not_served(venue: Emulator) -> None:
    venue.faults.add("missing_candles", opens=[T0 + 2 * HOUR_MS, T0 + 3 * HOUR_MS])
    rows = await get(venue, KLINES, **ASK)
    assert [(row[0] - T0) // HOUR_MS for row in rows] == [0, 1, 4, 5, 6, 7, 8, 9]


async def test_candle_faults_strike_only_the_symbol_they_name(venue: Emulator) -> None:
    venue.faults.add("missing_candles", symbol="ETH/USDT", every=2)
    assert len(await get(venue, KLINES, **ASK)) == 10
    assert len(await get(venue, KLINES, **{**ASK, "symbol": "ETHUSDT"})) == 5


async def test_a_revised_candle_differs_and_stays_whole(venue: Emulator) -> None:
    before = await get(venue, KLINES, **ASK)
    venue.faults.add("revised_candles", opens=[T0 + HOUR_MS])
    after = await get(venue, KLINES, **ASK)
    assert [n for n in range(10) if before[n][:6] != after[n][:6]] == [1]
    assert float(after[1][2]) >= float(after[1][4])


async def test_the_last_row_may_come_twice(venue: Emulator) -> None:
    venue.faults.add("duplicate_candles")
    rows = await get(venue, KLINES, **ASK)
    assert rows[-1] == rows[-2]


async def test_the_unfinished_candle_may_be_left_out(venue: Emulator) -> None:
    ask = {"symbol": "BTCUSDT", "interval": "1h", "limit": 2}
    with_it = await get(venue, KLINES, **ask)
    venue.faults.add("no_unfinished")
    assert [row[0] for row in await get(venue, KLINES, **ask)] == [with_it[0][0]]


async def test_a_candle_that_closed_may_still_be_served_as_it_was_halfway(venue: Emulator) -> None:
    ask = {"symbol": "BTCUSDT", "interval": "1h", "limit": 2}
    settled = await get(venue, KLINES, **ask)
    venue.faults.add("unsettled")
    early = await get(venue, KLINES, **ask)
    assert early[0][0] == settled[0][0]
    assert float(early[0][5]) < float(settled[0][5])


@pytest.mark.parametrize("column", ["close", "low"])
async def test_junk_candles_have_a_price_that_cannot_be(venue: Emulator, column: str) -> None:
    venue.faults.add("junk_candles", column=column)
    index = {"low": 3, "close": 4}[column]
    assert any(float(row[index]) < 0 for row in await get(venue, KLINES, **ASK))


# ── the process ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_process_prints_its_address_and_reads_its_faults_from_a_file(tmp_path: Any) -> None:
    import sys

    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"fault": "status", "path": "*/ping", "status": 502}]))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--port", "0", "--faults", str(rules)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession(address) as session:
        async with session.get("/api/v3/time") as answer:
            assert (await answer.json())["serverTime"] == pytest.approx(time.time() * 1000, abs=2_000)
        async with session.get("/api/v3/ping") as answer:
            assert answer.status == 502
    process.terminate()
    assert await process.wait() == 0


async def test_the_process_refuses_rules_that_it_does_not_know(tmp_path: Any) -> None:
    import sys

    rules = tmp_path / "rules.json"
    rules.write_text('[{"fault": "gremlin"}]')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--faults", str(rules)), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"found 'gremlin'" in said
