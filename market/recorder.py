"""From the bus into the store: one consumer that writes, so that a slow disk delays no stream and no decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from core.bars import Bars
from core.errors import DeskError
from core.ports import Lost
from core.time import MINUTE_NS, show_time
from market.bus.policies import topic_of
from market.store.candles import BarsKey
from market.store.manifest import Origin
from market.store.store import MarketStore
from market.store.trades import Imbalance
from market.streams.events import Candle, Ticker, Trade

if TYPE_CHECKING:
    from market.bus.memory import MemoryBus
    from market.bus.redis_streams import RedisBus
    from market.orderbooks.verified import VerifiedBook

_EVERY_S: Final = 5.0
_LEVELS: Final = 10  # of each side of a book, whose imbalance is kept
_MOST_WAITING: Final = 200_000  # trades of one symbol, for a disk that takes nothing
_FIELDS: Final = ("open", "high", "low", "close", "volume")

Entry = TypeVar("Entry", Trade, Ticker, Imbalance)
Event = Candle | Trade | Ticker | Imbalance


@dataclass(slots=True)
class RecorderCounts:
    """What became of what the bus brought, since the process began.

    `lost` had no room on the bus, `dropped` none here; `refused` open off the grid of UTC; `late_clock`
    were dated by the venue after our own clock, and count as known at their event. `failures` of the disk are retried.
    """

    candles: int = 0
    unchanged: int = 0
    revised: int = 0
    trades: int = 0
    tickers: int = 0
    imbalances: int = 0
    lost: int = 0
    dropped: int = 0
    refused: int = 0
    late_clock: int = 0
    failures: int = 0


class Recorder:
    """Closed candles as they come, a ticker a minute of each symbol, and every trade where `trades` says so.

    Of `books` the imbalance is kept once a minute too, while they are proven.

    What the disk does not take is kept, told in `trouble`, and tried again. A kill costs no candle that was delivered,
    and of trades and tickers the last `every_s`. The store is this recorder's own object.
    """

    def __init__(
        self,
        store: MarketStore,
        bus: MemoryBus | RedisBus,
        venue: str,
        symbols: Sequence[str],
        *,
        trades: bool = False,
        books: Mapping[str, VerifiedBook] | None = None,
        every_s: float = _EVERY_S,
    ) -> None:
        kinds = ("candles", "ticker", "trades") if trades else ("candles", "ticker")
        topics = [topic_of(kind, venue, symbol) for kind in kinds for symbol in symbols]
        self._bus, self._inbox = bus, bus.subscribe(*topics, group="recorder")
        self._store, self._venue, self._every_s = store, venue, every_s
        self._books = {} if books is None else books
        self._waiting: dict[tuple[type, str], list[Event]] = {}
        self._minutes: dict[tuple[type, str], int] = {}
        self._writing, self._dealing = asyncio.Lock(), False
        self.counts = RecorderCounts()
        self.trouble = self.last_refused = ""

    @property
    def unsaved(self) -> int:
        """How many events wait to be stored."""
        return sum(len(events) for events in self._waiting.values())

    async def run(self) -> None:
        """Until it is cancelled, or `finish` has taken it off the bus."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._flush_for_ever())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            async with self._writing:  # what is on its way to the disk arrives, and is counted
                for task in tasks:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def finish(self, patience_s: float = 5.0) -> None:
        """Stores what was published up to now, and leaves the bus. Call it once the streams have ended."""
        with suppress(TimeoutError):
            # What a bus between processes still holds then, it holds for the next start.
            async with asyncio.timeout(patience_s):
                while self._bus.backlog() or self._dealing:
                    await asyncio.sleep(0.01)
        await self._inbox.close()
        await self.flush()

    async def flush(self) -> None:
        """Stores what has piled up, in a thread: files are flushed to the disk one by one, and the loop goes on."""
        async with self._writing:
            if not self._waiting:
                return
            waiting, self._waiting = self._waiting, {}
            try:
                wrong = await asyncio.to_thread(self._save, waiting)
            finally:
                for key, events in waiting.items():
                    # What was not taken comes before what came meanwhile.
                    self._waiting[key] = [*events, *self._waiting.get(key, [])]
            self.trouble = wrong and f"{self.unsaved} events are not stored: {wrong}"

    async def _read(self) -> None:
        async for delivery in self._inbox:
            self._dealing = True
            self._take(delivery.topic.split(":", 2)[2], delivery.event)
            if isinstance(delivery.event, Candle):
                # Before the next is asked for, which tells the bus that this one is dealt with.
                await self.flush()
            self._dealing = False

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            for symbol in tuple(self._books):
                self.look(symbol)
                await asyncio.sleep(0)  # of many books the levels take their time
            await self.flush()

    def look(self, symbol: str) -> None:
        """Notes how a proven book leans, once in a minute in which it was heard."""
        book = self._books[symbol]
        if not book.valid or not self._first(Imbalance, symbol, book.received_ns):
            return
        leaning = book.require(_LEVELS).imbalance(_LEVELS)
        if leaning is not None:
            self._keep(symbol, self._known(Imbalance(book.event_ns, book.received_ns, round(leaning, 6))))

    def _first(self, kind: type, symbol: str, at_ns: int) -> bool:
        """Whether it is the first of its minute."""
        minute = at_ns // MINUTE_NS
        known = self._minutes.get((kind, symbol)) == minute
        self._minutes[kind, symbol] = minute
        return not known

    def _take(self, symbol: str, event: object) -> None:
        if isinstance(event, Lost):
            self.counts.lost += event.count
        elif isinstance(event, Ticker):
            if self._first(Ticker, symbol, event.ts_event_ns):
                self._keep(symbol, self._known(event))
        elif isinstance(event, Trade):
            self._keep(symbol, self._known(event))
        elif isinstance(event, Candle):
            if event.bar.open_ns % event.bar.timeframe.ns:
                # The store would refuse it for ever, and with it what comes after.
                self.counts.refused += 1
                self.last_refused = (
                    f"a {event.bar.timeframe} candle of {symbol} opens at {show_time(event.bar.open_ns)}"
                )
            else:
                self._keep(symbol, event)

    def _known(self, entry: Entry) -> Entry:
        """Known at its event where our clock is behind the venue's: later than we knew it, never sooner."""
        if entry.known_at_ns >= entry.ts_event_ns:
            return entry
        self.counts.late_clock += 1
        return replace(entry, known_at_ns=entry.ts_event_ns)

    def _keep(self, symbol: str, event: Event) -> None:
        events = self._waiting.setdefault((type(event), symbol), [])
        events.append(event)
        if len(events) > _MOST_WAITING:
            del events[0]
            self.counts.dropped += 1

    def _save(self, waiting: dict[tuple[type, str], list[Event]]) -> str:
        """Stores, and takes out of `waiting` what need not come again; why something must."""
        wrong = ""
        for kind, symbol in list(waiting):
            events = waiting[kind, symbol]
            try:
                self._store_of(kind)(symbol, events)
            except (OSError, DeskError) as failed:
                # The store knows what it took before it failed: offered again, that is not stored twice.
                self.counts.failures += 1
                wrong = str(failed)
                continue
            del waiting[kind, symbol]
        return wrong

    def _store_of(self, kind: type) -> Callable[[str, list[Event]], None]:
        return {
            Candle: self._save_candles,
            Trade: self._save_trades,
            Ticker: self._save_tickers,
            Imbalance: self._save_imbalances,
        }[kind]

    def _save_candles(self, symbol: str, events: Sequence[Event]) -> None:
        candles = [event for event in events if isinstance(event, Candle)]
        while candles:
            # A bar that came again is a version of its own, and no second bar of one call.
            distinct = {candle.bar.open_ns: candle for candle in reversed(candles)}
            candles = [candle for candle in candles if distinct[candle.bar.open_ns] is not candle]
            self._append(symbol, sorted(distinct.values(), key=lambda candle: candle.bar.open_ns))

    def _append(self, symbol: str, candles: Sequence[Candle]) -> None:
        timeframe = candles[0].bar.timeframe
        bars = Bars(
            symbol=symbol,
            timeframe=timeframe,
            open_ns=np.array([candle.bar.open_ns for candle in candles], dtype=np.int64),
            **{field: np.array([float(getattr(candle.bar, field)) for candle in candles]) for field in _FIELDS},
        )
        # That a bar has closed is for the venue to say; our clock may be behind its.
        seen_ns = max(max(candle.known_at_ns, candle.bar.close_ns) for candle in candles)
        done = self._store.candles.append(BarsKey(self._venue, symbol, timeframe), bars, self._origin(seen_ns))
        self.counts.candles += done.new + done.late
        self.counts.revised += done.revised
        self.counts.unchanged += done.unchanged

    def _save_trades(self, symbol: str, events: Sequence[Event]) -> None:
        trades = [event for event in events if isinstance(event, Trade)]
        origin = self._origin(trades[-1].known_at_ns)
        self.counts.trades += self._store.trades.append(self._venue, symbol, trades, origin)

    def _save_tickers(self, symbol: str, events: Sequence[Event]) -> None:
        tickers = [event for event in events if isinstance(event, Ticker)]
        origin = self._origin(tickers[-1].known_at_ns)
        self.counts.tickers += self._store.tickers.append(self._venue, symbol, tickers, origin)

    def _save_imbalances(self, symbol: str, events: Sequence[Event]) -> None:
        leaning = [event for event in events if isinstance(event, Imbalance)]
        origin = self._origin(leaning[-1].known_at_ns)
        self.counts.imbalances += self._store.imbalances.append(self._venue, symbol, leaning, origin)

    def _origin(self, seen_ns: int) -> Origin:
        return Origin(f"{self._venue} streams", seen_ns, tools={"ccxt": version("ccxt")})
