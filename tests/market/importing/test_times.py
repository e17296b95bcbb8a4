"""Times must say that they are UTC; nothing is guessed."""

from pathlib import Path

import pytest

from core.errors import ConfigError, DataRefused
from core.time import HOUR_NS, parse_time
from market.importing.loading import load_candles
from market.importing.shape import Asked
from market.importing.table import import_file
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
        ("1619827200", "row 2: date is '1619827200', an epoch number among times"),
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
    ("unit", "scale"), [("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)]
)
def test_epoch_numbers_of_one_unit_are_utc_and_the_unit_is_told(tmp_path: Path, unit: str, scale: int) -> None:
    import pyarrow as pa

    stamps = [(SECONDS + 3600 * i) * scale for i in range(3)]
    for path in (write_csv(tmp_path, epochs(*stamps)), write_parquet(tmp_path, date=pa.array(stamps, pa.int64()))):
        imported = import_file(path, Asked(venue="x", symbol="BTC/USDT"))
        assert imported.candles is not None
        assert imported.candles[1].open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]
        assert f"times: {unit}" in imported.report.notes


def test_epoch_numbers_of_mixed_units_are_refused_where_nothing_else_says_the_time(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="date mixes seconds and milliseconds, and nothing beside it says the time"):
        load_candles(write_csv(tmp_path, epochs(SECONDS, (SECONDS + 3600) * 1000, SECONDS + 7200)), "BTC/USDT")


@pytest.mark.parametrize("stamp", ["0", "12345", "631151999", "4102444800", "-1619827200", "1.6e9"])
def test_a_number_that_is_an_epoch_of_no_year_near_ours_is_refused(tmp_path: Path, stamp: str) -> None:
    with pytest.raises(DataRefused, match="allowed is a UTC time"):
        load_candles(write_csv(tmp_path, [(stamp, *row[1:]) for row in GOOD]), "BTC/USDT")


def test_offsets_that_change_with_daylight_saving_are_one_utc_series(tmp_path: Path) -> None:
    local = ["2021-03-28 01:00:00+01:00", "2021-03-28 03:00:00+02:00", "2021-03-28 04:00:00+02:00"]
    path = write_csv(tmp_path, [(time, *row[1:]) for time, row in zip(local, GOOD, strict=True)])
    imported = import_file(path, Asked(venue="x", symbol="BTC/USDT"))
    assert imported.candles is not None
    start = parse_time("2021-03-28T00:00Z")
    assert imported.candles[1].open_ns.tolist() == [start, start + HOUR_NS, start + 2 * HOUR_NS]
    assert imported.report.notes[0] == "times: offset +01:00 in 1 rows, offset +02:00 in 2 rows"


def naive(folder: Path, *times: str) -> Path:
    return write_csv(folder, [(time, *row[1:]) for time, row in zip(times, GOOD, strict=True)])


def test_times_without_an_offset_are_read_in_the_zone_that_the_operator_says(tmp_path: Path) -> None:
    path = naive(tmp_path, "2021-03-28 01:00:00", "2021-03-28 03:00:00", "2021-03-28 04:00:00")
    berlin = import_file(path, Asked(venue="x", symbol="BTC/USDT", timezone="Europe/Berlin")).candles
    assert berlin is not None
    assert berlin[1].open_ns.tolist()[:2] == [parse_time("2021-03-28T00:00Z"), parse_time("2021-03-28T01:00Z")]


@pytest.mark.parametrize("hour", ["2021-10-31 02:00:00", "2021-03-28 02:30:00"])
def test_an_hour_that_a_clock_shows_twice_or_never_is_refused(tmp_path: Path, hour: str) -> None:
    path = naive(tmp_path, "2021-01-01 00:00:00", hour, "2021-12-01 04:00:00")
    with pytest.raises(DataRefused, match=r"date in Europe/Berlin: Timestamp"):
        import_file(path, Asked(venue="x", symbol="BTC/USDT", timezone="Europe/Berlin"))


def test_a_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = naive(tmp_path, "2021-01-01 00:00:00", "2021-01-01 01:00:00", "2021-01-01 02:00:00")
    for zone in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(ConfigError, match="allowed is a name such as UTC or Europe/Berlin"):
            import_file(path, Asked(venue="x", symbol="BTC/USDT", timezone=zone))


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


def test_a_parquet_time_in_another_zone_is_the_moment_that_it_says(tmp_path: Path) -> None:
    import pyarrow as pa

    local = pa.array([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], pa.timestamp("ns", "Europe/Berlin"))
    bars, _ = load_candles(write_parquet(tmp_path, date=local), "BTC/USDT")
    assert bars.open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]


def test_a_missing_parquet_time_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    holes = pa.array([T0, None, T0 + 2 * HOUR_NS], pa.timestamp("ns", "UTC"))
    with pytest.raises(DataRefused, match="row 2: date is missing"):
        load_candles(write_parquet(tmp_path, date=holes), "BTC/USDT")


def test_a_column_of_missing_or_odd_values_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    with pytest.raises(DataRefused, match="row 1: date is missing"):
        load_candles(write_parquet(tmp_path, date=pa.array([None, None, None], pa.int64())), "BTC/USDT")
    with pytest.raises(DataRefused, match="date is of type bool"):
        load_candles(write_parquet(tmp_path, date=pa.array([True, True, False])), "BTC/USDT")
    with pytest.raises(DataRefused, match="row 2: date is nan"):
        load_candles(write_parquet(tmp_path, date=pa.array([SECONDS, float("nan"), SECONDS + 1.0])), "BTC/USDT")


def test_parquet_text_that_says_utc_is_taken(tmp_path: Path) -> None:
    import pyarrow as pa

    bars, _ = load_candles(write_parquet(tmp_path, date=pa.array([row[0] for row in GOOD])), "BTC/USDT")
    assert bars.open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_every_unit_of_a_typed_time_is_the_same_time(tmp_path: Path, unit: str) -> None:
    import pyarrow as pa

    column = pa.array([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], pa.timestamp("ns", "UTC")).cast(pa.timestamp(unit, "UTC"))
    bars, _ = load_candles(write_parquet(tmp_path, date=column), "BTC/USDT")
    assert bars.open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]
