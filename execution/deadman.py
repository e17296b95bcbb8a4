"""The venue's own timer: it cancels what is open if it hears nothing of us for so long.

It knows no difference between an entry and the stop that protects a position. So it runs only while no order of ours
that protects rests there; the watchdog, which knows it, does the rest.
"""

from contextlib import suppress
from typing import Final

from core.errors import ExchangeRejected, ExchangeUnavailable
from core.time import SECOND_NS
from execution import orderbook
from execution.door import Door
from memory.books.database import Books

TIMEOUT_S: Final = 60
_EVERY_NS: Final = TIMEOUT_S * SECOND_NS // 3
_OFF: Final = 0


class DeadMan:
    """`beat` belongs into every step of the watch."""

    def __init__(self, account_id: str, books: Books, door: Door) -> None:
        self._account_id = account_id
        self._books = books
        self._door = door
        self._exists = True  # until the venue says that it has none
        self._running: bool | None = None  # not known: another process may have left it running
        self._asked_ns = 0

    async def beat(self, now_ns: int) -> None:
        """Refreshes the timer when that is due, or takes it off. What fails is tried again at the next step."""
        if self._protected():
            await self.off()
        elif self._exists and (not self._running or now_ns - self._asked_ns >= _EVERY_NS):
            with suppress(ExchangeUnavailable, ExchangeRejected):
                self._exists = await self._door.keep_alive(TIMEOUT_S)
                self._running, self._asked_ns = True, now_ns

    async def off(self) -> bool:
        """Takes the timer off, before anything that protects rests at the venue. False where that is not proven."""
        if self._exists and self._running is not False:
            with suppress(ExchangeUnavailable, ExchangeRejected):
                self._exists = await self._door.keep_alive(_OFF)
                self._running = False
        return not self._exists or self._running is False

    def _protected(self) -> bool:
        live = self._books.read(lambda conn: orderbook.live_attempts(conn, self._account_id))
        return any(attempt.protective for attempt in live)
