"""The reading half of a venue, and nothing else of it: what a reconciler is given. Every call is timed and counted."""

import asyncio
from collections.abc import Awaitable, Mapping
from decimal import Decimal
from typing import Final, TypeVar

from core.errors import ExchangeRejected, ExchangeUnavailable
from core.orders import Fill
from execution.ports import (
    AbsenceProof,
    OrderReport,
    VenueFunding,
    VenueOrder,
    VenuePosition,
    VenueReads,
    VenueTransfer,
)
from execution.vitals import Vitals

T = TypeVar("T")

# A call that has not come back by then is as good as failed: nothing may wait for it for ever.
TIMEOUT_S: Final = 20


async def asked(name: str, vitals: Vitals, call: Awaitable[T]) -> T:
    """A call that proves nothing by failing: whatever went wrong, it may be tried again.

    An adapter's mistake is a failed call like a cut line: it must not hold up a halt, an exit or the breakers.
    """
    with vitals.call():
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await call
        except (ExchangeRejected, ExchangeUnavailable):
            raise
        except Exception as failure:
            raise ExchangeUnavailable(f"{name} did not answer: {failure!r}") from failure


class Reads:
    """Holds the ways to ask a venue, and none to place or cancel anything there."""

    def __init__(self, venue: VenueReads, vitals: Vitals) -> None:
        self.name = venue.name
        self._venue = venue
        self._vitals = vitals

    @property
    def absence(self) -> AbsenceProof:
        return self._venue.absence

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        return await self._asked(self._venue.report(client_order_id, symbol))

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        return await self._asked(self._venue.open_orders())

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        return await self._asked(self._venue.fills(symbol, since_ns))

    async def balances(self) -> Mapping[str, Decimal]:
        return await self._asked(self._venue.balances())

    async def positions(self) -> tuple[VenuePosition, ...]:
        return await self._asked(self._venue.positions())

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        return await self._asked(self._venue.transfers(since_ns))

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        return await self._asked(self._venue.fundings(since_ns))

    async def _asked(self, call: Awaitable[T]) -> T:
        return await asked(self.name, self._vitals, call)
