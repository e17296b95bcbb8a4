"""What the desk hears, run as one thing: a venue's streams, the enabled sources, and the recorder of both."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from agents.reader import Teller
from core.canonical import JSON, plain
from core.errors import ConfigError
from core.money import exact
from core.ports import Clock
from core.time import DAY_NS, Timeframe, show_time
from desk.reading import TEXTS, Reading, reader_of
from desk.settings import Settings
from market.bus.memory import MemoryBus
from market.bus.opened import open_bus
from market.bus.redis_streams import RedisBus
from market.recorder import Recorder
from market.sources.collecting import SourceState
from market.sources.language import language_of
from market.sources.listening import Listener, listening
from market.store.store import MarketStore
from market.streams.clocks import SteadyClock
from market.streams.health import Ages, seconds
from market.streams.venue import VenueStream
from market.venues import class_options
from models.screening import gives_orders

_AGAIN_S: Final = 1.0
_SINCE_NS: Final = DAY_NS  # what sources told before the start, while nobody listened


@dataclass(frozen=True, slots=True)
class Heard:
    """What to listen to. `trades` records every trade too.

    `record` keeps closed candles, a ticker and a book's imbalance a minute, and texts.
    """

    venue: str
    symbols: tuple[str, ...]
    timeframe: Timeframe = Timeframe.M1
    record: bool = True
    trades: bool = False


class Ingestion:
    """The parts, and how they are. Each runs for ever: what breaks is told in `crashes` and begun anew."""

    def __init__(
        self,
        stream: VenueStream,
        bus: MemoryBus | RedisBus,
        recorder: Recorder | None,
        listener: Listener | None,
        reading: Reading | None,
        clock: Clock,
    ) -> None:
        self.stream, self.bus, self.recorder, self.listener = stream, bus, recorder, listener
        self.reading = reading
        self._clock, self.began_ns = clock, clock.now_ns()
        self.reached = False
        self.crashes: dict[str, str] = {}
        self.items: Counter[tuple[str, str]] = Counter()  # texts and readings, by source

    @property
    def refusal(self) -> str:
        """Why this can never work, such as a symbol that the venue does not have; '' where it may."""
        kind, _, why = self.stream.last_failure.partition(": ")
        return why if kind == ConfigError.__name__ and not self.reached else ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything at work; at the end what was heard is stored."""
        hearing = [asyncio.create_task(self._watched("streams", self.stream.run))]
        if self.listener is not None:
            hearing.append(asyncio.create_task(self._watched("sources", self._listen)))
        if self.reading is not None:
            hearing.append(asyncio.create_task(self._watched("reader", self.reading.run)))
        recording = None if self.recorder is None else asyncio.create_task(self._watched("recorder", self.recorder.run))
        try:
            yield
        finally:
            self.note()
            for task in hearing:
                task.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)
            if self.reading is not None:
                await self.reading.finish()
            if self.recorder is not None and recording is not None:
                await self.recorder.finish()
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)

    def note(self) -> None:
        """Remembers that the venue was there: afterwards it may be away, and is only that."""
        self.reached = self.reached or self.stream.connected

    def report(self) -> JSON:
        """Everything as it is now, for people and for programs."""
        self.note()
        health, now_ns = self.stream.health(), self._clock.now_ns()
        p99_s = self.stream.lag.quantile_s(0.99)
        socket = next(iter(health.ages.values())).socket_s if health.ages else None
        return plain(
            {
                "venue": health.venue,
                "connected": health.connected,
                "last_failure": health.last_failure,
                "began": show_time(self.began_ns),
                "seconds": _short(seconds(self.began_ns, now_ns)),
                "socket_s": _short(socket),
                "symbols": [self._symbol(symbol, now_ns) for symbol in self.stream.symbols],
                "counts": {
                    **asdict(health.counts),
                    "gaps": health.gaps,
                    "invalid_spells": health.invalid_spells,
                    "book_duplicates": health.book_duplicates,
                    "trimmed": health.trimmed,
                },
                "last_malformed": health.last_malformed,
                "unavailable": health.unavailable,
                "skew_s": _short(health.skew_s),
                "loop_lag_s": _short(health.loop_lag_s),
                "loop_lag_p99_s": None if p99_s is None else exact(round(p99_s, 4)),
                "bus": {"backlog": self.bus.backlog(), **_bus_counts(self.bus)},
                "recorded": None if self.recorder is None else self._recorded(self.recorder),
                "sources": [] if self.listener is None else self._sources(self.listener, now_ns),
                "sources_trouble": "" if self.listener is None else self.listener.trouble,
                "reader": None if self.reading is None else self.reading.report(),
                "crashes": self.crashes,
            }
        )

    async def _watched(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as wrong:  # noqa: BLE001  # the top of each part's loop: none may end unseen
                self.crashes[name] = f"{type(wrong).__name__}: {wrong}"[:200]
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    async def _listen(self) -> None:
        assert self.listener is not None
        async for gathering in self.listener.run(self.began_ns - _SINCE_NS):
            for item in gathering.texts:
                self.bus.publish(TEXTS, item)
            self.items.update((item.source, "texts") for item in gathering.texts)
            self.items.update((reading.source, "readings") for reading in gathering.readings)

    def _symbol(self, symbol: str, now_ns: int) -> JSON:
        stream = self.stream
        book, tape = stream.books.get(symbol), stream.trades.get(symbol)
        last = None if tape is None else tape.last
        bid = ask = None
        if "book" in stream.kinds:
            best = None if book is None else book.read(1)
            if best is not None:
                bid, ask = best.bids[0].price, best.asks[0].price
        elif stream.board is not None and stream.connected and symbol in stream.board.last:
            bid, ask = stream.board.last[symbol].bid, stream.board.last[symbol].ask
        return {
            "symbol": symbol,
            "bid": bid,
            "ask": ask,
            "spread_bps": None if not bid or not ask else _short((ask - bid) * 20_000 / (ask + bid)),
            "book": "not listened to" if "book" not in stream.kinds else "unknown" if book is None else book.describe(),
            "ages": {kind: _ages(stream.ages(kind, symbol)) for kind in stream.kinds},
            "last": None if last is None else {"price": last.price, "quantity": last.quantity, "side": last.side},
            "last_s": None if last is None else _short(seconds(last.known_at_ns, now_ns)),
        }

    def _recorded(self, recorder: Recorder) -> JSON:
        told = {"trouble": recorder.trouble, "last_refused": recorder.last_refused}
        return {**asdict(recorder.counts), "unsaved": recorder.unsaved, **told}

    def _sources(self, listener: Listener, now_ns: int) -> list[JSON]:
        return [self._source(state, now_ns) for state in listener.collector.states.values()]

    def _source(self, state: SourceState, now_ns: int) -> JSON:
        brought = {"texts": 0, "readings": 0}
        for (source, kind), count in self.items.items():
            if source == state.name or source.startswith(f"{state.name}:"):
                brought[kind] += count
        silent = state.abstention
        return {
            "name": state.name,
            "heard_s": None if state.heard_ns is None else _short(seconds(state.heard_ns, now_ns)),
            "polls": state.polls,
            "abstentions": state.abstentions,
            "abstains": None if silent is None else silent.reason,
            "counts": dict(state.counts),
            **brought,
        }


@asynccontextmanager
async def ingesting(
    settings: Settings, environment: Mapping[str, str], root: Path, heard: Heard, teller: Teller | None = None
) -> AsyncIterator[Ingestion]:
    """The parts, at rest and connected to nothing: `async with ingestion.running()` sets them to work.

    `teller` reads the texts; without one the rules do.

    Raises
    ------
    ConfigError
        A venue whose books nobody can verify, a source that is none, an address that is not allowed.
    """
    clock = SteadyClock()
    sources = settings.market.sources
    async with AsyncExitStack() as stack:
        if not heard.record:
            # Sources are read from what was kept of them: here until the end, and no longer.
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tradewarden-")))
        stream_of = settings.market.streams
        bus = open_bus(settings.bus.url)
        await stack.enter_async_context(bus)
        stream = VenueStream(
            heard.venue,
            heard.symbols,
            bus,
            kinds=stream_of.kinds,
            timeframe=heard.timeframe,
            endpoints=settings.venue.endpoints.get(heard.venue),
            options={"options": class_options(heard.venue, perpetuals=_perpetuals(heard.symbols))},
            clock=clock,
            patience=stream_of.patience(),
        )
        recorder, listener, reading = None, None, None
        if heard.record:
            recorder = Recorder(
                MarketStore(root), bus, heard.venue, heard.symbols, trades=heard.trades, books=stream.books
            )
        if sources.enabled:
            language_of("A model that is loaded before the streams begin does not hold them up later.")
            listener = await stack.enter_async_context(
                listening(sources, environment, clock, MarketStore(root), gives_orders)
            )
            reader = reader_of(teller, settings.models.reading_latency_s)
            reading = Reading(reader, MarketStore(root), bus, clock, settings.llm.readers)
        yield Ingestion(stream, bus, recorder, listener, reading, clock)


def _perpetuals(symbols: Sequence[str]) -> bool:
    return any(":" in symbol for symbol in symbols)


def _bus_counts(bus: MemoryBus | RedisBus) -> JSON:
    if isinstance(bus, MemoryBus):
        return {}
    return asdict(bus.counts)


def _ages(ages: Ages) -> JSON:
    return {"stream_s": _short(ages.stream_s), "exchange_s": _short(ages.exchange_s)}


def _short(value: Decimal | None) -> Decimal | None:
    """To the millisecond, or the thousandth of a basis point: more is noise."""
    return None if value is None else round(value, 3)
