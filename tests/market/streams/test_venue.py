"""Each way in which a venue's streams go wrong: caught, visible, healed."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import ccxt.pro
import pytest
from ccxt.async_support.base.ws.client import Client

from core.errors import ConfigError
from core.money import on_grid
from core.time import MINUTE_NS, SECOND_NS, ManualClock, parse_time
from emulator.server import Emulator
from market.bus.memory import MemoryBus
from market.live import LiveMarket
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import Reason
from market.streams.events import BookView, Candle, Ticker, Trade
from market.streams.patience import Patience
from market.streams.session import Session
from market.streams.venue import VenueStream
from market.venues import class_options
from tests.market.streams.watching import BTC, Watched, watching


def book_of(watched: Watched) -> SequencedBook:
    book = watched.stream.books[BTC]
    assert isinstance(book, SequencedBook)
    return book


async def test_trades_books_candles_and_tickers_arrive_and_are_exact() -> None:
    async with watching() as w:
        await w.synced()
        await w.until(lambda: len(w.seen.get("trades", ())) > 5 and bool(w.seen.get("ticker")), "trades and tickers")
        await w.quiet(70)
        await w.until(lambda: bool(w.seen.get("candles")), "a closed candle")
        book, trade, candle, ticker = (w.seen[kind][-1] for kind in ("book", "trades", "candles", "ticker"))
        assert isinstance(book, BookView)
        state = book.look()
        assert state.book is not None
        assert state.book.bids[0].price < state.book.asks[0].price
        assert isinstance(trade, Trade)
        assert trade.price.as_tuple().exponent in (-8, -2)  # as the venue wrote it, never through a float
        assert isinstance(ticker, Ticker)
        assert ticker.last is not None
        assert isinstance(candle, Candle)
        assert candle.bar.close_ns <= candle.known_at_ns
        health = w.stream.health()
        assert (health.connected, health.gaps, health.invalid_spells, health.counts.malformed) == (True, 0, 0, 0)
        assert health.skew_s is not None
        assert health.skew_s < 1


async def test_the_three_ages_tell_a_quiet_stream_from_a_dead_socket() -> None:
    async with watching() as w:
        await w.synced()
        await w.until(lambda: bool(w.seen.get("trades")), "a trade")
        w.venue.faults.add("gap", stream="btcusdt@trade")  # every one
        await asyncio.sleep(0.1)  # for what is on its way
        before = w.stream.ages("trades", BTC)
        for _ in range(20):
            await w.venue.advance(100)
            await asyncio.sleep(0.004)
        await asyncio.sleep(0.1)
        ages = w.stream.ages("trades", BTC)
        assert ages.socket_s is not None
        assert ages.stream_s is not None
        assert before.stream_s is not None
        assert ages.socket_s <= Decimal("0.3")
        assert ages.stream_s >= before.stream_s + Decimal("1.5")
        assert ages.exchange_s is not None
        assert ages.exchange_s >= ages.stream_s - Decimal("0.5")  # by the venue's clock, which is estimated


async def test_a_gap_makes_the_book_invalid_and_a_snapshot_heals_it() -> None:
    async with watching(kinds=("book",)) as w:
        await w.synced()
        w.venue.faults.add("gap", stream="btcusdt@depth*", nth=1)
        await w.until(lambda: book_of(w).counts.gap == 1, "the gap")
        await w.synced()
        counts = book_of(w).counts
        assert (counts.invalid_spells, counts.resyncs) == (1, 1)
        assert w.stream.counts.reconnects == 0


async def test_while_a_book_is_invalid_nobody_reads_it_and_the_reason_shows() -> None:
    async with watching(kinds=("book",)) as w:
        await w.synced()
        hang = w.venue.faults.add("status", path="*/depth")
        w.venue.faults.add("gap", stream="btcusdt@depth*", nth=1)
        await w.until(lambda: hang.struck > 0, "a refused snapshot")
        assert book_of(w).read() is None
        assert w.stream.health().books[BTC].startswith("invalid (gap: after ")
        assert w.stream.counts.snapshots_failed > 0
        w.venue.faults.clear()
        await w.synced()


async def test_a_doubled_message_is_counted_and_harms_nothing() -> None:
    async with watching(kinds=("book", "trades")) as w:
        await w.synced()
        w.venue.faults.add("duplicate", stream="btcusdt@depth*", nth=2)
        w.venue.faults.add("duplicate", stream="btcusdt@trade", nth=2)
        await w.until(lambda: book_of(w).counts.duplicates > 0 and w.stream.counts.duplicates > 0, "duplicates")
        ids = [trade.trade_id for trade in w.seen["trades"]]
        assert len(set(ids)) == len(ids)
        assert (book_of(w).counts.invalid_spells, w.stream.counts.trade_gaps) == (0, 0)


async def test_messages_out_of_order_are_a_gap_that_heals() -> None:
    async with watching(kinds=("book",)) as w:
        await w.synced()
        w.venue.faults.add("reorder", stream="btcusdt@depth*", nth=1)
        await w.until(lambda: book_of(w).counts.gap > 0, "the gap")
        await w.synced()


async def test_a_crossed_book_is_invalid_and_heals() -> None:
    async with watching(kinds=("book",)) as w:
        await w.synced()
        w.venue.faults.add("crossed", stream="btcusdt@depth*", nth=1)
        await w.until(lambda: book_of(w).counts.crossed > 0, "a crossed book")
        await w.synced()
        assert book_of(w).ladder.best_bid < book_of(w).ladder.best_ask


async def test_a_frame_that_is_no_json_is_counted_and_the_reader_lives_on() -> None:
    # ccxt.pro 4.5.90 alone: its reader stops for good, and nobody is told (measured).
    async with watching() as w:
        await w.synced()
        w.venue.faults.add("broken_frame", stream="btcusdt@depth*", nth=1)
        await w.until(lambda: w.stream.counts.malformed > 0, "the malformed frame")
        frames = w.stream.counts.frames
        await w.until(lambda: w.stream.counts.frames > frames + 20, "further frames")
        assert w.stream.counts.reconnects == 0
        assert w.stream.health().last_malformed
        assert book_of(w).valid


async def test_a_lost_trade_shows_in_the_venues_own_numbers() -> None:
    async with watching(kinds=("trades",)) as w:
        await w.until(lambda: len(w.seen.get("trades", ())) > 3, "trades")
        w.venue.faults.add("gap", stream="btcusdt@trade", nth=1)
        await w.until(lambda: w.stream.counts.trade_gaps > 0, "the missing number")
        ids = [int(trade.trade_id) for trade in w.seen["trades"]]
        assert sum(b - a - 1 for a, b in pairwise(ids)) == w.stream.counts.trade_gaps
        assert w.stream.health().gaps == w.stream.counts.trade_gaps


async def test_thirty_seconds_of_silence_close_the_client_and_a_new_one_subscribes() -> None:
    async with watching() as w:
        await w.synced()
        w.venue.faults.add("silence")
        await w.until(lambda: w.venue.faults.armed[0].struck > 0, "silence")
        assert w.stream.counts.sessions == 1
        w.venue.faults.clear()  # the silenced connection stays silent: a zombie that pings and says nothing
        await w.quiet(31)
        await w.until(lambda: w.stream.counts.sessions == 2, "a new client")
        assert w.stream.counts.silences == 1
        assert "nothing heard for" in w.stream.health().last_failure
        trades = w.stream.counts.trades
        await w.synced()
        await w.until(lambda: w.stream.counts.trades > trades, "trades again")


async def test_one_dead_book_among_living_streams_is_found_by_asking_the_venue() -> None:
    async with watching("BTC/USDT", "ETH/USDT", kinds=("book",)) as w:
        await w.synced()
        w.venue.faults.add("gap", stream="btcusdt@depth*")  # every one, while those of ETH go on
        await w.until(lambda: w.stream.counts.reconnects > 0, "a new client", tries=600)
        assert BTC in w.stream.health().last_failure
        assert book_of(w).read() is None
        # And for as long as the venue says nothing of it, no snapshot alone makes it valid.
        await w.until(lambda: w.stream.counts.reconnects > 1, "another", tries=1_500)
        assert "says nothing" in w.stream.health().last_failure
        assert book_of(w).read() is None
        w.venue.faults.clear()
        await w.synced()


async def test_a_connection_that_takes_long_to_open_is_waited_for_and_not_taken_for_a_dead_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect, answered = Client.create_connection, asyncio.Event()

    async def slow(client: Client, session: object) -> object:
        await answered.wait()
        return await connect(client, session)

    monkeypatch.setattr(Client, "create_connection", slow)
    async with watching(kinds=("book",), unheard_s=0.05, catch_up_s=0.05) as w:
        await w.until(lambda: w.stream.connected, "a session")
        late = asyncio.get_running_loop().time() + 0.5
        await w.until(lambda: asyncio.get_running_loop().time() > late, "ten times that patience")
        assert w.stream.counts.reconnects == 0
        answered.set()
        await w.synced()
        assert w.stream.counts.sessions == 1


async def test_a_market_in_which_nothing_happens_is_quiet_and_not_dead() -> None:
    async with watching(kinds=("book", "ticker"), unheard_s=0.05) as w:
        # Its stream is silent and its snapshot the same each time: time stands still at this venue.
        for _ in range(3000):
            if w.stream.books and book_of(w).valid:
                break
            await asyncio.sleep(0.01)
        assert book_of(w).valid
        assert book_of(w).counts.applied == 0


async def test_a_cut_connection_is_begun_again_and_books_are_invalid_in_between() -> None:
    async with watching() as w:
        await w.synced()
        w.venue.faults.add("cut_stream", stream="btcusdt@depth*", nth=1)
        await w.until(lambda: w.stream.counts.reconnects == 1, "the cut")
        assert book_of(w).counts.disconnected == 1
        assert book_of(w).read() is None
        await w.synced()
        assert w.stream.counts.sessions >= 2
        trades = w.stream.counts.trades
        await w.until(lambda: w.stream.counts.trades > trades, "trades again")


async def test_a_subscription_that_its_own_library_cancels_does_not_end_the_supervision() -> None:
    async with watching(kinds=("book",)) as w:
        await w.synced()
        assert w.stream.tap is not None
        for client in w.stream.tap.exchange.clients.values():
            for waiting in list(client.futures.values()):
                waiting.cancel()
        await w.until(lambda: w.stream.counts.reconnects == 1, "a new session")
        assert w.stream.last_failure == "ExchangeUnavailable: a subscription was cancelled with its connection"
        await w.synced()


async def test_the_skew_of_the_venues_clock_is_measured_at_the_start_and_again() -> None:
    async with watching(kinds=("ticker",), skew_s=0.05) as w:
        await w.until(lambda: w.stream.venue_clock.skew_s is not None, "a first measurement")
        w.venue.faults.add("skew", ms=5_000)
        await w.until(lambda: (w.stream.health().skew_s or 0) > 4, "the skew")
        offset_ns = w.stream.venue_clock.offset_ns
        assert offset_ns is not None
        assert 4_000_000_000 < offset_ns < 6_000_000_000


async def test_a_venue_that_is_away_is_tried_ever_more_rarely_and_never_in_step() -> None:
    async with watching(kinds=("ticker",), settled_s=1e9) as w:
        w.venue.faults.add("status", path="*/exchangeInfo")
        await w.until(lambda: w.stream.counts.reconnects >= 6, "six failures", tries=800)
        bounds = [0.5 * 2**n for n in range(6)]
        assert all(low / 2 <= pause <= low for pause, low in zip(w.pauses, bounds, strict=False))
        assert len({pause / low for pause, low in zip(w.pauses, bounds, strict=False)}) > 3
        assert not w.stream.health().connected
        assert w.stream.counts.crashes == 0
        w.venue.faults.clear()
        await w.until(lambda: bool(w.seen.get("ticker")), "a ticker")


async def test_a_snapshot_that_is_a_web_page_is_no_snapshot() -> None:
    async with watching(kinds=("book",)) as w:
        html = w.venue.faults.add("html", path="*/depth", times=2)
        await w.synced()
        assert html.struck == 2
        assert w.stream.counts.snapshots_failed == 2


async def test_a_cross_check_finds_a_level_that_no_sequence_could() -> None:
    async with watching(kinds=("book",), cross_check_s=0.2) as w:
        await w.synced()
        await w.until(lambda: w.stream.counts.cross_checks > 0, "a cross-check")
        assert book_of(w).counts.disagrees == 0
        bids = book_of(w).ladder.bids
        bids[min(bids)] = "99999.00000000"
        await w.until(lambda: book_of(w).counts.disagrees > 0, "the disagreement")
        await w.synced()


async def test_a_missed_minute_is_a_candle_gap_and_bars_close_in_order() -> None:
    async with watching(kinds=("candles",)) as w:
        await w.until(lambda: bool(w.stream.candles) and w.stream.candles[BTC].stamps.received_ns > 0, "a candle")
        for _ in range(3):
            await w.quiet(61)
        await w.until(lambda: len(w.seen.get("candles", ())) >= 2, "closed candles")
        opens = [candle.bar.open_ns for candle in w.seen["candles"]]
        assert all(b - a == MINUTE_NS for a, b in pairwise(dict.fromkeys(opens)))


async def test_a_bar_whose_last_seconds_nobody_heard_is_not_told_as_closed() -> None:
    async with watching(kinds=("candles",)) as w:
        await w.until(lambda: bool(w.stream.candles) and w.stream.candles[BTC].stamps.received_ns > 0, "a candle")
        minute_ns = w.stream.candles[BTC].stamps.event_ns
        while w.stream.clock.now_ns() < minute_ns + MINUTE_NS - 10 * SECOND_NS:
            await w.venue.advance(1000)
            await asyncio.sleep(0.004)
        w.venue.faults.add("silence")
        await w.until(lambda: w.venue.faults.armed[0].struck > 0, "silence")
        await w.quiet(20)
        assert w.stream.counts.sessions == 1
        await asyncio.sleep(0.05)
        told = [candle.bar.open_ns for candle in w.seen.get("candles", ())]
        assert minute_ns not in told
        w.venue.faults.clear()
        await w.quiet(31)
        await w.until(lambda: w.stream.counts.sessions == 2, "a new client")
        for _ in range(3):
            await w.quiet(61)
        await w.until(lambda: len(w.seen.get("candles", ())) >= 2, "closed candles")
        assert minute_ns not in [candle.bar.open_ns for candle in w.seen["candles"]]


async def test_what_a_perpetual_paid_is_not_known_once_nobody_confirms_it() -> None:
    stream = VenueStream("binanceusdm", ["BTC/USDT:USDT"], MemoryBus(), kinds=("ticker",))
    stream.funding["BTC/USDT:USDT"] = Decimal("0.0001")
    stream.lose("the connection was cut")
    assert stream.funding == {}


@pytest.mark.parametrize("answer", [{}, {"fundingRate": "NaN"}, {"fundingRate": "much"}, TypeError("junk"), None])
async def test_an_answer_that_is_no_funding_rate_is_none_and_ends_no_stream(answer: object) -> None:
    class Exchange:
        def __init__(self, *_: object) -> None:
            self.has = {"fetchFundingRate": True}

        async def fetch_funding_rate(self, _: str) -> object:
            asked.set()
            if isinstance(answer, Exception):
                raise answer
            return answer

    asked = asyncio.Event()
    stream = VenueStream("binanceusdm", ["BTC/USDT:USDT"], MemoryBus(), kinds=("ticker",))
    stream.funding["BTC/USDT:USDT"] = Decimal("0.0001")
    session = Session(stream, Exchange, Patience(), {}, None)
    asking = asyncio.create_task(session._ask_funding_for_ever(["BTC/USDT:USDT"]))
    await asked.wait()
    await asyncio.sleep(0.01)
    assert not asking.done()
    assert stream.funding == {}
    asking.cancel()


async def test_the_funding_of_a_perpetual_is_asked_of_the_venues_own_class_and_forgotten_when_it_fails() -> None:
    """From Binance's premium index through ccxt.pro into what the desk holds, and away again."""
    perpetual = "BTC/USDT:USDT"
    options = {"options": class_options("binance", perpetuals=True)}
    async with Emulator(clock=ManualClock(parse_time("2026-03-01T12:20"))) as venue:
        endpoints = {"rest": venue.base_url, "ws": venue.ws_url}
        stream = VenueStream("binance", [perpetual], MemoryBus(), kinds=("ticker",), endpoints=endpoints)
        session = Session(stream, ccxt.pro.binance, Patience(funding_s=0.02), options, endpoints)
        asking = asyncio.create_task(session._ask_funding_for_ever([perpetual]))
        try:
            await _until(lambda: perpetual in stream.funding)
            paid_next = parse_time("2026-03-01T16:00") // 1_000_000
            market = venue.exchange.market(perpetual)
            assert stream.funding == {perpetual: venue.exchange.contracts.rate(market, paid_next)}
            venue.faults.add("status", path="*/premiumIndex", status=503)
            await _until(lambda: not stream.funding)
            venue.faults.clear()
            await _until(lambda: perpetual in stream.funding)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await session._exchange.close()


