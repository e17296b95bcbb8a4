"""Times must say that they are UTC; nothing is guessed."""

from pathlib import Path

import pytest

from core.errors import DataRefused
from core.time import HOUR_NS
from market.candles import load_candles
from tests.market.material import GOOD, T0, with_cell, write_csv, write_parquet


def refusal_of_text(folder: Path, date: str, row: int = 2) -> str:
    with pytest.raises(DataRefused) as refusal:
        load_candles(write_csv(folder, with_cell(row, "date", date)), "BTC/USDT")
    return str(refusal.value)


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("", "row 2: date is '', which is no time"),
        ("yesterday", "row 2: date is 'yesterday', which is no time"),
        ("2021-05-01", "row 2: date is '2021-05-01', which has no time zone"),
        ("2021-05-01T01:00:00", "row 2: date is '2021-05-01T01:00:00', which has no time zone"),
        ("2021-05-01 04:00:00+03:00", "row 2: date is '2021-05-01 04:00:00+03:00', which is not in UTC"),
        ("2021-05-01T00:30:00-00:30", "row 2: date is '2021-05-01T00:30:00-00:30', which is not in UTC"),
        ("2021-02-30T01:00:00Z", "holds no such time"),
        ("9999-01-01T00:00:00Z", "holds no such time"),
    ],
)
def test_a_text_that_is_no_utc_time_is_refused(tmp_path: Path, date: str, reason: str) -> None:
    said = refusal_of_text(tmp_path, date)
    assert reason in said
    assert "allowed is a UTC time that says so, such as 2021-05-19T13:00:00Z" in said


def epochs(*stamps: int) -> list[tuple[str, ...]]:
    return [(str(stamp), *row[1:]) for stamp, row in zip(stamps, GOOD, strict=True)]


SECONDS = T0 // 10**9


@pytest.mark.parametrize(
    ("stamps", "looks"),
    [
        ((SECONDS, SECONDS + 3600, SECONDS + 7200), "that look like seconds"),
        ((SECONDS * 1000, SECONDS * 1000 + 1, SECONDS * 1000 + 2), "that look like milliseconds"),
        ((SECONDS, (SECONDS + 3600) * 1000, SECONDS + 7200), "that mix milliseconds and seconds"),
        ((T0, T0 + 1, T0 + 2), "that look like nanoseconds"),
    ],
)
def test_epoch_numbers_are_refused_and_their_unit_is_named(tmp_path: Path, stamps: tuple[int, ...], looks: str) -> None:
    import pyarrow as pa

    with pytest.raises(DataRefused, match=f"epoch numbers {looks}"):
        load_candles(write_csv(tmp_path, epochs(*stamps)), "BTC/USDT")
    with pytest.raises(DataRefused, match=f"epoch numbers {looks}"):
        load_candles(write_parquet(tmp_path, date=pa.array(stamps, pa.int64())), "BTC/USDT")


@pytest.mark.parametrize("zero", ["Z", "+00:00", "+0000", "+00", "-00:00"])
def test_every_way_to_say_utc_is_the_same_time(tmp_path: Path, zero: str) -> None:
    rows = [(row[0].replace("T", " ").replace("Z", zero), *row[1:]) for row in GOOD]
    bars, _ = load_candles(write_csv(tmp_path, rows), "BTC/USDT")
    assert bars.open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]


def test_a_parquet_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    naive = pa.array([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], pa.timestamp("ns"))
    with pytest.raises(DataRefused, match="date has no time zone"):
        load_candles(write_parquet(tmp_path, date=naive), "BTC/USDT")


def test_a_parquet_time_in_another_zone_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    local = pa.array([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], pa.timestamp("ns", "Europe/Berlin"))
    with pytest.raises(DataRefused, match="date is in Europe/Berlin"):
        load_candles(write_parquet(tmp_path, date=local), "BTC/USDT")


def test_a_missing_parquet_time_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    holes = pa.array([T0, None, T0 + 2 * HOUR_NS], pa.timestamp("ns", "UTC"))
    with pytest.raises(DataRefused, match="row 2: date is missing"):
        load_candles(write_parquet(tmp_path, date=holes), "BTC/USDT")


def test_a_column_of_missing_numbers_is_refused_by_its_type(tmp_path: Path) -> None:
    import pyarrow as pa

    with pytest.raises(DataRefused, match="date is of type int64"):
        load_candles(write_parquet(tmp_path, date=pa.array([None, None, None], pa.int64())), "BTC/USDT")


def test_parquet_text_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    with pytest.raises(DataRefused, match="date is of type string"):
        load_candles(write_parquet(tmp_path, date=pa.array([row[0] for row in GOOD])), "BTC/USDT")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_every_unit_of_a_typed_time_is_the_same_time(tmp_path: Path, unit: str) -> None:
    import pyarrow as pa

    column = pa.array([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], pa.timestamp("ns", "UTC")).cast(pa.timestamp(unit, "UTC"))
    bars, _ = load_candles(write_parquet(tmp_path, date=column), "BTC/USDT")
    assert bars.open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]
