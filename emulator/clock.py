"""The venue's clock. Its time is a matter of its own: a fault may skew it, a test may hold it still."""

import time

from core.ports import Clock
from core.time import ManualClock

MS_NS = 1_000_000


class WallClock:
    """The machine's time, moved by a fixed offset."""

    def __init__(self, offset_ns: int = 0) -> None:
        self.offset_ns = offset_ns

    def now_ns(self) -> int:
        return time.time_ns() + self.offset_ns


class VenueClock:
    """Milliseconds for the venue, and what it *claims* them to be: `skew_ms` lies to every client alike."""

    def __init__(self, source: Clock | None = None) -> None:
        self._source: Clock = WallClock() if source is None else source
        self.skew_ms = 0

    @property
    def manual(self) -> bool:
        """Whether a test moves this clock by hand; then nothing happens at the venue by itself."""
        return isinstance(self._source, ManualClock)

    def advance(self, ms: int) -> None:
        """Move a clock that is held by hand."""
        if not isinstance(self._source, ManualClock):
            raise TypeError(f"only a ManualClock can be moved, this one is a {type(self._source).__name__}")
        self._source.advance_to(self._source.now_ns() + ms * MS_NS)

    def now_ms(self) -> int:
        """When things truly happen: market steps, fills, candles that close."""
        return self._source.now_ns() // MS_NS

    def claimed_ms(self) -> int:
        """What the venue says the time is, and holds the stamps of requests against."""
        return self.now_ms() + self.skew_ms
