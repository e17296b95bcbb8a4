"""Works every parent at each step of the watch: one child at a time through the gate, from what the books say.

Nothing is kept here between two steps, so a restart goes on where it stopped.
"""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, select

from core import identity
from core.algorithms import ExecutionPlan, Iceberg, LimitChase, Marketable, Twap
from core.canonical import plain
from core.errors import ExchangeUnavailable, LedgerBroken
from core.money import ZERO, Price, Quantity, round_quantity, text_of
from core.orders import Order, OrderState, Proposal
from core.ports import Clock, MarketFacts
from execution import actions, guardbook, orderbook, parents
from execution.algorithms.chase import ChaseSchedule
from execution.algorithms.iceberg import IcebergSchedule
from execution.algorithms.marketable import MarketableSchedule
from execution.algorithms.schedule import Action, Finish, Release, Schedule, Withdraw, Work
from execution.algorithms.shortfall import Part, shortfall
from execution.algorithms.twap import TwapSchedule
from execution.gate import Gate
from execution.parents import UNPROVEN, Parent
from execution.snapshot import usable_quote
from memory.books import tables
from memory.books.database import Books
from memory.books.words import ParentState, StopState
from risk.shaping import is_dust

# A child that went makes room for its successor in the same step, and an end for its account; no more than that.
_ACTIONS_A_STEP: Final = 3
_REJECTIONS: Final = 3  # in a row, of an entry's children: the venue does not want it


class Algorithms:
    def __init__(self, account_id: str, books: Books, market: MarketFacts, gate: Gate, clock: Clock) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._gate = gate
        self._clock = clock

    async def step(self) -> None:
        for parent in self._books.read(lambda conn: parents.unended(conn, self._account_id)):
            for _ in range(_ACTIONS_A_STEP):
                if not await self._act(parent.parent_id):
                    break

    async def cancel(self, parent_ids: list[str], reason: str) -> None:
        """No more children; those that live are cancelled now, and those that cannot be reached at every step."""
        now_ns = self._clock.now_ns()
        working = [p.parent_id for p in self._unended() if p.state is ParentState.WORKING and p.parent_id in parent_ids]
        self._books.write(lambda conn: parents.end(conn, self._account_id, working, reason, now_ns))
        for parent_id in working:
            await self._act(parent_id)

    def _unended(self) -> list[Parent]:
        return self._books.read(lambda conn: parents.unended(conn, self._account_id))

    async def _act(self, parent_id: str) -> bool:
        """Does what is due now; False when there is nothing more to do for it."""
        parent = self._books.read(lambda conn: parents.find(conn, parent_id))
        if parent is None or parent.state is ParentState.ENDED:
            return False
        if parent.state is ParentState.ENDING:
            return await self._close(parent)
        match self._books.read(lambda conn: self._due(conn, parent)):
            case Finish(reason):
                now_ns = self._clock.now_ns()
                self._books.write(lambda conn: parents.end(conn, self._account_id, [parent_id], reason, now_ns))
                return True
            case Withdraw(client_order_id):
                with suppress(ExchangeUnavailable):
                    await self._gate.cancel(client_order_id, parent.order.symbol)
                    return True
                return False
            case Release():
                return await self._gate.release(lambda conn: self._child(conn, parent_id)) is not None
            case _:
                return False

    async def _close(self, parent: Parent) -> bool:
        """Cancels what lives of it, and closes it when nothing does."""
        for child in parent.live:
            with suppress(ExchangeUnavailable):
                await self._gate.cancel(child.client_order_id, parent.order.symbol)
        self._books.write(lambda conn: self._closed(conn, parent.parent_id))
        return False

    def _closed(self, conn: Connection, parent_id: str) -> None:
        parent = parents.find(conn, parent_id)
        if parent is None or parent.live or parent.state is not ParentState.ENDING:
            return
        now_ns = self._clock.now_ns()
        quote = usable_quote(self._market, parent.order.symbol, now_ns)
        found = shortfall(
            parent.order.side,
            parent.order.quantity,
            parent.arrival_mid,
            None if quote is None else quote.mid,
            self._parts(conn, parent),
        )
        parents.close(conn, parent, plain(found), now_ns)

    def _parts(self, conn: Connection, parent: Parent) -> list[Part]:
        mids = {child.client_order_id: child.mid for child in parent.children}
        table = tables.fills
        rows = conn.execute(select(table).where(table.c.client_order_id.in_(mids)))
        return [Part(row.quantity, row.price, mids[row.client_order_id], row.fee_worth) for row in rows]

    # What is due.

    def _due(self, conn: Connection, parent: Parent) -> Action | None:
        if any(child.state in UNPROVEN for child in parent.live):
            return None  # what became of it decides how much is left
        if not parent.left and not parent.live:
            return Finish("all of it is filled")
        return self._over(conn, parent) or self._scheduled(conn, parent)

    def _over(self, conn: Connection, parent: Parent) -> Finish | None:
        """Why it goes no further, whatever its schedule says."""
        last = parent.children[-_REJECTIONS:]
        if any(child.whole for child in parent.children) and isinstance(parent.order.execution, Iceberg):
            return None if parent.live else Finish("the venue has ended it")
        if not parent.reduces:
            if len(last) == _REJECTIONS and all(child.state is OrderState.REJECTED for child in last):
                return Finish(f"the venue rejected {_REJECTIONS} slices in a row")
            guard = guardbook.find(conn, parent.parent_id)
            if guard is not None and guard.state is StopState.DONE and not parent.live:
                return Finish("what it had opened was closed")
        elif not parent.live and not guardbook.held(conn, self._account_id, parent.order.symbol):
            return Finish("nothing is left to close")
        return None

    def _scheduled(self, conn: Connection, parent: Parent) -> Action | None:
        order, now_ns = parent.order, self._clock.now_ns()
        instrument, quote = self._market.instrument(order.symbol), usable_quote(self._market, order.symbol, now_ns)
        left = min(parent.left, self._closable(conn, parent)) if parent.reduces else parent.left
        if instrument is None or quote is None or order.execution is None:
            return None
        work = Work(
            order=order,
            reduces=parent.reduces,
            started_ns=parent.created_ns,
            now_ns=now_ns,
            left=left,
            live=parent.live,
            slices=parent.slices,
            tried_ns=parent.tried_ns,
            last_filled=parent.last_filled,
            quote=quote,
            instrument=instrument,
        )
        action = schedule_of(order.execution).decide(work)
        return sized(action, work) if isinstance(action, Release) else action

    def _closable(self, conn: Connection, parent: Parent) -> Decimal:
        """What is held and no other order of ours closes; the stops that rest at the venue make way."""
        held = guardbook.held(conn, self._account_id, parent.order.symbol)
        live = orderbook.live_attempts(conn, self._account_id)
        exits = [a for a in live if a.symbol == parent.order.symbol and a.side is parent.order.side]
        aside = {a.client_order_id for a in guardbook.resting(conn, self._account_id, exits)}
        aside |= {child.client_order_id for child in parent.children}
        return max(ZERO, held - sum((a.remaining for a in exits if a.client_order_id not in aside), ZERO))

    def _child(self, conn: Connection, parent_id: str) -> Proposal | None:
        """The proposal that is due, decided again where it is written: fills may have come, or its end."""
        parent = parents.find(conn, parent_id)
        if parent is None or parent.state is not ParentState.WORKING:
            return None
        due, row = self._due(conn, parent), orderbook.find_proposal(conn, parent_id)
        if not isinstance(due, Release):
            return None
        if row is None:
            raise LedgerBroken(f"parent {parent_id} has no proposal")
        source = actions.PARENT + parent_id
        whole = orderbook.stored_proposal(row.body)
        order = _slice(parent, due)
        return replace(whole, order=order, source=source, decided_ns=self._clock.now_ns(), plan=source, confirmed=None)


