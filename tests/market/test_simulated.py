import os
import subprocess
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.money import on_grid
from core.ports import MarketFacts, MarketView
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, Timeframe
from market.paths import CHARACTERS
from market.simulated import START_NS, SimulatedMarket
from tests.market.material import market_digest, shown

ROOT = Path(__file__).parents[2]
# Changes only together with the market's version, since old runs could not be repeated otherwise.
DIGEST_OF_SEED_7 = "4cf8647958e6d48b82d5991758549730fc46fb0b5b57821afe695e1d1eb6b815"


@cache
def market_of(days: int, seed: int = 7) -> SimulatedMarket:
    return SimulatedMarket(seed, days=days)


def test_a_symbol_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no PEPE/USDT, allowed are BTC/USDT, ETH/USDT"):
        SimulatedMarket(7, ["BTC/USDT", "PEPE/USDT"])


def test_no_symbols_are_refused() -> None:
    with pytest.raises(ConfigError, match="found candles none"):
        SimulatedMarket(7, [])


@pytest.mark.parametrize(("start_ns", "days"), [(START_NS, 0), (START_NS + 1, 5), (START_NS + MINUTE_NS, 5)])
def test_a_span_without_a_day_or_off_the_grid_is_refused(start_ns: int, days: int) -> None:
    with pytest.raises(ConfigError, match="allowed is one day or more from a full 5m bar"):
        SimulatedMarket(7, start_ns=start_ns, days=days)


def test_it_is_a_market_for_agents_and_for_the_gate() -> None:
    view: MarketView = market_of(2)
    facts: MarketFacts = market_of(2)
    assert view.symbols() == ("BTC/USDT", "ETH/USDT")
    assert facts.instrument("ETH/USDT") is not None
    assert market_of(2).decision_timeframe is Timeframe.H1


def test_before_its_start_it_knows_nothing_and_after_its_end_only_the_old() -> None:
    market = market_of(2)
    end = START_NS + 2 * DAY_NS
    assert market.quote("BTC/USDT", as_of_ns=START_NS - 1) is None
    assert market.book("BTC/USDT", as_of_ns=START_NS - 1) is None
    late = market.quote("BTC/USDT", as_of_ns=end + DAY_NS)
    assert late is not None
    assert late.ts_event_ns == end


def test_an_unknown_symbol_has_neither_quote_nor_book_nor_texts() -> None:
    market, end = market_of(2), START_NS + 2 * DAY_NS
    assert market.quote("XRP/USDT", as_of_ns=end) is None
    assert market.book("XRP/USDT", as_of_ns=end) is None
    assert market.texts("XRP/USDT", since_ns=0, as_of_ns=end) == ()


def test_the_range_is_from_the_first_close_to_the_end() -> None:
    assert market_of(2).range_ns == (START_NS + 5 * MINUTE_NS, START_NS + 2 * DAY_NS)


def test_bars_are_consistent_and_on_ticks_and_lots() -> None:
    market, end = market_of(8), START_NS + 8 * DAY_NS
    for symbol in market.symbols():
        instrument = market.instrument(symbol)
        assert instrument is not None
        bars = market.closed_bars(symbol, after_ns=START_NS, until_ns=end)
        assert len(bars) == 8 * 288
        for bar in bars:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert all(on_grid(p, instrument.tick_size) for p in (bar.open, bar.high, bar.low, bar.close))
            assert on_grid(bar.volume, instrument.lot_size)
        assert any(bar.high > max(bar.open, bar.close) for bar in bars)


@given(minute=st.integers(5, 2 * 1440), second=st.integers(0, 59), symbol=st.sampled_from(["BTC/USDT", "ETH/USDT"]))
def test_quotes_inside_a_bar_agree_with_the_bar(minute: int, second: int, symbol: str) -> None:
    market = market_of(8)
    as_of_ns = START_NS + minute * MINUTE_NS + second * 1_000_000_000
    quote = market.quote(symbol, as_of_ns=as_of_ns)
    assert quote is not None
    assert as_of_ns - MINUTE_NS < quote.known_at_ns <= as_of_ns
    open_ns = as_of_ns - as_of_ns % (5 * MINUTE_NS)
    (bar,) = market.closed_bars(symbol, after_ns=open_ns, until_ns=open_ns + 5 * MINUTE_NS)
    assert bar.low <= quote.last <= bar.high


