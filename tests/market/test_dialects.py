"""Foreign files are refused with a reason that is right: the real ones, as people bring them."""

import pytest

from core.errors import DataRefused
from market.candles import load_candles
from market.dialects import COLUMNS, refuse_columns
from tests.market.material import shared

FOREIGN = {
    "binance_klines_ADABTC-1m-2021-11-27.csv": "a Binance kline dump without a header",
    "binance_klines_ADABTC-1m-2021-11-28.csv": "a Binance kline dump without a header",
    "binance_spot_BTCUSDT_1d_2017_2023.csv": "a Binance kline export with all its columns",
    "binance_perp_LINKUSDT_1h_2020_2024.csv.gz": "a kline file with the columns open_time",
    "binance_perp_XRPUSDT_1h_2020_2024.csv.gz": "a kline file with the columns open_time",
    "cdd_binance_futures_BTCUSDT_1h_2020.csv.gz": "a CryptoDataDownload file",
    "cdd_gemini_BTCUSD_1h_2015_2020.csv.gz": "a CryptoDataDownload file",
    "cdd_kraken_BTCUSD_1d_2013_2019.csv.gz": "a CryptoDataDownload file",
    "cmc_bnb_daily_price_2023.csv": "a CoinMarketCap export",
    "cmc_xrp_daily_price_2023.csv": "a CoinMarketCap export",
    "ftx_like_BTC-PERP_1m_2022-01.csv.gz": "no column date; the foreign column 'timestamp'",
    "freqtrade_ADA_BTC_5m_2018-01.feather": "a Feather file, as freqtrade writes",
    "freqtrade_XRP_USDT_perp_1h_2021-11.feather": "a Feather file, as freqtrade writes",
    "lean/crypto/binance/hour/btcusdt_trade.zip": "a zip archive, as LEAN ships candles",
    "lean/crypto/coinbase/daily/btcusd_quote.zip": "a zip archive, as LEAN ships candles",
}


@pytest.mark.parametrize(("name", "reason"), FOREIGN.items(), ids=list(FOREIGN))
def test_a_foreign_file_is_refused_by_the_name_of_its_dialect(name: str, reason: str) -> None:
    with pytest.raises(DataRefused) as refusal:
        load_candles(shared(name), "BTC/USDT")
    said = str(refusal.value)
    assert reason in said
    assert "allowed is Parquet or CSV" in said
    assert "\n" not in said


def test_our_columns_are_ours_in_any_order() -> None:
    refuse_columns("x.csv", list(reversed(COLUMNS)))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "found no columns"),
        (["date", "open", "high", "low", "close"], "no column volume"),
        ([*COLUMNS, "trades"], "the foreign column 'trades'"),
        ([*COLUMNS, "open"], "twice the column open"),
        (["Date", *COLUMNS[1:]], "no column date; the foreign column 'Date'"),
        (["date;open;high;low;close;volume"], "the foreign column 'date;open;high;low;close;volume'"),
        (["1619827200", "1", "1", "1", "1", "5"], "6 numbers a row without a header"),
    ],
)
def test_other_columns_are_refused_by_their_difference(found: list[str], reason: str) -> None:
    with pytest.raises(DataRefused) as refusal:
        refuse_columns("x.csv", found)
    assert reason in str(refusal.value)
