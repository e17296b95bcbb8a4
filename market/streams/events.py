"""What streams publish. Venue and symbol stand in the topic; event time and arrival are two fields."""

from __future__ import annotations

from dataclasses import dataclass

from core.bars import Bar
from core.quotes import Book
from market.orderbooks.verified import VerifiedBook
from market.store.trades import Ticker, Trade

__all__ = ["BookState", "BookView", "Candle", "Ticker", "Trade"]


@dataclass(frozen=True, slots=True)
class Candle:
    """A closed bar, and when we knew that it was. A revised one comes again."""

    bar: Bar
    known_at_ns: int


@dataclass(frozen=True, slots=True)
class BookState:
    """A book at one moment: its best levels while it is valid, and else why there are none."""

    state: str
    reason: str | None
    detail: str
    update_id: int
    received_ns: int
    book: Book | None

    def look(self) -> BookState:
        return self


@dataclass(frozen=True, slots=True)
class BookView:
    """A book that goes on changing: a consumer in the same process looks when it wants to, and pays only then."""

    verified: VerifiedBook

    def look(self, n: int = 20) -> BookState:
        """The best `n` levels as they are now, in exact money."""
        book = self.verified
        reason = None if book.reason is None else book.reason.value
        return BookState(book.state.value, reason, book.detail, book.update_id, book.received_ns, book.read(n))
