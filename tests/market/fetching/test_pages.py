import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.time import HOUR_NS, Timeframe, parse_time
from market.fetching.hearing import JunkPage, quick_rows
from market.fetching.pages import Page, closed, joined, opens_of, read_page
from market.fetching.ranges import Range

T0 = parse_time("2024-01-01")
TEN = Range(T0, T0 + 10 * HOUR_NS)
NEWEST = T0 + 1000 * HOUR_NS


def row(n: float, close: Any = "101", *, low: Any = "99") -> list[Any]:
    return [int(T0 + n * HOUR_NS) // 1_000_000, "100", "102", low, close, "5", "further", "columns"]


def read(rows: Any, asked: Range = TEN, newest_ns: int = NEWEST) -> Page:
    return read_page(rows, "BTC/USDT", Timeframe.H1, asked, newest_ns)


def opens(page: Page) -> list[int]:
    return [(int(ns) - T0) // HOUR_NS for ns in page.bars.open_ns]


def test_an_empty_page_is_a_page() -> None:
    page = read([])
    assert (len(page.bars), page.first_ns, page.newest_only) == (0, None, False)


@pytest.mark.parametrize(
    "answer", ["<html>", b"", None, {}, {"code": -1}, 7, ["<html>"], [None], [[]], [[1, 2]], [row(0)[:5]], [{"0": 1}]]
)
def test_what_is_no_list_of_rows_is_junk(answer: Any) -> None:
    with pytest.raises(JunkPage, match="expected"):
        read(answer)


@pytest.mark.parametrize("wrong", ["word", None, [], {}, "", "1_0x"])
def test_a_value_that_is_no_number_is_junk_and_is_shown(wrong: Any) -> None:
    with pytest.raises(JunkPage, match="found \\["):
        read([row(0), row(1, close=wrong)])


@pytest.mark.parametrize("shown", ["x" * 5000, [["x" * 5000]]])
def test_junk_is_shown_short(shown: Any) -> None:
    with pytest.raises(JunkPage) as junk:
        read(shown)
    assert len(str(junk.value)) < 200


def test_newest_first_is_turned_round() -> None:
    page = read([row(2), row(1), row(0)])
    assert (opens(page), page.reordered) == ([0, 1, 2], False)


def test_mixed_order_is_sorted_and_counted() -> None:
    page = read([row(1), row(0), row(2)])
    assert (opens(page), page.reordered) == ([0, 1, 2], True)


def test_a_row_that_comes_twice_alike_counts_once() -> None:
    page = read([row(0), row(1), row(1)])
    assert (opens(page), page.repeated) == ([0, 1], 1)


def test_a_row_that_comes_twice_with_other_numbers_is_junk() -> None:
    with pytest.raises(JunkPage, match="2024-01-01 01:00:00Z is there twice with other numbers"):
        read([row(0), row(1), row(1, close="100.5")])


def test_the_range_includes_its_start_and_excludes_its_end() -> None:
    page = read([row(-1), row(0), row(9), row(10)])
    assert (opens(page), page.outside) == ([0, 9], 2)


def test_a_candle_off_the_grid_is_junk() -> None:
    with pytest.raises(JunkPage, match="00:30:00Z does not open a 1h candle"):
        read([row(0), row(0.5)])


def test_a_candle_from_the_future_is_junk_and_the_forming_one_is_not() -> None:
    assert opens(read([row(5)], newest_ns=T0 + 5 * HOUR_NS)) == [5]
    with pytest.raises(JunkPage, match="candles run to"):
        read([row(7)], newest_ns=T0 + 5 * HOUR_NS)


@pytest.mark.parametrize(("close", "low"), [("-1", "99"), ("NaN", "99"), ("1e999", "99"), ("101", "0"), ("98", "99")])
def test_one_broken_candle_among_good_ones_is_left_out_and_named(close: str, low: str) -> None:
    page = read([row(0), row(1, close, low=low), row(2)])
    assert (opens(page), page.broken) == ([0, 2], (T0 + HOUR_NS,))


def test_a_page_of_broken_candles_is_junk() -> None:
    with pytest.raises(JunkPage, match="10 of 10 candles have numbers that cannot be"):
        read([row(n, close="-1") for n in range(10)])


def test_only_the_newest_candles_instead_of_the_range_are_noticed() -> None:
    page = read([row(998), row(999), row(1000)])
    assert (len(page.bars), page.newest_only, page.first_ns) == (0, True, T0 + 998 * HOUR_NS)


def test_the_forming_candle_behind_a_late_one_is_not_taken_for_that() -> None:
    assert not read([row(10)], newest_ns=T0 + 10 * HOUR_NS).newest_only


def test_later_candles_that_are_not_the_newest_are_only_outside() -> None:
    page = read([row(20), row(21)])
    assert (len(page.bars), page.newest_only, page.outside) == (0, False, 2)


def test_numbers_may_come_as_numbers() -> None:
    page = read([[T0 // 1_000_000, 100.0, 102, 99, 101.5, 0]])
    assert (page.bars.close.tolist(), page.bars.volume.tolist()) == ([101.5], [0.0])


def test_of_two_answers_for_one_candle_the_later_counts() -> None:
    first, second = read([row(0), row(1)]).bars, read([row(1, close="100.5"), row(2)]).bars
    both = joined([first, second], "BTC/USDT", Timeframe.H1)
    assert both.close.tolist() == [101.0, 100.5, 101.0]
    assert np.diff(both.open_ns).tolist() == [HOUR_NS, HOUR_NS]


def test_a_candle_is_closed_exactly_at_its_close() -> None:
    bars = read([row(0), row(1)]).bars
    assert len(closed(bars, T0 + 2 * HOUR_NS)) == 2
    assert len(closed(bars, T0 + 2 * HOUR_NS - 1)) == 1
    assert len(closed(bars, T0)) == 0


def test_first_and_last_open_are_found_on_any_grid() -> None:
    assert opens_of([]) is None
    assert opens_of([row(2.25), row(1.25)]) == (T0 + HOUR_NS * 5 // 4, T0 + HOUR_NS * 9 // 4)
    with pytest.raises(JunkPage):
        opens_of("<html>")


# ── the quick way ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_quick_way_reads_the_same_numbers_to_the_last_bit() -> None:
    rng = np.random.default_rng(7)
    rows = [row(n, close=repr(float(99 + 3 * rng.random()))) for n in range(10)]
    rows = [[*r[:6], "7.00000001", "1"] for r in rows]
    quick = quick_rows(json.dumps(rows, separators=(",", ":")))
    assert quick is not None
    ours, slow = read(quick).bars, read(rows).bars
    for name in ("open_ns", "open", "high", "low", "close", "volume"):
        assert getattr(ours, name).tobytes() == getattr(slow, name).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[[]]",
        "<html>[[1,2]]</html>",
        '{"code":-1121,"msg":"Invalid symbol."}',
        '[[1,"2","3","4","5"]]',
        '[[1,"2","3","4","5","6"],[7,"8"]]',
        '[[1,"2","3","4","5","6"],7]',
        '[[1,"2","3","4","5",[6]]]',
        '[[1,"2","3","4","5","word"]]',
        '[[1,"2","3","4","5","NaN"]]',
        '[[1,"2","3","4","5",null]]',
        '[[1,"2","3","4","5","1-2"]]',
        '[[1,"2","3","4","5",""]]',
        '[[1,"2","3","4","5","1.2.3"]]',
        '[[1,"2","3","4","5","1,2"],[1,"2","3","4","5"]]x',
        '[[1,"2","3","4","5","6"]',
    ],
)
def test_the_quick_way_leaves_everything_else_to_the_slow_one(text: str) -> None:
    assert quick_rows(text) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 2**42), *[st.decimals("0", "1e9", places=8).map(lambda d: f"{d:f}")] * 11),
        min_size=1,
        max_size=4,
    )
)
def test_the_quick_way_reads_whatever_a_venue_may_write(rows: list[tuple[Any, ...]]) -> None:
    quick = quick_rows(json.dumps(rows, separators=(",", ":")))
    assert quick is not None
    assert quick.table.tolist() == [[float(value) for value in one[:6]] for one in rows]
