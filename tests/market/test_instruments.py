from decimal import Decimal

import pytest

from core.errors import ConfigError
from market.instruments import spot


@pytest.mark.parametrize("symbol", ["", "BTCUSDT", "BTC/", "/USDT", "btc/usdt", "BTC/USDT:USDT", "BTC / USDT"])
def test_what_is_no_spot_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="expected a symbol such as BTC/USDT"):
        spot(symbol)


def test_a_listed_pair_has_the_increments_of_its_venue() -> None:
    instrument = spot("ETH/USDT")
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.01"), Decimal("0.0001"))
    assert (instrument.base, instrument.quote) == ("ETH", "USDT")


def test_an_unlisted_pair_has_the_finest_increments_and_still_a_minimum() -> None:
    instrument = spot("1INCH/BTC")
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("1e-8"), Decimal("1e-8"))
    assert instrument.min_notional == 5
