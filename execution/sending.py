"""What has left: each send in a task of its own that no cycle can cancel, its cancel, and the venue's word on it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy import Connection

from core.errors import ConfigError, ExchangeRejected, ExchangeUnavailable, LedgerBroken
from core.orders import Order, OrderState
from core.ports import Clock, MarketFacts
from core.verdicts import AnswerKind
from execution import lifecycle, orderbook
from execution.door import Door
from execution.lifecycle import Teller
from execution.ports import OrderReport
from execution.resolution import Look, unseen, vanished
from execution.settle import settle
from execution.tickets import ApprovedOrder, TicketRefused
from memory.books.database import Books


class Sends:
    """One account's. `contradicted` hears of an order that the venue tells what cannot be booked of, and why."""

    def __init__(
        self,
        books: Books,
        market: MarketFacts,
        door: Door,
        clock: Clock,
        contradicted: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._books = books
        self._market = market
        self._door = door
        self._clock = clock
        self._contradicted = contradicted
        self.tasks: set[asyncio.Task[None]] = set()
        self._in_flight: set[str] = set()  # client order ids whose request has not come back

    def begin(self, approved: ApprovedOrder, client_order_id: str, decided_ns: int) -> asyncio.Task[None]:
        """Sends what has its ticket. From here on the venue's silence proves nothing about this order."""
        self._in_flight.add(client_order_id)
        task = asyncio.create_task(self._deliver(approved, client_order_id, decided_ns))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Asks the venue, then books what it says. What cannot be proven then is told by a later report."""
        if not self._books.write(lambda conn: lifecycle.asks_cancel(conn, client_order_id, self._clock.now_ns())):
            return
        try:
            await self._door.cancel(client_order_id, symbol)
            # Where the market has forgotten the coin, the watch says so at its next look; a halt or an exit goes on.
            with suppress(ConfigError):
                await self.poll(client_order_id, symbol)
        except ExchangeUnavailable:
            if client_order_id not in self._in_flight:
                self._books.write(lambda conn: lifecycle.lost(conn, client_order_id, self._clock.now_ns()))
            raise

    async def poll(self, client_order_id: str, symbol: str) -> bool:
        """Books the venue's word on one of our orders; True when it was news. Having no word of it is one look.

        Not while its request is on the way: the venue may be about to hear of it.
        """
        if client_order_id in self._in_flight:
            return False
        report = await self._door.report(client_order_id, symbol)
        if client_order_id in self._in_flight:
            return False
        return await self._hears(client_order_id, symbol, report)

    async def _hears(self, client_order_id: str, symbol: str, report: OrderReport | None) -> bool:
        now_ns, instrument = self._clock.now_ns(), self._market.instrument(symbol)
        if instrument is None:
            raise ConfigError(f"an order in {symbol} is open, and this market does not know {symbol}")

        def write(conn: Connection) -> bool:
            if report is not None:
                return settle(conn, report, instrument, self._market, now_ns)
            look = unseen(conn, client_order_id, self._door.absence, now_ns)
            if look is Look.VANISHED:
                raise LedgerBroken(vanished(client_order_id))
            return look is Look.ABSENT

        try:
            return self._books.write(write)
        except LedgerBroken as broken:
            await self._contradicted(client_order_id, str(broken))
            return True

    async def _deliver(self, approved: ApprovedOrder, client_order_id: str, decided_ns: int) -> None:
        """Every ending but a proof is UNKNOWN: a failed request may have traded."""
        order = approved.order
        try:
            await self._door.submit(approved, client_order_id, decided_ns)
        except TicketRefused as refused:
            self._finish(order, client_order_id, OrderState.ABSENT, "never sent: its ticket was refused", str(refused))
        except ExchangeRejected as rejected:
            self._finish(order, client_order_id, OrderState.REJECTED, f"rejected by the venue: {rejected}")
        except Exception as failure:  # noqa: BLE001  # the top of the gate's own task; whatever it was, it proves nothing
            self._finish(order, client_order_id, OrderState.UNKNOWN, "no proof from the venue", repr(failure))
        else:
            await self._accepted(client_order_id, order.symbol)
        finally:
            self._in_flight.discard(client_order_id)
        await self._cancel_again(client_order_id, order.symbol)

    async def _cancel_again(self, client_order_id: str, symbol: str) -> None:
        """A cancel that was asked for while the order was on its way may have come there before it."""
        row = self._books.read(lambda conn: lifecycle.order(conn, client_order_id))
        if row.cancel_ns is not None and row.state.live:
            with suppress(ExchangeUnavailable):
                await self.cancel(client_order_id, symbol)

    async def _accepted(self, client_order_id: str, symbol: str) -> None:
        """The venue took it. If it tells nothing of it yet, it is open until the watch hears more."""
        report = None
        with suppress(ExchangeUnavailable):
            report = await self._door.report(client_order_id, symbol)
        if report is not None:
            await self._hears(client_order_id, symbol, report)
            return

        def write(conn: Connection) -> None:
            row = lifecycle.order(conn, client_order_id)
            if row.state is OrderState.SENDING:
                lifecycle.move(conn, row, OrderState.OPEN, Teller.VENUE, self._clock.now_ns())

        self._books.write(write)

    def _finish(
        self, order: Order, client_order_id: str, state: OrderState, detail: str, particulars: str = ""
    ) -> None:
        """`detail` goes into the receipt and its hash; `particulars`, with their times and ids, into the journal."""
        now_ns = self._clock.now_ns()
        kind = AnswerKind.WORKING if state.live else AnswerKind.DONE
        said = {"detail": detail, "particulars": particulars}

        def write(conn: Connection) -> None:
            if state is OrderState.UNKNOWN:
                moved = lifecycle.lost(conn, client_order_id, now_ns, said)
            else:
                teller = Teller.VENUE if state is OrderState.REJECTED else Teller.DESK
                moved = lifecycle.move(conn, lifecycle.order(conn, client_order_id), state, teller, now_ns, said)
            if moved:
                orderbook.answer(conn, order.proposal_id, kind, detail)

        self._books.write(write)
