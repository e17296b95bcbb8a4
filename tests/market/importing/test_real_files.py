"""Every real file of candles and derivatives is read whole, with as many rows as it has, and what is wrong is told."""

import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataRefused
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, Timeframe, parse_time, show_time
from market.importing.loading import load_candles
from market.importing.putting import put
from market.importing.shape import Asked, Imported
from market.importing.table import import_file
from market.store.store import MarketStore
from models.screening import gives_orders
from tests.market.importing.expected import EXPECTED, Expected
from tests.market.material import shared

NOW = parse_time("2026-06-01")


def asked(expected: Expected) -> Asked:
    return Asked(expected.venue, expected.symbol, None, expected.timezone, expected.volume, tripwire=gives_orders)


def read(name: str) -> Imported:
    return import_file(shared(f"../{name}"), asked(EXPECTED[name]))


def test_no_file_of_the_folders_is_left_out() -> None:
    root = shared("..")
    there = {str(p.relative_to(root)) for folder in ("ohlcv", "funding") for p in (root / folder).rglob("*.*")}
    assert {name for name in there if Path(root / name).is_file()} == {
        n for n in EXPECTED if n[:5] in ("ohlcv", "fundi")
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_of_a_real_file_is_accounted_for(name: str) -> None:
    imported, expected = read(name), EXPECTED[name]
    report = imported.report
    assert (report.dialect, report.rows) == (expected.layout, expected.rows)
    if imported.candles is not None:
        key, bars = imported.candles
        left_out = report.counts.get("broken", 0) + report.counts.get("duplicate", 0)
        if "second folded into its minute" not in report.counts:
            assert len(bars) == expected.rows - left_out
        assert np.all(np.diff(bars.open_ns) > 0)
        assert not (bars.open_ns % key.timeframe.ns).any()
    assert all(reading.known_at_ns >= reading.event_ns for reading in imported.readings)


def test_the_list_of_the_files_states_the_same_counts() -> None:
    """The rows above against those in the data set's own description, so that neither can be wrong alone."""
    described = (shared("..") / "README.md").read_text(encoding="utf-8")
    counts = {name: int(rows) for name, rows in re.findall(r"^\| `([^`]+)` \|[^|]*\|[^|]*\| (\d+) \|", described, re.M)}
    for name, expected in EXPECTED.items():
        assert counts[name.split("/", 1)[1]] == expected.rows, name


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("ohlcv/binance_perp_LINKUSDT_1h_2020_2024.csv.gz", "2020-10-23 08:00:00Z", "2024-06-16 12:00:00Z"),
        ("ohlcv/cdd_binance_futures_BTCUSDT_1h_2020.csv.gz", "2020-08-02 02:00:00Z", "2020-12-30 00:00:00Z"),
        ("ohlcv/cdd_kraken_BTCUSD_1d_2013_2019.csv.gz", "2013-10-06 00:00:00Z", "2019-10-17 00:00:00Z"),
        ("ohlcv/cmc_bnb_daily_price_2023.csv", "2023-01-27 00:00:00Z", "2024-03-01 00:00:00Z"),
        ("ohlcv/freqtrade_ADA_BTC_5m_2018-01.feather", "2018-01-10 04:55:00Z", "2018-01-30 04:50:00Z"),
        ("ohlcv/ftx_like_BTC-PERP_1m_2022-01.csv.gz", "2021-12-31 23:01:00Z", "2022-02-01 05:31:00Z"),
        ("ohlcv/lean/crypto/coinbase/daily/btcusd_trade.zip", "2014-12-01 00:00:00Z", "2018-08-13 00:00:00Z"),
    ],
)
def test_ranges_are_those_that_the_list_states(name: str, first: str, last: str) -> None:
    report = read(name).report
    assert report.first_ns is not None
    assert report.last_ns is not None
    assert (show_time(report.first_ns), show_time(report.last_ns)) == (first, last)


def test_offsets_that_change_with_daylight_saving_are_counted() -> None:
    imported = read("ohlcv/binance_perp_XRPUSDT_1h_2020_2024.csv.gz")
    assert "times: offset +03:00 in 17713 rows, offset +02:00 in 14260 rows" in imported.report.notes
    # A precomputed return looks one bar ahead: it is not read.
    assert "not read: returns" in imported.report.notes
    assert imported.report.bars is not None
    assert imported.report.bars.missing_bars == 0


