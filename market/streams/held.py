"""What a venue's streams have brought and still hold between two sessions, how old it is, and what became of it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from core.errors import ConfigError
from core.money import exact
from core.ports import Bus, Clock
from core.time import Timeframe
from market.bus.policies import topic_of
from market.orderbooks.verified import Reason, VerifiedBook
from market.streams.clocks import LoopLag, SteadyClock, VenueClock
from market.streams.dialects import dialect_of
from market.streams.events import BookView, Candle, Ticker
from market.streams.health import Ages, Stamps, StreamCounts, StreamHealth, seconds
from market.streams.tap import Tap
from market.streams.tapes import CandleTape, TickerBoard, TradeTape

KINDS: Final = ("book", "trades", "candles", "ticker")


class Held:
    """Books, tapes and clocks of one venue. They outlive sessions, and so do their counts."""

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        bus: Bus,
        kinds: Sequence[str],
        timeframe: Timeframe,
        clock: Clock | None,
    ) -> None:
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise ConfigError(f"found streams {', '.join(unknown)}, allowed are {', '.join(KINDS)}")
        self.venue, self.symbols, self.kinds, self.timeframe = venue, tuple(symbols), tuple(kinds), timeframe
        self.dialect = dialect_of(venue)
        self.counts = StreamCounts()
        self.clock = clock or SteadyClock()
        self.venue_clock, self.lag = VenueClock(self.clock), LoopLag()
        self.markets: dict[str, Any] = {}
        self.books: dict[str, VerifiedBook] = {}
        self.trades: dict[str, TradeTape] = {}
        self.candles: dict[str, CandleTape] = {}
        self.board: TickerBoard | None = None
        self.funding: dict[str, Decimal] = {}
        self.on_candle: list[Callable[[Candle], object]] = []
        self.tap: Tap | None = None
        self.connected = False
        self.last_failure = ""
        self.unavailable: tuple[str, ...] = ()
        self._bus = bus
        self._views: dict[str, tuple[str, BookView]] = {}

    def health(self) -> StreamHealth:
        """As of now. Cheap enough for every second, not for every message."""
        books = self.books.values()
        lag_s = self.lag.worst_s()
        return StreamHealth(
            venue=self.venue,
            connected=self.connected,
            counts=self.counts,
            last_failure=self.last_failure,
            ages={(kind, symbol): self.ages(kind, symbol) for kind in self.kinds for symbol in self.symbols},
            books={book.symbol: book.describe() for book in books},
            gaps=sum(book.counts.gap for book in books) + self.counts.trade_gaps + self.counts.candle_gaps,
            invalid_spells=sum(book.counts.invalid_spells for book in books),
            book_duplicates=sum(book.counts.duplicates for book in books),
            trimmed=sum(book.counts.trimmed for book in books),
            skew_s=self.venue_clock.skew_s,
            loop_lag_s=None if lag_s is None else exact(round(lag_s, 6)),
            unavailable=self.unavailable,
            last_malformed="" if self.tap is None else self.tap.last_malformed,
        )

    def ages(self, kind: str, symbol: str) -> Ages:
        """The three ages of one stream."""
        now_ns = self.clock.now_ns()
        stamps = self._stamps(kind, symbol)
        return Ages(
            socket_s=None if self.tap is None else seconds(self.tap.socket_ns, now_ns),
            stream_s=seconds(stamps.received_ns, now_ns),
            exchange_s=seconds(stamps.event_ns, self.venue_clock.venue_now_ns()),
        )

    def adopt(self, exchange: Any, tap: Tap) -> None:
        """Puts our own caches where ccxt.pro would put its, and the books behind the tap."""
        self.tap = tap
        for symbol, market in self.markets.items():
            if "book" in self.kinds:
                book = self._book(symbol, market)
                book.begin()
                tap.feed.books[self.dialect.market_id(market)] = book
            if "trades" in self.kinds:
                exchange.trades[symbol] = self._trade_tape(symbol)
            if "candles" in self.kinds:
                exchange.ohlcvs[symbol] = {self.timeframe.value: self._candle_tape(symbol)}
        if "ticker" in self.kinds:
            self.board = self.board or TickerBoard(self._heard, self.counts, self._ticker)
            exchange.tickers = self.board

    def lose(self, why: str) -> None:
        """The connection is gone: no book is what the venue has any more, and no bar is heard to its end."""
        self.connected = False
        self.funding.clear()
        for candles in self.candles.values():
            candles.interrupt()
        for book in self.books.values():
            book.invalidate(Reason.DISCONNECTED, why)

    def _stamps(self, kind: str, symbol: str) -> Stamps:
        if kind == "book":
            book = self.books.get(symbol)
            return Stamps() if book is None else Stamps(book.received_ns, book.event_ns)
        if kind == "ticker":
            known = None if self.board is None else self.board.stamps.get(symbol)
            return known or Stamps()
        tape = self.trades.get(symbol) if kind == "trades" else self.candles.get(symbol)
        return Stamps() if tape is None else tape.stamps

    def _book(self, symbol: str, market: Any) -> VerifiedBook:
        if symbol not in self.books:
            self.books[symbol] = book = self.dialect.make_book(market, self._book_changed)
            self._views[symbol] = topic_of("book", self.venue, symbol), BookView(book)
        return self.books[symbol]

    def _trade_tape(self, symbol: str) -> TradeTape:
        if symbol not in self.trades:
            topic = topic_of("trades", self.venue, symbol)
            self.trades[symbol] = TradeTape(
                self._heard,
                self.counts,
                lambda trade: self._bus.publish(topic, trade),
                consecutive=self.dialect.consecutive_trades,
            )
        return self.trades[symbol]

    def _candle_tape(self, symbol: str) -> CandleTape:
        if symbol not in self.candles:
            self.candles[symbol] = CandleTape(symbol, self.timeframe, self._heard, self.counts, self._candle_closed)
        return self.candles[symbol]

    def _heard(self) -> int:
        return self.clock.now_ns() if self.tap is None else self.tap.heard()

    def _candle_closed(self, candle: Candle) -> None:
        self._bus.publish(topic_of("candles", self.venue, candle.bar.symbol), candle)
        for hear in self.on_candle:
            hear(candle)

    def _ticker(self, symbol: str, ticker: Ticker) -> None:
        self._bus.publish(topic_of("ticker", self.venue, symbol), ticker)

    def _book_changed(self, book: VerifiedBook) -> None:
        topic, view = self._views[book.symbol]
        self._bus.publish(topic, view)
