"""Orders and the wallet of Binance spot, through the real ccxt classes."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from emulator.exchange import API_KEY
from emulator.server import Emulator
from tests.emulator.pointed import at, pinned

BTC = "BTC/USDT"
WAIT_S = 30


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        await pinned(found, BTC, "50000")
        yield found


@pytest_asyncio.fixture
async def binance(venue: Emulator) -> AsyncIterator[Any]:
    async with at("binance", venue) as exchange:
        await exchange.load_markets()
        yield exchange


async def _until(venue: Emulator, price: int, exchange: Any, placed: Any, status: str) -> Any:
    """Move the market and ask until the order stands so."""
    venue.exchange.pin(BTC, Decimal(price))
    for _ in range(500):
        found = await exchange.fetch_order(placed["id"], BTC)
        if found["status"] == status:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"the order never was {status}")


@pytest.mark.parametrize(
    ("kind", "price", "venue_kind"), [("market", None, "STOP_LOSS"), ("limit", 48_000, "STOP_LOSS_LIMIT")]
)
async def test_a_stop_waits_and_is_filled_after_its_trigger(
    venue: Emulator, binance: Any, kind: str, price: float | None, venue_kind: str
) -> None:
    placed = await binance.create_order(BTC, kind, "sell", 0.01, price, {"stopLossPrice": 49_000})
    found = await binance.fetch_order(placed["id"], BTC)
    assert (found["status"], found["info"]["type"], found["info"]["isWorking"]) == ("open", venue_kind, False)
    assert found["triggerPrice"] == 49_000
    assert (await _until(venue, 48_900, binance, placed, "closed"))["filled"] == 0.01


async def test_a_stop_beyond_its_trigger_is_refused(binance: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="trigger immediately"):
        await binance.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": 60_000})


async def test_an_iceberg_shows_its_part(venue: Emulator, binance: Any) -> None:
    placed = await binance.create_order(BTC, "limit", "buy", 0.1, 49_000, {"icebergAmount": 0.01})
    assert placed["info"]["type"] == "LIMIT"
    found = await binance.fetch_order(placed["id"], BTC)
    assert found["info"]["icebergQty"] == "0.01000000"
    market = venue.exchange.market(BTC)
    assert market.quantity(market.bids.accounts[4_900_000]) == Decimal("0.01")


async def test_a_client_id_is_free_again_after_the_fill(binance: Any) -> None:
    first = await binance.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "again"})
    second = await binance.create_order(BTC, "limit", "buy", 0.01, 45_000, {"clientOrderId": "again"})
    assert first["id"] != second["id"]
    newest = await binance.fetch_order(None, BTC, {"clientOrderId": "again"})
    assert newest["id"] == second["id"]


async def test_a_request_that_is_late_for_its_window_is_refused_by_the_venue(venue: Emulator, binance: Any) -> None:
    venue.faults.add("late", path="*/order", method="POST", seconds=0.2, nth=1)
    order = (BTC, "limit", "buy", 0.01, 45_000)
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        await binance.create_order(*order, {"recvWindow": 100})
    assert await binance.fetch_open_orders(BTC) == []
    with pytest.raises(ccxt.BadRequest, match="-1131"):
        await binance.create_order(*order, {"recvWindow": 60_001})


async def test_a_late_request_within_its_window_is_placed_although_nobody_waits(venue: Emulator) -> None:
    venue.faults.add("late", path="*/order", method="POST", seconds=0.4, nth=1)
    async with at("binance", venue, timeout=200) as exchange:
        await exchange.load_markets()
        with pytest.raises(ccxt.RequestTimeout):
            await exchange.create_order(BTC, "limit", "buy", 0.01, 45_000)
        assert await exchange.fetch_open_orders(BTC) == []
        for _ in range(300):
            if await exchange.fetch_open_orders(BTC):
                return
            await asyncio.sleep(0.01)
    raise AssertionError("the late order never came")


async def test_cancel_replace_is_one_step(binance: Any) -> None:
    placed = await binance.create_order(BTC, "limit", "buy", 0.01, 45_000)
    replaced = await binance.edit_order(placed["id"], BTC, "limit", "buy", 0.02, 46_000)
    assert [order["id"] for order in await binance.fetch_open_orders(BTC)] == [replaced["id"]]


@pytest.mark.parametrize(("mode", "code", "left"), [("STOP_ON_FAILURE", "-2022", 0), ("ALLOW_FAILURE", "-2021", 1)])
async def test_cancel_replace_says_which_half_failed(binance: Any, mode: str, code: str, left: int) -> None:
    ask = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    ask |= {"price": "45000", "cancelReplaceMode": mode, "cancelOrderId": "1"}
    with pytest.raises(ccxt.BaseError, match=code):
        await binance.private_post_order_cancelreplace(ask)
    assert len(await binance.fetch_open_orders(BTC)) == left


async def test_what_came_and_went_is_in_the_histories(venue: Emulator, binance: Any) -> None:
    account = venue.exchange.accounts[API_KEY]
    venue.exchange.transfer(account, "USDT", Decimal("250.5"))
    venue.exchange.transfer(account, "BTC", Decimal("-1"))
    deposits, withdrawals = await binance.fetch_deposits(), await binance.fetch_withdrawals()
    assert [(d["currency"], d["amount"], d["status"]) for d in deposits] == [("USDT", 250.5, "ok")]
    assert [(w["currency"], w["amount"], w["status"]) for w in withdrawals] == [("BTC", 1, "ok")]
    later = deposits[0]["timestamp"] + 1
    assert await binance.fetch_deposits(since=later) == []
    assert (await binance.fetch_balance())["BTC"]["total"] == 9


@pytest.mark.parametrize("withdraw", [False, True])
async def test_what_the_key_may_do_can_be_read(venue: Emulator, binance: Any, withdraw: bool) -> None:
    venue.exchange.accounts[API_KEY].may.withdraw = withdraw
    found = await binance.sapi_get_account_apirestrictions()
    assert (found["enableWithdrawals"], found["enableSpotAndMarginTrading"]) == (withdraw, True)


async def test_fees_are_the_balances_to_the_last_digit(venue: Emulator, binance: Any) -> None:
    await binance.create_order(BTC, "market", "sell", 0.00123)
    trades = await binance.fetch_my_trades(BTC)
    account = venue.exchange.accounts[API_KEY]
    told = sum(Decimal(t["info"]["quoteQty"]) - Decimal(t["info"]["commission"]) for t in trades)
    assert account.holding("USDT").free == Decimal(1_000_000) + told


async def test_the_user_stream_tells_orders_fills_and_deposits(venue: Emulator) -> None:
    async with at("binance", venue, pro=True) as exchange:
        await exchange.load_markets()
        trades = asyncio.ensure_future(exchange.watch_my_trades(BTC))
        while not any(c.users for c in venue.binance.streams.connections):
            await asyncio.sleep(0.01)
        placed = await exchange.create_order(BTC, "market", "sell", 0.001)
        told = (await asyncio.wait_for(trades, WAIT_S))[-1]
        assert told["order"] == placed["id"]
        balance = asyncio.ensure_future(exchange.watch_balance())
        while not any("balance" in waited for c in exchange.clients.values() for waited in c.futures):
            await asyncio.sleep(0.01)
        venue.exchange.transfer(venue.exchange.accounts[API_KEY], "ETH", Decimal(2))
        told = await asyncio.wait_for(balance, WAIT_S)
        assert told["info"]["e"] in ("balanceUpdate", "outboundAccountPosition")
        assert "ETH" in told
