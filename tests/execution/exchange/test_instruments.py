"""A market of ccxt becomes an instrument exactly, or not at all."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest
from ccxt.base.decimal_to_precision import DECIMAL_PLACES, TICK_SIZE

from core.errors import DataRefused
from core.instruments import ContractKind, Instrument
from execution.venues.exchange.instruments import contract_size, instrument_of, number
from tests.execution.exchange.loopback import PERPETUAL, SPOT, market_row


def read(kind: ContractKind = SPOT, venue: str = "binance", **changed: Any) -> Instrument:
    market = market_row(getattr(ccxt, venue)(), venue, kind)
    return instrument_of({**market, **changed}, venue, TICK_SIZE)


def test_a_spot_pair_is_read_to_the_digit() -> None:
    found = read()
    assert (found.tick_size, found.lot_size, found.min_quantity) == (
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal("0.00001"),
    )
    assert (found.min_notional, found.max_quantity, found.taker_fee) == (Decimal(5), Decimal(9000), Decimal("0.001"))
    assert (found.kind, found.tradable, found.venue) == (SPOT, True, "binance")


def test_a_contract_s_increments_are_told_in_coins() -> None:
    found = read(PERPETUAL, "okx")
    assert found.kind is PERPETUAL
    assert (found.lot_size, found.min_quantity, found.max_quantity) == (
        Decimal("0.0000001"),
        Decimal("0.0000001"),
        Decimal(90),
    )


@pytest.mark.parametrize("missing", ["price", "amount"])
@pytest.mark.parametrize("value", [None, "0", "-1", "NaN", "x"])
def test_an_increment_that_is_not_there_is_refused(missing: str, value: str | None) -> None:
    precision = {"price": "0.01", "amount": "0.00001", missing: value}
    with pytest.raises(DataRefused, match="increment"):
        read(precision=precision)


@pytest.mark.parametrize("missing", ["maker", "taker"])
def test_a_fee_that_is_not_stated_is_refused(missing: str) -> None:
    with pytest.raises(DataRefused, match=f"{missing} fee"):
        read(SPOT, "binance", **{missing: None})


def test_increments_in_digits_are_refused() -> None:
    market = market_row(ccxt.binance(), "binance", SPOT)
    with pytest.raises(DataRefused, match="digits"):
        instrument_of(market, "binance", DECIMAL_PLACES)


@pytest.mark.parametrize(
    "changed", [{"linear": False, "inverse": True}, {"swap": False, "future": True}, {"settle": "BTC"}]
)
def test_another_kind_of_contract_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(DataRefused, match="linear perpetual"):
        read(PERPETUAL, **changed)


@pytest.mark.parametrize("size", [None, "0"])
def test_a_contract_without_a_size_is_refused(size: str | None) -> None:
    with pytest.raises(DataRefused, match="size of a contract"):
        contract_size({"symbol": "X", "contract": True, "contractSize": size})


@pytest.mark.parametrize("most", [None, "0"])
def test_no_largest_quantity_is_none(most: str | None) -> None:
    limits = {"amount": {"min": None, "max": most}, "cost": {"min": None}}
    found = read(limits=limits)
    assert found.max_quantity is None
    assert found.min_quantity == found.lot_size
    assert found.min_notional == 0


def test_a_halted_market_is_not_tradable() -> None:
    assert not read(active=False).tradable


@pytest.mark.parametrize("value", [None, "", "x", "NaN", "Infinity", float("nan"), True])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), ("1e-8", "0.00000001"), (5, "5"), ("123456789.12345678", "123456789.12345678")]
)
def test_a_number_is_read_by_its_shortest_text(value: object, text: str) -> None:
    assert number(value) == Decimal(text)