def schedule_of(plan: ExecutionPlan) -> Schedule:
    match plan:
        case Twap():
            return TwapSchedule(plan)
        case Iceberg():
            return IcebergSchedule(plan)
        case LimitChase():
            return ChaseSchedule(plan)
        case Marketable():
            return MarketableSchedule()


def sized(release: Release, work: Work) -> Action | None:
    """The child as the venue takes it: on the lot, no more than is left, and leaving nothing that it would not take."""
    instrument, price = work.instrument, release.limit_price or work.price
    if is_dust(work.left, price, instrument):
        return Finish(f"its rest of {text_of(work.left)} is less than the venue takes")
    quantity = round_quantity(min(release.quantity, work.left), instrument.lot_size)
    if is_dust(work.left - quantity, price, instrument):
        quantity = round_quantity(work.left, instrument.lot_size)
    if instrument.max_quantity is not None and quantity > instrument.max_quantity:
        quantity = round_quantity(instrument.max_quantity, instrument.lot_size)
    return None if not quantity or is_dust(quantity, price, instrument) else replace(release, quantity=quantity)


def _slice(parent: Parent, due: Release) -> Order:
    return replace(
        parent.order,
        proposal_id=identity.child_proposal_id(parent.parent_id, parent.slices),
        type=due.type,
        quantity=Quantity(due.quantity),
        limit_price=None if due.limit_price is None else Price(due.limit_price),
        time_in_force=due.time_in_force,
        reduce_only=parent.reduces,
        # Its collar is set when it is reviewed, on the price of that moment.
        execution=parent.order.execution if isinstance(parent.order.execution, Marketable) else None,
    )
