"""What a cancel that failed and a look that could not be read prove: never that an order is gone."""

from decimal import Decimal
from unittest.mock import AsyncMock

import pytest

from core.errors import (
    AccountRestricted,
    DeskError,
    ExchangeRejected,
    ExchangeUnavailable,
    NotOffered,
    ReadRestricted,
)
from core.money import Price, Quantity
from core.orders import OrderState, Side
from core.time import SECOND_NS
from execution.ports import VenuePosition
from tests.execution.exchange.loopback import COIN, NOW_NS, OURS, PERPETUAL, Told, wired
from tests.execution.exchange.test_facts import OPEN_EMPTY
from tests.execution.exchange.test_outcomes import PAGE, body

# ── of a cancel ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "answer", "expected"),
    [
        ("binance", Told(body("binance", "-2011", "Unknown order sent."), 400), None),
        ("kraken", Told(body("kraken", "EOrder:Unknown order")), None),
        ("kraken", Told(body("kraken", "EOrder:Cancel pending")), None),
        ("okx", Told(body("okx", "51400", "Cancellation failed")), None),
        ("bybit", Told(body("bybit", "170213", "Order does not exist.")), None),
        ("binance", Told(PAGE, 502), ExchangeUnavailable),
        ("binance", Told(""), ExchangeUnavailable),
        ("binance", Told(body("binance", "-1003"), 429), ExchangeUnavailable),
        ("binance", Told(body("binance", "-1021"), 400), ExchangeUnavailable),
        ("binance", Told(body("binance", "-1102", "Mandatory parameter was not sent."), 400), ExchangeRejected),
        ("kraken", Told(body("kraken", "EGeneral:Permission denied")), AccountRestricted),
    ],
)
async def test_a_cancel_that_failed_is_over_refused_or_to_be_repeated(
    venue: str, answer: Told, expected: type[DeskError] | None
) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(answer)
        if expected is None:
            await adapter.cancel(OURS, COIN)
            return
        with pytest.raises(expected) as raised:
            await adapter.cancel(OURS, COIN)
        assert raised.type is expected


async def test_a_cancel_that_never_left_is_to_be_repeated() -> None:
    async with wired("binance") as (adapter, client, _):
        client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:1")
        with pytest.raises(ExchangeUnavailable):
            await adapter.cancel(OURS, COIN)


async def test_coinbase_cannot_cancel_what_it_does_not_list_yet() -> None:
    async with wired("coinbase") as (adapter, _, server):
        server.tell(OPEN_EMPTY["coinbase"])
        with pytest.raises(ExchangeUnavailable, match="does not list"):
            await adapter.cancel(OURS, COIN)


# ── of a look ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer", [Told(PAGE, 502), Told(PAGE), Told(""), Told("{}"), Told('{"code":'), Told("[]", 500)]
)
@pytest.mark.parametrize("venue", ["binance", "kraken", "coinbase", "okx", "bybit"])
async def test_a_look_that_could_not_be_read_never_says_absent(venue: str, answer: Told) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(answer)
        with pytest.raises(ExchangeUnavailable):
            await adapter.report(OURS, COIN)
        with pytest.raises(ExchangeUnavailable):
            await adapter.open_orders()
        with pytest.raises(ExchangeUnavailable):
            await adapter.fills(COIN, 1_795_280_900_000_000_000)


@pytest.mark.parametrize(
    ("venue", "answer"),
    [
        ("binance", Told(body("binance", "-2015", "This action is disabled on this account."), 400)),
        ("kraken", Told(body("kraken", "EGeneral:Permission denied"))),
        ("okx", Told({"code": "50007", "msg": "Account blocked.", "data": []})),
        ("bybit", Told(body("bybit", "10005", "Permission denied for current apikey"))),
    ],
)
async def test_a_read_of_a_frozen_account_says_so_and_proves_nothing(venue: str, answer: Told) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(answer)
        for read in (adapter.report(OURS, COIN), adapter.open_orders(), adapter.balances()):
            with pytest.raises(ReadRestricted, match=venue):
                await read


