"""What a venue's streams went through, counted, and how old each of them is by three clocks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.time import SECOND_NS


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds since the last frame on the socket, since the last message of this stream, and since what that told of.

    The third is by the venue's own clock. None: nothing has come yet.
    """

    socket_s: Decimal | None
    stream_s: Decimal | None
    exchange_s: Decimal | None


@dataclass(slots=True)
class Stamps:
    """When a stream last spoke: `received_ns` by our clock, `event_ns` by the venue's; 0 before it has."""

    received_ns: int = 0
    event_ns: int = 0

    def mark(self, received_ns: int, event_ns: int) -> None:
        self.received_ns = received_ns
        # A late or repeated message is none the fresher for having come now.
        self.event_ns = max(self.event_ns, event_ns)


@dataclass(slots=True)
class StreamCounts:
    """Since the process began; over all sessions."""

    sessions: int = 0
    reconnects: int = 0
    silences: int = 0
    frames: int = 0
    malformed: int = 0
    trades: int = 0
    trade_gaps: int = 0
    duplicates: int = 0
    candles: int = 0
    candle_gaps: int = 0
    candle_revisions: int = 0
    tickers: int = 0
    snapshots_failed: int = 0
    cross_checks: int = 0
    polls_failed: int = 0
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One venue at one moment. `ages` by (kind, symbol); `books` says of each book what it is and why."""

    venue: str
    connected: bool
    counts: StreamCounts
    last_failure: str
    ages: dict[tuple[str, str], Ages]
    books: dict[str, str]
    gaps: int
    invalid_spells: int
    book_duplicates: int
    trimmed: int
    skew_s: Decimal | None
    loop_lag_s: Decimal | None
    unavailable: tuple[str, ...] = ()
    last_malformed: str = ""


def seconds(since_ns: int, now_ns: int) -> Decimal | None:
    """Seconds from `since_ns` to now, never below zero; None where it never happened."""
    return None if since_ns == 0 else Decimal(max(0, now_ns - since_ns)) / SECOND_NS
