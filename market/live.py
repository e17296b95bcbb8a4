"""The market as it is now: verified books, trades and candles of a venue's streams, with the store for what was before.

A book that cannot be proven is None. A quote that is all that is left comes with its own old times. Nothing that was
known after `as_of_ns` comes back: what a quote was is kept for a while, so that a cycle sees one moment throughout.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol

from core.bars import Bar, Bars
from core.errors import DataRefused
from core.instruments import Instrument
from core.money import ZERO, Price, exact
from core.quotes import Book, Feeds, Funding, NewsItem, OutsideSignal, Quote
from core.texts import TextReading
from core.time import SECOND_NS, Timeframe
from market.streams.events import Candle
from market.streams.health import seconds
from market.streams.listing import instrument_of

if TYPE_CHECKING:
    from market.streams.venue import VenueStream

UNPROVEN: Final = Decimal("Infinity")
_SAMPLE_S: Final = 0.25
_KEPT_QUOTES: Final = 4_000  # some quarter of an hour
_KEPT_CANDLES: Final = 3_000
_FRESH_S: Final = 60
_TICKER_NS: Final = SECOND_NS
_COLUMNS: Final = ("open_ns", "open", "high", "low", "close", "volume")


class History(Protocol):
    """The candle store, as far as this market asks it."""

    def bars(self, venue: str, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars: ...


class Texts(Protocol):
    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]: ...
    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]: ...
    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]: ...


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """What the gate and a person ask of the feeds of one symbol.

    `book` says what its book is and why; `venue_status` is as in the gate's `VenueHealth`: 0 works, 1 not connected.
    """

    feeds: Feeds
    book: str
    loop_lag_s: Decimal | None
    skew_s: Decimal | None
    venue_status: int


class LiveMarket:
    """`MarketView` for agents and `MarketFacts` for the gate, off one venue's streams; `others` to compare with."""

    def __init__(
        self,
        stream: VenueStream,
        *,
        others: Sequence[VenueStream] = (),
        history: History | None = None,
        texts: Texts | None = None,
    ) -> None:
        self._stream, self._others, self._history, self._texts = stream, tuple(others), history, texts
        self._quotes: dict[str, deque[Quote]] = {symbol: deque(maxlen=_KEPT_QUOTES) for symbol in stream.symbols}
        self._candles: dict[str, deque[Candle]] = {symbol: deque(maxlen=_KEPT_CANDLES) for symbol in stream.symbols}
        self._instruments: dict[str, Instrument] = {}
        self._began_ns = stream.clock.now_ns()
        stream.on_candle.append(lambda candle: self._candles[candle.bar.symbol].append(candle))

    async def sample(self, every_s: float = _SAMPLE_S) -> None:
        """Keeps what quotes were, for ever: run it beside the streams."""
        while True:
            for symbol in self._stream.symbols:
                self._remember(symbol)
            await asyncio.sleep(every_s)

    def symbols(self) -> tuple[str, ...]:
        return self._stream.symbols

    def instrument(self, symbol: str) -> Instrument | None:
        """None until the venue has told its markets."""
        known = self._instruments.get(symbol)
        market = self._stream.markets.get(symbol)
        if known is None and market is not None:
            known = self._instruments[symbol] = instrument_of(self._stream.venue, market)
        return known

    @property
    def base_timeframe(self) -> Timeframe:
        return self._stream.timeframe

    @property
    def decision_timeframe(self) -> Timeframe:
        return max(self._stream.timeframe, Timeframe.H1, key=lambda timeframe: timeframe.ns)

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        """Best prices of the valid book, else of the ticker; the newest known by `as_of_ns`, with its own times."""
        if symbol not in self._quotes:
            return None
        kept = self._remember(symbol)
        end = bisect_right(kept, as_of_ns, key=lambda quote: quote.known_at_ns)
        return kept[end - 1] if end else None

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        """None unless it is proven whole now and was known by `as_of_ns`."""
        book = self._stream.books.get(symbol)
        return None if book is None or book.received_ns > as_of_ns else book.read()

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """From the store, and what closed since from the stream. DataRefused where neither has any."""
        from market.aggregate import aggregate

        fresh = self._fresh(symbol, as_of_ns)
        recent = None if fresh is None else aggregate(fresh, timeframe, as_of_ns=as_of_ns, n=n)
        if recent is not None and fresh is not None and timeframe is not fresh.timeframe:
            recent = _whole_only(recent, fresh)
        try:
            stored = self._stored(symbol, timeframe, as_of_ns, n)
        except DataRefused:
            if recent is None:
                raise
            return recent
        return stored if recent is None else _joined(stored, recent, n)

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> list[Bar]:
        """In exact money with `after_ns < close_ns <= until_ns`, oldest first, as known at `until_ns`."""
        step = self.base_timeframe.ns
        n = max(0, (until_ns - after_ns) // step + 1)
        bars = self.bars(symbol, self.base_timeframe, as_of_ns=until_ns, n=n)
        return [_bar(bars, i) for i in range(len(bars)) if after_ns < int(bars.open_ns[i]) + step <= until_ns]

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        return () if self._texts is None else self._texts.texts(symbol, since_ns=since_ns, as_of_ns=as_of_ns)

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        return () if self._texts is None else self._texts.signals(symbol, since_ns=since_ns, as_of_ns=as_of_ns)

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        return () if self._texts is None else self._texts.readings(texts, as_of_ns=as_of_ns)

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """How late each stream is now, what others trade at, what a perpetual pays.

        A stream is as late as the older of two things: its last message, and what that told of by the venue's clock.
        One that never spoke is as late as we have been listening; a book that cannot be proven is late without end, so
        that nothing is decided on what the ticker says in its place.
        """
        stream = self._stream
        listened = seconds(self._began_ns, as_of_ns) or ZERO
        late: dict[str, Decimal] = {}
        for kind in stream.kinds:
            ages = stream.ages(kind, symbol)
            if ages.stream_s is None:
                late[kind] = listened
            elif kind == "candles":
                # Its event is the bar's open, which is as old as it should be.
                late[kind] = max(ZERO, ages.stream_s - Decimal(stream.timeframe.ns) / SECOND_NS)
            else:
                cadence_s = 1 if kind == "ticker" else 0
                late[kind] = max(ZERO, max(ages.stream_s, ages.exchange_s or ZERO) - cadence_s)
        book = stream.books.get(symbol)
        if "book" in stream.kinds and (book is None or not book.valid):
            late["book"] = UNPROVEN
        return Feeds(late, self._elsewhere(symbol), stream.funding.get(symbol))

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """A venue's own account tells what it paid; its stream shows only the rate that is next."""
        return ()

    def feed_health(self, symbol: str, now_ns: int) -> FeedHealth:
        """The feeds, and beside them the state of the book, the lag of our loop and the venue's clock."""
        health, book = self._stream.health(), self._stream.books.get(symbol)
        return FeedHealth(
            feeds=self.feeds(symbol, as_of_ns=now_ns),
            book="unknown" if book is None else book.describe(),
            loop_lag_s=health.loop_lag_s,
            skew_s=health.skew_s,
            venue_status=0 if health.connected else 1,
        )

    def _elsewhere(self, symbol: str) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for other in self._others:
            tape, age = other.trades.get(symbol), other.ages("trades", symbol).stream_s
            if tape is not None and tape.last is not None and age is not None and age <= _FRESH_S:
                found[other.venue] = tape.last.price
        return found

    def _remember(self, symbol: str) -> deque[Quote]:
        kept = self._quotes[symbol]
        now = self._quote_now(symbol)
        if now is not None and (not kept or now.known_at_ns > kept[-1].known_at_ns):
            kept.append(now)
        return kept

    def _quote_now(self, symbol: str) -> Quote | None:
        book, tape, board = self._stream.books.get(symbol), self._stream.trades.get(symbol), self._stream.board
        ticker = None if board is None else board.last.get(symbol)
        traded = None if tape is None or tape.last is None else tape.last.price
        if book is not None and book.valid:
            bid, ask = Price(exact(book.ladder.best_bid)), Price(exact(book.ladder.best_ask))
            last = traded or (ticker.last if ticker else None) or Price((bid + ask) / 2)
            return Quote(symbol, last, bid, ask, book.event_ns, book.received_ns)
        if ticker is None or ticker.bid is None or ticker.ask is None:
            return None
        last = traded or ticker.last or Price((ticker.bid + ticker.ask) / 2)
        return Quote(symbol, last, ticker.bid, ticker.ask, ticker.ts_event_ns, ticker.known_at_ns, _TICKER_NS)

    def _fresh(self, symbol: str, as_of_ns: int) -> Bars | None:
        import numpy as np

        known = [candle.bar for candle in self._candles.get(symbol, ()) if candle.known_at_ns <= as_of_ns]
        # A later version of a bar takes the place of the one before.
        bars = sorted({bar.open_ns: bar for bar in known}.values(), key=lambda bar: bar.open_ns)
        if not bars:
            return None
        columns = {
            name: np.array([float(getattr(bar, name)) for bar in bars])
            for name in ("open", "high", "low", "close", "volume")
        }
        open_ns = np.array([bar.open_ns for bar in bars], dtype=np.int64)
        return Bars(symbol=symbol, timeframe=self.base_timeframe, open_ns=open_ns, **columns)

    def _stored(self, symbol: str, timeframe: Timeframe, as_of_ns: int, n: int) -> Bars:
        if self._history is None:
            raise DataRefused(f"{self._stream.venue} has no stored {symbol}, and its stream has closed no bar yet")
        return self._history.bars(self._stream.venue, symbol, timeframe, as_of_ns=as_of_ns, n=n)


def _whole_only(bars: Bars, base: Bars) -> Bars:
    """Without buckets of which the stream did not see every bar: those are the store's to tell."""
    import numpy as np

    ratio = bars.timeframe.ns // base.timeframe.ns
    buckets, counts = np.unique(base.open_ns // bars.timeframe.ns, return_counts=True)
    whole = np.isin(bars.open_ns // bars.timeframe.ns, buckets[counts == ratio])
    columns = {name: getattr(bars, name)[whole] for name in _COLUMNS}
    return Bars(symbol=bars.symbol, timeframe=bars.timeframe, **columns)


def _joined(stored: Bars, recent: Bars, n: int) -> Bars:
    import numpy as np

    end = int(stored.open_ns[-1]) if len(stored) else -1
    later = recent.open_ns > end
    columns = {name: np.concatenate([getattr(stored, name), getattr(recent, name)[later]])[-n:] for name in _COLUMNS}
    return Bars(symbol=stored.symbol, timeframe=stored.timeframe, **columns)


def _bar(bars: Bars, i: int) -> Bar:
    prices = (exact(float(getattr(bars, name)[i])) for name in ("open", "high", "low", "close", "volume"))
    first, high, low, close, volume = prices
    return Bar(bars.symbol, bars.timeframe, int(bars.open_ns[i]), first, high, low, close, volume)
