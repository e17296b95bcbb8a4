"""Standing instructions of a live desk: stepped on what its bus brings, and on what its watch and its venue have done.

News that come while a round is under way are one reason for one more: that round sees what is newest.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from core.ports import Bus
from desk.build import Desk
from execution.readings import sight
from execution.watch import WatchReport
from market.bus.policies import topic_of

_HEARD: Final = ("book", "ticker", "trades")
_REST_S: Final = 0.1  # between two rounds: a market that ticks a hundred times a second is looked at ten times


def topics(venue: str, symbols: Sequence[str], kinds: Sequence[str]) -> tuple[str, ...]:
    """What prices come by, of the `kinds` that a desk listens to."""
    return tuple(topic_of(kind, venue, symbol) for kind in _HEARD if kind in kinds for symbol in symbols)


class Stepping:
    """Of one account. `listen` and `work` run for ever, beside each other."""

    def __init__(self, desk: Desk[Any, Any], bus: Bus, heard: Sequence[str]) -> None:
        self._desk = desk
        self._bus = bus
        self._topics = tuple(heard)
        self._symbols: set[str] = set()
        self._all = False
        self._woken = asyncio.Event()

    def wake(self, symbol: str | None = None) -> None:
        """There is news of a symbol; of everything where none is named."""
        if symbol is None:
            self._all = True
        else:
            self._symbols.add(symbol)
        self._woken.set()

    async def listen(self) -> None:
        inbox = self._bus.subscribe(*self._topics, group=f"instructions:{self._desk.account_id}")
        try:
            async for delivery in inbox:
                self.wake(delivery.topic.split(":", 2)[2])
        finally:
            await inbox.close()

    async def work(self) -> None:
        """One round for all that was heard since the last one began."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            symbols, self._symbols = None if self._all else self._symbols, set()
            self._all = False
            if not self._desk.instructions.idle:
                await self._desk.instructions.step(self._report(), symbols)
            await asyncio.sleep(_REST_S)

    def _report(self) -> WatchReport:
        """The account as it is now: the watch's own mark may be a second old, and a breaker may have tripped since."""
        desk, now_ns = self._desk, self._desk.clock.now_ns()

        def read(conn: Any) -> WatchReport:
            equity = sight(conn, desk.account_id, desk.market, now_ns).equity
            return WatchReport(now_ns, equity, desk.breakers.standing(conn, now_ns).state, (), ())

        return desk.books.read(read)
