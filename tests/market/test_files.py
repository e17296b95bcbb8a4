from pathlib import Path

import pytest

from core.errors import ConfigError
from market.files import assign, symbol_for

SYMBOLS = ("BTC/USDT", "ETH/USDT")


def test_a_name_that_shows_no_symbol_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"candles\.csv shows none of BTC/USDT, ETH/USDT"):
        symbol_for(Path("candles.csv"), SYMBOLS)


def test_a_name_that_shows_two_symbols_is_refused() -> None:
    with pytest.raises(ConfigError, match="shows BTC/USDT and ETH/USDT"):
        symbol_for(Path("BTCUSDT_ETHUSDT.csv"), SYMBOLS)


def test_a_longer_symbol_does_not_show_the_shorter_one() -> None:
    with pytest.raises(ConfigError, match="shows none"):
        symbol_for(Path("WBTCUSDT_1h.parquet"), SYMBOLS)


@pytest.mark.parametrize(
    "name", ["binance_spot_BTCUSDT_1h.parquet", "BTC_USDT.csv", "btc-usdt-1h.csv.gz", "BTCUSDT1h.csv"]
)
def test_a_symbol_is_shown_with_or_without_a_separator(name: str) -> None:
    assert symbol_for(Path("ETHUSDT") / name, SYMBOLS) == "BTC/USDT"


def test_a_symbol_without_a_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="no candle file for ETH/USDT"):
        assign(["BTCUSDT.csv"], SYMBOLS)


def test_a_symbol_with_two_files_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"BTC/USDT has two files, BTCUSDT.csv and b.csv"):
        assign(["BTCUSDT.csv", "BTC/USDT=b.csv"], SYMBOLS)


def test_a_named_symbol_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="names XRP/USDT, allowed are BTC/USDT, ETH/USDT"):
        assign(["XRP/USDT=x.csv"], SYMBOLS)


def test_files_come_in_the_order_of_the_symbols() -> None:
    assert list(assign(["ETHUSDT.csv", "BTC/USDT=any.csv"], SYMBOLS).items()) == [
        ("BTC/USDT", Path("any.csv")),
        ("ETH/USDT", Path("ETHUSDT.csv")),
    ]


def test_a_folder_with_an_equals_sign_is_no_symbol() -> None:
    assert assign(["month=2021-05/BTCUSDT.csv"], ["BTC/USDT"]) == {"BTC/USDT": Path("month=2021-05/BTCUSDT.csv")}
