from pathlib import Path

import pytest

from core.errors import ConfigError
from market.importing.names import assign, check_symbol, symbol_for, symbol_in, venue_in

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


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("binance_spot_BTCUSDT_1h_2017_2022.parquet", "BTC/USDT"),
        ("binance_perp_BNBUSDT_1h_2024.parquet", "BNB/USDT:USDT"),
        ("XRP_USDT_USDT-1h-futures.feather", "XRP/USDT:USDT"),
        ("ADA_BTC-5m.feather", "ADA/BTC"),
        ("freqtrade_ETH_BTC_5m_2018-01.feather", "ETH/BTC"),
        ("btcusd_perp.csv", "BTC/USD:BTC"),
        ("20221213_btcbusd_minute.csv", "BTC/BUSD"),
        ("cmc_bnb_daily_price_2023.csv", None),
        ("ftx_like_BTC-PERP_1m.csv", None),
        ("BTCUSDT_ETHUSDT.csv", None),
        ("candles.csv", None),
        ("USDT.csv", None),
    ],
)
def test_a_name_says_a_symbol_or_nothing(name: str, symbol: str | None) -> None:
    assert symbol_in(name) == symbol


@pytest.mark.parametrize(
    ("name", "venue"),
    [
        ("cdd_gemini_BTCUSD_1h.csv.gz", "gemini"),
        ("Binance_BTCUSDT_1h.csv", "binance"),
        ("ftx_like_BTC-PERP.csv", None),
        ("binance_kraken_spread.csv", None),
        ("mybinancedata.csv", None),
    ],
)
def test_a_name_says_a_venue_or_nothing(name: str, venue: str | None) -> None:
    assert venue_in(name) == venue


@pytest.mark.parametrize("symbol", ["btc/usdt", "BTCUSDT", "BTC/USDT:", "/USDT", "BTC/USDT:USDT:X", ""])
def test_a_symbol_that_is_not_as_ccxt_writes_it_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="expected a symbol such as BTC/USDT"):
        check_symbol(symbol)
