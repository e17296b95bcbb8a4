"""Each defect is refused with its row; gaps are reported and nothing is filled."""

from pathlib import Path

import pytest

from core.errors import DataRefused
from core.time import HOUR_NS, Timeframe, parse_time, show_time
from market.importing.loading import load_candles
from market.importing.shape import Asked
from market.importing.table import import_file
from market.quality import Gap
from tests.market.material import GOOD, T0, Row, shared, with_cell, write_csv


def refusal_of(folder: Path, rows: list[Row]) -> str:
    with pytest.raises(DataRefused) as refusal:
        load_candles(write_csv(folder, rows), "BTC/USDT")
    said = str(refusal.value)
    assert "\n" not in said
    assert "allowed" in said
    return said


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (2, "open", "nan", "row 2: open is nan"),
        (3, "close", "inf", "row 3: close is inf"),
        (1, "volume", "nan", "row 1: volume is nan"),
        (2, "low", "0", "row 2: low is 0, allowed is a price above zero"),
        (2, "open", "-1", "row 2: open is -1, allowed is a price above zero"),
        (3, "volume", "-0.5", "row 3: volume is -0.5, allowed is zero or more"),
        (1, "high", "89", "row 1: high 89 is below low 90"),
        (1, "high", "104.9", "row 1: high 104.9 is below close 105"),
        (2, "high", "104.9", "row 2: high 104.9 is below open 105"),
        (1, "low", "100.1", "row 1: open 100 is below low 100.1"),
        (2, "low", "104.6", "row 2: close 104.5 is below low 104.6"),
        (3, "date", "2021-05-01T01:00:00Z", "row 3: 2021-05-01 01:00:00Z is there twice with other numbers"),
        (3, "date", "2021-05-01T00:30:00Z", "row 3: 2021-05-01 00:30:00Z comes after 2021-05-01 01:00:00Z"),
    ],
)
def test_a_defect_is_refused_with_its_row(tmp_path: Path, row: int, column: str, value: str, reason: str) -> None:
    assert reason in refusal_of(tmp_path, with_cell(row, column, value))


def test_newest_first_is_turned_round_and_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path, list(reversed(GOOD)))
    assert load_candles(path, "BTC/USDT")[0].open_ns.tolist() == [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]
    assert import_file(path, Asked("x", "BTC/USDT")).report.counts == {"newest first, turned round": 3}


def test_a_row_that_is_there_twice_word_for_word_is_dropped_and_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path, [*GOOD, GOOD[-1]])
    assert len(load_candles(path, "BTC/USDT")[0]) == 3
    assert import_file(path, Asked("x", "BTC/USDT")).report.counts == {"duplicate": 1}


def hours_with(broken: dict[int, float], n: int) -> list[Row]:
    """So many good hours, with these closes in place of theirs."""
    moments = [show_time(T0 + i * HOUR_NS).replace(" ", "T") for i in range(n)]
    return [(moment, "100", "110", "90", repr(broken.get(i, 105.0)), "1") for i, moment in enumerate(moments)]


def test_one_broken_bar_in_a_thousand_is_left_out_and_named(tmp_path: Path) -> None:
    bars, report = load_candles(path := write_csv(tmp_path, hours_with({500: 111.0}, 1000)), "BTC/USDT")
    assert (len(bars), report.missing_bars, report.gaps[0].bars) == (999, 1, 1)
    told = import_file(path, Asked("x", "BTC/USDT")).report
    assert (told.rows, told.counts) == (1000, {"broken": 1})
    assert "row 501 of 2021-05-21 20:00:00Z is no bar and was left out: open 100, high 110" in told.notes[1]


def test_more_of_them_refuse_the_file(tmp_path: Path) -> None:
    said = refusal_of(tmp_path, hours_with({500: 111.0}, 999))
    assert "row 501: high 110 is below close 111" in said


def test_one_row_is_refused_since_it_shows_no_timeframe(tmp_path: Path) -> None:
    assert "found one row" in refusal_of(tmp_path, list(GOOD[:1]))


