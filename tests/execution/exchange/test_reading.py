"""ccxt's rows in our words: nothing filled in, several fees, contracts in coins, orders that ended early."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from core.errors import ExchangeUnavailable
from core.orders import Fill, OrderState, OrderType, Side, TimeInForce
from execution.venues.exchange.facts import PROVEN
from execution.venues.exchange.reading import client_id, fill_of, order_of, position_of, same_id, state_of, transfers_of

BINANCE = PROVEN["binance"]
MARKET = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "contract": False}
SWAP = {"id": "BTC-USDT-SWAP", "symbol": "BTC/USDT:USDT", "quote": "USDT", "contract": True, "contractSize": "0.01"}
ORDER = {
    "id": "7",
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "limit",
    "status": "open",
    "amount": "2",
    "filled": "0",
    "price": "50000",
    "timestamp": 1_700_000_000_123,
    "timeInForce": "GTC",
    "info": {"clientOrderId": "abc"},
}
TRADE = {
    "id": "55",
    "order": "7",
    "side": "sell",
    "amount": "0.5",
    "price": "50000.1",
    "takerOrMaker": "maker",
    "timestamp": 1_700_000_000_123,
    "fees": [{"cost": "0.1", "currency": "BNB"}],
    "info": {},
}


def fill(market: Mapping[str, Any] = MARKET, **changed: Any) -> Fill:
    return fill_of({**TRADE, **changed}, market, BINANCE, name="ours", account_id="acct", known_at_ns=9)


# ── states ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("open", "0", OrderState.OPEN),
        ("open", "1", OrderState.PARTIAL),
        ("closed", "2", OrderState.FILLED),
        ("closed", "1", OrderState.CANCELLED),  # Bybit's "partially filled, cancelled"
        ("canceled", "1", OrderState.CANCELLED),
        ("canceled", "2", OrderState.FILLED),
        ("canceled", "0", OrderState.CANCELLED),
        ("expired", "1", OrderState.EXPIRED),
        ("rejected", "0", OrderState.REJECTED),
    ],
)
def test_a_status_is_read_beside_what_was_filled(status: str, filled: str, state: OrderState) -> None:
    assert state_of({"status": status, "filled": filled, "amount": "2"}) is state


@pytest.mark.parametrize("status", [None, "", "canceling", "pending", "NEW"])
def test_a_status_that_is_in_no_table_is_a_failed_read(status: str | None) -> None:
    with pytest.raises(ExchangeUnavailable, match="in no table"):
        state_of({"status": status, "filled": "0", "amount": "1"})


# ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_read_whole() -> None:
    found = order_of(ORDER, MARKET, BINANCE)
    assert (found.exchange_order_id, found.client_order_id, found.side) == ("7", "abc", Side.BUY)
    assert (found.quantity, found.limit_price, found.filled_quantity) == (Decimal(2), Decimal(50000), Decimal(0))
    assert (found.type, found.time_in_force, found.ts_created_ns) == (
        OrderType.LIMIT,
        TimeInForce.GTC,
        1_700_000_000_123_000_000,
    )


@pytest.mark.parametrize("key", ["id", "side", "amount", "filled", "timestamp", "status"])
def test_an_order_without_one_of_its_words_is_a_failed_read(key: str) -> None:
    with pytest.raises(ExchangeUnavailable):
        order_of({**ORDER, key: None}, MARKET, BINANCE)


def test_an_order_with_a_trigger_is_a_stop() -> None:
    found = order_of({**ORDER, "price": None, "stopLossPrice": "48000"}, MARKET, BINANCE)
    assert (found.type, found.trigger_price, found.limit_price) == (OrderType.STOP, Decimal(48000), None)


def test_quantities_in_contracts_are_told_in_coins() -> None:
    found = order_of({**ORDER, "filled": "1"}, SWAP, PROVEN["okx"])
    assert (found.quantity, found.filled_quantity) == (Decimal("0.02"), Decimal("0.01"))


@pytest.mark.parametrize("told", [{}, {"cl_ord_id": None}, {"cl_ord_id": ""}, {"userref": 5}])
def test_an_order_that_we_did_not_name_has_no_name(told: dict[str, Any]) -> None:
    assert client_id({"clientOrderId": "5", "info": told}, PROVEN["kraken"]) is None


def test_an_id_with_hyphens_is_the_same_id() -> None:
    assert same_id("da8e4ad5-9b78-481c-93e5-89746b0cf91f", "DA8E4AD59B78481C93E589746B0CF91F")
    assert not same_id("da8e4ad59b78481c93e589746b0cf91f", "da8e4ad59b78481c93e589746b0cf91e")


# ── fills ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fill_is_read_to_the_digit() -> None:
    found = fill()
    assert (found.quantity, found.price, found.fee, found.fee_currency) == (
        Decimal("0.5"),
        Decimal("50000.1"),
        Decimal("0.1"),
        "BNB",
    )
    assert (found.side, found.maker, found.client_order_id) == (Side.SELL, True, "ours")
    assert (found.ts_event_ns, found.known_at_ns) == (1_700_000_000_123_000_000, 9)


def test_the_same_number_in_another_market_or_order_is_another_fill() -> None:
    one = fill().trade_id
    assert one != fill({**MARKET, "id": "ETHUSDT"}).trade_id
    assert one != fill(order="8").trade_id
    assert one == fill().trade_id


@pytest.mark.parametrize("key", ["id", "order", "side", "amount", "price", "timestamp"])
def test_a_trade_without_one_of_its_words_is_a_failed_read(key: str) -> None:
    with pytest.raises(ExchangeUnavailable):
        fill(MARKET, **{key: None})


@pytest.mark.parametrize("value", ["NaN", "Infinity", "x"])
@pytest.mark.parametrize("key", ["amount", "price"])
def test_a_trade_with_a_number_that_is_none_is_a_failed_read(key: str, value: str) -> None:
    with pytest.raises(ExchangeUnavailable):
        fill(MARKET, **{key: value})


@pytest.mark.parametrize(
    ("fees", "fee", "currency"),
    [
        ([{"cost": "0.1", "currency": "BNB"}, {"cost": "0.2", "currency": "BNB"}], "0.3", "BNB"),
        ([{"cost": "0", "currency": "BNB"}, {"cost": "0.2", "currency": "USDT"}], "0.2", "USDT"),
        ([{"cost": "-0.2", "currency": "USDT"}], "-0.2", "USDT"),  # a rebate
        ([{"cost": "0", "currency": None}], "0", "USDT"),  # nothing is nothing in any currency
    ],
)
def test_a_fee_is_what_was_told(fees: list[dict[str, Any]], fee: str, currency: str) -> None:
    found = fill(fees=fees)
    assert (found.fee, found.fee_currency) == (Decimal(fee), currency)


@pytest.mark.parametrize(
    "fees",
    [
        [],
        [{"cost": None, "currency": "USDT"}],
        [{"cost": "0.1", "currency": None}],
        [{"cost": "0.1", "currency": "BNB"}, {"cost": "0.2", "currency": "USDT"}],
    ],
)
def test_a_fee_that_was_not_told_or_cannot_be_booked_is_never_made_up(fees: list[dict[str, Any]]) -> None:
    with pytest.raises(ExchangeUnavailable, match="fee"):
        fill(fees=fees)


def test_the_venue_s_own_fee_currency_goes_before_a_guess() -> None:
    assert fill(fees=[{"cost": "1", "currency": "BTC"}], info={"feeCurrency": "MNT"}).fee_currency == "MNT"


# ── positions and transfers ─────────────────────────────────────────────────────────────────────────────────────────

POSITION = {
    "symbol": "BTC/USDT:USDT",
    "side": "short",
    "contracts": "12",
    "entryPrice": "50000",
    "initialMargin": "60",
    "leverage": "1",
    "marginMode": "isolated",
}


def test_a_position_is_told_in_coins_and_by_its_side() -> None:
    found = position_of(POSITION, SWAP)
    assert found is not None
    assert (found.side, found.quantity, found.average_price) == (Side.SELL, Decimal("0.12"), Decimal(50000))
    assert (found.margin, found.leverage, found.isolated) == (Decimal(60), Decimal(1), True)


def test_a_row_without_contracts_is_no_position() -> None:
    assert position_of({**POSITION, "contracts": "0", "side": None}, SWAP) is None


@pytest.mark.parametrize("key", ["contracts", "side", "entryPrice"])
def test_a_position_without_one_of_its_words_is_a_failed_read(key: str) -> None:
    with pytest.raises(ExchangeUnavailable):
        position_of({**POSITION, key: None}, SWAP)


TRANSFER = {"id": "d1", "status": "ok", "amount": "10", "currency": "USDT", "timestamp": 5, "fee": None}


def test_a_deposit_comes_in_and_a_withdrawal_goes_out_with_its_fee() -> None:
    (came,) = transfers_of(TRANSFER, deposit=True)
    assert (came.amount, came.currency, came.ts_event_ns) == (Decimal(10), "USDT", 5_000_000)
    went, fee = transfers_of({**TRANSFER, "fee": {"cost": "1", "currency": "USDT"}}, deposit=False)
    assert (went.amount, fee.amount) == (Decimal(-10), Decimal(-1))
    assert len({came.transfer_id, went.transfer_id, fee.transfer_id}) == 3


@pytest.mark.parametrize("status", ["pending", "failed", "canceled", None])
def test_a_transfer_that_is_not_complete_is_none(status: str | None) -> None:
    assert transfers_of({**TRANSFER, "status": status}, deposit=True) == []
