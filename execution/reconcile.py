"""Brings the books into agreement with the venue: orders, fills, balances, positions, transfers. It only reads there.

What the venue knows and the books had not heard of is booked, once. What contradicts them is classified, journaled as
an incident, and closes the desk through its breaker. Running it twice changes nothing, and it is linear in orders and
fills. What has just been active is left alone: a venue's lists need a moment to agree with each other.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from sqlalchemy import Connection, select

from core.money import ZERO
from core.ports import Clock, MarketFacts
from core.time import HOUR_NS, SECOND_NS
from execution import mismatches
from execution.adoption import Adoption
from execution.booking import Booking
from execution.comparing import Doubts, balances_off, positions_off
from execution.mismatches import Mismatch, Reconciled
from execution.ports import VenueReads
from execution.telling import Listener, Told
from memory.books import accounts, journal, ledger, tables
from memory.books.columns import upsert
from memory.books.database import Books
from risk.settings import RiskSettings

T = TypeVar("T")

# How far back a venue's lists are asked again: what happened before the last agreement may be told late.
OVERLAP_NS: Final = HOUR_NS
# So many fills or orders share one commit: a writer that is held for long holds up everybody.
BATCH: Final = 500


class Rounds:
    """When reconciliations are due: so long after the last, or at once where one is `wanted`."""

    def __init__(self, every_s: int) -> None:
        self._every_ns = every_s * SECOND_NS
        self.wanted = False
        self.last_ns: int | None = None

    def take(self, now_ns: int) -> bool:
        """Whether one is due, which then counts as made. The first look begins the time."""
        if self.last_ns is None:
            self.last_ns = now_ns
        if not self.wanted and now_ns - self.last_ns < self._every_ns:
            return False
        self.wanted, self.last_ns = False, now_ns
        return True

    def pass_over(self, moments: Iterable[int]) -> int | None:
        """`take` at each of them, ascending. The last at which one was due."""
        return max(filter(self.take, moments), default=None)


class Reconciler:
    """Of one account at one venue. It has no door: it can place nothing and cancel nothing."""

    def __init__(
        self,
        account_id: str,
        books: Books,
        market: MarketFacts,
        venue: VenueReads,
        clock: Clock,
        policy: RiskSettings,
        *,
        quiet_s: int,
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._clock = clock
        self._quiet_ns = quiet_s * SECOND_NS
        self._listener = Listener(account_id, books, market, venue, clock, self._quiet_ns)
        self._adoption = Adoption(account_id, venue.name, market, policy.market_slippage)
        self._doubts = Doubts(self._quiet_ns)
        self._untold: frozenset[str] = frozenset()
        self._one_at_a_time = asyncio.Lock()

    async def reconcile(self) -> Reconciled:
        """Raises ExchangeUnavailable where the venue cannot be read: nothing is proven then, and nothing changes."""
        async with self._one_at_a_time:
            since_ns = self._books.read(lambda conn: _agreed_until(conn, self._account_id))
            told = await self._listener.listen(since_ns)
            booking = Booking(self._listener, self._adoption, told)
            await self._in_batches(list(told.orders), booking.adopt)
            self._books.write(lambda conn: booking.came_in(conn, self._clock.now_ns()))
            await self._in_batches(told.fills, booking.fills)
            self._books.write(lambda conn: booking.refused(conn, self._clock.now_ns()))
            await self._in_batches(booking.names_to_look_at(), booking.orders)
            return self._books.write(lambda conn: self._judge(conn, told, booking))

    async def _in_batches(self, work: Sequence[T], book: Callable[[Connection, Sequence[T], int], None]) -> None:
        for batch in _batches(work):
            now_ns = self._clock.now_ns()
            self._books.write(lambda conn, batch=batch, now_ns=now_ns: book(conn, batch, now_ns))  # type: ignore[misc]
            await asyncio.sleep(0)

    def _judge(self, conn: Connection, told: Told, booking: Booking) -> Reconciled:
        now_ns = self._clock.now_ns()
        booking.money(conn, now_ns)
        booking.missing_there(conn, now_ns)
        moving = booking.moving(conn, now_ns)
        suspects = self._suspects(conn, told)
        confirmed = self._doubts.weigh(suspects, moving, now_ns)
        left_alone = {*booking.left_alone, *moving, *(s.subject for s in suspects)} - {c.subject for c in confirmed}
        found = [*booking.mismatches, *confirmed]
        self._tell_untold(conn, told, now_ns)
        new = mismatches.keep(conn, self._account_id, found, left_alone, now_ns)
        result = Reconciled(now_ns, tuple(found), tuple(sorted(left_alone)), **booking.counted)
        if new or any(booking.counted.values()):
            entry = {**booking.counted, "mismatches": [m.name for m in found], "left_alone": sorted(left_alone)}
            journal.append(conn, self._account_id, "reconciled", entry, ts_ns=now_ns)
        if result.clean:
            agreed(conn, self._account_id, now_ns)
        return result

    def _suspects(self, conn: Connection, told: Told) -> list[Mismatch]:
        ours, positions = self._held(conn), ledger.positions(conn, self._account_id)
        return [*balances_off(ours, told.balances), *positions_off(positions, told.positions)]

    def _tell_untold(self, conn: Connection, told: Told, now_ns: int) -> None:
        """Once for as long as it is so: what nobody tells is seen in the balances alone."""
        if told.untold.keys() - self._untold:
            journal.append(conn, self._account_id, "untold", dict(told.untold), ts_ns=now_ns)
        self._untold = frozenset(told.untold)

    def _held(self, conn: Connection) -> dict[str, Decimal]:
        """With the coins that were there before."""
        held, outside = accounts.balances(conn, self._account_id), accounts.outside(conn, self._account_id)
        return {c: held.get(c, ZERO) + outside.get(c, ZERO) for c in sorted({*held, *outside})}


def agreed(conn: Connection, account_id: str, now_ns: int) -> None:
    """Notes that the books hold at `now_ns` what the venue holds."""
    until_ns = max(_agreed_until(conn, account_id), now_ns - OVERLAP_NS)
    row = {"account_id": account_id, "until_ns": until_ns, "at_ns": now_ns}
    upsert(conn, tables.reconciled, row, ("until_ns", "at_ns"))


def _agreed_until(conn: Connection, account_id: str) -> int:
    table = tables.reconciled
    found = conn.execute(select(table.c.until_ns).where(table.c.account_id == account_id)).scalar()
    return accounts.account(conn, account_id).opened_ns if found is None else int(found)


def _batches(work: Sequence[T]) -> Iterator[Sequence[T]]:
    return (work[at : at + BATCH] for at in range(0, len(work), BATCH))
