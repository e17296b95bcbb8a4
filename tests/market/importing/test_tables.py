import gzip
from pathlib import Path

import numpy as np
import pytest

from core.canonical import digest_bytes
from core.errors import DataRefused
from core.time import HOUR_NS, Timeframe
from market.importing.loading import load_candles
from tests.market.material import (
    GOOD,
    HEADER,
    T0,
    csv_of,
    shared,
    shown,
    with_cell,
    write_csv,
    write_gzip,
    write_parquet,
)


def refusal_of(path: Path) -> str:
    with pytest.raises(DataRefused) as refusal:
        load_candles(path, "BTC/USDT")
    said = str(refusal.value)
    assert "\n" not in said
    assert "allowed" in said
    return said


def refusal_of_bytes(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return refusal_of(folder / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "found no file" in refusal_of(tmp_path / "BTCUSDT.csv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal_of(tmp_path)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    assert "found an empty file" in refusal_of_bytes(tmp_path, name, b"")


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    assert "found no rows" in refusal_of(write_csv(tmp_path, []))


def test_another_ending_is_refused(tmp_path: Path) -> None:
    assert "another ending" in refusal_of_bytes(tmp_path, "x.xls", csv_of(GOOD).encode())


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    assert "no readable Parquet" in refusal_of_bytes(tmp_path, "x.parquet", csv_of(GOOD).encode())


def test_a_cut_parquet_is_refused(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path).read_bytes()
    assert "no readable Parquet" in refusal_of_bytes(tmp_path, "x.parquet", whole[:-20])


def test_a_parquet_column_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    broken = write_parquet(tmp_path).read_bytes().replace(b"volume", b"vo\xffume")
    assert "no readable Parquet" in refusal_of_bytes(tmp_path, "x.parquet", broken)


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    assert "no readable gzip" in refusal_of_bytes(tmp_path, "x.csv.gz", gzip.compress(csv_of(GOOD).encode())[:-9])


def test_plain_text_named_gzip_is_refused(tmp_path: Path) -> None:
    assert "no readable gzip" in refusal_of_bytes(tmp_path, "x.csv.gz", csv_of(GOOD).encode())


def test_gzip_named_csv_is_refused(tmp_path: Path) -> None:
    assert "found gzip" in refusal_of_bytes(tmp_path, "x.csv", gzip.compress(csv_of(GOOD).encode()))


def test_a_row_with_too_few_fields_is_refused(tmp_path: Path) -> None:
    assert "no readable CSV" in refusal_of(write_csv(tmp_path, [*GOOD, ("2021-05-01T03:00:00Z", "1")]))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    bad = csv_of(GOOD).encode() + b"\xff\xfe,1,1,1,1,1\n"
    assert "allowed" in refusal_of_bytes(tmp_path, "x.csv", bad)


@pytest.mark.parametrize("value", ["", "NA", "null", "abc", "1,5", "0x10", "1_000", " 1"])
def test_a_field_that_is_no_number_is_refused_as_it_stands(tmp_path: Path, value: str) -> None:
    said = refusal_of(write_csv(tmp_path, with_cell(2, "close", f'"{value}"')))
    assert f"row 2: close is {value!r}" in said


def test_a_missing_parquet_number_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    said = refusal_of(write_parquet(tmp_path, volume=pa.array([1.0, 2.0, None])))
    assert "row 3: volume is missing" in said


def test_a_whole_number_that_no_double_holds_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    said = refusal_of(write_parquet(tmp_path, volume=pa.array([1, 2**53 + 1, 2])))
    assert "row 2: volume is 9007199254740993" in said


def test_single_precision_prices_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    said = refusal_of(write_parquet(tmp_path, open=pa.array([100.0, 105.0, 104.5], pa.float32())))
    assert "open is of type float, allowed is a double, decimal or integer column" in said


def test_an_extra_or_missing_parquet_column_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    assert "the foreign column 'trades'" in refusal_of(write_parquet(tmp_path, trades=pa.array([1, 2, 3])))
    assert "no column volume" in refusal_of(write_parquet(tmp_path, volume=None))


def test_parquet_csv_and_gzip_hold_the_same_bars(tmp_path: Path) -> None:
    paths = [write_parquet(tmp_path), write_csv(tmp_path, GOOD), write_gzip(tmp_path, GOOD)]
    rows = [shown(load_candles(path, "BTC/USDT")[0]) for path in paths]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][2] == ("2021-05-01 02:00:00Z", 104.5, 108.0, 104.5, 108.0, 3.25)


def test_the_order_of_columns_is_free(tmp_path: Path) -> None:
    turned = [tuple(reversed(row)) for row in GOOD]
    path = write_csv(tmp_path, turned, header=",".join(reversed(HEADER.split(","))))
    assert shown(load_candles(path, "BTC/USDT")[0])[0] == ("2021-05-01 00:00:00Z", 100.0, 110.0, 90.0, 105.0, 7.0)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbf" + csv_of(GOOD).replace("\n", "\r\n").encode())
    assert len(load_candles(path, "BTC/USDT")[0]) == 3


def test_whole_and_decimal_numbers_are_prices_too(tmp_path: Path) -> None:
    from decimal import Decimal

    import pyarrow as pa

    exact = pa.array([Decimal("105.0"), Decimal("104.5"), Decimal("108.0")])
    bars, _ = load_candles(write_parquet(tmp_path, close=exact, volume=pa.array([7, 0, 3])), "BTC/USDT")
    assert bars.close.tolist() == [105.0, 104.5, 108.0]
    assert bars.volume.tolist() == [7.0, 0.0, 3.0]


def test_loaded_bars_cannot_be_changed(tmp_path: Path) -> None:
    bars, _ = load_candles(write_csv(tmp_path, GOOD), "BTC/USDT")
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = np.float64(1)


def test_the_report_names_the_file_by_its_content(tmp_path: Path) -> None:
    path = write_csv(tmp_path, GOOD)
    _, report = load_candles(path, "BTC/USDT")
    assert report.file_sha256 == digest_bytes(path.read_bytes())
    assert (report.first_ns, report.last_ns, report.rows) == (T0, T0 + 2 * HOUR_NS, 3)


def test_a_real_file_keeps_its_prices() -> None:
    bars, _ = load_candles(shared("binance_spot_BTCUSDT_1h_2017_2022.parquet"), "BTC/USDT")
    assert (bars.symbol, bars.timeframe) == ("BTC/USDT", Timeframe.H1)
    assert shown(bars)[0][1:5] == (4261.48, 4313.62, 4261.32, 4308.83)
