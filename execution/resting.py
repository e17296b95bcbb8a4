"""Stops that rest at the venue: each guard's, with its trigger and of its size, where they work with nobody awake."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from core.money import ZERO
from core.orders import OrderState, Proposal
from core.ports import Clock, MarketFacts
from core.time import SECOND_NS
from execution import guardbook, orderbook
from execution.exits import Holdings, new_order, sendable
from execution.gate import Gate
from execution.guards import Guard
from execution.orderbook import Attempt
from memory.books.database import Books
from memory.books.words import StopState

# Between two tries to rest a stop that the gate or the venue did not take.
RETRY_NS = 60 * SECOND_NS


class RestingStops:
    """`alone` answers whether nothing at the venue would cancel what rests there once nobody is awake."""

    def __init__(
        self,
        account_id: str,
        books: Books,
        market: MarketFacts,
        gate: Gate,
        clock: Clock,
        alone: Callable[[], Awaitable[bool]],
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._gate = gate
        self._clock = clock
        self._alone = alone

    async def protect(self) -> None:
        """Replaces what rests there otherwise than its guard would have it, and rests what does not.

        Between the two the position is the watch's own to guard, as it is wherever the venue takes no stop.
        """
        gaps = self._books.read(self._gaps)
        await self._gate.cancel_each(gap.found for gap in gaps if gap.found is not None)
        if gaps and await self._alone():
            for proposal in self._books.write(self._fill):
                await self._gate.propose(proposal)

    def open_gaps(self, conn: Connection) -> bool:
        """Whether anything at the venue is to be replaced, rested or forgotten."""
        return bool(self._gaps(conn))

    def _gaps(self, conn: Connection) -> list["_Gap"]:
        watched = guardbook.watched(conn, self._account_id)
        if not watched:
            return []
        seen = Holdings.of(conn, self._account_id)
        gaps = [_Gap(g, seen.resting(g), share) for g, share in self._shares(watched, seen)]
        return [gap for gap in gaps if not gap.closed]

    def _shares(self, watched: list[Guard], seen: Holdings) -> Iterator[tuple[Guard, Decimal]]:
        """How much of each guard can rest: never more than the position, counting every other live exit.

        The tightest come first, as they would if the price fell through all of them.
        """
        aside = [attempt for guard in watched if (attempt := seen.resting(guard)) is not None]
        promised: dict[str, dict[str, Decimal]] = {}
        for guard in sorted(watched, key=lambda guard: guard.side.sign * guard.trigger):
            before, instrument = promised.setdefault(guard.symbol, {}), self._market.instrument(guard.symbol)
            share = ZERO
            if guard.state is StopState.ARMED and instrument is not None:
                share = sendable(seen.open_to(guard, aside, before), guard.trigger, instrument)
            before[guard.owner] = before.get(guard.owner, ZERO) + share
            yield guard, share

    def _fill(self, conn: Connection) -> list[Proposal]:
        """Measured again: what could not be cancelled, or has filled meanwhile, does not rest a second time."""
        now_ns, found = self._clock.now_ns(), []
        for gap in self._gaps(conn):
            if gap.found is None and not gap.share:
                guardbook.change(conn, gap.guard.stop_id, resting="")
            elif gap.found is None and not _refused_lately(conn, gap.guard, now_ns):
                found.append(new_order(conn, gap.guard, gap.share, now_ns, None))
        return found


@dataclass(frozen=True, slots=True)
class _Gap:
    """What rests for a guard, and how much of it should."""

    guard: Guard
    found: Attempt | None
    share: Decimal

    @property
    def closed(self) -> bool:
        if self.found is None:
            return not self.share and not self.guard.resting
        return (self.found.trigger_price, self.found.remaining) == (self.guard.trigger, self.share)


def _refused_lately(conn: Connection, guard: Guard, now_ns: int) -> bool:
    """Whether the gate or the venue did not take the last one: asking again at once would ask for ever."""
    row = orderbook.find_proposal(conn, guard.resting)
    if row is None or now_ns - row.created_ns >= RETRY_NS:
        return False
    return all(a.state is OrderState.REJECTED for a in orderbook.attempts(conn, guard.resting))
