"""The one door to a venue. Whoever wants through shows a ticket; what passes carries none.

It works without the books: pulled, the kill switch lets nothing through that was not proven to reduce, and what went
through before is cancelled from memory.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from core.algorithms import Iceberg
from core.errors import ExchangeRejected, ExchangeUnavailable
from core.orders import Fill
from core.ports import Clock
from execution.kill import KillSwitch
from execution.ports import AbsenceProof, OrderReport, PlainOrder, Venue, VenueFunding, VenuePosition
from execution.reads import TIMEOUT_S, asked
from execution.tickets import ApprovedOrder, TicketOffice, TicketRefused
from execution.vitals import Vitals

T = TypeVar("T")


class Door:
    """Holds the only reference to the venue's writing half, and counts how its calls end."""

    def __init__(self, venue: Venue, office: TicketOffice, clock: Clock, kill: KillSwitch, vitals: Vitals) -> None:
        self._venue = venue
        self._office = office
        self._clock = clock
        self._kill = kill
        self._vitals = vitals
        self._risky: dict[str, str] = {}  # what this process sent and is not proven to reduce: id to symbol, while live
        self._on_its_way: set[str] = set()  # the venue may be about to hear of these

    @property
    def vitals(self) -> Vitals:
        return self._vitals

    @property
    def venue_name(self) -> str:
        return self._venue.name

    @property
    def rests_stops(self) -> bool:
        return self._venue.rests_stops

    @property
    def iceberg_parts(self) -> int:
        return self._venue.iceberg_parts

    @property
    def absence(self) -> AbsenceProof:
        return self._venue.absence

    async def submit(self, approved: ApprovedOrder, client_order_id: str, decided_ns: int) -> None:
        reducing = self._office.redeem(approved, self._clock.now_ns())
        order = approved.order
        if not reducing:
            if self._kill():
                raise TicketRefused("the kill switch is pulled, and the order is not proven to reduce")
            self._risky[client_order_id] = order.symbol
        plain = PlainOrder(
            client_order_id=client_order_id,
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            limit_price=order.limit_price,
            trigger_price=order.trigger_price,
            time_in_force=order.time_in_force,
            # What was proven to reduce may do nothing else, even if the position is gone when it fills.
            reduce_only=order.reduce_only or reducing,
            decided_ns=decided_ns,
            display_quantity=order.execution.display if isinstance(order.execution, Iceberg) else None,
        )
        self._on_its_way.add(client_order_id)
        try:
            with self._vitals.call():
                async with asyncio.timeout(TIMEOUT_S):
                    await self._venue.place(plain)
        except ExchangeRejected:
            self._risky.pop(client_order_id, None)
            raise
        finally:
            self._on_its_way.discard(client_order_id)
        if client_order_id in self._risky and self._kill():
            # Pulled while the request was on its way.
            with suppress(ExchangeUnavailable):
                await self.cancel(client_order_id, order.symbol)

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Needs no ticket: a cancel only ever lowers risk. One that the venue refuses is answered by its report."""
        with suppress(ExchangeRejected):
            await self._called(self._venue.cancel(client_order_id, symbol))

    async def cancel_risky(self) -> None:
        """Cancels what this process sent and may still add risk, asking no books. What fails is tried again."""
        for client_order_id, symbol in tuple(self._risky.items()):
            with suppress(ExchangeUnavailable):
                await self.cancel(client_order_id, symbol)
                await self.report(client_order_id, symbol)

    async def advance(self, now_ns: int) -> None:
        await self._venue.advance(now_ns)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        told = await self._called(self._venue.report(client_order_id, symbol))
        if client_order_id not in self._on_its_way and (told is None or not told.state.live):
            self._risky.pop(client_order_id, None)
        return told

    async def keep_alive(self, timeout_s: int) -> bool:
        return await self._called(self._venue.keep_alive(timeout_s))

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        return await self._called(self._venue.fundings(since_ns))

    async def positions(self) -> tuple[VenuePosition, ...]:
        return await self._called(self._venue.positions())

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        return await self._called(self._venue.fills(symbol, since_ns))

    async def _called(self, call: Awaitable[T]) -> T:
        return await asked(self._venue.name, self._vitals, call)
