"""Which book a raw message of a venue is for. What is no book message is left to whoever reads the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.streamed import BybitBook, CoinbaseBook, ConnectionSequence, KrakenBook, OkxBook
from market.orderbooks.verified import UNREADABLE, Reason, VerifiedBook

BookOf = TypeVar("BookOf", bound=VerifiedBook)


class BookFeed(Generic[BookOf]):
    """The books of one connection by the venue's own names. `unrouted` counts messages for none of them."""

    def __init__(self, books: Mapping[str, BookOf]) -> None:
        self.books = dict(books)
        self.unrouted = 0

    def route(self, message: Any, received_ns: int) -> bool:
        """Gives a book message to its book. False: it was none. Never raises."""
        raise NotImplementedError

    def _give(self, market_id: Any, message: Mapping[str, Any], received_ns: int) -> bool:
        book = self.books.get(market_id)
        if book is None:
            self.unrouted += 1
        else:
            book.receive(message, received_ns)
        return True

    def _broken(self, wrong: Exception) -> bool:
        # A book message that does not even say whose it is: any of them may have lost something.
        for book in self.books.values():
            book.invalidate(Reason.MALFORMED, f"{type(wrong).__name__}: {wrong}"[:200])
        return True


class BinanceFeed(BookFeed[SequencedBook]):
    """`depthUpdate` events, bare or wrapped as combined streams are."""

    def route(self, message: Any, received_ns: int) -> bool:
        if type(message) is not dict:
            return False
        data = message.get("data", message)
        if type(data) is not dict or data.get("e") != "depthUpdate":
            return False
        try:
            return self._give(data["s"], data, received_ns)
        except UNREADABLE as wrong:
            return self._broken(wrong)


class BybitFeed(BookFeed[BybitBook]):
    """Topics `orderbook.<depth>.<symbol>`."""

    def route(self, message: Any, received_ns: int) -> bool:
        if type(message) is not dict:
            return False
        topic = message.get("topic")
        if type(topic) is not str or not topic.startswith("orderbook."):
            return False
        return self._give(topic.rpartition(".")[2], message, received_ns)


class OkxFeed(BookFeed[OkxBook]):
    """Channel `books`, which sends 400 levels and then changes."""

    def route(self, message: Any, received_ns: int) -> bool:
        if type(message) is not dict:
            return False
        argument = message.get("arg")
        if type(argument) is not dict or argument.get("channel") != "books" or "data" not in message:
            return False
        try:
            return self._give(argument["instId"], message, received_ns)
        except UNREADABLE as wrong:
            return self._broken(wrong)


class KrakenFeed(BookFeed[KrakenBook]):
    """Channel `book` of the second version of its protocol."""

    def route(self, message: Any, received_ns: int) -> bool:
        if type(message) is not dict or message.get("channel") != "book":
            return False
        try:
            for data in message["data"]:
                self._give(data["symbol"], {"type": message["type"], "data": [data]}, received_ns)
        except UNREADABLE as wrong:
            return self._broken(wrong)
        return True


class CoinbaseFeed(BookFeed[CoinbaseBook]):
    """Channel `l2_data`; every message of every channel carries the connection's number."""

    KEYS: ClassVar = ("sequence_num", "channel")

    def __init__(self, books: Mapping[str, CoinbaseBook]) -> None:
        super().__init__(books)
        self._sequence = ConnectionSequence()

    def route(self, message: Any, received_ns: int) -> bool:
        if type(message) is not dict or not all(key in message for key in self.KEYS):
            return False
        is_book: bool = message["channel"] == "l2_data"
        try:
            follows = self._sequence.follows(message["sequence_num"])
            if follows is None:
                if is_book:
                    self._count_duplicate(message)
                return is_book
            if not follows:
                for book in self.books.values():
                    book.invalidate(Reason.GAP, f"the connection skipped to {message['sequence_num']}")
            if is_book:
                common = {"sequence_num": message["sequence_num"], "timestamp": message["timestamp"]}
                for event in message["events"]:
                    self._give(event["product_id"], {**event, **common}, received_ns)
        except UNREADABLE as wrong:
            return self._broken(wrong)
        return is_book

    def _count_duplicate(self, message: Mapping[str, Any]) -> None:
        for event in message["events"]:
            book = self.books.get(event["product_id"])
            if book is not None:
                book.counts.duplicates += 1
