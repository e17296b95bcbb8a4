"""The venue's clock. Its time is a matter of its own: a fault may skew it, a test may hold it still.

Three ways to live: `wall`, where time passes by itself; `manual`, where nothing happens until somebody moves the clock;
and `stepped`, where requests and fills are stamped with the wall's time but the markets move only when told.
"""

import time

from core.ports import Clock
from core.time import ManualClock, parse_time

MS_NS = 1_000_000
HOUR_MS = 3_600_000
START_NS = parse_time("2024-01-01T00:00")  # where time begins that is moved by hand
START_MS = START_NS // MS_NS


class WallClock:
    """The machine's time, moved by a fixed offset."""

    def __init__(self, offset_ns: int = 0) -> None:
        self.offset_ns = offset_ns

    def now_ns(self) -> int:
        return time.time_ns() + self.offset_ns


class VenueClock:
    """Milliseconds for the venue, and what it *claims* them to be: `skew_ms` lies to every client alike."""

    def __init__(self, source: Clock | None = None, *, stepped: bool = False) -> None:
        self._source: Clock = WallClock() if source is None else source
        self._market_ms = START_MS if stepped else None
        self.skew_ms = 0

    @property
    def manual(self) -> bool:
        """Whether all time is moved by hand; then nothing happens at the venue by itself."""
        return isinstance(self._source, ManualClock)

    @property
    def wall(self) -> bool:
        """Whether time passes by itself, for the markets too."""
        return isinstance(self._source, WallClock) and not self.stepped

    @property
    def stepped(self) -> bool:
        """Whether the markets alone are moved by hand."""
        return self._market_ms is not None

    def advance(self, ms: int) -> None:
        """Move what is moved by hand."""
        if self._market_ms is not None:
            self._market_ms += ms
        elif isinstance(self._source, ManualClock):
            self._source.advance_to(self._source.now_ns() + ms * MS_NS)
        else:
            raise TypeError(f"only a ManualClock can be moved, this one is a {type(self._source).__name__}")

    def now_ms(self) -> int:
        """When things truly happen: requests, fills, candles that close."""
        return self._source.now_ns() // MS_NS

    def market_ms(self) -> int:
        """How far the markets have come along their paths."""
        return self.now_ms() if self._market_ms is None else self._market_ms

    def stamp(self, step_ms: int) -> int:
        """When something happened that a market did in the step that ended at `step_ms`."""
        return step_ms if self._market_ms is None else self.now_ms()

    def claimed_ms(self) -> int:
        """What the venue says the time is, and holds the stamps of requests against."""
        return self.now_ms() + self.skew_ms
