"""The watch: the timers of money. Called on a timer when live, and for every bar between cycles in a run.

`step(now)` lets a simulated venue match, books what the venue says, fires stops, marks the account, trips breakers,
and lets approvals expire. It needs no agent and no cycle.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from core import identity
from core.bars import Bar
from core.errors import ExchangeUnavailable
from core.fills import stop_hit
from core.money import round_quantity
from core.orders import Order, OrderType, Proposal, TimeInForce
from core.ports import Clock, MarketFacts
from core.verdicts import AnswerKind, Receipt
from execution import actions, latches, orderbook
from execution.door import Door
from execution.gate import Gate
from execution.readings import read_breakers
from execution.snapshot import equity_now, market_now, usable_quote
from execution.tickets import TicketOffice
from memory.books import accounts, journal, ledger, tables
from memory.books.database import Books
from memory.books.words import ApprovalState, StopState
from risk.breakers import Trip
from risk.facts import OpenOrder
from risk.settings import RiskSettings
from risk.states import TradingState


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What one step found: the account's mark, its state, stops that fired, causes that tripped."""

    now_ns: int
    equity: Decimal | None
    state: TradingState
    fired: tuple[Receipt, ...]
    tripped: tuple[Trip, ...]


class Watch:
    def __init__(
        self,
        account_id: str,
        books: Books,
        market: MarketFacts,
        gate: Gate,
        door: Door,
        office: TicketOffice,
        policy: RiskSettings,
        clock: Clock,
        kill: Callable[[], bool],
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._gate = gate
        self._door = door
        self._office = office
        self._policy = policy
        self._clock = clock
        self._kill = kill

    async def step(self) -> WatchReport:
        """One round at the clock's now. Stops that fire may fill in the same bar, so it goes round until none does."""
        now_ns = self._clock.now_ns()
        since_ns = self._books.read(lambda conn: accounts.account(conn, self._account_id).clock_ns)
        fired: dict[str, Receipt | None] = {}
        # Stops come before whatever else a bar may have filled: what happened first inside it is not known.
        while True:
            for stop, bar in self._books.read(lambda conn: self._hits(conn, since_ns, now_ns, set(fired))):
                receipt = await self._fire(stop, now_ns if bar is None else bar.open_ns)
                fired[stop.stop_id] = receipt
            await self._door.advance(now_ns)
            await self.poll_live()
            if not self._books.read(lambda conn: self._hits(conn, since_ns, now_ns, set(fired))):
                break
        report, fresh = self._books.write(lambda conn: self._mark(conn, now_ns, tuple(r for r in fired.values() if r)))
        if fresh:
            self._office.void_all()
        if report.state is TradingState.HALTED:
            await self._gate.cancel_entries()
        return report

    async def poll_live(self) -> None:
        """Asks the venue about every order that may still fill: at start-up, and at every step.

        A venue that cannot be read leaves its orders as they are, counted, and must not hold up marks and breakers.
        """
        for attempt in self._books.read(lambda conn: orderbook.live_attempts(conn, self._account_id)):
            with suppress(ExchangeUnavailable):
                await self._gate.poll(attempt.client_order_id, attempt.symbol)

    # Stops.

    def _hits(self, conn: Connection, since_ns: int, now_ns: int, done: set[str]) -> list[tuple[Row[Any], Bar | None]]:
        """Armed stops that the market reached since the last step, with the first bar that did."""
        table = tables.stops
        armed = select(table).where(and_(table.c.account_id == self._account_id, table.c.state == StopState.ARMED))
        found: list[tuple[Row[Any], Bar | None]] = []
        for stop in conn.execute(armed.order_by(table.c.created_ns, table.c.stop_id)).all():
            if stop.stop_id in done or self._uncommitted(conn, stop) <= 0:
                continue
            after_ns = max(since_ns, stop.created_ns)
            bars = self._market.closed_bars(stop.symbol, after_ns=after_ns, until_ns=now_ns)
            sign = stop.side.sign
            bar = next((b for b in bars if stop_hit(stop.trigger_price, b.low, b.high, sign)), None)
            quote = usable_quote(self._market, stop.symbol, now_ns)
            if bar is not None or (quote and stop_hit(stop.trigger_price, quote.last, quote.last, sign)):
                found.append((stop, bar))
        return found

    def _uncommitted(self, conn: Connection, stop: Row[Any]) -> Decimal:
        """What the stop can still close: no more than is held and not being sold at the market already."""
        position = next((p for p in ledger.positions(conn, self._account_id) if p.symbol == stop.symbol), None)
        if position is None or position.side is not stop.side.opposite:
            return Decimal(0)
        selling = sum((o.remaining for o in self._exits(conn, stop) if not _rests(o)), Decimal(0))
        return min(Decimal(stop.quantity), position.quantity - selling)

    def _exits(self, conn: Connection, stop: Row[Any]) -> list[OpenOrder]:
        live, _ = orderbook.open_orders(conn, self._account_id)
        return [o for o in live if o.symbol == stop.symbol and o.side is stop.side]

    async def _fire(self, stop: Row[Any], decided_ns: int) -> Receipt | None:
        """Turns a trigger into a reducing order through the gate, like any other order.

        Exits that wait for a better price are cancelled first: their coins are the ones that the stop is there for.
        """
        waiting = self._books.read(lambda conn: {o.proposal_id for o in self._exits(conn, stop) if _rests(o)})
        for attempt in self._books.read(lambda conn: orderbook.live_attempts(conn, self._account_id)):
            if attempt.proposal_id in waiting:
                with suppress(ExchangeUnavailable):
                    await self._gate.cancel(attempt.client_order_id, attempt.symbol)
        proposal = self._books.write(lambda conn: self._exit(conn, stop, decided_ns))
        return None if proposal is None else await self._gate.propose(proposal)

    def _exit(self, conn: Connection, stop: Row[Any], decided_ns: int) -> Proposal | None:
        """The exit, or None for dust: what the venue is too coarse to take has no stop any more."""
        instrument = self._market.instrument(stop.symbol)
        assert instrument is not None  # a position in it is held
        selling = sum((o.remaining for o in self._exits(conn, stop)), Decimal(0))
        # Cancelling an exit may have told that it had filled, and that nothing is left to close.
        position = next((p for p in ledger.positions(conn, self._account_id) if p.symbol == stop.symbol), None)
        held = Decimal(0) if position is None else position.quantity
        quantity = round_quantity(min(Decimal(stop.quantity), held - selling), instrument.lot_size)
        if quantity < instrument.min_quantity or quantity * stop.trigger_price < instrument.min_notional:
            if not selling:
                self._drop(conn, stop, quantity)
            return None
        hits = stop.hits + 1
        conn.execute(update(tables.stops).where(tables.stops.c.stop_id == stop.stop_id).values(hits=hits))
        order = Order(
            proposal_id=identity.stop_proposal_id(stop.stop_id, hits),
            account_id=self._account_id,
            owner=stop.owner,
            symbol=stop.symbol,
            side=stop.side,
            type=OrderType.STOP,
            quantity=quantity,
            trigger_price=stop.trigger_price,
            time_in_force=TimeInForce.GTC,
            reduce_only=True,
        )
        return Proposal(order, source=actions.STOP + stop.stop_id, decided_ns=decided_ns, thesis="protective stop")

    def _drop(self, conn: Connection, stop: Row[Any], quantity: Decimal) -> None:
        table = tables.stops
        conn.execute(update(table).where(table.c.stop_id == stop.stop_id).values(state=StopState.DONE))
        entry = {"stop_id": stop.stop_id, "left": quantity, "why": "below the instrument's minimum"}
        journal.append(conn, self._account_id, "stop", entry, ts_ns=self._clock.now_ns())

    # Marks and breakers.

    def _mark(self, conn: Connection, now_ns: int, fired: tuple[Receipt, ...]) -> tuple[WatchReport, tuple[Trip, ...]]:
        held = {p.symbol for p in ledger.positions(conn, self._account_id)}
        quotes, instruments = market_now(self._market, held, now_ns)
        equity = equity_now(conn, self._account_id, quotes, instruments)
        if equity is not None:
            net = equity - accounts.transferred(conn, self._account_id)
            accounts.mark(conn, self._account_id, now_ns, net)
        holding = read_breakers(conn, self._account_id, equity, self._policy, kill_file=self._kill())
        fresh = latches.trip(conn, self._account_id, holding, now_ns)
        self._expire(conn, now_ns)
        accounts.set_clock(conn, self._account_id, now_ns)
        state = latches.state_of(conn, self._account_id, holding)
        return WatchReport(now_ns, equity, state, fired, fresh), fresh

    def _expire(self, conn: Connection, now_ns: int) -> None:
        for row in orderbook.approvals(conn, self._account_id, [ApprovalState.WAITING]):
            if now_ns > row.expires_ns:
                orderbook.settle_approval(
                    conn, row.proposal_id, ApprovalState.EXPIRED, by="clock", reason="nobody answered", now_ns=now_ns
                )
                orderbook.answer(conn, row.proposal_id, AnswerKind.DENIED, "nobody answered in time")
                journal.append(conn, self._account_id, "expired", {"proposal_id": row.proposal_id}, ts_ns=now_ns)


def _rests(order: OpenOrder) -> bool:
    """Whether it waits for a price of its own: a market or stop order on its way has none."""
    return order.worst_price > 0
