"""USD-margined contracts, through the real ccxt.binanceusdm."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from core.orders import Side
from core.time import ManualClock, parse_time
from emulator.accounts import Account
from emulator.exchange import API_KEY, FUTURES_FUNDS, Exchange
from emulator.money import available
from emulator.orders import Cause, Refusal, Request, Status, VenueOrder
from emulator.server import Emulator
from tests.emulator.pointed import at, pinned

BTC = "BTC/USDT:USDT"
WAIT_S = 30


# ── the core ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def core() -> Exchange:
    """Ten minutes before funding, at 50,000, isolated margin at 10x."""
    found = Exchange(clock=ManualClock(parse_time("2024-01-01T07:50")))
    position = mine(found).futures.position(BTC)
    position.isolated, position.leverage = True, 10
    move(found, "50000")
    return found


def mine(core: Exchange) -> Account:
    return core.accounts[API_KEY]


def move(core: Exchange, price: str, ms: int = 100) -> None:
    core.pin(BTC, Decimal(price))
    core.clock.advance(ms)
    core.advance()


def order(
    core: Exchange, side: Side, quantity: str, price: str | None = None, *, reduce_only: bool = False
) -> VenueOrder:
    limit = None if price is None else Decimal(price)
    return core.place(mine(core), Request(BTC, side, Decimal(quantity), limit, "", reduce_only=reduce_only))


def paid(core: Exchange, kind: str) -> Decimal:
    return sum((made.amount for made in mine(core).futures.incomes if made.kind == kind), Decimal(0))


def test_reduce_only_without_a_position_is_refused(core: Exchange) -> None:
    with pytest.raises(Refusal) as refused:
        order(core, Side.SELL, "0.1", reduce_only=True)
    assert refused.value.cause is Cause.REDUCE_ONLY


def test_more_than_the_margin_allows_is_refused(core: Exchange) -> None:
    with pytest.raises(Refusal) as refused:
        order(core, Side.BUY, "21")
    assert refused.value.cause is Cause.MARGIN


def test_a_round_trip_moves_the_wallet_by_profit_and_fees_alone(core: Exchange) -> None:
    sold = order(core, Side.SELL, "0.2")
    assert mine(core).futures.position(BTC).quantity == Decimal("-0.2")
    move(core, "48000")
    bought = order(core, Side.BUY, "0.2", reduce_only=True)
    fees = sum((fill.fee for o in (sold, bought) for fill in o.fills), Decimal(0))
    profit = sold.cost - bought.cost
    assert mine(core).futures.wallet == FUTURES_FUNDS + profit - fees
    assert paid(core, "REALIZED_PNL") == profit == sum(fill.realized for fill in bought.fills)
    assert (mine(core).futures.position(BTC).quantity, mine(core).futures.position(BTC).margin) == (0, 0)
    assert available(mine(core)) == mine(core).futures.wallet


def test_one_fill_may_close_a_position_and_open_the_other_side(core: Exchange) -> None:
    order(core, Side.BUY, "0.1")
    sold = order(core, Side.SELL, "0.3")
    position = mine(core).futures.position(BTC)
    assert position.quantity == Decimal("-0.2")
    assert position.entry_price == pytest.approx(sold.cost / sold.filled, rel=Decimal("0.001"))


def test_a_reduce_only_order_fills_no_more_than_the_position(core: Exchange) -> None:
    order(core, Side.BUY, "0.1")
    closing = order(core, Side.SELL, "0.3", reduce_only=True)
    assert (closing.filled, closing.status) == (Decimal("0.1"), Status.EXPIRED)
    assert mine(core).futures.position(BTC).quantity == 0


def test_resting_orders_keep_margin_from_being_used_again(core: Exchange) -> None:
    resting = order(core, Side.BUY, "1", "45000")
    assert available(mine(core)) == FUTURES_FUNDS - Decimal(4500)
    core.cancel(mine(core), resting)
    assert available(mine(core)) == FUTURES_FUNDS


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, -1), (Side.SELL, 1)])
def test_funding_is_paid_by_longs_to_shorts_at_the_interval_and_once(core: Exchange, side: Side, sign: int) -> None:
    core.contracts.rates[BTC] = Decimal("0.001")
    order(core, side, "1")
    move(core, "50000", 300_000)
    assert paid(core, "FUNDING_FEE") == 0
    move(core, "50000", 300_000)
    move(core, "50000", 300_000)
    assert paid(core, "FUNDING_FEE") == sign * (core.market(BTC).mid * Decimal("0.001"))


@pytest.mark.parametrize(("side", "ruin"), [(Side.BUY, "45000"), (Side.SELL, "55000")])
def test_an_isolated_position_is_liquidated_and_costs_no_more_than_its_margin(
    core: Exchange, side: Side, ruin: str
) -> None:
    order(core, side, "1")
    before, margin = mine(core).futures.wallet, mine(core).futures.position(BTC).margin
    resting = order(core, Side.BUY, "0.1", "40000")
    move(core, "50100" if side is Side.BUY else "49900")
    assert mine(core).futures.position(BTC).quantity != 0
    move(core, ruin)
    assert mine(core).futures.position(BTC).quantity == 0
    assert before - margin <= mine(core).futures.wallet < before - margin * Decimal("0.9")
    assert resting.status is Status.CANCELLED
    assert list(mine(core).orders.values())[-1].client_id.startswith("autoclose-")


# ── through ccxt ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        await pinned(found, BTC, "50000")
        yield found


@pytest_asyncio.fixture
async def usdm(venue: Emulator) -> AsyncIterator[Any]:
    async with at("binanceusdm", venue) as exchange:
        await exchange.load_markets()
        yield exchange


async def test_markets_are_linear_swaps(usdm: Any) -> None:
    market = usdm.market(BTC)
    assert (market["swap"], market["linear"], market["contractSize"]) == (True, True, 1)
    assert (market["precision"]["amount"], market["limits"]["cost"]["min"]) == (0.001, 100)
    ticker, book = await usdm.fetch_ticker(BTC), await usdm.fetch_order_book(BTC, 5)
    assert 49_900 < book["bids"][0][0] < book["asks"][0][0] < 50_100
    assert 49_900 < ticker["last"] < 50_100
    assert -0.0001 <= (await usdm.fetch_funding_rate(BTC))["fundingRate"] <= 0.0002


async def test_leverage_margin_and_mode_are_set_and_read(usdm: Any) -> None:
    await usdm.set_margin_mode("isolated", BTC)
    with pytest.raises(ccxt.MarginModeAlreadySet, match="-4046"):
        await usdm.set_margin_mode("isolated", BTC)
    await usdm.set_leverage(1, BTC)
    found = await usdm.fetch_leverage(BTC)
    assert (found["marginMode"], found["longLeverage"]) == ("isolated", 1)
    await usdm.set_position_mode(True)
    assert (await usdm.fetch_position_mode(BTC))["hedged"] is True
    with pytest.raises(ccxt.ExchangeError, match="-4061"):
        await usdm.create_order(BTC, "market", "buy", 0.01)
    await usdm.set_position_mode(False)


async def test_an_order_becomes_a_position_trades_and_a_balance(usdm: Any) -> None:
    await usdm.set_margin_mode("isolated", BTC)
    await usdm.set_leverage(2, BTC)
    placed = await usdm.create_order(BTC, "market", "sell", 0.01, None, {"clientOrderId": "short"})
    assert (placed["status"], placed["filled"], placed["clientOrderId"]) == ("closed", 0.01, "short")
    (position,) = await usdm.fetch_positions([BTC])
    assert (position["side"], position["contracts"], position["marginMode"]) == ("short", 0.01, "isolated")
    assert position["entryPrice"] == pytest.approx(placed["average"])
    assert 70_000 < position["liquidationPrice"] < 75_000
    trades = await usdm.fetch_my_trades(BTC)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.01)
    balance = await usdm.fetch_balance()
    assert balance["USDT"]["free"] < float(FUTURES_FUNDS) - 200
    closed = await usdm.create_order(BTC, "market", "buy", 0.01, None, {"reduceOnly": True})
    assert closed["reduceOnly"] is True
    assert await usdm.fetch_positions([BTC]) == []


async def test_resting_orders_are_found_listed_and_cancelled_by_client_id(usdm: Any) -> None:
    named = {"clientOrderId": "mine"}
    await usdm.create_order(BTC, "limit", "buy", 0.01, 45_000, named | {"postOnly": True})
    assert [o["clientOrderId"] for o in await usdm.fetch_open_orders(BTC)] == ["mine"]
    with pytest.raises(ccxt.InvalidOrder, match="-4116"):
        await usdm.create_order(BTC, "limit", "buy", 0.01, 45_000, named)
    with pytest.raises(ccxt.OrderNotFillable, match="-5022"):
        await usdm.create_order(BTC, "limit", "buy", 0.01, 55_000, {"postOnly": True})
    await usdm.cancel_order(None, BTC, named)
    assert (await usdm.fetch_order(None, BTC, named))["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        await usdm.cancel_order(None, BTC, named)


@pytest.mark.parametrize(
    ("amount", "params", "error", "code"),
    [
        (0.001, {}, ccxt.ExchangeError, "-4164"),
        (100, {}, ccxt.InsufficientFunds, "-2019"),
        (0.01, {"reduceOnly": True}, ccxt.InvalidOrder, "-2022"),
    ],
)
async def test_refusals_have_the_codes_of_contracts(
    usdm: Any, amount: float, params: dict[str, Any], error: type[Exception], code: str
) -> None:
    with pytest.raises(error, match=code):
        await usdm.create_order(BTC, "market", "buy", amount, None, params)


async def test_a_conditional_order_has_a_life_of_its_own_until_it_triggers(venue: Emulator, usdm: Any) -> None:
    await usdm.create_order(BTC, "market", "buy", 0.01)
    stop = {"stopLossPrice": 49_000, "reduceOnly": True, "clientOrderId": "stop"}
    placed = await usdm.create_order(BTC, "market", "sell", 0.01, None, stop)
    assert await usdm.fetch_open_orders(BTC) == []
    (waiting,) = await usdm.fetch_open_orders(BTC, params={"trigger": True})
    assert (waiting["id"], waiting["clientOrderId"], waiting["triggerPrice"]) == (placed["id"], "stop", 49_000)
    venue.exchange.pin(BTC, Decimal(48_900))
    for _ in range(500):
        if not await usdm.fetch_positions([BTC]):
            break
        await asyncio.sleep(0.01)
    assert (await usdm.fetch_order(placed["id"], BTC, {"trigger": True}))["status"] == "closed"
    assert (await usdm.fetch_order(None, BTC, {"clientOrderId": "stop"}))["filled"] == 0.01


async def test_a_conditional_order_is_cancelled_by_its_own_name(usdm: Any) -> None:
    placed = await usdm.create_order(BTC, "limit", "sell", 0.01, 48_000, {"stopLossPrice": 49_000})
    await usdm.cancel_order(placed["id"], BTC, {"trigger": True})
    assert await usdm.fetch_open_orders(BTC, params={"trigger": True}) == []
    with pytest.raises(ccxt.OrderNotFound):
        await usdm.cancel_order(placed["id"], BTC, {"trigger": True})


async def test_contracts_and_spot_are_two_books(venue: Emulator, usdm: Any) -> None:
    async with at("binance", venue) as spot:
        await spot.create_order("BTC/USDT", "limit", "buy", 0.01, 40_000, {"clientOrderId": "same"})
        await usdm.create_order(BTC, "limit", "buy", 0.01, 45_000, {"clientOrderId": "same"})
        assert [o["symbol"] for o in await spot.fetch_open_orders("BTC/USDT")] == ["BTC/USDT"]
        assert [o["symbol"] for o in await usdm.fetch_open_orders(BTC)] == [BTC]
        assert await spot.private_get_openorders() != []
        assert len(await spot.private_get_openorders()) == 1


async def test_what_moved_the_wallet_is_income(venue: Emulator, usdm: Any) -> None:
    await usdm.create_order(BTC, "market", "buy", 0.01)
    venue.exchange.accounts[API_KEY].futures.earn("FUNDING_FEE", BTC, Decimal("-1.5"), venue.exchange.clock.now_ms())
    assert [paid["amount"] for paid in await usdm.fetch_funding_history(BTC)] == [-1.5]
    kinds = [row["incomeType"] for row in await usdm.fapiprivate_get_income()]
    assert set(kinds) == {"COMMISSION", "FUNDING_FEE"}


async def test_the_countdown_cancels_the_orders_of_its_symbol(usdm: Any) -> None:
    await usdm.create_order(BTC, "limit", "buy", 0.01, 45_000)
    await usdm.fapiprivate_post_countdowncancelall({"symbol": "BTCUSDT", "countdownTime": 1})
    await asyncio.sleep(0.05)
    assert await usdm.fetch_open_orders(BTC) == []


async def test_a_key_without_futures_is_refused(venue: Emulator, usdm: Any) -> None:
    venue.exchange.accounts[API_KEY].may.futures = False
    with pytest.raises(ccxt.BaseError, match="-2015"):
        await usdm.fetch_balance()


async def test_the_private_stream_tells_orders_and_positions(venue: Emulator) -> None:
    async with at("binanceusdm", venue, pro=True) as exchange:
        await exchange.load_markets()
        orders = asyncio.ensure_future(exchange.watch_orders(BTC))
        while not venue.binance.contract_stream.connections:
            await asyncio.sleep(0.01)
        placed = await exchange.create_order(BTC, "market", "buy", 0.01)
        told = (await asyncio.wait_for(orders, WAIT_S))[-1]
        assert (told["id"], told["symbol"]) == (placed["id"], BTC)
        positions = asyncio.ensure_future(exchange.watch_positions([BTC]))
        while not any("positions" in waited for c in exchange.clients.values() for waited in c.futures):
            await asyncio.sleep(0.01)
        await exchange.create_order(BTC, "market", "sell", 0.03)
        (position,) = await asyncio.wait_for(positions, WAIT_S)
        assert (position["side"], position["contracts"]) == ("short", 0.02)