def test_at_its_close_a_bar_and_the_quote_show_one_price() -> None:
    market = market_of(8)
    for bar in market.closed_bars("ETH/USDT", after_ns=START_NS, until_ns=START_NS + DAY_NS):
        quote = market.quote("ETH/USDT", as_of_ns=bar.close_ns)
        assert quote is not None
        assert quote.last == bar.close


@given(minute=st.integers(0, 8 * 1440), symbol=st.sampled_from(["BTC/USDT", "ETH/USDT"]))
def test_the_quote_is_the_top_of_the_book(minute: int, symbol: str) -> None:
    market, as_of_ns = market_of(8), START_NS + minute * MINUTE_NS
    quote, book = market.quote(symbol, as_of_ns=as_of_ns), market.book(symbol, as_of_ns=as_of_ns)
    assert quote is not None
    assert book is not None
    assert (quote.bid, quote.ask, quote.ts_event_ns) == (book.bids[0].price, book.asks[0].price, book.ts_event_ns)
    assert not quote.modelled_spread


@given(minute=st.integers(0, 8 * 1440), symbol=st.sampled_from(["BTC/USDT", "ETH/USDT"]))
def test_a_second_venue_shows_a_whole_book_of_the_same_moment_a_little_apart(minute: int, symbol: str) -> None:
    market, as_of_ns = market_of(8), START_NS + minute * MINUTE_NS
    here, there = market.book(symbol, as_of_ns=as_of_ns), market.second_book(symbol, as_of_ns=as_of_ns)
    assert here is not None
    assert there is not None
    assert (here.ts_event_ns, here.symbol) == (there.ts_event_ns, there.symbol)
    assert there.bids[0].price < there.asks[0].price
    assert (here.bids, here.asks) != (there.bids, there.asks)
    elsewhere = market.feeds(symbol, as_of_ns=as_of_ns).elsewhere["second"]
    assert elsewhere == (there.bids[0].price + there.asks[0].price) / 2
    assert abs(elsewhere / here.bids[0].price - 1) < Decimal("0.01")


def test_before_its_start_no_venue_shows_anything() -> None:
    market = market_of(2)
    assert market.second_book("BTC/USDT", as_of_ns=START_NS - 1) is None
    assert market.feeds("BTC/USDT", as_of_ns=START_NS - 1).elsewhere == {}
    assert market.feeds("XRP/USDT", as_of_ns=START_NS).elsewhere == {}


def test_a_stablecoin_stays_near_its_peg() -> None:
    market, end = SimulatedMarket(7, ["USDC/USDT"]), START_NS + 120 * DAY_NS
    closes = market.bars("USDC/USDT", Timeframe.H1, as_of_ns=end, n=9_999).close
    assert 0.99 < closes.min() < closes.max() < 1.01


def test_a_symbol_is_the_same_market_whichever_others_are_asked_for() -> None:
    end = START_NS + 2 * DAY_NS
    alone = SimulatedMarket(7, ["ADA/USDT"], days=2)
    among = SimulatedMarket(7, tuple(CHARACTERS), days=2)
    assert shown(alone.bars("ADA/USDT", Timeframe.M5, as_of_ns=end, n=999)) == shown(
        among.bars("ADA/USDT", Timeframe.M5, as_of_ns=end, n=999)
    )
    assert alone.texts("ADA/USDT", since_ns=0, as_of_ns=end) == among.texts("ADA/USDT", since_ns=0, as_of_ns=end)