async def _until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not there():
            await asyncio.sleep(0.01)


async def test_the_loop_lag_is_measured_while_it_runs() -> None:
    async with watching(kinds=("ticker",)) as w:
        await w.until(lambda: w.stream.health().loop_lag_s is not None, "a beat")
        assert (w.stream.lag.quantile_s(0.99) or 0) >= (w.stream.lag.quantile_s(0.5) or 0) >= 0


async def test_a_symbol_that_the_venue_does_not_have_is_visible_as_what_it_is() -> None:
    async with watching("NO/SUCH", kinds=("ticker",)) as w:
        await w.until(lambda: bool(w.stream.health().last_failure), "a failure")
        assert w.stream.health().last_failure == "ConfigError: binance has no NO/SUCH"


def test_a_venue_or_stream_that_nobody_can_verify_is_refused() -> None:
    with pytest.raises(ConfigError, match="no stream of mtgox can be verified, allowed are binance, "):
        VenueStream("mtgox", ["BTC/USD"], MemoryBus())
    with pytest.raises(ConfigError, match="found streams gossip, allowed are book, trades, candles, ticker"):
        VenueStream("binance", ["BTC/USDT"], MemoryBus(), kinds=["gossip"])


async def test_the_live_market_reads_what_the_real_classes_bring() -> None:
    async with watching() as w:
        market = LiveMarket(w.stream)
        await w.synced()
        await w.until(lambda: bool(w.seen.get("trades")), "a trade")
        now_ns = w.stream.clock.now_ns()
        quote, book, instrument = (
            market.quote(BTC, as_of_ns=now_ns),
            market.book(BTC, as_of_ns=now_ns),
            market.instrument(BTC),
        )
        assert quote is not None
        assert book is not None
        assert instrument is not None
        assert (quote.bid, quote.ask) == (book.bids[0].price, book.asks[0].price)
        assert on_grid(book.bids[0].price, instrument.tick_size)
        assert on_grid(book.bids[0].quantity, instrument.lot_size)
        health = market.feed_health(BTC, now_ns)
        assert (health.book, health.venue_status) == ("valid", 0)
        assert all(age < 5 for kind, age in health.feeds.overdue_s.items() if kind != "candles")


async def test_when_it_is_stopped_its_books_are_invalid() -> None:
    async with watching(kinds=("book",)) as w:
        await w.synced()
        book = book_of(w)
    assert (book.read(), book.reason) == (None, Reason.DISCONNECTED)
