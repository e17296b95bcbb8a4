import numpy as np
import pytest

from core.errors import ConfigError, DataRefused
from core.time import HOUR_NS, MINUTE_NS, Timeframe
from market.aggregate import aggregate
from market.history import CandleHistory
from tests.market.material import T0, bars_of

BTC = bars_of([100.0, 101.5, 99.0, 98.0])
ETH = bars_of([10.0, 11.0, 12.0], symbol="ETH/USDT", start_ns=T0 + HOUR_NS, absent=[1])


def test_no_candles_are_refused() -> None:
    with pytest.raises(ConfigError, match="found candles none"):
        CandleHistory([])


def test_two_timeframes_are_refused() -> None:
    with pytest.raises(ConfigError, match="BTC/USDT 1h, ETH/USDT 4h; allowed is one timeframe"):
        CandleHistory([BTC, bars_of([1.0], symbol="ETH/USDT", timeframe=Timeframe.H4)])


def test_one_symbol_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="allowed is each symbol once"):
        CandleHistory([BTC, BTC])


def test_bars_of_an_unknown_symbol_are_refused() -> None:
    with pytest.raises(DataRefused, match="this market has no XRP/USDT, it has BTC/USDT, ETH/USDT"):
        CandleHistory([BTC, ETH]).bars("XRP/USDT", Timeframe.H1, as_of_ns=T0, n=1)


def test_an_unknown_symbol_has_no_instrument() -> None:
    assert CandleHistory([BTC]).instrument("XRP/USDT") is None


def test_the_range_runs_from_the_first_to_the_last_close_of_any_symbol() -> None:
    market = CandleHistory([BTC, ETH])
    first, last = market.range_ns
    assert (first, last) == (T0 + HOUR_NS, T0 + 4 * HOUR_NS)
    market.refuse_outside(first)
    market.refuse_outside(last)


@pytest.mark.parametrize("outside", [T0 + HOUR_NS - 1, T0 + 4 * HOUR_NS + 1])
def test_a_moment_outside_the_range_is_refused_with_the_range(outside: int) -> None:
    with pytest.raises(ConfigError, match="the market covers 2021-05-01 01:00:00Z to 2021-05-01 04:00:00Z"):
        CandleHistory([BTC, ETH]).refuse_outside(outside)


def test_the_last_bars_come_oldest_first_and_fewer_where_history_is_shorter() -> None:
    market = CandleHistory([BTC])
    assert market.bars("BTC/USDT", Timeframe.H1, as_of_ns=T0 + 3 * HOUR_NS, n=2).close.tolist() == [101.5, 99.0]
    assert market.bars("BTC/USDT", Timeframe.H1, as_of_ns=T0 + 3 * HOUR_NS, n=9).close.tolist() == [100.0, 101.5, 99.0]
    assert len(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=T0 + 3 * HOUR_NS, n=0)) == 0


def test_closed_bars_exclude_the_start_and_include_the_end() -> None:
    bars = CandleHistory([BTC]).closed_bars("BTC/USDT", after_ns=T0 + HOUR_NS, until_ns=T0 + 3 * HOUR_NS)
    assert [bar.close_ns for bar in bars] == [T0 + 2 * HOUR_NS, T0 + 3 * HOUR_NS]
    assert [str(bar.close) for bar in bars] == ["101.5", "99.0"]


def test_closes_are_distinct_sorted_and_exclude_the_start() -> None:
    market = CandleHistory([BTC, ETH])
    assert market.closes_between(T0 + HOUR_NS, T0 + 9 * HOUR_NS) == [T0 + h * HOUR_NS for h in (2, 3, 4)]
    assert market.closes_between(T0 + 4 * HOUR_NS, T0 + 9 * HOUR_NS) == []


@pytest.mark.parametrize(
    ("base", "decision"), [(Timeframe.M5, Timeframe.H1), (Timeframe.H1, Timeframe.H1), (Timeframe.D1, Timeframe.D1)]
)
def test_decisions_look_at_hours_or_at_what_is_coarser(base: Timeframe, decision: Timeframe) -> None:
    assert CandleHistory([bars_of([1.0, 2.0], timeframe=base)]).decision_timeframe is decision


@pytest.mark.parametrize("seed", range(5))
def test_coarser_bars_made_once_are_those_made_at_every_moment(seed: int) -> None:
    draw = np.random.default_rng(seed)
    absent = set(draw.choice(400, 60, replace=False).tolist()) | set(range(100, 100 + 40 * seed)) - {0}
    bars = bars_of((100 + draw.normal(0, 1, 400)).tolist(), timeframe=Timeframe.M15, absent=sorted(absent))
    market = CandleHistory([bars])
    for frame in (Timeframe.M30, Timeframe.H1, Timeframe.H4, Timeframe.D1):
        for as_of_ns in range(T0 - HOUR_NS, T0 + 104 * HOUR_NS, 5 * MINUTE_NS):
            n = int(draw.integers(0, 9))
            expected = aggregate(bars, frame, as_of_ns=as_of_ns, n=n)
            found = market.bars("BTC/USDT", frame, as_of_ns=as_of_ns, n=n)
            assert found.timeframe is frame
            for field in ("open_ns", "open", "high", "low", "close", "volume"):
                np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), field)