@pytest.mark.parametrize(
    ("venue", "answer"),
    [
        ("kraken", Told(body("kraken", "EGeneral:Permission denied"))),
        ("bybit", Told(body("bybit", "10005", "Permission denied, please check your API key permissions."))),
    ],
)
async def test_keys_that_may_not_read_transfers_freeze_no_account(venue: str, answer: Told) -> None:
    async with wired(venue) as (adapter, _, server):
        server.tell(answer)
        with pytest.raises(NotOffered, match=venue):
            await adapter.transfers(NOW_NS - SECOND_NS)


_CLOSE_ALL = {
    "orderId": 1,
    "symbol": "BTCUSDT",
    "status": "NEW",
    "clientOrderId": "web_1",
    "price": "0",
    "origQty": "0",
    "executedQty": "0",
    "cumQuote": "0",
    "timeInForce": "GTC",
    "type": "STOP_MARKET",
    "reduceOnly": True,
    "closePosition": True,
    "side": "SELL",
    "stopPrice": "90",
    "time": 1700000000000,
    "updateTime": 1700000000000,
}


@pytest.mark.parametrize(("side", "counted"), [(Side.BUY, [Decimal(2)]), (Side.SELL, [])])
async def test_a_stop_that_closes_a_whole_position_counts_as_that_position(
    side: Side, counted: list[Decimal], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = Decimal(2)
    held = VenuePosition("BTC/USDT:USDT", side, Quantity(two), Price(two), two, two, True)
    async with wired("binanceusdm", PERPETUAL) as (adapter, _, server):
        monkeypatch.setattr(adapter, "positions", AsyncMock(return_value=(held,)))
        server.tell([_CLOSE_ALL], [])
        listed = await adapter.open_orders()
    assert [order.quantity for order in listed] == counted
    assert all(order.reduce_only and order.trigger_price == 90 and order.side is Side.SELL for order in listed)


@pytest.mark.parametrize("broken", [1, 2])
async def test_a_read_error_in_a_later_look_is_no_proof_of_absence(broken: int) -> None:
    not_there = Told(body("binance", "-2013", "Order does not exist."), 400)
    answers = [not_there, Told("[]")][:broken]
    async with wired("binance") as (adapter, _, server):
        server.tell(*answers, Told(PAGE, 502))
        with pytest.raises(ExchangeUnavailable):
            await adapter.report(OURS, COIN)


async def test_nothing_in_any_list_and_no_error_is_none() -> None:
    async with wired("binance") as (adapter, _, server):
        server.tell(Told(body("binance", "-2013", "Order does not exist."), 400), Told("[]"))
        assert await adapter.report(OURS, COIN) is None
        assert {request.path for request in server.requests} == {
            "/api/v3/order",
            "/api/v3/openOrders",
            "/api/v3/myTrades",
        }


async def test_an_order_whose_number_the_venue_told_is_asked_for_by_it() -> None:
    """Its lists of closed orders end after a hundred: what was there before them could never be read."""
    async with wired("coinbase") as (adapter, _, server):
        adapter._names.remember(COIN, "id-0", OURS)
        ended = {
            **{"order_id": "id-0", "client_order_id": OURS, "product_id": "BTC-USDT", "side": "BUY"},
            **{"status": "CANCELLED", "created_time": "2026-11-20T08:00:00Z", "order_type": "LIMIT"},
            **{"filled_size": "0", "average_filled_price": "0", "total_fees": "0"},
            "order_configuration": {"limit_limit_gtc": {"base_size": "1", "limit_price": "5"}},
        }
        server.tell({"order": ended})
        report = await adapter.report(OURS, COIN)
        assert report is not None
        assert report.state is OrderState.CANCELLED
        assert [request.path for request in server.requests] == ["/api/v3/brokerage/orders/historical/id-0"]