def test_seconds_and_milliseconds_in_one_column_are_told_apart_by_the_date_beside_them() -> None:
    imported = read("ohlcv/cdd_gemini_BTCUSD_1h_2015_2020.csv.gz")
    assert imported.report.counts == {
        "stamp in seconds": 23830, "stamp in milliseconds": 21995, "broken": 1, "newest first, turned round": 45824,
    }  # fmt: skip
    assert any("row 45825 of 2015-10-08 13:00:00Z is no bar" in note for note in imported.report.notes)
    assert imported.candles is not None
    assert imported.candles[0] == ("gemini", "BTC/USD", Timeframe.H1)


def test_the_days_of_a_listing_and_of_an_outage_open_on_the_grid_and_are_counted() -> None:
    imported = read("ohlcv/binance_spot_BTCUSDT_1d_2017_2023.csv")
    assert imported.report.counts == {"ended early": 1, "stamp moved": 2}
    assert imported.candles is not None
    assert show_time(int(imported.candles[1].open_ns[0])) == "2017-08-17 00:00:00Z"


def test_a_daily_price_of_many_venues_is_known_ten_minutes_after_its_day() -> None:
    imported = read("ohlcv/cmc_xrp_daily_price_2023.csv")
    assert imported.lag_ns == 10 * MINUTE_NS
    assert imported.candles is not None
    bars = imported.candles[1]
    # 1.6 billion dollars at 0.41 dollars are some four billion coins.
    assert 1e9 < float(np.median(bars.volume)) < 5e9


def test_seconds_fold_into_the_minutes_that_the_same_day_has() -> None:
    seconds, minutes = (
        read(f"ohlcv/lean/crypto/coinbase/{of}/btcusd/20161007_trade.zip") for of in ("second", "minute")
    )
    assert seconds.candles is not None
    assert minutes.candles is not None
    one, other = seconds.candles[1], minutes.candles[1]
    assert one.open_ns.tolist() == other.open_ns.tolist()
    assert one.high.tolist() == other.high.tolist()
    assert one.close.tolist() == other.close.tolist()
    assert np.allclose(one.volume, other.volume, atol=1e-4)


def test_funding_is_about_the_hour_and_known_when_its_stamp_says() -> None:
    imported = read("funding/binance_perp_XRPUSDT_funding_8h_2021.feather")
    first = imported.readings[0]
    assert (show_time(first.event_ns), first.known_at_ns - first.event_ns) == ("2021-11-18 00:00:00Z", 17_000_000)
    assert (first.series, first.asset, first.source) == ("funding_rate", "XRP/USDT:USDT", "binance")
    assert first.value == Decimal("0.0001")
    assert imported.report.counts == {"stamp moved to the hour": 59}
    assert all(reading.event_ns % (8 * HOUR_NS) == 0 for reading in imported.readings)


def test_a_mark_price_is_known_at_the_end_of_its_candle_and_is_no_candle() -> None:
    imported = read("funding/binance_perp_BNBUSDT_mark_8h_2024.feather")
    assert imported.candles is None
    assert show_time(imported.readings[0].known_at_ns) == "2023-12-01 08:00:00Z"
    assert imported.readings[0].value == Decimal("228.7")


def test_open_interest_and_basis_are_known_after_their_hour() -> None:
    interest = read("funding/daru_oi_btc_perp_1h_7d.parquet").readings
    assert {(reading.series, reading.unit) for reading in interest} == {
        ("open_interest", "BTC"),
        ("open_interest_value", "USD"),
    }
    assert {reading.known_at_ns - reading.event_ns for reading in interest} == {HOUR_NS}
    basis = read("funding/daru_basis_btc_perp_spot_1d.parquet").readings
    assert show_time(basis[0].event_ns) == "2026-05-14 03:00:00Z"  # the end of the bar that opens at 02:00
    assert round(basis[0].value, 3) == Decimal("-5.196")


def test_quote_bars_become_the_best_prices_at_their_end() -> None:
    readings = read("ohlcv/lean/cryptofuture/binance/hour/adausdt_quote.zip").readings
    bid, ask = ([r for r in readings if r.series == name] for name in ("bid", "ask"))
    assert len(bid) == len(ask) == 24
    assert (bid[0].value, ask[0].value) == (Decimal("0.3056"), Decimal("0.3057"))
    assert show_time(bid[0].known_at_ns) == "2022-12-13 01:00:00Z"


