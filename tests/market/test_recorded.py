from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.bars import Bars
from core.ports import MarketFacts, MarketView
from core.time import DAY_NS, HOUR_NS, Timeframe, parse_time
from market.aggregate import closed_by, window
from market.quality import QualityReport
from market.recorded import RecordedMarket
from tests.market.material import T0, bars_of, shared, shown

TWO_BPS = Decimal("2")


def market_of(*candles: Bars, spread: Decimal = TWO_BPS) -> RecordedMarket:
    reports = [
        QualityReport(len(bars), T0, T0, bars.timeframe, 0, (), 0, file_sha256=f"sha of {bars.symbol}")
        for bars in candles
    ]
    return RecordedMarket(list(zip(candles, reports, strict=True)), assumed_spread_bps=spread)


def test_it_is_a_market_for_agents_and_for_the_gate() -> None:
    market = market_of(bars_of([1.0]))
    view: MarketView = market
    facts: MarketFacts = market
    assert view.symbols() == ("BTC/USDT",)
    assert facts.instrument("BTC/USDT") is not None


def test_there_is_no_quote_before_the_first_bar_closes() -> None:
    market = market_of(bars_of([100.0, 101.0]))
    assert market.quote("BTC/USDT", as_of_ns=T0 + HOUR_NS - 1) is None
    assert market.quote("BTC/USDT", as_of_ns=T0 + HOUR_NS) is not None


def test_an_unknown_symbol_has_no_quote() -> None:
    assert market_of(bars_of([100.0])).quote("XRP/USDT", as_of_ns=T0 + DAY_NS) is None


def test_a_quote_is_the_last_close_with_the_assumed_spread_rounded_outward() -> None:
    quote = market_of(bars_of([100.0, 33_333.337])).quote("BTC/USDT", as_of_ns=T0 + 2 * HOUR_NS)
    assert quote is not None
    # 33333.337 -/+ 1 bps is 33330.0037 and 33336.6703; the tick is 0.01.
    assert (quote.bid, quote.last, quote.ask) == (Decimal("33330.00"), Decimal("33333.34"), Decimal("33336.68"))
    assert quote.modelled_spread
    assert quote.cadence_ns == HOUR_NS


def test_in_a_gap_the_old_quote_comes_back_with_its_old_times() -> None:
    quote = market_of(bars_of([100.0, 101.0, 102.0], absent=[1])).quote("BTC/USDT", as_of_ns=T0 + 2 * HOUR_NS)
    assert quote is not None
    assert (quote.ts_event_ns, quote.known_at_ns, quote.last) == (T0 + HOUR_NS, T0 + HOUR_NS, Decimal(100))


def test_candles_have_neither_book_nor_texts() -> None:
    market = market_of(bars_of([100.0]))
    assert market.book("BTC/USDT", as_of_ns=T0 + DAY_NS) is None
    assert market.texts("BTC/USDT", since_ns=0, as_of_ns=T0 + DAY_NS) == ()


def test_the_fingerprint_is_the_hash_of_every_file() -> None:
    market = market_of(bars_of([1.0]), bars_of([2.0], symbol="ETH/USDT"))
    assert market.fingerprint() == ["sha of BTC/USDT", "sha of ETH/USDT"]


def answers(market: RecordedMarket, as_of_ns: int) -> list[object]:
    timeframes = (Timeframe.H1, Timeframe.H2, Timeframe.H4, Timeframe.D1)
    return [
        *(shown(market.bars("BTC/USDT", t, as_of_ns=as_of_ns, n=7)) for t in timeframes),
        market.quote("BTC/USDT", as_of_ns=as_of_ns),
        market.closed_bars("BTC/USDT", after_ns=T0, until_ns=as_of_ns),
        market.closes_between(T0, as_of_ns),
    ]


@given(
    closes=st.lists(st.integers(1, 10**6), min_size=1, max_size=60),
    absent=st.sets(st.integers(0, 59)),
    minutes=st.integers(0, 62 * 60),
    poison=st.sampled_from([1e9, 1e-9, float("nan")]),
)
def test_nothing_after_a_moment_changes_any_answer_at_it(
    closes: list[int], absent: set[int], minutes: int, poison: float
) -> None:
    as_of_ns = T0 + minutes * HOUR_NS // 60
    bars = bars_of([c / 7 for c in closes], absent=sorted(absent))
    known = closed_by(bars, as_of_ns)
    later = np.arange(len(bars)) >= known
    poisoned = replace(
        bars,
        open=np.where(later, poison, bars.open),
        high=np.where(later, poison, bars.high),
        low=np.where(later, poison, bars.low),
        close=np.where(later, poison, bars.close),
        volume=np.where(later, poison, bars.volume),
    )
    seen = answers(market_of(bars), as_of_ns)
    assert answers(market_of(poisoned), as_of_ns) == seen
    assert answers(market_of(window(bars, 0, known)), as_of_ns) == seen


def test_a_real_crash_is_seen_hour_by_hour() -> None:
    market = RecordedMarket.from_files(
        {
            "BTC/USDT": shared("binance_spot_BTCUSDT_1h_2017_2022.parquet"),
            "ETH/USDT": shared("binance_spot_ETHUSDT_1h_2017_2022.parquet"),
        },
        assumed_spread_bps=TWO_BPS,
    )
    as_of_ns = parse_time("2021-05-19T13:00Z")
    quote = market.quote("BTC/USDT", as_of_ns=as_of_ns)
    assert quote is not None
    assert quote.ts_event_ns == as_of_ns
    day = market.bars("BTC/USDT", Timeframe.D1, as_of_ns=as_of_ns, n=2)
    assert [row[0][:10] for row in shown(day)] == ["2021-05-17", "2021-05-18"]
    assert float(day.close[-1]) > 1.1 * float(quote.last)
    assert len(market.closes_between(as_of_ns - DAY_NS, as_of_ns)) == 24
