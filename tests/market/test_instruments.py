from decimal import Decimal

import pytest

from core.errors import ConfigError
from core.instruments import ContractKind
from market.instruments import listed, spot


@pytest.mark.parametrize("symbol", ["", "BTCUSDT", "BTC/", "/USDT", "btc/usdt", "BTC/USDT:USDT", "BTC / USDT"])
def test_what_is_no_spot_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="expected a symbol such as BTC/USDT"):
        spot(symbol)


@pytest.mark.parametrize("symbol", ["BTC/USDT:BTC", "BTC/USDT:", "BTC:USDT", ":USDT"])
def test_what_is_no_linear_perpetual_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="expected a"):
        listed(symbol)


def test_a_perpetual_has_the_increments_of_its_pair_and_fees_of_its_own() -> None:
    instrument = listed("ETH/USDT:USDT")
    assert (instrument.kind, instrument.base, instrument.quote) == (ContractKind.PERPETUAL, "ETH", "USDT")
    assert (instrument.tick_size, instrument.taker_fee) == (Decimal("0.01"), Decimal("0.0005"))


def test_a_listed_pair_has_the_increments_of_its_venue() -> None:
    instrument = spot("ETH/USDT")
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.01"), Decimal("0.0001"))
    assert (instrument.base, instrument.quote) == ("ETH", "USDT")


def test_an_unlisted_pair_has_the_finest_increments_and_still_a_minimum() -> None:
    instrument = spot("1INCH/BTC")
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("1e-8"), Decimal("1e-8"))
    assert instrument.min_notional == 5
