"""Vital signs of the line to one venue: which calls failed, what it says of itself, and how late our own loop runs.

In memory alone: a condition that they trip is kept in the books, and a restarted desk counts from nothing.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import IntEnum
from typing import Final

from core.errors import AccountRestricted, ExchangeRejected, NotOffered, ReadRestricted
from core.money import ZERO, exact
from core.ports import Clock
from core.time import HOUR_NS, SECOND_NS
from risk.readings import Measured, Reading

RECENT_NS: Final = 60 * SECOND_NS
LAST_CALLS: Final = 50
FORGOTTEN_NS: Final = HOUR_NS
BEATS: Final = 10


class VenueStatus(IntEnum):
    """What the venue says of itself."""

    WORKS = 0
    SAFE_MODE = 1
    CLOSED = 2


class Vitals:
    """`simulated` says that the venue lives on our own clock: no skew, and no lag that could matter."""

    def __init__(self, clock: Clock, *, simulated: bool) -> None:
        self._clock = clock
        self._failed_ns: deque[int] = deque()
        self._last: deque[tuple[int, bool]] = deque(maxlen=LAST_CALLS)  # when it came back, and whether it answered
        self._skew_s = ZERO if simulated else None
        self._lags: deque[Decimal] = deque([ZERO] if simulated else [], maxlen=BEATS)
        self._status = VenueStatus.WORKS
        self._restricted: bool | None = False if simulated else None
        self._restriction = ""

    @contextmanager
    def call(self) -> Iterator[None]:
        """Counts one call. A refusal is an answer, and so is that there is no such call; whatever else it raises, a
        time-out or a 5xx, is a failure."""
        try:
            yield
        except (AccountRestricted, ReadRestricted) as told:
            self._note(answered=True)
            self.restricts(str(told))
            raise
        except (ExchangeRejected, NotOffered):
            self._note(answered=True)
            raise
        except Exception:
            self._note(answered=False)
            self._failed_ns.append(self._clock.now_ns())
            raise
        self._note(answered=True)

    def readings(self) -> dict[Reading, Measured]:
        """Of the venue. The rate rests on as many calls as there were."""
        # What an idle line did long ago says nothing of it now.
        since_ns = self._clock.now_ns() - FORGOTTEN_NS
        lately = [answered for at_ns, answered in self._last if at_ns > since_ns]
        calls, failed = len(lately), lately.count(False)
        rate = Decimal(failed) / calls if calls else None
        return {
            Reading.VENUE_FAILURES: Measured(Decimal(self._recent())),
            Reading.VENUE_FAILURE_RATE: Measured(rate, calls),
        }

    @property
    def skew_s(self) -> Decimal | None:
        """Seconds between our clock and the venue's, either way; None before the venue has told its time."""
        return self._skew_s

    def hears_time(self, venue_ns: int) -> None:
        """The venue's own time, as it stands in an answer."""
        self._skew_s = Decimal(abs(self._clock.now_ns() - venue_ns)) / SECOND_NS

    def hears_status(self, status: VenueStatus, *, restricted: bool | None = None) -> None:
        """What the venue announces: maintenance, an account that it froze or freed; None: nothing of that."""
        self._status = status
        if restricted is not None:
            self._restricted, self._restriction = restricted, "the venue says so"

    def restricts(self, detail: str) -> None:
        """The venue froze the account or its keys. It stays so until it, or a person, lifts that."""
        self._restricted, self._restriction = True, detail

    def lifts(self) -> None:
        """A person says that it is over."""
        self._restricted = False

    @property
    def restriction(self) -> str:
        """In which words the venue froze the account, where it did."""
        return self._restriction

    def status(self) -> int:
        return int(self._status)

    def restricted(self) -> bool | None:
        """None where this process has heard nothing of it: then the books know."""
        return self._restricted

    def loop_lag_s(self) -> Decimal | None:
        """The latest of the last beats; None where nobody has counted yet."""
        return max(self._lags, default=None)

    async def beat(self, every_s: float = 1.0) -> None:
        """Measures, for ever, how late the loop wakes us. For a desk on a real clock."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + every_s
            await asyncio.sleep(every_s)
            self._lags.append(max(ZERO, exact(round(loop.time() - due, 6))))

    def _note(self, *, answered: bool) -> None:
        self._last.append((self._clock.now_ns(), answered))

    def _recent(self) -> int:
        since_ns = self._clock.now_ns() - RECENT_NS
        while self._failed_ns and self._failed_ns[0] <= since_ns:
            self._failed_ns.popleft()
        return len(self._failed_ns)
