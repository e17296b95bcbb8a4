"""Faults at each step of an order's life: what the client hears, and what is true."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import ccxt
import orjson
import pytest
import pytest_asyncio

from core.errors import ConfigError
from core.time import ManualClock
from emulator.exchange import API_KEY
from emulator.faults import Faults
from emulator.server import Emulator
from tests.emulator.clients import SOCKET_WAIT_S, messages, nothing_more
from tests.emulator.pointed import at, pinned

BTC = "BTC/USDT"
ORDER = {"path": "*/order", "method": "POST"}


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        await pinned(found, BTC, "50000")
        yield found


@pytest_asyncio.fixture
async def binance(venue: Emulator) -> AsyncIterator[Any]:
    async with at("binance", venue, timeout=400) as exchange:
        await exchange.load_markets()
        yield exchange


def place(exchange: Any, client_id: str, price: float = 45_000, quantity: float = 0.01) -> Any:
    return exchange.create_order(BTC, "limit", "buy", quantity, price, {"clientOrderId": client_id})


async def told(exchange: Any, client_id: str, status: str) -> Any:
    """The order, once it stands so."""
    for _ in range(500):
        found = await exchange.fetch_order(None, BTC, {"clientOrderId": client_id})
        if found["status"] == status:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"the order never was {status}")


def test_a_fate_that_is_no_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="found 'filled'"):
        Faults().add("doomed", to="filled")


def test_a_rule_may_name_the_order_that_it_strikes_and_counts_only_that() -> None:
    faults = Faults()
    faults.add("cut", **ORDER, client_id="b*", nth=2)
    asked = ["a1", "b1", "a2", "b2", "b3"]
    assert [c for c in asked if faults.on_request("POST", "/api/v3/order", c)] == ["b2"]


async def test_only_the_named_order_is_lost(venue: Emulator, binance: Any) -> None:
    venue.faults.add("unanswered", **ORDER, client_id="second")
    await place(binance, "first")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await place(binance, "second")
    assert [o["clientOrderId"] for o in await binance.fetch_open_orders(BTC)] == ["first", "second"]


@pytest.mark.parametrize(
    ("dialect", "ask", "market"),
    [
        ("kraken", {"clientOrderId": "named"}, BTC),
        ("bybit", {"clientOrderId": "named"}, BTC),
        ("binanceusdm", {"clientOrderId": "named"}, "BTC/USDT:USDT"),
    ],
)
async def test_every_dialect_names_its_orders(venue: Emulator, dialect: str, ask: dict[str, str], market: str) -> None:
    armed = venue.faults.add("cut", client_id="named", times=1)
    async with at(dialect, venue) as exchange:
        await exchange.load_markets()
        with pytest.raises(ccxt.NetworkError):
            await exchange.create_order(market, "limit", "buy", 0.01, 45_000, ask)
    assert armed.struck == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"code":-1007,"msg":"Timeout waiting for response from backend server."}', ccxt.RequestTimeout),
        ('{"code":-1006,"msg":"An unexpected response was received."}', ccxt.OperationFailed),
        (None, ccxt.RequestTimeout),  # ccxt reads a 504 so
    ],
)
async def test_an_error_after_the_venue_acted_hides_an_open_order(
    venue: Emulator, binance: Any, body: str | None, error: type[Exception]
) -> None:
    venue.faults.add("late_status", **ORDER, **({} if body is None else {"body": body}), status=504)
    with pytest.raises(error):
        await place(binance, "hidden")
    assert [o["clientOrderId"] for o in await binance.fetch_open_orders(BTC)] == ["hidden"]


@pytest.mark.parametrize(
    ("to", "status"), [("rejected", "rejected"), ("expired", "expired"), ("cancelled", "canceled")]
)
async def test_an_accepted_order_may_be_gone_later(venue: Emulator, binance: Any, to: str, status: str) -> None:
    venue.faults.add("doomed", **ORDER, to=to, ms=300)
    assert (await place(binance, "doomed", price=51_000))["status"] == "open"
    assert (await told(binance, "doomed", status))["filled"] == 0
    assert venue.exchange.accounts[API_KEY].holding("USDT").locked == 0


async def test_a_part_may_fill_before_the_rest_is_cancelled(venue: Emulator, binance: Any) -> None:
    venue.faults.add("doomed", **ORDER, share="0.3", to="cancelled", ms=50, client_id="part")
    await place(binance, "part")
    found = await told(binance, "part", "canceled")
    assert found["filled"] == 0.003
    assert sum(t["amount"] for t in await binance.fetch_my_trades(BTC)) == pytest.approx(0.003)


async def test_fate_and_silence_strike_one_order_together(venue: Emulator, binance: Any) -> None:
    venue.faults.add("doomed", **ORDER, ms=0)
    venue.faults.add("silent", **ORDER)
    with pytest.raises(ccxt.RequestTimeout):
        await place(binance, "both", price=51_000)
    assert (await told(binance, "both", "rejected"))["filled"] == 0


@pytest.mark.parametrize("path", ["*/openOrders", "*/allOrders", "*/myTrades", "*/order"])
async def test_a_reading_that_lags_does_not_know_the_newest(path: str) -> None:
    async with Emulator(clock=ManualClock(1_700_000_000_000_000_000)) as venue, at("binance", venue) as exchange:
        exchange.milliseconds = venue.exchange.clock.now_ms
        await exchange.load_markets()
        await exchange.create_order(BTC, "market", "sell", 0.01, None, {"clientOrderId": "filled"})
        price = (await exchange.fetch_ticker(BTC))["bid"] * 0.9
        await place(exchange, "resting", price)
        venue.faults.add("lag", path=path, method="GET", ms=2_000)

        async def seen() -> list[bool]:
            return [
                await exchange.fetch_open_orders(BTC) != [],
                await exchange.fetch_orders(BTC) != [],
                await exchange.fetch_my_trades(BTC) != [],
                await _found(exchange, "filled"),
            ]

        hidden = ["*/openOrders", "*/allOrders", "*/myTrades", "*/order"].index(path)
        assert await seen() == [n != hidden for n in range(4)]
        await venue.advance(2_000)
        assert await seen() == [True] * 4


async def _found(exchange: Any, client_id: str) -> bool:
    try:
        await exchange.fetch_order(None, BTC, {"clientOrderId": client_id})
    except ccxt.OrderNotFound:
        return False
    return True


async def test_only_the_named_order_lags_and_a_cancel_does_not(venue: Emulator, binance: Any) -> None:
    venue.faults.add("lag", method="GET", ms=60_000, client_id="slow")
    await place(binance, "quick")
    await place(binance, "slow")
    assert [o["clientOrderId"] for o in await binance.fetch_open_orders(BTC)] == ["quick"]
    await binance.cancel_order(None, BTC, {"clientOrderId": "slow"})
    venue.faults.clear()
    assert [o["clientOrderId"] for o in await binance.fetch_open_orders(BTC)] == ["quick"]


# ── on the stream of the account ────────────────────────────────────────────────────────────────────────────────────


async def _events(venue: Emulator, binance: Any, count: int) -> list[tuple[str, str]]:
    """(client id, execution) of the reports of a filled order `a` and a resting `b`, as they come."""
    async with aiohttp.ClientSession(venue.base_url) as session:
        headers = {"X-MBX-APIKEY": venue.api_key}
        async with session.post("/api/v3/userDataStream", headers=headers) as answer:
            key = (await answer.json())["listenKey"]
        async with session.ws_connect(f"{venue.ws_url}/ws/{key}") as socket:
            while not venue.binance.streams.connections:
                await asyncio.sleep(0.01)
            await binance.create_order(BTC, "limit", "buy", 0.0002, 51_000, {"clientOrderId": "a"})
            await place(binance, "b")
            found: list[tuple[str, str]] = []
            while len(found) < count:
                message = orjson.loads((await socket.receive(SOCKET_WAIT_S)).data)
                if message["e"] == "executionReport":
                    found.append((message["c"], message["x"]))
    return found


@pytest.mark.parametrize(
    ("fault", "reports"),
    [
        (None, [("a", "NEW"), ("a", "TRADE"), ("b", "NEW")]),
        ("gap", [("a", "NEW"), ("b", "NEW")]),
        ("duplicate", [("a", "NEW"), ("a", "TRADE"), ("a", "TRADE"), ("b", "NEW")]),
    ],
)
async def test_the_fill_of_one_order_may_be_lost_or_doubled(
    venue: Emulator, binance: Any, fault: str | None, reports: list[tuple[str, str]]
) -> None:
    if fault:
        venue.faults.add(fault, stream="user", event="TRADE", client_id="a")
    assert await _events(venue, binance, len(reports)) == reports


async def test_a_report_may_come_after_the_next(venue: Emulator, binance: Any) -> None:
    venue.faults.add("gap", stream="user", event="POSITION")
    venue.faults.add("reorder", stream="user", event="NEW", client_id="a")
    assert await _events(venue, binance, 3) == [("a", "TRADE"), ("a", "NEW"), ("b", "NEW")]


async def test_a_lost_fill_of_a_contract_is_lost_alone(venue: Emulator) -> None:
    await pinned(venue, "BTC/USDT:USDT", "50000")
    venue.faults.add("gap", stream="user", event="TRADE")
    async with at("binanceusdm", venue) as usdm, aiohttp.ClientSession() as session:
        await usdm.load_markets()
        key = (await usdm.fapiprivate_post_listenkey())["listenKey"]
        async with session.ws_connect(f"{venue.ws_url}/private/ws?listenKey={key}") as socket:
            await usdm.create_order("BTC/USDT:USDT", "market", "buy", 0.003)
            kinds = [message["e"] for message in await messages(socket, 2)]
            assert kinds == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
            assert await nothing_more(socket)
