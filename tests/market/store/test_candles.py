"""What a read returns was closed and known at its moment, in the version of then; the rest is counted."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataRefused
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, Timeframe, parse_time
from market.aggregate import aggregate
from market.quality import Gap
from market.store.candles import Appended, BarsKey, CandleStore
from market.store.manifest import Span
from market.store.rows import Rows
from market.store.wide import read_months
from tests.market.material import T0, bars_of, shown
from tests.market.store.material import KEY, LATER, fresh_folder, hours, seen


def closes(store: CandleStore, as_of_ns: int, n: int = 100, timeframe: Timeframe = Timeframe.H1) -> list[float]:
    return list(store.bars("binance", "BTC/USDT", timeframe, as_of_ns=as_of_ns, n=n).close.tolist())


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    return CandleStore(tmp_path)


# What is not there


def test_an_empty_store_refuses_and_says_what_brings_data(store: CandleStore) -> None:
    with pytest.raises(DataRefused, match=r"no candles of binance BTC/USDT; there are none; `warden data import`"):
        closes(store, LATER)


def test_another_symbol_is_refused_by_what_there_is(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    with pytest.raises(DataRefused, match="no candles of binance ETH/USDT; there are binance BTC/USDT"):
        store.bars("binance", "ETH/USDT", Timeframe.H1, as_of_ns=LATER, n=5)


def test_a_finer_timeframe_than_stored_is_refused(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    with pytest.raises(DataRefused, match="binance BTC/USDT as 1h, of which no 5m is made"):
        closes(store, LATER, timeframe=Timeframe.M5)


def test_nothing_is_known_before_the_first_close_and_no_bars_are_none(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    assert closes(store, T0 + HOUR_NS - 1) == []
    assert closes(store, T0 + HOUR_NS) == [100]
    assert closes(store, LATER, n=0) == []


# What may not be stored


def test_a_bar_that_had_not_closed_when_it_was_seen_is_left_out_and_counted(store: CandleStore) -> None:
    done = store.append(KEY, hours([100, 101, 102]), seen(T0 + 3 * HOUR_NS - 1))
    assert done == Appended(new=2, unfinished=1)
    assert closes(store, LATER) == [100, 101]


def test_bars_of_another_timeframe_off_the_grid_or_not_in_order_are_refused(store: CandleStore) -> None:
    with pytest.raises(DataRefused, match="found 1m bars for 1h"):
        store.append(KEY, hours([1, 2], timeframe=Timeframe.M1), seen())
    with pytest.raises(DataRefused, match="off the 1h grid"):
        store.append(KEY, hours([1, 2], start_ns=T0 + MINUTE_NS), seen())
    with pytest.raises(DataRefused, match="not strictly increasing"):
        store.append(KEY, hours([1, 2], at=[1, 1]), seen())


def test_a_price_of_zero_or_nan_is_refused(store: CandleStore) -> None:
    with pytest.raises(DataRefused, match="low is 0"):
        store.append(KEY, replace(hours([1, 2]), low=np.zeros(2)), seen())
    with pytest.raises(DataRefused, match="close is nan"):
        store.append(KEY, replace(hours([1, 2]), close=np.array([1, np.nan])), seen())
    assert store.held() == []


# Versions


def test_the_same_bars_again_change_nothing_on_disk(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    before = store.shelf(KEY).path.read_bytes()
    assert store.append(KEY, hours([100, 101]), seen(LATER + 1)) == Appended(unchanged=2)
    assert store.shelf(KEY).path.read_bytes() == before


def test_a_revised_bar_is_known_since_it_was_seen_and_the_first_version_stays(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101, 102]), seen(T0 + 3 * HOUR_NS))
    done = store.append(KEY, hours([100, 111, 102]), seen(T0 + 5 * HOUR_NS))
    assert done == Appended(revised=1, unchanged=2)
    assert closes(store, T0 + 5 * HOUR_NS - 1) == [100, 101, 102]
    assert closes(store, T0 + 5 * HOUR_NS) == [100, 111, 102]
    assert store.quality(KEY)["revised"] == 1


def test_a_revision_revised_back_is_a_third_version(store: CandleStore) -> None:
    for value, at in ((100.0, 2), (105.0, 4), (100.0, 6)):
        store.append(KEY, hours([value]), seen(T0 + at * HOUR_NS))
    assert [closes(store, T0 + at * HOUR_NS) for at in (2, 4, 6)] == [[100], [105], [100]]


def test_a_version_comes_after_the_one_it_replaces_whatever_a_clock_says(store: CandleStore) -> None:
    store.append(KEY, hours([100]), seen(T0 + 9 * HOUR_NS, lag_ns=8 * HOUR_NS))
    store.append(KEY, hours([105]), seen(T0 + 2 * HOUR_NS))
    assert closes(store, T0 + 9 * HOUR_NS) == [100]
    assert closes(store, T0 + 9 * HOUR_NS + 1) == [105]


def test_a_stated_lag_delays_what_is_known(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen(lag_ns=10 * MINUTE_NS))
    assert closes(store, T0 + HOUR_NS + 10 * MINUTE_NS - 1) == []
    assert closes(store, T0 + HOUR_NS + 10 * MINUTE_NS) == [100]


def test_a_bar_that_comes_where_the_venue_had_none_is_known_since_it_was_seen(store: CandleStore) -> None:
    asked = Span(T0, T0 + 4 * HOUR_NS)
    store.append(KEY, hours([100, 102, 103], at=[0, 2, 3]), seen(T0 + 4 * HOUR_NS), covered=asked)
    done = store.append(KEY, hours([101], at=[1]), seen(T0 + 9 * HOUR_NS))
    assert done == Appended(late=1)
    assert closes(store, T0 + 9 * HOUR_NS - 1) == [100, 102, 103]
    assert closes(store, T0 + 9 * HOUR_NS) == [100, 101, 102, 103]


def test_a_bar_that_had_not_closed_when_its_range_was_asked_is_not_late(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen(T0 + HOUR_NS + 1), covered=Span(T0, T0 + 5 * HOUR_NS))
    assert store.append(KEY, hours([101], at=[1]), seen(T0 + 2 * HOUR_NS)) == Appended(new=1)
    assert closes(store, T0 + 2 * HOUR_NS) == [100, 101]


def test_history_from_before_what_is_stored_is_known_at_its_close(store: CandleStore) -> None:
    store.append(KEY, hours([105, 106], at=[5, 6]), seen(), covered=Span(T0 + 5 * HOUR_NS, T0 + 7 * HOUR_NS))
    store.append(KEY, hours([100, 101]), seen(LATER + 1))
    assert closes(store, T0 + 2 * HOUR_NS) == [100, 101]


def test_ranges_that_were_asked_for_are_joined(store: CandleStore) -> None:
    for start, end in ((4, 6), (0, 2), (2, 4), (8, 9)):
        store.append(KEY, hours([1.0], at=[start]), seen(), covered=Span(T0 + start * HOUR_NS, T0 + end * HOUR_NS))
    assert store.manifest(KEY).covered == (Span(T0, T0 + 6 * HOUR_NS), Span(T0 + 8 * HOUR_NS, T0 + 9 * HOUR_NS))


# Filled bars


def test_a_synthetic_bar_is_stored_and_never_returned(store: CandleStore) -> None:
    marks = np.array([False, True, False])
    store.append(KEY, hours([100, 100, 102]), seen(), synthetic=marks)
    assert closes(store, LATER) == [100, 102]
    assert store.filled(KEY).tolist() == [T0 + HOUR_NS]
    assert store.quality(KEY) == {
        "bars": 2, "missing": 1, "gaps": 1, "revised": 0, "synthetic": 1, "zero_volume": 0,
    }  # fmt: skip
    assert store.gaps(KEY) == (Gap(T0 + HOUR_NS, T0 + 2 * HOUR_NS, 1),)


def test_a_real_bar_takes_the_place_of_a_synthetic_one_and_never_the_other_way(store: CandleStore) -> None:
    one = np.array([True])
    store.append(KEY, hours([100], at=[1]), seen(), synthetic=one)
    assert store.append(KEY, hours([100], at=[1]), seen(), synthetic=one) == Appended(unchanged=1)
    assert store.append(KEY, hours([101], at=[1]), seen()) == Appended(new=1)
    assert store.append(KEY, hours([100], at=[1]), seen(), synthetic=one) == Appended(unchanged=1)
    assert closes(store, LATER) == [101]
    assert store.filled(KEY).tolist() == []


# Months, timeframes, processes


def test_missing_bars_are_counted_inside_months_and_between_them(store: CandleStore) -> None:
    absent = [3, 4, 31 * 24 - 1, 31 * 24, 31 * 24 + 1]
    store.append(
        KEY, hours([100.0] * (40 * 24 - len(absent)), at=[i for i in range(40 * 24) if i not in absent]), seen()
    )
    assert [part.name for part in store.manifest(KEY).parts] == ["2021-05", "2021-06"]
    assert (store.quality(KEY)["missing"], store.quality(KEY)["gaps"]) == (5, 2)
    assert [gap.bars for gap in store.gaps(KEY)] == [2, 3]
    assert store.manifest(KEY).parts[0].stats["longest"] == [[T0 + 3 * HOUR_NS, T0 + 5 * HOUR_NS, 2]]


def test_a_read_reaches_back_over_months_without_bars(store: CandleStore) -> None:
    far = parse_time("2021-09-01") - T0
    store.append(KEY, hours([1, 2], at=[0, far // HOUR_NS]), seen())
    assert closes(store, T0 + far + HOUR_NS) == [1, 2]


def test_coarser_bars_are_made_of_finer_ones_as_the_aggregation_makes_them(store: CandleStore) -> None:
    minutes = bars_of([100 + i % 7 for i in range(3000)], timeframe=Timeframe.M1, absent=[5, 6, 700])
    store.append(BarsKey("binance", "BTC/USDT", Timeframe.M1), minutes, seen())
    for timeframe in (t for t in Timeframe if t is not Timeframe.M1):
        as_of = T0 + 2777 * MINUTE_NS
        made = store.bars("binance", "BTC/USDT", timeframe, as_of_ns=as_of, n=20)
        assert shown(made) == shown(aggregate(minutes, timeframe, as_of_ns=as_of, n=20)), timeframe


def test_a_coarser_bar_of_lagging_ones_is_there_when_its_last_part_is_known(store: CandleStore) -> None:
    minutes = hours([float(i + 1) for i in range(10)], timeframe=Timeframe.M1)
    store.append(BarsKey("binance", "BTC/USDT", Timeframe.M1), minutes, seen(lag_ns=2 * MINUTE_NS))
    assert closes(store, T0 + 7 * MINUTE_NS - 1, timeframe=Timeframe.M5) == []
    assert closes(store, T0 + 7 * MINUTE_NS, timeframe=Timeframe.M5) == [5]


def test_a_coarser_bar_waits_for_its_last_part_where_an_earlier_import_had_no_lag(store: CandleStore) -> None:
    key, quarter = BarsKey("binance", "BTC/USDT", Timeframe.M1), Timeframe.M15
    first = hours([float(i + 1) for i in range(15)], timeframe=Timeframe.M1)
    store.append(key, first, seen())
    second = hours([float(i + 101) for i in range(15)], timeframe=Timeframe.M1, at=range(15, 30))
    store.append(key, second, seen(lag_ns=2 * MINUTE_NS))
    assert closes(store, T0 + 32 * MINUTE_NS - 1, timeframe=quarter) == [15]
    assert closes(store, T0 + 32 * MINUTE_NS, timeframe=quarter) == [15, 115]


def test_the_coarsest_stored_base_is_read_and_finer_ones_only_add_what_is_newer(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    store.append(BarsKey("binance", "BTC/USDT", Timeframe.M5), hours([7.0] * 36, timeframe=Timeframe.M5), seen())
    assert closes(store, T0 + 2 * HOUR_NS) == [100, 101]
    assert closes(store, T0 + 3 * HOUR_NS) == [100, 101, 7]
    assert closes(store, T0 + 3 * HOUR_NS, n=2) == [101, 7]


def test_one_newer_minute_does_not_hide_years_of_hours(store: CandleStore) -> None:
    store.append(KEY, hours([float(i + 1) for i in range(500)]), seen())
    minutes = hours([7.0] * 60, timeframe=Timeframe.M1, at=range(500 * 60, 501 * 60))
    store.append(BarsKey("binance", "BTC/USDT", Timeframe.M1), minutes, seen())
    assert closes(store, T0 + 501 * HOUR_NS, n=400) == [float(i + 1) for i in range(101, 500)] + [7]


def test_an_hour_of_which_only_some_minutes_were_fetched_is_no_closed_hour(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    minutes = hours([7.0] * 37, timeframe=Timeframe.M1, at=range(2 * 60, 2 * 60 + 37))
    store.append(BarsKey("binance", "BTC/USDT", Timeframe.M1), minutes, seen())
    assert closes(store, T0 + 3 * HOUR_NS) == [100, 101]


def test_a_month_that_a_writer_sweeps_between_two_looks_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = bars_of([100 + i % 13 for i in range(400)], timeframe=Timeframe.D1)
    key = BarsKey("binance", "BTC/USDT", Timeframe.D1)
    writer, reader = CandleStore(tmp_path), CandleStore(tmp_path)
    writer.append(key, bars, seen())
    read, calls = read_months, list[int]()

    def swept(paths: Sequence[Path], counts: Sequence[int]) -> list[Rows]:
        if not calls:
            calls.append(1)
            writer.append(key, bars_of([90.0], timeframe=Timeframe.D1), seen(LATER + 1))
        return read(paths, counts)

    monkeypatch.setattr("market.store.candles.read_months", swept)
    assert reader.bars(*key, as_of_ns=LATER + 1, n=1_000).close[0] == 90


def test_another_reader_sees_what_was_written_after_it_had_read(tmp_path: Path) -> None:
    one, other = CandleStore(tmp_path), CandleStore(tmp_path)
    one.append(KEY, hours([100]), seen())
    assert closes(other, LATER) == [100]
    one.append(KEY, hours([101], at=[1]), seen())
    one.append(BarsKey("binance", "BTC/USDT", Timeframe.M5), hours([9.0], at=[500], timeframe=Timeframe.M5), seen())
    assert closes(other, T0 + 2 * HOUR_NS) == [100, 101]
    assert [key.timeframe for key in other.held()] == [Timeframe.H1, Timeframe.M5]


def test_many_months_read_at_once_are_those_read_one_by_one(tmp_path: Path) -> None:
    bars = bars_of([100 + i % 13 for i in range(400)], timeframe=Timeframe.D1, absent=[40])
    key = BarsKey("binance", "BTC/USDT", Timeframe.D1)
    CandleStore(tmp_path).append(key, bars, seen())
    wide = CandleStore(tmp_path).bars(*key, as_of_ns=LATER, n=10_000)
    narrow = CandleStore(tmp_path)
    for part in narrow.manifest(key).parts:
        narrow.bars(*key, as_of_ns=part.last_ns + DAY_NS, n=1)
    assert shown(wide) == shown(narrow.bars(*key, as_of_ns=LATER, n=10_000)) == shown(bars)


def test_what_is_read_cannot_be_changed(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    with pytest.raises(ValueError, match="read-only"):
        store.bars(*KEY, as_of_ns=LATER, n=2).close[0] = 1.0


def test_a_part_that_was_changed_by_hand_is_never_read(store: CandleStore) -> None:
    store.append(KEY, hours([100, 101]), seen())
    part = store.shelf(KEY).folder / store.manifest(KEY).parts[0].file
    part.write_bytes(part.read_bytes() + b" ")
    with pytest.raises(DataRefused, match="SHA-256 differs"):
        closes(store, LATER)


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "1000SHIB/USDT", "../../etc/x", ".hidden", "a b*?[=]%", "ü/€"])
def test_any_name_is_a_folder_of_its_own_inside_the_store(tmp_path: Path, symbol: str) -> None:
    store = CandleStore(tmp_path)
    key = BarsKey("binance", symbol, Timeframe.H1)
    store.append(key, replace(hours([100]), symbol=symbol), seen())
    assert store.held() == [key]
    folder = store.shelf(key).folder
    assert folder.resolve().is_relative_to(tmp_path.resolve())
    assert len(folder.relative_to(tmp_path).parts) == 4
    assert not folder.parent.name.startswith(".")
    assert store.bars(*key, as_of_ns=LATER, n=1).close.tolist() == [100]


# As-of reads against a naive filter


@dataclass(frozen=True)
class Row:
    open_ns: int
    known_ns: int
    close: float


WRITES = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 60), st.integers(1, 5), min_size=1, max_size=12),  # position: close
        st.integers(1, 80),  # hours after T0 at which they are seen
    ),
    min_size=1,
    max_size=6,
)


@given(writes=WRITES, asked=st.lists(st.tuples(st.integers(0, 90 * 60), st.integers(1, 30)), min_size=1, max_size=6))
def test_reads_are_those_of_a_naive_filter(
    writes: list[tuple[dict[int, int], int]], asked: list[tuple[int, int]]
) -> None:
    # Two months: position 24 opens in June.
    start = parse_time("2021-05-31")
    with fresh_folder() as folder:
        writer, rows = CandleStore(folder), list[Row]()
        for bars, hour in sorted(writes, key=lambda write: write[1]):
            now = start + hour * HOUR_NS
            some = sorted(bars.items())
            writer.append(KEY, hours([c for _, c in some], at=[p for p, _ in some], start_ns=start), seen(now))
            for position, close in some:
                open_ns = start + position * HOUR_NS
                versions = [row for row in rows if row.open_ns == open_ns]
                if open_ns + HOUR_NS <= now and (not versions or versions[-1].close != close):
                    known = max(now, versions[-1].known_ns + 1) if versions else open_ns + HOUR_NS
                    rows.append(Row(open_ns, known, float(close)))
        if not rows:
            return
        for minute, n in asked:
            as_of = start + minute * MINUTE_NS
            for timeframe in (Timeframe.H1, Timeframe.H4):
                found = CandleStore(folder).bars("binance", "BTC/USDT", timeframe, as_of_ns=as_of, n=n)
                naive = naive_read(rows, timeframe, as_of)[-n:]
                assert list(zip(found.open_ns.tolist(), found.close.tolist(), strict=True)) == naive


def naive_read(rows: list[Row], timeframe: Timeframe, as_of: int) -> list[tuple[int, float]]:
    known: dict[int, float] = {row.open_ns: row.close for row in rows if row.known_ns <= as_of}
    buckets: dict[int, float] = {}
    known_to = max(known, default=0) + HOUR_NS
    for open_ns, close in sorted(known.items()):
        bucket = open_ns // timeframe.ns * timeframe.ns
        if bucket + timeframe.ns <= min(as_of, known_to):
            buckets[bucket] = close
    return sorted(buckets.items())


def test_a_folder_of_the_store_can_be_read_only(tmp_path: Path) -> None:
    CandleStore(tmp_path).append(KEY, hours([100, 101]), seen())
    os.chmod(CandleStore(tmp_path).shelf(KEY).folder, 0o500)
    try:
        assert closes(CandleStore(tmp_path), LATER) == [100, 101]
    finally:
        os.chmod(CandleStore(tmp_path).shelf(KEY).folder, 0o700)
