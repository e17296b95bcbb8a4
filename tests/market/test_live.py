"""The live market as agents and the gate see it, off streams that a test speaks for."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.bars import Bar, Bars
from core.errors import DataRefused
from core.instruments import ContractKind
from core.ports import MarketFacts, MarketView
from core.time import HOUR_NS, MINUTE_NS, SECOND_NS, ManualClock, Timeframe
from market.bus.memory import MemoryBus
from market.live import UNPROVEN, LiveMarket
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import Reason
from market.store.candles import BarsKey
from market.store.manifest import Origin
from market.store.store import MarketStore
from market.streams.events import Candle
from market.streams.health import StreamCounts
from market.streams.listing import instrument_of
from market.streams.tapes import TickerBoard, TradeTape
from market.streams.venue import VenueStream
from tests.market.orderbooks.venues import BINANCE, NOW_NS, history

BTC = "BTC/USDT"
TOLD = history(31, 4)
MARKET: dict[str, Any] = {
    "symbol": BTC,
    "id": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "active": True,
    "precision": {"price": "0.1", "amount": "0.001"},
    "limits": {"amount": {"min": "0.002", "max": "90"}, "cost": {"min": "5"}},
    "maker": "0.0010",
    "taker": "0.0015",
}


class Spoken:
    """A stream that was never connected, and a market on it."""

    def __init__(self, **keys: Any) -> None:
        self.clock = ManualClock(NOW_NS)
        self.stream = VenueStream("binance", [BTC], MemoryBus(), clock=self.clock)
        self.book = self.stream.books[BTC] = SequencedBook(BTC)
        self.stream.trades[BTC] = TradeTape(self.clock.now_ns, StreamCounts(), lambda _: None)
        self.stream.board = TickerBoard(self.clock.now_ns, StreamCounts(), lambda *_: None)
        self.market = LiveMarket(self.stream, **keys)

    def later(self, seconds: float) -> int:
        self.clock.advance_to(self.clock.now_ns() + int(seconds * SECOND_NS))
        return self.clock.now_ns()

    def trade(self, price: str, number: int = 1) -> None:
        told = {"id": str(number), "timestamp": self.clock.now_ns() // 1_000_000, "side": "buy"}
        self.stream.trades[BTC].append({**told, "price": price, "amount": "1"})

    def candle(self, open_ns: int, close: str, known_at_ns: int = 0) -> None:
        first, high, low, last = (Decimal(p) for p in ("100", "110", "90", close))
        bar = Bar(BTC, Timeframe.M1, open_ns, first, high, low, last, Decimal(2))
        for hear in self.stream.on_candle:
            hear(Candle(bar, known_at_ns or bar.close_ns))


def test_it_is_what_agents_and_the_gate_ask_for() -> None:
    market = Spoken().market
    view: MarketView = market
    facts: MarketFacts = market
    assert view.symbols() == (BTC,)
    assert (facts.base_timeframe, facts.decision_timeframe) == (Timeframe.M1, Timeframe.H1)


def test_before_anything_was_heard_there_is_no_quote_no_book_and_no_instrument() -> None:
    market = Spoken().market
    assert market.quote(BTC, as_of_ns=NOW_NS) is None
    assert market.book(BTC, as_of_ns=NOW_NS) is None
    assert market.instrument(BTC) is None
    assert market.quote("NO/SUCH", as_of_ns=NOW_NS) is None
    with pytest.raises(DataRefused, match="binance has no stored BTC/USDT, and its stream has closed no bar yet"):
        market.bars(BTC, Timeframe.H1, as_of_ns=NOW_NS, n=3)


def test_a_quote_is_the_valid_books_best_and_the_last_trade() -> None:
    spoken = Spoken()
    assert spoken.book.load(BINANCE.snapshot(TOLD[0]), NOW_NS)
    spoken.trade("99.95")
    quote = spoken.market.quote(BTC, as_of_ns=NOW_NS)
    assert quote is not None
    bids, asks = TOLD[0].view(1)
    assert (quote.last, quote.bid, quote.ask) == (Decimal("99.95"), bids[0][0], asks[0][0])
    assert (quote.known_at_ns, quote.modelled_spread) == (NOW_NS, False)


def test_an_invalid_book_is_none_and_its_last_quote_stays_as_old_as_it_is() -> None:
    spoken = Spoken()
    assert spoken.book.load(BINANCE.snapshot(TOLD[0]), NOW_NS)
    seen = spoken.market.quote(BTC, as_of_ns=NOW_NS)
    spoken.book.invalidate(Reason.GAP)
    now = spoken.later(10)
    assert spoken.market.book(BTC, as_of_ns=now) is None
    assert spoken.market.quote(BTC, as_of_ns=now) == seen
    assert spoken.market.feed_health(BTC, now).book == "invalid (gap)"
    assert spoken.market.feeds(BTC, as_of_ns=now).overdue_s["book"] == UNPROVEN


def test_without_a_book_the_ticker_tells_with_its_own_time_and_pace() -> None:
    spoken = Spoken()
    assert spoken.stream.board is not None
    told = {"timestamp": NOW_NS // 1_000_000 - 400, "bid": "99", "ask": "101", "last": "100"}
    spoken.stream.board[BTC] = told
    quote = spoken.market.quote(BTC, as_of_ns=NOW_NS)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.last) == (Decimal(99), Decimal(101), Decimal(100))
    assert (quote.ts_event_ns, quote.cadence_ns) == (NOW_NS - 400_000_000, SECOND_NS)


def test_what_was_known_later_never_comes_back() -> None:
    spoken = Spoken()
    assert spoken.book.load(BINANCE.snapshot(TOLD[0]), NOW_NS)
    first = spoken.market.quote(BTC, as_of_ns=NOW_NS)
    now = spoken.later(1)
    spoken.book.receive(BINANCE.update(TOLD[0], TOLD[1]), now)
    assert spoken.market.quote(BTC, as_of_ns=now) != first
    assert spoken.market.quote(BTC, as_of_ns=now - 1) == first
    assert spoken.market.quote(BTC, as_of_ns=NOW_NS - 1) is None
    assert spoken.market.book(BTC, as_of_ns=now - 1) is None
    assert spoken.market.book(BTC, as_of_ns=now) is not None


class Stored:
    """Two hours of stored bars that close at the full hour before `NOW_NS`."""

    def bars(self, venue: str, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        assert (venue, symbol) == ("binance", BTC)
        if timeframe is not Timeframe.H1:
            raise DataRefused("no such bars")
        column = np.array([1.0, 2.0])
        open_ns = np.array([NOW_NS - 2 * HOUR_NS, NOW_NS - HOUR_NS], dtype=np.int64)
        return Bars(symbol, timeframe, open_ns, column, column, column, column, column)


def test_bars_of_the_store_go_on_with_what_closed_since() -> None:
    spoken = Spoken(history=Stored())
    for minute in range(60):
        spoken.candle(NOW_NS + minute * MINUTE_NS, "105")
    bars = spoken.market.bars(BTC, Timeframe.H1, as_of_ns=NOW_NS + HOUR_NS, n=10)
    assert bars.open_ns.tolist() == [NOW_NS - 2 * HOUR_NS, NOW_NS - HOUR_NS, NOW_NS]
    assert (bars.close.tolist(), bars.volume[-1]) == ([1.0, 2.0, 105.0], 120.0)
    assert len(spoken.market.bars(BTC, Timeframe.H1, as_of_ns=NOW_NS + HOUR_NS - 1, n=10)) == 2
    assert len(spoken.market.bars(BTC, Timeframe.H1, as_of_ns=NOW_NS + HOUR_NS, n=2)) == 2


def test_an_hour_of_which_a_minute_was_missed_is_left_to_the_store() -> None:
    spoken = Spoken(history=Stored())
    for minute in range(60):
        if minute != 30:
            spoken.candle(NOW_NS + minute * MINUTE_NS, "105")
    assert len(spoken.market.bars(BTC, Timeframe.H1, as_of_ns=NOW_NS + HOUR_NS, n=10)) == 2
    assert len(spoken.market.bars(BTC, Timeframe.M1, as_of_ns=NOW_NS + HOUR_NS, n=100)) == 59


def test_a_revised_bar_is_as_it_was_known_then() -> None:
    spoken = Spoken()
    spoken.candle(NOW_NS, "105")
    spoken.candle(NOW_NS, "106", known_at_ns=NOW_NS + 10 * MINUTE_NS)
    then = spoken.market.closed_bars(BTC, after_ns=NOW_NS, until_ns=NOW_NS + MINUTE_NS)
    now = spoken.market.closed_bars(BTC, after_ns=NOW_NS, until_ns=NOW_NS + 10 * MINUTE_NS)
    assert ([bar.close for bar in then], [bar.close for bar in now]) == ([Decimal(105)], [Decimal(106)])


def test_closed_bars_are_those_after_one_moment_and_up_to_another() -> None:
    spoken = Spoken()
    for minute in range(5):
        spoken.candle(NOW_NS + minute * MINUTE_NS, "105")
    bars = spoken.market.closed_bars(BTC, after_ns=NOW_NS + MINUTE_NS, until_ns=NOW_NS + 3 * MINUTE_NS)
    assert [bar.close_ns - NOW_NS for bar in bars] == [2 * MINUTE_NS, 3 * MINUTE_NS]


def test_the_gate_hears_how_late_each_stream_is_even_one_that_never_spoke() -> None:
    spoken = Spoken()
    spoken.later(1)
    assert spoken.book.load(BINANCE.snapshot(TOLD[0]), spoken.clock.now_ns())
    now = spoken.later(4)
    health = spoken.market.feed_health(BTC, now)
    assert health.feeds.overdue_s == {"book": 4, "trades": 5, "candles": 5, "ticker": 5}
    assert (health.book, health.venue_status, health.skew_s) == ("valid", 1, None)
    assert health.feeds.funding_rate is None


def test_a_stream_is_late_beyond_its_own_pace_and_by_the_venues_clock_too() -> None:
    spoken = Spoken()
    assert spoken.stream.board is not None
    spoken.stream.board[BTC] = {"timestamp": NOW_NS // 1_000_000, "bid": "99", "ask": "101", "last": "100"}
    # It has just come, and it tells of half a minute ago.
    spoken.stream.trades[BTC].append(
        {"id": "1", "timestamp": NOW_NS // 1_000_000 - 30_000, "side": "buy", "price": "1", "amount": "1"}
    )
    late = spoken.market.feeds(BTC, as_of_ns=NOW_NS).overdue_s
    assert [late["ticker"], late["trades"]] == [Decimal(0), Decimal(30)]
    now = spoken.later(3)
    late = spoken.market.feeds(BTC, as_of_ns=now).overdue_s
    assert [late["ticker"], late["trades"]] == [Decimal(2), Decimal(33)]


def test_what_others_trade_at_is_told_while_it_is_fresh() -> None:
    other = Spoken()
    spoken = Spoken(others=[other.stream])
    other.trade("101.5")
    assert spoken.market.feeds(BTC, as_of_ns=NOW_NS).elsewhere == {"binance": Decimal("101.5")}
    other.later(61)
    assert spoken.market.feeds(BTC, as_of_ns=NOW_NS).elsewhere == {}


def test_the_instrument_has_the_venues_increments_and_minima() -> None:
    spoken = Spoken()
    spoken.stream.markets[BTC] = MARKET
    instrument = spoken.market.instrument(BTC)
    assert instrument is not None
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (instrument.min_quantity, instrument.min_notional) == (Decimal("0.002"), Decimal(5))
    assert (instrument.max_quantity, instrument.venue) == (Decimal(90), "binance")
    assert (instrument.kind, instrument.taker_fee) == (ContractKind.SPOT, Decimal("0.0015"))
    assert instrument_of("binance", {**MARKET, "swap": True}).kind is ContractKind.PERPETUAL


@pytest.mark.parametrize("missing", [None, "0", "NaN", "-1"])
def test_a_market_without_increments_is_refused(missing: str | None) -> None:
    with pytest.raises(DataRefused, match="binance states no increments of BTC/USDT"):
        instrument_of("binance", {**MARKET, "precision": {"price": missing, "amount": "0.1"}})


def test_who_learns_reads_every_bar_of_the_store_and_not_only_what_a_desk_looks_back_on(tmp_path: Path) -> None:
    store, n = MarketStore(tmp_path), 3_000
    first = NOW_NS // HOUR_NS * HOUR_NS - n * HOUR_NS
    ones = np.ones(n)
    hours = Bars(BTC, Timeframe.H1, first + HOUR_NS * np.arange(n, dtype=np.int64), ones, ones, ones, ones, ones)
    store.candles.append(BarsKey("binance", BTC, Timeframe.H1), hours, Origin("test", NOW_NS))
    market = Spoken(history=store.candles).market
    learnt = market.bars(BTC, Timeframe.H1, as_of_ns=NOW_NS, n=2**40)
    assert (len(learnt), int(learnt.open_ns[0])) == (n, first)
