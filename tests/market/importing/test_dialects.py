"""Made files of each dialect: what is wrong in them is corrected and counted, or refused by what was found."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataRefused
from core.time import HOUR_NS, MINUTE_NS, Timeframe
from market.importing.shape import Asked, Imported
from market.importing.table import import_file
from tests.market.material import T0

MS = T0 // 10**6
BTC = Asked("binance", "BTC/USDT")


def imported(folder: Path, name: str, content: str | bytes, asked: Asked = BTC) -> Imported:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_file(path, asked)


def refusal(folder: Path, name: str, content: str | bytes, asked: Asked = BTC) -> str:
    with pytest.raises(DataRefused) as refused:
        imported(folder, name, content, asked)
    said = str(refused.value)
    assert "\n" not in said
    assert name.rpartition("/")[2] in said
    return said


def zipped(**files: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return sink.getvalue()


def opens(found: Imported) -> list[int]:
    assert found.candles is not None
    return [int(ns) for ns in found.candles[1].open_ns]


# Kline dumps

HEADER = "open_time,open,high,low,close,volume,close_time"


def kline(hour: int, *, unit: int = 1, close: int | None = None) -> str:
    start = (MS + hour * 3_600_000) * unit
    end = start + 3_600_000 * unit - 1 if close is None else close
    return f"{start},100,110,90,105,7,{end},735,12,3,315,0"


def test_one_kline_says_its_own_timeframe(tmp_path: Path) -> None:
    found = imported(tmp_path, "k.csv", kline(0) + "\n")
    assert opens(found) == [T0]
    assert found.candles is not None
    assert found.candles[0].timeframe is Timeframe.H1


def test_klines_in_microseconds_are_the_same_bars(tmp_path: Path) -> None:
    found = imported(tmp_path, "k.csv", "\n".join(kline(i, unit=1000) for i in range(3)))
    assert opens(found) == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]
    assert found.report.notes == ("times: microseconds",)


def test_the_header_of_the_official_dumps_is_known(tmp_path: Path) -> None:
    header = f"{HEADER},quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
    assert opens(imported(tmp_path, "k.csv", f"{header}\n{kline(0)}\n{kline(1)}")) == [T0, T0 + HOUR_NS]


def test_a_kline_that_ends_before_it_opens_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "k.csv", f"{kline(0)}\n{kline(1, close=MS)}")
    assert "row 2: close_time is before open_time" in said


def test_klines_of_no_known_length_are_refused(tmp_path: Path) -> None:
    assert "bars are 180 seconds long" in refusal(tmp_path, "k.csv", kline(0, close=MS + 179_999))


def test_a_kline_longer_than_the_others_is_refused(tmp_path: Path) -> None:
    rows = [kline(0), kline(1), kline(2, close=MS + 5 * 3_600_000 - 1)]
    assert "row 3: the bar is longer than 1h" in refusal(tmp_path, "k.csv", "\n".join(rows))


def naive_kline(open_time: str, close_time: str) -> str:
    return f"{open_time},100,110,90,105,7,{close_time}"


def test_hourly_klines_without_an_offset_could_be_of_any_zone_and_are_refused(tmp_path: Path) -> None:
    rows = [naive_kline(f"2021-05-01 0{i}:00:00", f"2021-05-01 0{i}:59:59.999") for i in range(3)]
    content = "\n".join([HEADER, *rows])
    assert "which has no time zone" in refusal(tmp_path, "k.csv", content)
    told = Asked("binance", "BTC/USDT", timezone="UTC")
    assert opens(imported(tmp_path, "k.csv", content, told))[0] == T0


def test_daily_klines_that_end_at_midnight_can_only_be_utc(tmp_path: Path) -> None:
    days = [naive_kline(f"2021-05-0{i} 00:00:00", f"2021-05-0{i} 23:59:59.999") for i in (1, 2, 3)]
    assert opens(imported(tmp_path, "k.csv", "\n".join([HEADER, *days])))[0] == T0
    local = [naive_kline(f"2021-05-0{i} 03:00:00", f"2021-05-0{i + 1} 02:59:59.999") for i in (1, 2, 3)]
    assert "which has no time zone" in refusal(tmp_path, "k.csv", "\n".join([HEADER, *local]))


# CryptoDataDownload


def cdd(*rows: str, header: str = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount") -> str:
    return "\n".join(["https://www.CryptoDataDownload.com", header, *rows]) + "\n"


def cdd_row(stamp: object, date: str, symbol: str = "BTC/USDT") -> str:
    return f"{stamp},{date},{symbol},100,110,90,105,7,735,12"


def test_a_stamp_and_a_date_that_disagree_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "c.csv", cdd(cdd_row(MS, "2021-05-01 00:00:00"), cdd_row(MS, "2021-05-01 01:00:00")))
    assert "row 2: the stamp says 2021-05-01 00:00:00Z and the date 2021-05-01 01:00:00Z" in said


def test_two_symbols_in_one_file_are_refused(tmp_path: Path) -> None:
    rows = [cdd_row(MS, "2021-05-01 00:00:00"), cdd_row(MS, "2021-05-01 00:00:00", "ETH/USDT")]
    assert "allowed is one a file" in refusal(tmp_path, "c.csv", cdd(*rows))


def test_the_volume_is_the_one_in_the_base_wherever_it_stands(tmp_path: Path) -> None:
    header = "unix,date,symbol,open,high,low,close,Volume USDT,Volume BTC,tradecount"
    rows = [f"{MS + i * 3_600_000},2021-05-01 0{i}:00:00,BTC/USDT,100,110,90,105,735,7,1" for i in range(2)]
    found = imported(tmp_path, "c.csv", cdd(*rows, header=header))
    assert found.candles is not None
    assert found.candles[1].volume.tolist() == [7.0, 7.0]


def test_a_file_whose_volume_is_in_no_currency_that_we_keep_is_refused(tmp_path: Path) -> None:
    header = "unix,date,symbol,open,high,low,close,Volume USDT,tradecount"
    row = f"{MS},2021-05-01 00:00:00,BTC/USDT,100,110,90,105,735,12"
    assert "no column volume" in refusal(tmp_path, "c.csv", cdd(row, header=header))


def test_older_files_write_hours_before_and_after_noon(tmp_path: Path) -> None:
    header = "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD"
    hours = ["2021-05-01 02-PM", "2021-05-01 01-PM", "2021-05-01 12-PM", "2021-05-01 11-AM"]
    rows = [f"{hour},BTCUSD,100,110,90,105,7,735" for hour in hours]
    found = imported(tmp_path, "c.csv", cdd(*rows, header=header), Asked("kraken"))
    assert opens(found) == [T0 + hour * HOUR_NS for hour in (11, 12, 13, 14)]
    midnight = [f"{hour},BTCUSD,100,110,90,105,7,735" for hour in ("2021-05-01 01-AM", "2021-05-01 12-AM")]
    assert opens(imported(tmp_path, "c.csv", cdd(*midnight, header=header), Asked("kraken")))[0] == T0


# CoinMarketCap


def test_a_bar_of_coinmarketcap_that_is_no_day_is_refused(tmp_path: Path) -> None:
    header = "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp"
    row = "2021-05-01T00:00:00.000Z;2021-05-01T11:59:59.999Z;;;2781;100;110;90;105;1050;9;2021-05-01T11:59:59.999Z"
    said = refusal(tmp_path, "cmc.csv", f"{header}\n{row}", Asked(symbol="BTC/USD"))
    assert "row 1: the bar is no day long" in said
    whole = row.replace("T11:59", "T23:59")
    found = imported(tmp_path, "cmc.csv", f"{header}\n{whole}", Asked(symbol="BTC/USD"))
    assert found.candles is not None
    # 1050 dollars at (110 + 90 + 105) / 3 dollars each.
    assert found.candles[1].volume.tolist() == pytest.approx([1050 / (305 / 3)])


# LEAN


def test_lean_equities_are_refused(tmp_path: Path) -> None:
    name = "equity/usa/minute/spy/20131007_trade.zip"
    content = zipped(**{"20131007_spy_minute_trade__csv": "34200000,1686000,1686400,1685900,1686100,100\n"})
    assert "found LEAN equity data, allowed are crypto and cryptofuture" in refusal(tmp_path, name, content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 and nothing", "found no readable zip archive"),
        (zipped(), "found 0 files in the archive, allowed is one"),
        (zipped(a__csv="1", b__csv="2"), "found 2 files in the archive, allowed is one"),
        (zipped(**{"readme__txt": "hello"}), "found 'readme.txt' in the archive"),
        (zipped(btcusd__csv="20210501 00:00,1,2,1\n"), "found 4 fields a row, allowed are 6"),
        (zipped(btcusd__csv="yesterday,100,110,90,105,7\n"), "time is 'yesterday', allowed is YYYYMMDD HH:MM"),
        (zipped(**{"20210501_btcusd_minute_trade__csv": "86400000,100,110,90,105,7\n"}), "time is outside its day"),
        (
            zipped(**{"20210501_btcusd_second_trade__csv": "2000,100,110,90,105,7\n1000,100,110,90,105,7\n"}),
            "seconds are not in order",
        ),
    ],
)
def test_an_archive_that_is_not_as_lean_ships_it_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    if not content.startswith(b"PK\x03\x04"):
        content = b"PK\x03\x04" + content
    assert reason in refusal(tmp_path, "x_trade.zip", content, Asked("coinbase"))


def test_a_quote_without_a_side_is_no_reading_and_is_counted(tmp_path: Path) -> None:
    rows = "0,,,,,,100.5,101,100,100.6,2\n60000,99,99,98,98.5,1,100.5,101,100,100.6,2\n"
    content = zipped(**{"20210501_btcusd_minute_quote__csv": rows})
    found = imported(tmp_path, "20210501_quote.zip", content, Asked("coinbase"))
    assert found.report.counts == {"side without a price": 2}
    assert [(r.event_ns - T0) // MINUTE_NS for r in found.readings if r.series == "bid"] == [2]


# Containers


def test_a_small_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.importing.opening._LARGEST", 1000)
    assert "more than 1000 bytes" in refusal(tmp_path, "x.csv.gz", gzip.compress(b"1," * 5000))
    big = zipped(btcusd__csv="20210501 00:00,100,110,90,105,7\n" * 100)
    assert "unpacked it has 3200 bytes" in refusal(tmp_path, "x_trade.zip", big)


@pytest.mark.parametrize(
    ("name", "magic", "reason"),
    [
        ("x.csv", b"PAR1abc", "found a Parquet file, which is allowed under a name ending in .parquet"),
        ("x.csv", b"ARROW1abc", "found a Feather file, which is allowed under a name ending in .feather"),
        ("x.feather", b"FEA1abc", "found a Feather file of version 1"),
        ("x.parquet", b"PK\x03\x04abc", "found a zip archive"),
        ("x.feather", b"hello", "found no readable Feather"),
        ("x.csv.gz", gzip.compress(b"", mtime=0), "found an empty file"),
    ],
)
def test_a_container_under_another_name_is_refused(tmp_path: Path, name: str, magic: bytes, reason: str) -> None:
    assert reason in refusal(tmp_path, name, magic)


# Derivatives


def feather(folder: Path, name: str, **columns: object) -> Path:
    import pyarrow as pa
    import pyarrow.feather as pf

    path = folder / name
    pf.write_feather(pa.table(columns), str(path))
    return path


def funding(folder: Path, stamps: list[int], high: float = 0.0) -> Path:
    import pyarrow as pa

    zeros = [0.0] * len(stamps)
    date = pa.array(stamps, pa.timestamp("ns", "UTC"))
    rates = [0.0001] * len(stamps)
    values = {"date": date, "open": rates, "high": [high] * len(stamps), "low": zeros, "close": zeros, "volume": zeros}
    return feather(folder, "BTC_USDT_USDT-8h-funding_rate.feather", **values)


def test_funding_before_its_hour_is_known_at_the_hour(tmp_path: Path) -> None:
    found = import_file(funding(tmp_path, [T0 - 5_000_000, T0 + 8 * HOUR_NS + 7_000_000]), Asked("binance"))
    assert [(r.event_ns, r.known_at_ns) for r in found.readings] == [
        (T0, T0),
        (T0 + 8 * HOUR_NS, T0 + 8 * HOUR_NS + 7_000_000),
    ]


def test_a_funding_stamp_far_off_the_hour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="row 2: the stamp is off the hour"):
        import_file(funding(tmp_path, [T0, T0 + HOUR_NS + 3 * MINUTE_NS]), Asked("binance"))


def test_funding_that_does_not_increase_or_holds_candles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="row 2: times do not increase"):
        import_file(funding(tmp_path, [T0, T0]), Asked("binance"))
    with pytest.raises(DataRefused, match="it is called funding and holds candles"):
        import_file(funding(tmp_path, [T0, T0 + HOUR_NS], high=101.0), Asked("binance"))


def test_a_basis_that_is_not_that_of_its_closes_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "basis_BTCUSDT.parquet"
    seconds = np.array([T0 // 10**9, T0 // 10**9 + 3600])
    table = pa.table({"time": seconds, "close_spot": [100.0] * 2, "close_perp": [101.0] * 2, "basis_bp": [100.0, 1.0]})
    pq.write_table(table, path)
    with pytest.raises(DataRefused, match="basis_bp is not the basis of its closes"):
        import_file(path, Asked("binance"))
