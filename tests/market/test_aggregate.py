import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.errors import DataRefused
from core.time import DAY_NS, HOUR_NS, Timeframe
from market.aggregate import aggregate, closed_by
from tests.market.material import T0, bars_of, shown

DAYS = bars_of([100.0 + i for i in range(60)])


def test_a_bar_is_closed_at_its_close_and_not_a_nanosecond_before() -> None:
    assert closed_by(DAYS, T0 + HOUR_NS - 1) == 0
    assert closed_by(DAYS, T0 + HOUR_NS) == 1


def test_a_finer_timeframe_is_refused() -> None:
    with pytest.raises(DataRefused, match="BTC/USDT has 1h bars, of which no 30m bar can be made"):
        aggregate(DAYS, Timeframe.M30, as_of_ns=T0 + DAY_NS, n=5)


def test_a_timeframe_that_is_no_whole_multiple_is_refused() -> None:
    four_hours = bars_of([1.0, 2.0, 3.0], timeframe=Timeframe.H4)
    with pytest.raises(DataRefused, match="of which no 6h bar can be made"):
        aggregate(four_hours, Timeframe.H6, as_of_ns=T0 + DAY_NS, n=5)


def test_before_the_first_bucket_closes_there_is_none() -> None:
    assert len(aggregate(DAYS, Timeframe.H4, as_of_ns=T0 + 4 * HOUR_NS - 1, n=5)) == 0


@pytest.mark.parametrize("n", [0, -1])
def test_no_bars_are_no_bars(n: int) -> None:
    empty = aggregate(DAYS, Timeframe.H4, as_of_ns=T0 + DAY_NS, n=n)
    assert (len(empty), empty.timeframe) == (0, Timeframe.H4)


def test_a_bucket_opens_with_its_first_and_closes_with_its_last_bar() -> None:
    bars = aggregate(DAYS, Timeframe.H4, as_of_ns=T0 + 4 * HOUR_NS, n=5)
    assert shown(bars) == [("2021-05-01 00:00:00Z", 100.0, 103.0 * 1.01, 100.0 * 0.99, 103.0, 10.0)]


def test_a_bucket_with_missing_bars_keeps_what_exists() -> None:
    holes = bars_of([100.0 + i for i in range(8)], absent=[0, 2, 3])
    bars = aggregate(holes, Timeframe.H4, as_of_ns=T0 + DAY_NS, n=5)
    assert [row[0] for row in shown(bars)] == ["2021-05-01 00:00:00Z", "2021-05-01 04:00:00Z"]
    assert (bars.open[0], bars.close[0], bars.volume[0]) == (100.0, 101.0, 2.0)


def test_a_bucket_whose_last_bar_is_missing_is_whole_once_a_later_bar_is_there() -> None:
    holes = bars_of([100.0 + i for i in range(8)], absent=[3])
    assert len(aggregate(holes, Timeframe.H4, as_of_ns=T0 + 5 * HOUR_NS - 1, n=5)) == 0
    assert len(aggregate(holes, Timeframe.H4, as_of_ns=T0 + 5 * HOUR_NS, n=5)) == 1


def test_where_the_data_end_in_the_middle_of_a_bucket_it_is_never_shown_as_closed() -> None:
    bars = aggregate(bars_of([100.0 + i for i in range(6)]), Timeframe.H4, as_of_ns=T0 + 9 * DAY_NS, n=5)
    assert [row[0] for row in shown(bars)] == ["2021-05-01 00:00:00Z"]


def test_a_bucket_without_any_bar_is_absent() -> None:
    holes = bars_of([100.0 + i for i in range(12)], absent=[4, 5, 6, 7])
    bars = aggregate(holes, Timeframe.H4, as_of_ns=T0 + DAY_NS, n=5)
    assert [row[0] for row in shown(bars)] == ["2021-05-01 00:00:00Z", "2021-05-01 08:00:00Z"]


def by_hand(
    bars: Bars, timeframe: Timeframe, as_of_ns: int, n: int
) -> list[tuple[int, float, float, float, float, float]]:
    buckets: dict[int, list[int]] = {}
    known_to = max((o + HOUR_NS for o in bars.open_ns.tolist() if o + HOUR_NS <= as_of_ns), default=0)
    for i, open_ns in enumerate(bars.open_ns.tolist()):
        start = open_ns - open_ns % timeframe.ns
        if start + timeframe.ns <= min(as_of_ns, known_to):
            buckets.setdefault(start, []).append(i)
    rows = [
        (
            start,
            float(bars.open[held[0]]),
            max(float(bars.high[i]) for i in held),
            min(float(bars.low[i]) for i in held),
            float(bars.close[held[-1]]),
            sum(float(bars.volume[i]) for i in held),
        )
        for start, held in buckets.items()
    ]
    return rows[-n:]


@given(
    closes=st.lists(st.integers(1, 1000), min_size=1, max_size=80),
    absent=st.sets(st.integers(0, 79)),
    offset=st.integers(0, 30),
    timeframe=st.sampled_from([Timeframe.H2, Timeframe.H4, Timeframe.H12, Timeframe.D1]),
    as_of=st.integers(-5, 130),
    n=st.integers(1, 12),
)
def test_aggregation_is_what_a_hand_would_add_up(
    closes: list[int], absent: set[int], offset: int, timeframe: Timeframe, as_of: int, n: int
) -> None:
    bars = bars_of([float(c) for c in closes], absent=sorted(absent), start_ns=T0 + offset * HOUR_NS)
    as_of_ns = T0 + as_of * HOUR_NS + HOUR_NS // 3
    made = aggregate(bars, timeframe, as_of_ns=as_of_ns, n=n)
    columns = (made.open_ns, made.open, made.high, made.low, made.close, made.volume)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == by_hand(bars, timeframe, as_of_ns, n)
