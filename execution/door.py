"""The one door to a venue. Whoever wants through shows a ticket; what passes carries none.

It works without the books: pulled, the kill switch lets nothing through that was not proven to reduce, and what went
through before is cancelled from memory.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from core.errors import ExchangeRejected, ExchangeUnavailable
from core.ports import Clock
from execution.kill import KillSwitch
from execution.ports import OrderReport, PlainOrder, Venue
from execution.tickets import ApprovedOrder, TicketOffice, TicketRefused
from execution.vitals import Vitals

T = TypeVar("T")

# A call that has not come back by then is as good as failed: nothing may wait for it for ever.
TIMEOUT_S = 20


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
    def venue_name(self) -> str:
        return self._venue.name

    @property
    def rests_stops(self) -> bool:
        return self._venue.rests_stops

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

    async def _called(self, call: Awaitable[T]) -> T:
        """A call that proves nothing by failing: whatever went wrong, it may be tried again.

        An adapter's mistake is a failed call like a cut line: it must not hold up a halt, an exit or the breakers.
        """
        with self._vitals.call():
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await call
            except (ExchangeRejected, ExchangeUnavailable):
                raise
            except Exception as failure:
                raise ExchangeUnavailable(f"{self._venue.name} did not answer: {failure!r}") from failure
