"""The venue as a process of its own, moved and judged over its back door."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.async_support
import pytest

from emulator.server import Emulator
from market.endpoints import repoint
from tests.emulator.clients import get, http
from tests.emulator.pointed import SPOT, at

BTC = "BTC/USDT"
KLINES = "/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1"


class Door:
    """POST, PATCH and GET below /control."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def __call__(self, name: str, body: Any = None, method: str = "POST", status: int = 200) -> Any:
        async with self.session.request(method, f"/control/{name}", json=body) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def books(self) -> Any:
        return (await self("books", method="GET"))["accounts"]["emulator-key"]


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[str, Door]]:
    """The venue as `python -m emulator`: its address and its back door."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--control", *arguments), stdout=asyncio.subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        address = (await started.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession(address) as session:
            yield address, Door(session)
    finally:
        started.terminate()
        await started.wait()


@asynccontextmanager
async def door(**options: Any) -> AsyncIterator[tuple[Emulator, Door]]:
    async with Emulator(control=True, **options) as venue, http(venue) as session:
        yield venue, Door(session)


async def test_without_control_there_is_no_back_door() -> None:
    async with Emulator() as venue, http(venue) as session, session.get("/control/books") as answer:
        assert answer.status == 404


async def test_rules_are_replaced_added_and_shown() -> None:
    async with door() as (_, control):
        await control("faults", [{"fault": "status", "status": 502, "times": 1}])
        assert len((await control("faults", {"fault": "cut", "path": "/never"}, "PATCH"))["rules"]) == 2
        async with control.session.get(KLINES) as answer:
            assert answer.status == 502
        shown = (await control("faults", method="GET"))["rules"]
        assert [rule["struck"] for rule in shown] == [1, 0]
        await control("faults", [])
        async with control.session.get(KLINES) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("faults", [{"fault": "gremlin"}]),
        ("price", {"symbol": "XYZ/USDT", "price": "1"}),
        ("price", {"symbol": BTC}),
        ("price", {"symbol": BTC, "price": "dear"}),
        ("transfer", {"currency": "USDT", "amount": "-1000000000"}),
        ("transfer", {"currency": "USDT", "amount": "1", "key": "nobody"}),
        ("close", {"client_id": "nobody"}),
        ("account", {"may": {"fly": True}}),
        ("step", {"ms": 100}),
    ],
)
async def test_what_cannot_be_done_is_said(name: str, body: Any) -> None:
    async with door() as (_, control):
        assert (await control(name, body, status=422))["error"]


async def test_the_books_are_exact_and_hold_all_that_happened() -> None:
    async with door() as (venue, control), at("binance", venue) as exchange:
        await control("price", {"symbol": BTC, "price": "50000"})
        await exchange.create_order(BTC, "market", "sell", 0.01, None, {"clientOrderId": "sold"})
        await exchange.create_order(BTC, "limit", "buy", 0.01, 45_000, {"clientOrderId": "rests"})
        await control("transfer", {"currency": "ETH", "amount": "0.5"})
        await control("close", {"client_id": "rests", "to": "expired"})
        books = await control.books()
    sold, rests = books["orders"]
    assert (sold["client_id"], sold["status"], sold["filled"]) == ("sold", "filled", "0.01")
    assert (rests["limit_price"], rests["status"], rests["fills"]) == ("45000", "expired", [])
    received = sum(Decimal(f["price"]) * Decimal(f["quantity"]) - Decimal(f["fee"]) for f in sold["fills"])
    assert Decimal(books["holdings"]["USDT"]["free"]) == 1_000_000 + received
    assert books["holdings"]["ETH"] == {"free": "100.5", "locked": "0"}
    assert [(t["currency"], t["amount"]) for t in books["transfers"]] == [("ETH", "0.5")]


async def test_accounts_are_opened_and_keys_restricted() -> None:
    async with door() as (venue, control):
        await control("account", {"key": "second", "secret": "s", "funds": {"USDT": "5"}, "may": {"trade": False}})
        async with at("binance", venue, apiKey="second", secret="s") as exchange:
            assert (await exchange.fetch_balance())["USDT"]["free"] == 5
            with pytest.raises(ccxt.ExchangeError, match="disabled on this account"):
                await exchange.create_order(BTC, "limit", "buy", 0.0001, 50_000)


async def test_funding_and_the_futures_wallet_are_set() -> None:
    async with door() as (venue, control):
        await control("funding", {"symbol": "BTC/USDT:USDT", "rate": "0.002"})
        await control("transfer", {"currency": "USDT", "amount": "-40000", "wallet": "futures"})
        premium = await get(venue, "/fapi/v1/premiumIndex", symbol="BTCUSDT")
        assert premium["lastFundingRate"] == "0.00200000"
        assert (await control.books())["futures"]["wallet"] == "60000"


async def _life(seed: int) -> tuple[Any, ...]:
    async with process("--clock", "stepped", "--seed", str(seed)) as (_, control):
        prices = []
        for _ in range(3):
            await control("step", {"ms": 60_000})
            async with control.session.get("/api/v3/ticker/bookTicker?symbol=BTCUSDT") as answer:
                prices.append((await answer.json())["bidPrice"])
        return tuple(prices)


async def test_the_same_seed_and_steps_are_the_same_prices_in_every_process() -> None:
    first, again, other = await asyncio.gather(_life(7), _life(7), _life(8))
    assert first == again != other
    assert len(set(first)) > 1


async def test_a_stepped_market_stands_still_while_the_wall_stamps_requests() -> None:
    async with process("--clock", "stepped", "--orders", "1000") as (address, control):
        exchange = ccxt.async_support.binance(
            {"apiKey": "emulator-key", "secret": "emulatorsecret00", "options": SPOT["binance"]}
        )
        repoint(exchange, {"rest": address})
        try:
            bid = (await exchange.fetch_ticker(BTC))["bid"]
            placed = await exchange.create_order(BTC, "limit", "buy", 0.01, round(bid * 0.99, 2))
            await asyncio.sleep(0.25)
            assert (await exchange.fetch_ticker(BTC))["bid"] == bid
            await control("price", {"symbol": BTC, "price": str(round(bid * 0.98, 2))})
            await control("step", {"ms": 200})
            found = await exchange.fetch_order(placed["id"], BTC)
            assert found["status"] == "closed"
            assert (await exchange.fetch_my_trades(BTC))[0]["timestamp"] >= placed["timestamp"]
        finally:
            await exchange.close()


async def test_a_manual_clock_stands_still_for_everybody() -> None:
    async with process("--clock", "manual") as (_, control):
        async with control.session.get("/api/v3/time") as answer:
            assert await answer.json() == {"serverTime": 1_704_067_200_000}
        moved = await control("step", {"ms": 1_500})
        assert moved == {"now_ms": 1_704_067_201_500, "market_ms": 1_704_067_201_500}


async def test_a_clock_that_nothing_could_move_is_refused() -> None:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--clock", "stepped"), stderr=asyncio.subprocess.PIPE
    )
    _, said = await started.communicate()
    assert (started.returncode, b"needs --control" in said) == (2, True)
