"""What the bus brought is in the store: once, in the version known then, and never lost without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.bars import Bar
from core.errors import DataRefused
from core.money import Price, Quantity
from core.orders import Side
from core.time import MINUTE_NS, SECOND_NS, Timeframe
from market.bus.memory import MemoryBus
from market.bus.policies import EVENTS, POLICIES, TopicPolicy
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import Reason, VerifiedBook
from market.recorder import Recorder
from market.store.candles import BarsKey
from market.store.store import MarketStore
from market.streams.events import Candle, Ticker, Trade
from tests.market.store.material import T0

BTC = "BTC/USDT"
KEY = BarsKey("binance", BTC, Timeframe.M1)


def candle(minute: int, close: str = "100", *, known_s: int = 2) -> Candle:
    """Of the minute after T0, known so long after its close."""
    price = Decimal(close)
    bar = Bar(BTC, Timeframe.M1, T0 + minute * MINUTE_NS, price, price, price, price, Decimal("1.5"))
    return Candle(bar, bar.close_ns + known_s * SECOND_NS)


def trade(number: int, *, known_s: float = 1) -> Trade:
    event_ns = T0 + number * SECOND_NS
    known_ns = event_ns + int(known_s * SECOND_NS)
    return Trade(event_ns, known_ns, str(number), Side.BUY, Price(Decimal("100.1")), Quantity(Decimal("0.2")))


def ticker(second: int) -> Ticker:
    at_ns = T0 + second * SECOND_NS
    return Ticker(at_ns, at_ns, Price(Decimal("99.9")), Price(Decimal("100.1")), None)


@asynccontextmanager
async def recording(
    root: Path, *, trades: bool = False, every_s: float = 60.0, policies: dict[str, TopicPolicy] = POLICIES
) -> AsyncIterator[tuple[MemoryBus, Recorder]]:
    """A recorder at work; at the end it has stored what was published."""
    async with MemoryBus(policies) as bus:
        recorder = Recorder(MarketStore(root), bus, "binance", [BTC, "ETH/USDT"], trades=trades, every_s=every_s)
        task = asyncio.create_task(recorder.run())
        try:
            yield bus, recorder
            await recorder.finish()
            await asyncio.wait_for(task, 30)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def stored(root: Path, as_of_ns: int = T0 + 10**15) -> list[tuple[int, float]]:
    bars = MarketStore(root).candles.bars(*KEY, as_of_ns=as_of_ns, n=100)
    return [((int(o) - T0) // MINUTE_NS, float(c)) for o, c in zip(bars.open_ns, bars.close, strict=True)]


def publish(bus: MemoryBus, *events: Candle | Trade | Ticker) -> None:
    kinds = {Candle: "candles", Trade: "trades", Ticker: "ticker"}
    for event in events:
        bus.publish(f"{kinds[type(event)]}:binance:{BTC}", event)


async def test_a_closed_candle_is_stored_before_the_next_is_asked_for(tmp_path: Path) -> None:
    async with recording(tmp_path) as (bus, recorder):
        publish(bus, candle(0), candle(1, "101"))
        async with asyncio.timeout(30):
            while recorder.counts.candles < 2:
                await asyncio.sleep(0.01)
        assert stored(tmp_path) == [(0, 100.0), (1, 101.0)]
    assert recorder.counts.candles == 2


async def test_the_same_candle_again_is_no_second_one_and_another_version_is_one(tmp_path: Path) -> None:
    async with recording(tmp_path) as (bus, recorder):
        publish(bus, candle(0), candle(0), candle(0, "103", known_s=30))
    counts = recorder.counts
    assert (counts.candles, counts.unchanged, counts.revised) == (1, 1, 1)
    assert stored(tmp_path, T0 + MINUTE_NS + 29 * SECOND_NS) == [(0, 100.0)]
    assert stored(tmp_path, T0 + MINUTE_NS + 30 * SECOND_NS) == [(0, 103.0)]


async def test_versions_that_waited_together_are_stored_as_versions(tmp_path: Path) -> None:
    async with recording(tmp_path) as (_, recorder):
        events = [candle(1), candle(0), candle(0, "103", known_s=30), candle(0, "104", known_s=40)]
        recorder._waiting[Candle, BTC] = [*events]
        await recorder.flush()
    assert (recorder.counts.candles, recorder.counts.revised) == (2, 2)
    assert stored(tmp_path, T0 + MINUTE_NS + 35 * SECOND_NS) == [(0, 103.0)]
    assert stored(tmp_path) == [(0, 104.0), (1, 100.0)]


async def test_a_candle_that_our_late_clock_saw_before_its_close_is_closed_all_the_same(tmp_path: Path) -> None:
    async with recording(tmp_path) as (bus, recorder):
        publish(bus, candle(0, known_s=-30))
    assert recorder.counts.candles == 1
    assert stored(tmp_path) == [(0, 100.0)]


async def test_tickers_are_kept_once_a_minute_and_trades_only_where_wanted(tmp_path: Path) -> None:
    async with recording(tmp_path) as (bus, recorder):
        for second in (0, 1, 59, 60, 61):
            publish(bus, ticker(second), trade(second))
            await asyncio.sleep(0)  # tickers conflate: each is given its turn
            while bus.backlog():
                await asyncio.sleep(0)
    assert (recorder.counts.tickers, recorder.counts.trades) == (2, 0)
    read = MarketStore(tmp_path).tickers.read("binance", BTC, since_ns=0, as_of_ns=T0 + 10**15)
    assert [(entry.ts_event_ns - T0) // SECOND_NS for entry in read] == [0, 60]


def book(received_s: float, bid: str = "3", *, event_s: float | None = None) -> SequencedBook:
    found = SequencedBook(BTC)
    event_ns = int(T0 + (received_s if event_s is None else event_s) * SECOND_NS)
    told = {"lastUpdateId": 1, "E": event_ns // 10**6, "bids": [["99", bid]], "asks": [["101", "1"]]}
    assert found.load(told, int(T0 + received_s * SECOND_NS))
    return found


async def test_how_a_proven_book_leans_is_kept_once_a_minute(tmp_path: Path) -> None:
    books: dict[str, VerifiedBook] = {}
    async with MemoryBus() as bus:
        recorder = Recorder(MarketStore(tmp_path), bus, "binance", [BTC], books=books)
        for seen in (book(1), book(59, "1"), book(61, "1"), book(61, "1"), book(130, "0.5", event_s=131)):
            books[BTC] = seen
            recorder.look(BTC)
        seen.invalidate(Reason.GAP)
        seen.received_ns += MINUTE_NS
        recorder.look(BTC)
        await recorder.finish()
    read = MarketStore(tmp_path).imbalances.read("binance", BTC, since_ns=0, as_of_ns=T0 + 10**15)
    leaning = [((one.ts_event_ns - T0) // SECOND_NS, (one.known_at_ns - T0) // SECOND_NS, one.value) for one in read]
    third = Decimal("-0.333333")
    assert leaning == [(1, 1, Decimal("0.5")), (61, 61, Decimal(0)), (131, 131, third)]
    assert (recorder.counts.imbalances, recorder.counts.late_clock) == (3, 1)


async def test_a_recorder_at_work_looks_at_books_by_itself(tmp_path: Path) -> None:
    async with MemoryBus() as bus:
        recorder = Recorder(MarketStore(tmp_path), bus, "binance", [BTC], books={BTC: book(1)}, every_s=0.001)
        task = asyncio.create_task(recorder.run())
        try:
            async with asyncio.timeout(30):
                while not recorder.counts.imbalances:
                    await asyncio.sleep(0.001)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_every_trade_is_kept_where_wanted_and_none_twice(tmp_path: Path) -> None:
    for _ in range(2):
        async with recording(tmp_path, trades=True) as (bus, recorder):
            publish(bus, trade(1), trade(2), trade(2), trade(3))
    assert recorder.counts.trades == 0
    read = MarketStore(tmp_path).trades.read("binance", BTC, since_ns=0, as_of_ns=T0 + 10**15)
    assert [entry.trade_id for entry in read] == ["1", "2", "3"]


async def test_what_the_venue_dates_ahead_of_our_clock_is_known_at_its_event_and_counted(tmp_path: Path) -> None:
    async with recording(tmp_path, trades=True) as (bus, recorder):
        publish(bus, trade(1, known_s=-0.5))
    assert (recorder.counts.trades, recorder.counts.late_clock) == (1, 1)
    (read,) = MarketStore(tmp_path).trades.read("binance", BTC, since_ns=0, as_of_ns=T0 + 10**15)
    assert read.known_at_ns == read.ts_event_ns


async def test_what_did_not_fit_on_the_bus_is_counted(tmp_path: Path) -> None:
    policies = {**POLICIES, "candles": replace(EVENTS, bound=2)}
    async with recording(tmp_path, policies=policies) as (bus, recorder):
        publish(bus, *(candle(minute) for minute in range(5)))
    assert (recorder.counts.candles, recorder.counts.lost) == (2, 3)


async def test_a_disk_that_takes_nothing_is_told_and_loses_nothing(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.write_text("a file where a folder should be")
    async with recording(root, every_s=0.02) as (bus, recorder):
        publish(bus, candle(0))
        async with asyncio.timeout(30):
            while not recorder.trouble:
                await asyncio.sleep(0.01)
        assert recorder.trouble.startswith("1 events are not stored: ")
        publish(bus, candle(1, "101"))
        root.unlink()
        async with asyncio.timeout(30):
            while recorder.unsaved or recorder.trouble:
                await asyncio.sleep(0.01)
    assert recorder.counts.failures >= 1
    assert stored(root) == [(0, 100.0), (1, 101.0)]


async def test_a_candle_off_the_grid_is_counted_and_told_and_holds_nothing_up(tmp_path: Path) -> None:
    odd = candle(0)
    odd = replace(odd, bar=replace(odd.bar, open_ns=odd.bar.open_ns + 1))
    async with recording(tmp_path) as (bus, recorder):
        publish(bus, odd, candle(1))
    assert recorder.last_refused.startswith("a 1m candle of BTC/USDT opens at 2021-05-01")
    assert (recorder.counts.candles, recorder.counts.refused, recorder.unsaved) == (1, 1, 0)


async def test_a_mistake_in_its_own_work_ends_it_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs it begins it anew: a recorder that looks alive and writes nothing would be the worst."""

    def broken(*_: Any) -> str:
        raise ZeroDivisionError("a mistake")

    async with MemoryBus() as bus:
        recorder = Recorder(MarketStore(tmp_path), bus, "binance", [BTC], trades=True, every_s=0.01)
        monkeypatch.setattr(recorder, "_save", broken)
        publish(bus, trade(1))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(recorder.run(), 30)
        monkeypatch.undo()
        task = asyncio.create_task(recorder.run())
        publish(bus, trade(2))
        await recorder.finish()
        await task
    assert recorder.counts.trades == 2


async def test_it_ends_with_what_is_on_its_way_to_the_disk_arrived_and_counted(tmp_path: Path) -> None:
    async with recording(tmp_path, trades=True, every_s=0.001) as (bus, recorder):
        for number in range(200):
            publish(bus, trade(number))
            await asyncio.sleep(0)
    assert (recorder.counts.trades, recorder.unsaved) == (200, 0)


def test_a_store_that_was_never_written_has_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataRefused):
        stored(tmp_path)
