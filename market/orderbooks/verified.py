"""One book's state machine: `syncing`, `valid`, or `invalid` for a stated reason. Only a valid book can be read.

An invalid book is never merely old: whatever broke it, nobody decides on it until the venue has sent a new whole one.
Everything that happens is counted, and whoever owns the connection is asked to bring a snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from core.errors import ConfigError, StaleDataError
from core.quotes import Book
from market.orderbooks.ladder import Ladder, RawLevel

Message = Mapping[str, Any]

TOP = 20
BUFFERED = 10_000  # messages that wait for a snapshot: a thousand seconds of the fastest depth stream
MS_NS = 1_000_000
# What reading a message of the wrong shape, or a time that is none, can raise.
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, ArithmeticError, ConfigError)


class State(StrEnum):
    SYNCING = "syncing"
    VALID = "valid"
    INVALID = "invalid"


class Reason(StrEnum):
    """What broke a book. A value a case, as each is counted."""

    GAP = "gap"
    CHECKSUM = "checksum"
    CROSSED = "crossed"
    ONE_SIDED = "one_sided"
    MALFORMED = "malformed"
    STALE = "stale"
    DISAGREES = "disagrees"
    DISCONNECTED = "disconnected"


@dataclass(slots=True)
class BookCounts:
    """What became of the messages of one book, since the process began."""

    messages: int = 0
    applied: int = 0
    duplicates: int = 0
    buffered: int = 0
    trimmed: int = 0
    snapshots: int = 0
    resyncs: int = 0
    invalid_spells: int = 0
    gap: int = 0
    checksum: int = 0
    crossed: int = 0
    one_sided: int = 0
    malformed: int = 0
    stale: int = 0
    disagrees: int = 0
    disconnected: int = 0


class Broken(Exception):
    """A message proves that the book is not what the venue has."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class VerifiedBook:
    """A venue's book of one symbol. A subclass knows the venue's messages and its proof of completeness.

    `event_ns` is when, by the venue, it stood so, and `received_ns` when we knew; `update_id` is how far the venue had
    counted. `on_change` hears every message that changed the book or its state, `on_resync` that a snapshot is needed.
    """

    # Whether a snapshot has to be asked for apart (True) or comes with a subscription (False).
    snapshot_apart: ClassVar[bool] = False

    def __init__(
        self,
        symbol: str,
        *,
        on_change: Callable[[VerifiedBook], object] | None = None,
        on_resync: Callable[[VerifiedBook], object] | None = None,
    ) -> None:
        self.symbol = symbol
        self.ladder = Ladder()
        self.counts = BookCounts()
        self.state = State.SYNCING
        self.reason: Reason | None = None
        self.detail = ""
        self.update_id = self.event_ns = self.received_ns = 0
        self._on_change, self._on_resync = on_change, on_resync
        self._waiting: deque[Message] = deque(maxlen=BUFFERED)
        self._tail: list[Message] | None = None

    def receive(self, message: Message, received_ns: int) -> None:
        """One message of the venue's depth stream. Never raises: what cannot be followed makes the book invalid."""
        self.counts.messages += 1
        try:
            changed = self._follow(message)
            if changed:
                self._refuse_impossible()
        except Broken as broken:
            self.invalidate(broken.reason, broken.detail)
            return
        except UNREADABLE as wrong:
            self.invalidate(Reason.MALFORMED, f"{type(wrong).__name__}: {wrong}"[:200])
            return
        self.received_ns = received_ns
        if self._tail is not None:
            self._tail.append(message)
        if changed:
            self.counts.applied += 1
            if self._on_change is not None:
                self._on_change(self)

    def invalidate(self, reason: Reason, detail: str = "") -> None:
        """No reads from now on, and asks for a snapshot. A spell keeps its first reason until the book is whole."""
        setattr(self.counts, reason.value, getattr(self.counts, reason.value) + 1)
        self._waiting.clear()
        self._tail = None
        if self.state is State.INVALID:
            return
        if self.state is State.VALID:
            self.counts.invalid_spells += 1
        self.state, self.reason, self.detail = State.INVALID, reason, detail
        if self._on_change is not None:
            self._on_change(self)
        if self._on_resync is not None:
            self._on_resync(self)

    def begin(self) -> None:
        """A new subscription: nothing is known, and what was wrong before is over once a whole book comes."""
        self.state, self.reason, self.detail = State.SYNCING, None, ""
        self._waiting.clear()
        self._tail = None

    def expire(self, now_ns: int, limit_ns: int) -> bool:
        """Invalid when it is valid and nothing was heard for longer than `limit_ns`; whether it just became so."""
        if self.state is not State.VALID or now_ns - self.received_ns <= limit_ns:
            return False
        self.invalidate(Reason.STALE, f"nothing for {(now_ns - self.received_ns) / 1e9:.1f} s")
        return True

    @property
    def valid(self) -> bool:
        """Whether it may be decided on."""
        return self.state is State.VALID

    def read(self, n: int = TOP) -> Book | None:
        """The best `n` levels of each side in exact money; None unless the book is valid."""
        if self.state is not State.VALID:
            return None
        bids, asks = self.ladder.levels(n)
        return Book(self.symbol, self.event_ns, bids, asks)

    def require(self, n: int = TOP) -> Book:
        """As `read`, but raises StaleDataError that says what is wrong with it."""
        book = self.read(n)
        if book is None:
            raise StaleDataError(f"the book of {self.symbol} is {self.describe()}; allowed is a valid one")
        return book

    def describe(self) -> str:
        """'valid', 'syncing', 'invalid (gap: …)': what a person reads."""
        if self.state is not State.INVALID:
            return self.state.value
        return f"invalid ({self.reason}{': ' if self.detail else ''}{self.detail})"

    def record_into(self, tail: list[Message] | None) -> None:
        """Copies what is applied from now on into `tail`, until told None. For a check against a snapshot."""
        self._tail = tail

    def _follow(self, message: Message) -> bool:
        """Applies a message in turn; whether the book changed. Raises `Broken` when it proves a loss."""
        raise NotImplementedError

    def _whole(self, bids: Iterable[RawLevel], asks: Iterable[RawLevel], update_id: int, event_ns: int) -> None:
        """A new whole book: from here on it is valid, whatever it was before."""
        self.ladder.load(bids, asks)
        self.update_id, self.event_ns = update_id, event_ns
        self.counts.snapshots += 1
        if self.state is not State.VALID and self.counts.snapshots > 1:
            self.counts.resyncs += 1
        self.state, self.reason, self.detail = State.VALID, None, ""

    def _refuse_impossible(self) -> None:
        ladder = self.ladder
        if ladder.best_bid < ladder.best_ask and ladder.bids and ladder.asks:
            return
        if not (ladder.bids and ladder.asks):
            raise Broken(Reason.ONE_SIDED, f"{len(ladder.bids)} bids and {len(ladder.asks)} asks")
        raise Broken(Reason.CROSSED, f"bid {ladder.best_bid!r} at or above ask {ladder.best_ask!r}")
