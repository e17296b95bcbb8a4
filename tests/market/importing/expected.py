"""What is in each real file, as the list of them states it, and what must be said to read it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    layout: str
    rows: int
    venue: str | None = None  # what the file does not say
    symbol: str | None = None
    timezone: str | None = None
    volume: str = "base"


def _table(rows: int, venue: str | None = None) -> Expected:
    return Expected("candle table", rows, venue)


def _lean(rows: int) -> Expected:
    return Expected("LEAN trade bars", rows)


def _quotes(rows: int) -> Expected:
    return Expected("LEAN quote bars", rows)


_CRYPTO, _FUTURE = "ohlcv/lean/crypto", "ohlcv/lean/cryptofuture/binance"
_MINUTE, _SECOND = f"{_CRYPTO}/coinbase/minute/btcusd", f"{_CRYPTO}/coinbase/second/btcusd"

EXPECTED: dict[str, Expected] = {
    "ohlcv/binance_klines_ADABTC-1m-2021-11-27.csv": Expected("kline dump", 10),
    "ohlcv/binance_klines_ADABTC-1m-2021-11-28.csv": Expected("kline dump", 11),
    "ohlcv/binance_perp_BNBUSDT_1h_2024.parquet": _table(8870),
    "ohlcv/binance_perp_LINKUSDT_1h_2020_2024.csv.gz": Expected("kline dump", 31973),
    "ohlcv/binance_perp_XRPUSDT_1h_2020_2024.csv.gz": Expected("kline dump", 31973),
    "ohlcv/binance_spot_ADAUSDT_1h_2017_2022.parquet": _table(39232),
    "ohlcv/binance_spot_APEUSDT_5m_2022.parquet": _table(56673),
    "ohlcv/binance_spot_AVAXUSDT_15m_2020_2022.parquet": _table(71822),
    "ohlcv/binance_spot_BNBUSDT_1h_2017_2022.parquet": _table(43087),
    "ohlcv/binance_spot_BTCUSDT_1d_2017_2023.csv": Expected("kline dump", 1963),
    "ohlcv/binance_spot_BTCUSDT_1h_2017_2022.parquet": _table(45024),
    "ohlcv/binance_spot_BTCUSDT_4h_2017_2022.parquet": _table(11271),
    "ohlcv/binance_spot_ETHUSDT_1h_2017_2022.parquet": _table(45024),
    "ohlcv/binance_spot_FTTUSDT_1h_2019_2022.parquet": _table(24601),
    "ohlcv/binance_spot_LTCUSDT_1h_2017_2022.parquet": _table(42199),
    "ohlcv/binance_spot_XRPUSDT_1h_2017_2022.parquet": _table(38820),
    "ohlcv/bitfinex_spot_BTCUSD_1m_2017-11_2018-02.parquet": _table(172723),
    "ohlcv/bitfinex_spot_LTCUSD_1m_2015.parquet": _table(146741),
    "ohlcv/cdd_binance_futures_BTCUSDT_1h_2020.csv.gz": Expected("CryptoDataDownload", 3599),
    "ohlcv/cdd_gemini_BTCUSD_1h_2015_2020.csv.gz": Expected("CryptoDataDownload", 45825),
    "ohlcv/cdd_kraken_BTCUSD_1d_2013_2019.csv.gz": Expected("CryptoDataDownload", 2191),
    "ohlcv/cmc_bnb_daily_price_2023.csv": Expected("CoinMarketCap", 400, symbol="BNB/USD"),
    "ohlcv/cmc_xrp_daily_price_2023.csv": Expected("CoinMarketCap", 400, symbol="XRP/USD"),
    "ohlcv/freqtrade_ADA_BTC_5m_2018-01.feather": _table(5720, "binance"),
    "ohlcv/freqtrade_ETH_BTC_5m_2018-01.feather": _table(5760, "binance"),
    "ohlcv/freqtrade_LTC_BTC_5m_2018-01.feather": _table(5760, "binance"),
    "ohlcv/freqtrade_XLM_BTC_5m_2018-01.feather": _table(5760, "binance"),
    "ohlcv/freqtrade_XRP_USDT_perp_1h_2021-11.feather": _table(100, "binance"),
    "ohlcv/freqtrade_XRP_USDT_perp_5m_2021-11.feather": _table(1999, "binance"),
    "ohlcv/ftx_like_BTC-PERP_1m_2022-01.csv.gz": Expected(
        "candle table", 45031, "ftx", "BTC/USD:USD", "UTC", volume="quote"
    ),
    f"{_CRYPTO}/binance/hour/btcusdt_trade.zip": _lean(120),
    f"{_CRYPTO}/binance/minute/btcbusd/20221213_trade.zip": _lean(1440),
    f"{_CRYPTO}/coinbase/daily/btcusd_quote.zip": _quotes(1332),
    f"{_CRYPTO}/coinbase/daily/btcusd_trade.zip": _lean(1318),
    f"{_MINUTE}/20161007_trade.zip": _lean(1419),
    f"{_MINUTE}/20161008_trade.zip": _lean(1400),
    f"{_MINUTE}/20161009_trade.zip": _lean(1397),
    f"{_MINUTE}/20170903_quote.zip": _quotes(1438),
    f"{_MINUTE}/20170903_trade.zip": _lean(1440),
    f"{_MINUTE}/20170904_quote.zip": _quotes(1438),
    f"{_MINUTE}/20170904_trade.zip": _lean(1440),
    f"{_MINUTE}/20171217_quote.zip": _quotes(1439),
    f"{_MINUTE}/20171217_trade.zip": _lean(1440),
    f"{_MINUTE}/20180404_quote.zip": _quotes(1437),
    f"{_MINUTE}/20180404_trade.zip": _lean(1007),
    f"{_MINUTE}/20180405_quote.zip": _quotes(1436),
    f"{_MINUTE}/20180405_trade.zip": _lean(1440),
    f"{_MINUTE}/20180406_trade.zip": _lean(1440),
    f"{_SECOND}/20161007_trade.zip": _lean(4063),
    f"{_SECOND}/20161008_trade.zip": _lean(3453),
    f"{_SECOND}/20161009_trade.zip": _lean(4004),
    f"{_FUTURE}/daily/adausdt_quote.zip": _quotes(6),
    f"{_FUTURE}/daily/adausdt_trade.zip": _lean(9),
    f"{_FUTURE}/hour/adausdt_quote.zip": _quotes(24),
    f"{_FUTURE}/hour/adausdt_trade.zip": _lean(24),
    f"{_FUTURE}/minute/adausdt/20221213_quote.zip": _quotes(1100),
    f"{_FUTURE}/minute/adausdt/20221213_trade.zip": _lean(1440),
    f"{_FUTURE}/minute/btcusd/20221213_quote.zip": _quotes(1104),
    f"{_FUTURE}/minute/btcusd/20221213_trade.zip": _lean(1439),
    "funding/binance_perp_BNBUSDT_funding_8h_2024.feather": Expected("funding rate", 999),
    "funding/binance_perp_BNBUSDT_mark_8h_2024.feather": Expected("mark price", 1108),
    "funding/binance_perp_XRPUSDT_funding_8h_2021.feather": Expected("funding rate", 91),
    "funding/binance_perp_XRPUSDT_mark_1h_2021.feather": Expected("mark price", 100),
    "funding/daru_basis_btc_perp_spot_1d.parquet": Expected("basis", 24, "binance", "BTC/USDT:USDT"),
    "funding/daru_funding_btcusdt_200evt.parquet": Expected("funding rate", 200, "binance"),
    "funding/daru_oi_btc_perp_1h_7d.parquet": Expected("open interest", 168, "binance", "BTC/USDT:USDT"),
    "orderbook/binance_XRP_ETH_trades_2019-10.feather": Expected("freqtrade trades", 12477),
    "orderbook/tardis_bitmex_trades_XBTUSD.csv": Expected("Tardis trades", 10, symbol="BTC/USD:BTC"),
    "orderbook/tardis_derivative_ticker_1.csv": Expected("Tardis derivative ticker", 2, symbol="BTC/USD:BTC"),
}