def test_texts_exclude_the_start_include_the_end_and_come_oldest_first() -> None:
    market, end = market_of(8), START_NS + 8 * DAY_NS
    items = market.texts("BTC/USDT", since_ns=0, as_of_ns=end)
    assert len(items) > 10
    known = [item.known_at_ns for item in items]
    assert known == sorted(known)
    assert market.texts("BTC/USDT", since_ns=known[0], as_of_ns=known[3]) == items[1:4]
    assert market.texts("BTC/USDT", since_ns=0, as_of_ns=known[0] - 1) == ()


def test_what_makes_another_market_makes_another_fingerprint() -> None:
    markets = [
        SimulatedMarket(7, days=2),
        SimulatedMarket(8, days=2),
        SimulatedMarket(7, days=3),
        SimulatedMarket(7, ["BTC/USDT"], days=2),
        SimulatedMarket(7, start_ns=START_NS + DAY_NS, days=2),
    ]
    assert len({tuple(market.fingerprint()) for market in markets}) == 5
    assert SimulatedMarket(7, days=2).fingerprint() == markets[0].fingerprint()


def answers(market: SimulatedMarket, symbol: str, as_of_ns: int) -> list[object]:
    return [
        *(shown(market.bars(symbol, t, as_of_ns=as_of_ns, n=30)) for t in (Timeframe.M5, Timeframe.H1, Timeframe.D1)),
        market.quote(symbol, as_of_ns=as_of_ns),
        market.book(symbol, as_of_ns=as_of_ns),
        market.texts(symbol, since_ns=0, as_of_ns=as_of_ns),
        market.closed_bars(symbol, after_ns=as_of_ns - HOUR_NS, until_ns=as_of_ns),
        market.closes_between(as_of_ns - HOUR_NS, as_of_ns),
    ]


@given(
    seed=st.integers(0, 3),
    days=st.integers(1, 4),
    seconds_before_end=st.one_of(st.integers(0, 1_200), st.integers(0, 86_400)),
    symbol=st.sampled_from(["BTC/USDT", "ETH/USDT"]),
)
def test_no_answer_depends_on_what_comes_after_it(seed: int, days: int, seconds_before_end: int, symbol: str) -> None:
    """The shorter market ends, as if nothing followed; the longer one goes on."""
    as_of_ns = START_NS + days * DAY_NS - seconds_before_end * 1_000_000_000
    assert answers(market_of(days, seed), symbol, as_of_ns) == answers(market_of(6, seed), symbol, as_of_ns)


def test_news_ahead_of_a_jump_beyond_the_end_are_told_all_the_same() -> None:
    def told(seed: int, days: int) -> object:
        return SimulatedMarket(seed, days=days).texts("ETH/USDT", since_ns=0, as_of_ns=START_NS + DAY_NS)

    assert [told(seed, 1) for seed in range(60)] == [told(seed, 2) for seed in range(60)]


def test_the_same_seed_is_the_same_market_for_ever() -> None:
    assert market_digest(7) == DIGEST_OF_SEED_7


def test_wider_vector_instructions_change_nothing() -> None:
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not found:
        pytest.skip("this processor has no vector instructions that numpy could leave out")
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(found), "PYTHONPATH": str(ROOT)}
    code = "from tests.market.material import market_digest; print(market_digest(7))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == DIGEST_OF_SEED_7


def test_a_calm_rise_of_bitcoin_can_meet_a_wide_book_of_ether() -> None:
    """What a demonstration needs: one order that the spread denies beside one that nothing denies."""
    market, as_of_ns = SimulatedMarket(169), START_NS + 48 * DAY_NS + 20 * HOUR_NS
    btc, eth = (market.quote(symbol, as_of_ns=as_of_ns) for symbol in ("BTC/USDT", "ETH/USDT"))
    assert btc is not None
    assert eth is not None
    assert btc.spread_bps is not None
    assert eth.spread_bps is not None
    assert btc.spread_bps < 5
    assert eth.spread_bps > Decimal("30")
    day = market.bars("BTC/USDT", Timeframe.H1, as_of_ns=as_of_ns, n=25).close
    assert day[-1] > 1.02 * day[0]