def test_recorded_arrivals_are_when_a_trade_was_known() -> None:
    imported = read("orderbook/tardis_bitmex_trades_XBTUSD.csv")
    assert imported.trades is not None
    venue, symbol, trades = imported.trades
    assert (venue, symbol, len(trades)) == ("bitmex", "BTC/USD:BTC", 10)
    assert trades[0].known_at_ns - trades[0].ts_event_ns == 162_160_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ohlcv/cmc_bnb_daily_price_2023.csv", "say it with --symbol"),
        ("ohlcv/freqtrade_ADA_BTC_5m_2018-01.feather", "say it with --venue"),
        ("ohlcv/ftx_like_BTC-PERP_1m_2022-01.csv.gz", "has no time zone; .* say which with --timezone UTC"),
        ("funding/daru_funding_btcusdt_200evt.parquet", "say it with --venue"),
        ("funding/daru_oi_btc_perp_1h_7d.parquet", "say it with --symbol"),
        (
            "orderbook/tardis_bitmex_trades_XBTUSD.csv",
            "it says XBTUSD, a name of bitmex; say which it is with --symbol",
        ),
    ],
)
def test_what_a_file_does_not_say_is_asked_and_not_guessed(name: str, reason: str) -> None:
    with pytest.raises(DataRefused, match=reason):
        import_file(shared(f"../{name}"), Asked())


def test_a_symbol_or_venue_that_contradicts_the_file_is_refused() -> None:
    gemini = shared("cdd_gemini_BTCUSD_1h_2015_2020.csv.gz")
    with pytest.raises(DataRefused, match="it says BTC/USD, asked for was ETH/USD"):
        import_file(gemini, Asked(symbol="ETH/USD"))
    with pytest.raises(DataRefused, match="it is of coinmarketcap, asked for was binance"):
        import_file(shared("cmc_bnb_daily_price_2023.csv"), Asked(venue="binance", symbol="BNB/USD"))
    with pytest.raises(DataRefused, match="no two bars are 5m apart"):
        import_file(gemini, Asked(timeframe=Timeframe.M5))


def test_a_recorded_market_reads_every_layout_of_candles() -> None:
    for name, symbol in (
        ("cdd_binance_futures_BTCUSDT_1h_2020.csv.gz", "BTC/USDT"),
        ("freqtrade_ETH_BTC_5m_2018-01.feather", "ETH/BTC"),
        ("cmc_bnb_daily_price_2023.csv", "BNB/USD"),
        ("binance_klines_ADABTC-1m-2021-11-27.csv", "ADA/BTC"),
        ("lean/crypto/binance/hour/btcusdt_trade.zip", "BTC/USDT"),
    ):
        assert len(load_candles(shared(name), symbol)[0]) == EXPECTED[f"ohlcv/{name}"].rows
    with pytest.raises(DataRefused, match="found mark price, allowed are candles"):
        load_candles(shared("../funding/binance_perp_BNBUSDT_mark_8h_2024.feather"), "BNB/USDT")


def test_what_is_imported_is_stored_once_and_read_as_of_its_time(tmp_path: Path) -> None:
    store = MarketStore(tmp_path)
    for name in (
        "ohlcv/cmc_bnb_daily_price_2023.csv",
        "funding/binance_perp_XRPUSDT_funding_8h_2021.feather",
        "orderbook/tardis_bitmex_trades_XBTUSD.csv",
    ):
        imported = read(name)
        first, again = put(store, imported, NOW, {"tool": "1"}), put(store, imported, NOW + 1, {"tool": "1"})
        assert sum(first.values()) == EXPECTED[name].rows
        assert sum(n for what, n in again.items() if not what.endswith("unchanged")) == 0
    day = parse_time("2023-05-01")
    read_at = [
        store.candles.bars("coinmarketcap", "BNB/USD", Timeframe.D1, as_of_ns=at, n=1).open_ns.tolist()
        for at in (day, day + 10 * MINUTE_NS - 1, day + 10 * MINUTE_NS)
    ]
    assert read_at == [[day - 2 * DAY_NS], [day - 2 * DAY_NS], [day - DAY_NS]]
    (origin,) = store.candles.manifest(store.candles.held()[0]).origins
    assert origin.sha256 == read("ohlcv/cmc_bnb_daily_price_2023.csv").report.sha256
