"""Perpetuals of a market: a premium over their pair, and funding at the venue's times."""

from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.money import on_grid
from core.ports import MarketFacts
from core.time import DAY_NS, HOUR_NS, SECOND_NS, Timeframe, parse_time
from market.importing.putting import put
from market.importing.shape import Asked
from market.importing.table import import_file
from market.perpetuals import INTERVAL_NS
from market.simulated import START_NS, SimulatedMarket
from market.store.store import MarketStore
from market.stored import StoredMarket
from tests.market.material import shared

BTC, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"


@cache
def market_of(*symbols: str, seed: int = 7) -> SimulatedMarket:
    return SimulatedMarket(seed, symbols, days=4)


def test_a_perpetual_on_a_pair_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"has no PEPE/USDT:USDT, allowed are BTC/USDT, .* such as BTC/USDT:USDT"):
        SimulatedMarket(7, ["PEPE/USDT:USDT"])


def test_a_stablecoin_has_no_perpetual() -> None:
    with pytest.raises(ConfigError, match="has no USDC/USDT:USDT"):
        SimulatedMarket(7, ["USDC/USDT:USDT"])


def test_a_perpetual_trades_near_its_pair_and_not_with_it() -> None:
    market, at_ns = market_of(BTC, PERPETUAL), START_NS + 3 * DAY_NS
    closes = [market.bars(symbol, Timeframe.M5, as_of_ns=at_ns, n=800).close for symbol in (BTC, PERPETUAL)]
    apart = abs(closes[1] / closes[0] - 1)
    assert 0 < apart.max() < 0.01


def test_a_pair_is_the_same_whether_or_not_its_perpetual_is_asked_for() -> None:
    alone, beside, at_ns = market_of(BTC), market_of(BTC, PERPETUAL), START_NS + 2 * DAY_NS
    assert alone.quote(BTC, as_of_ns=at_ns) == beside.quote(BTC, as_of_ns=at_ns)
    assert market_of(PERPETUAL).quote(PERPETUAL, as_of_ns=at_ns) == beside.quote(PERPETUAL, as_of_ns=at_ns)


def test_its_quote_and_book_are_on_its_ticks() -> None:
    market, at_ns = market_of(PERPETUAL), START_NS + DAY_NS
    quote, book = market.quote(PERPETUAL, as_of_ns=at_ns), market.book(PERPETUAL, as_of_ns=at_ns)
    assert quote is not None
    assert book is not None
    assert on_grid(quote.last, Decimal("0.01"))
    assert (quote.bid, quote.ask) == (book.bids[0].price, book.asks[0].price)


def test_a_pair_pays_no_funding() -> None:
    market: MarketFacts = market_of(BTC, PERPETUAL)
    assert list(market.fundings(BTC, after_ns=0, until_ns=START_NS + 4 * DAY_NS)) == []
    assert market.feeds(BTC, as_of_ns=START_NS + DAY_NS).funding_rate is None


def test_funding_falls_due_every_eight_hours_and_once() -> None:
    market, end = market_of(PERPETUAL), START_NS + 4 * DAY_NS
    whole = list(market.fundings(PERPETUAL, after_ns=START_NS, until_ns=end + DAY_NS))
    assert [f.ts_event_ns for f in whole] == list(range(START_NS + INTERVAL_NS, end + 1, INTERVAL_NS))
    parts = [
        f
        for at in range(START_NS, end, HOUR_NS)
        for f in market.fundings(PERPETUAL, after_ns=at, until_ns=at + HOUR_NS)
    ]
    assert parts == whole


def test_funding_is_a_small_fraction_at_the_price_of_the_pair_and_not_always_the_same() -> None:
    market = market_of(BTC, PERPETUAL)
    due = list(market.fundings(PERPETUAL, after_ns=START_NS, until_ns=START_NS + 4 * DAY_NS))
    assert all(abs(f.rate) <= Decimal("0.003") for f in due)
    assert len({f.rate for f in due}) > 1
    for funding in due:
        quote = market.quote(BTC, as_of_ns=funding.ts_event_ns)
        assert quote is not None
        assert funding.mark == quote.last


def test_the_rate_that_is_shown_at_a_funding_time_is_the_one_that_is_paid() -> None:
    market = market_of(PERPETUAL)
    (due,) = market.fundings(PERPETUAL, after_ns=START_NS, until_ns=START_NS + INTERVAL_NS)
    assert market.feeds(PERPETUAL, as_of_ns=due.ts_event_ns).funding_rate == due.rate


# Recorded.


def test_recorded_funding_falls_due_once_at_the_recorded_mark(tmp_path: Path) -> None:
    store, symbol = MarketStore(tmp_path), "BNB/USDT:USDT"
    asked = Asked(symbol=symbol, venue="binance")
    for name in (
        "ohlcv/binance_perp_BNBUSDT_1h_2024.parquet",
        "funding/binance_perp_BNBUSDT_funding_8h_2024.feather",
        "funding/binance_perp_BNBUSDT_mark_8h_2024.feather",
    ):
        put(store, import_file(shared(f"../{name}"), asked), parse_time("2026-06-01"), {})
    market = StoredMarket(store, "binance", (symbol,), Timeframe.H1, assumed_spread_bps=Decimal(2))
    start = parse_time("2024-03-01T00:30Z")
    steps = range(start, start + 3 * DAY_NS, HOUR_NS)
    due = [f for at in steps for f in market.fundings(symbol, after_ns=at, until_ns=at + HOUR_NS)]
    assert [f.ts_event_ns for f in due] == [start - 1800 * SECOND_NS + i * INTERVAL_NS for i in range(1, 10)]
    first = parse_time("2024-03-01T08:00Z")
    rates = {f.ts_event_ns: f for f in due}
    close = market.quote(symbol, as_of_ns=first + HOUR_NS)
    assert close is not None
    assert abs(rates[first].mark / close.last - 1) < Decimal("0.05")
    assert market.feeds(symbol, as_of_ns=first + HOUR_NS).funding_rate == rates[first].rate
    instrument = market.instrument(symbol)
    assert instrument is not None
    assert instrument.kind == "perpetual"