def test_a_distance_that_is_no_timeframe_is_refused(tmp_path: Path) -> None:
    rows = [(f"2021-05-01T00:0{3 * i}:00Z", *GOOD[0][1:]) for i in range(3)]
    assert "bars are 180 seconds apart, allowed are 1m, 5m" in refusal_of(tmp_path, rows)


def test_stamps_off_the_grid_are_refused(tmp_path: Path) -> None:
    rows = [(f"2021-05-01T0{i}:07:00Z", *GOOD[0][1:]) for i in range(3)]
    assert "row 1: 2021-05-01 00:07:00Z does not open a 1h bar" in refusal_of(tmp_path, rows)


def test_high_and_low_may_equal_open_and_close(tmp_path: Path) -> None:
    flat = [(row[0], "5", "5", "5", "5", "0") for row in GOOD]
    _, report = load_candles(write_csv(tmp_path, flat), "BTC/USDT")
    assert report.zero_volume_bars == 3


def test_the_timeframe_is_the_most_common_distance_and_the_rest_are_gaps(tmp_path: Path) -> None:
    hours = (0, 1, 2, 5, 6, 23)
    rows = [(f"2021-05-01T{hour:02d}:00:00Z", *GOOD[0][1:]) for hour in hours]
    bars, report = load_candles(write_csv(tmp_path, rows), "BTC/USDT")
    assert bars.timeframe is Timeframe.H1
    assert report.gaps == (
        Gap(T0 + 3 * HOUR_NS, T0 + 5 * HOUR_NS, 2),
        Gap(T0 + 7 * HOUR_NS, T0 + 23 * HOUR_NS, 16),
    )
    assert (report.rows, report.missing_bars, report.longest_gap) == (6, 18, 16)
    assert bars.missing == report.missing_bars


def test_of_equally_common_distances_the_shorter_is_the_timeframe(tmp_path: Path) -> None:
    rows = [(f"2021-05-01T{hour:02d}:00:00Z", *GOOD[0][1:]) for hour in (0, 2, 3)]
    _, report = load_candles(write_csv(tmp_path, rows), "BTC/USDT")
    assert (report.timeframe, report.missing_bars) == (Timeframe.H1, 1)


def test_real_hours_of_bitcoin_have_the_gaps_that_are_known() -> None:
    bars, report = load_candles(shared("binance_spot_BTCUSDT_1h_2017_2022.parquet"), "BTC/USDT")
    assert (len(report.gaps), report.missing_bars, report.longest_gap, report.zero_volume_bars) == (27, 127, 33, 3)
    assert (report.rows, report.timeframe) == (45024, Timeframe.H1)
    assert report.first_ns == parse_time("2017-08-17T04:00Z")
    assert report.last_ns == parse_time("2022-10-11T10:00Z")
    assert bars.missing == 127


def test_real_four_hours_of_bitcoin_are_on_the_grid() -> None:
    _, report = load_candles(shared("binance_spot_BTCUSDT_4h_2017_2022.parquet"), "BTC/USDT")
    assert (report.timeframe, len(report.gaps), report.missing_bars) == (Timeframe.H4, 8, 16)


@pytest.mark.parametrize(
    ("name", "timeframe", "missing"),
    [
        ("binance_spot_APEUSDT_5m_2022.parquet", Timeframe.M5, 0),
        ("binance_spot_AVAXUSDT_15m_2020_2022.parquet", Timeframe.M15, 89),
        ("binance_spot_ETHUSDT_1h_2017_2022.parquet", Timeframe.H1, 127),
        ("bitfinex_spot_LTCUSD_1m_2015.parquet", Timeframe.M1, 378837),
    ],
)
def test_other_real_files_of_our_layout_load(name: str, timeframe: Timeframe, missing: int) -> None:
    _, report = load_candles(shared(name), "X/USDT")
    assert (report.timeframe, report.missing_bars) == (timeframe, missing)
