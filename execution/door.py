"""The one door to a venue. Whoever wants through shows a ticket; what passes carries none."""

from core.ports import Clock
from execution.ports import OrderReport, PlainOrder, Venue
from execution.tickets import ApprovedOrder, TicketOffice


class Door:
    """Holds the only reference to the venue's writing half."""

    def __init__(self, venue: Venue, office: TicketOffice, clock: Clock) -> None:
        self._venue = venue
        self._office = office
        self._clock = clock

    @property
    def venue_name(self) -> str:
        return self._venue.name

    async def submit(self, approved: ApprovedOrder, client_order_id: str, decided_ns: int) -> None:
        self._office.redeem(approved, self._clock.now_ns())
        order = approved.order
        await self._venue.place(
            PlainOrder(
                client_order_id=client_order_id,
                symbol=order.symbol,
                side=order.side,
                type=order.type,
                quantity=order.quantity,
                limit_price=order.limit_price,
                trigger_price=order.trigger_price,
                time_in_force=order.time_in_force,
                reduce_only=order.reduce_only,
                decided_ns=decided_ns,
            )
        )

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Needs no ticket: a cancel only ever lowers risk."""
        await self._venue.cancel(client_order_id, symbol)

    async def advance(self, now_ns: int) -> None:
        await self._venue.advance(now_ns)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        return await self._venue.report(client_order_id, symbol)
