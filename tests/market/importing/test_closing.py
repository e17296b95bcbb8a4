"""The last bar of a file counts where it had closed when the file was made, and is left out and counted where not."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pytest

from core.errors import DataRefused
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, show_time
from market.importing.shape import Asked, Imported
from market.importing.table import import_file
from tests.market.importing.test_dialects import kline, opens
from tests.market.material import T0

BARS = 3
CLOSE = T0 + BARS * HOUR_NS  # of the last bar
WHOLE = [T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS]
SAID = {"not closed, left out": 1}


def dump(
    folder: Path, *, written_ns: int, made_ns: int | None = None, name: str = "k.csv", content: bytes | None = None
) -> Imported:
    path = folder / name
    path.write_bytes("\n".join(kline(hour) for hour in range(BARS)).encode() if content is None else content)
    os.utime(path, ns=(written_ns, written_ns))
    return import_file(path, Asked("binance", "BTC/USDT", made_ns=made_ns))


@pytest.mark.parametrize(("after_ns", "whole"), [(-1, False), (0, True), (1, True)])
def test_the_last_bar_counts_from_its_close_on(tmp_path: Path, after_ns: int, whole: bool) -> None:
    for found in (
        dump(tmp_path, written_ns=CLOSE + after_ns),
        dump(tmp_path, written_ns=CLOSE + DAY_NS, made_ns=CLOSE + after_ns),
    ):
        assert opens(found) == (WHOLE if whole else WHOLE[:-1])
        assert found.report.counts == ({} if whole else SAID)


def test_what_was_left_out_is_in_the_quality_report_and_said(tmp_path: Path) -> None:
    report = dump(tmp_path, written_ns=CLOSE - MINUTE_NS).report
    assert report.bars is not None
    assert (report.rows, report.bars.rows, report.bars.corrected) == (BARS, BARS - 1, SAID)
    assert (
        f"the bar of {show_time(WHOLE[-1])} was left out: it closes at {show_time(CLOSE)},"
        f" and the file is of {show_time(CLOSE - MINUTE_NS)}"
    ) in report.notes[-1]
    assert "--made-at" in report.notes[-1]


def test_a_file_whose_time_cannot_be_believed_keeps_all_bars_but_the_last(tmp_path: Path) -> None:
    found = dump(tmp_path, written_ns=0)
    assert opens(found) == WHOLE[:-1]
    assert "the file's own time is before it" in found.report.notes[-1]


def test_the_operators_word_stands_above_the_time_of_the_file(tmp_path: Path) -> None:
    assert opens(dump(tmp_path, written_ns=0, made_ns=CLOSE)) == WHOLE
    assert opens(dump(tmp_path, written_ns=CLOSE - 1, made_ns=CLOSE)) == WHOLE


def test_a_file_that_was_made_before_its_last_bar_opened_is_refused(tmp_path: Path) -> None:
    assert opens(dump(tmp_path, written_ns=CLOSE, made_ns=WHOLE[-1])) == WHOLE[:-1]
    with pytest.raises(DataRefused, match="it has a bar that opens at 2021-05-01 02:00:00Z, after it was made"):
        dump(tmp_path, written_ns=CLOSE, made_ns=WHOLE[-1] - 1)


def test_a_file_of_one_bar_that_had_not_closed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="its only bar closes at 2021-05-01 01:00:00Z, and the file is of"):
        dump(tmp_path, written_ns=T0 + HOUR_NS - 1, content=kline(0).encode())


@pytest.mark.parametrize(("seconds", "whole"), [(-1, False), (0, True)])
def test_a_gzip_says_when_it_was_packed(tmp_path: Path, seconds: int, whole: bool) -> None:
    lines = "\n".join(kline(hour) for hour in range(BARS)).encode()
    packed = gzip.compress(lines, mtime=CLOSE // SECOND_NS + seconds)
    found = dump(tmp_path, written_ns=CLOSE + DAY_NS, name="k.csv.gz", content=packed)
    assert opens(found) == (WHOLE if whole else WHOLE[:-1])


def test_a_gzip_without_a_time_is_judged_by_the_time_of_the_file(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join(kline(hour) for hour in range(BARS)).encode(), mtime=0)
    assert opens(dump(tmp_path, written_ns=CLOSE, name="k.csv.gz", content=packed)) == WHOLE
    assert opens(dump(tmp_path, written_ns=CLOSE - 1, name="k.csv.gz", content=packed)) == WHOLE[:-1]


@pytest.mark.parametrize(
    ("packed", "bars"),
    [((2021, 5, 1, 1, 1), 1), ((2021, 5, 1, 1, 2), 2), ((2021, 5, 1, 0, 0), 2), ((1980, 1, 1, 0, 0), 2)],
)
def test_a_zip_says_when_its_member_was_packed_in_a_zone_that_is_at_most_twelve_hours_behind(
    tmp_path: Path, packed: tuple[int, int, int, int, int], bars: int
) -> None:
    """Its bars open at 13:00 and 13:01 UTC. A time before the last of them, or none of a tool, proves nothing."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        name = zipfile.ZipInfo("20210501_btcusd_minute_trade.csv", (*packed, 0))
        archive.writestr(name, "46800000,100,110,90,105,7\n46860000,100,110,90,105,7\n")
    path = tmp_path / "20210501_trade.zip"
    path.write_bytes(sink.getvalue())
    assert len(opens(import_file(path, Asked("coinbase")))) == bars


@pytest.mark.parametrize(("after_ns", "readings"), [(-1, 2), (0, 3)])
def test_a_mark_price_of_a_candle_that_had_not_closed_is_none(tmp_path: Path, after_ns: int, readings: int) -> None:
    candles = {"date": WHOLE, "open": [1.0] * 3, "high": [1.0] * 3, "low": [1.0] * 3, "close": [1.0] * 3}
    table = pa.table({**candles, "volume": [0.0] * 3})
    table = table.set_column(0, "date", table.column("date").cast(pa.timestamp("ns", "UTC")))
    path = tmp_path / "BTC_USDT_USDT-1h-mark.feather"
    feather.write_feather(table, path)
    os.utime(path, ns=(CLOSE + after_ns, CLOSE + after_ns))
    found = import_file(path, Asked("binance"))
    assert len(found.readings) == readings
    assert found.report.counts == ({} if readings == BARS else SAID)
