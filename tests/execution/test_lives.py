"""Lives of orders under any script of faults, restarted at any step: nothing doubled, nothing lost, all agreed on.

The venue is in this process and does what a real one does to a request: loses it, takes it and loses the answer, takes
it late, refuses it. It keeps its own account, and that is what the books are held against.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.errors import ExchangeRejected, ExchangeUnavailable, OrderStateUnknown
from core.orders import OrderState, Proposal
from core.time import SECOND_NS
from execution import incidents
from execution.lifecycle import UNRESOLVED
from execution.ports import AbsenceProof, OrderReport, PlainOrder
from memory.books.database import Books
from memory.books.words import IncidentKind
from tests.execution.desk import ACCOUNT, Desk, copied_books
from tests.execution.handmade import Exchange

PRICE, CAP = Decimal(96), Decimal(20 * 100)
LATEST_NS = 4 * SECOND_NS  # a request is taken no later than so long after it was sent
PROOF = AbsenceProof(looks=3, spread_ns=9 * SECOND_NS, final=True)
UNSETTLED = UNRESOLVED | {OrderState.SENDING, OrderState.PENDING_CANCEL}
SENDS = ("fine", "cut", "unanswered", "late", "rejected")
CANCELS = ("fine", "cut", "unanswered")
STEPS = ("before place", "after place", "before booking", "after booking", "before cancel", "after cancel", "reading")

DEATHS = st.sampled_from(("", "", "", *STEPS))


class Killed(BaseException):
    """The process is gone: nobody catches this."""


@dataclass
class Rough(Exchange):
    """What befalls the next requests is written down; where nothing is, all goes well."""

    sends: list[str] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    away: int = 0  # so many reads fail
    dies: str = ""  # the step at which the process does
    late: list[tuple[int, PlainOrder]] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)  # how often each id was accepted

    def at(self, step: str) -> None:
        if step == self.dies:
            self.dies = ""
            raise Killed

    async def place(self, order: PlainOrder) -> None:
        self.at("before place")
        fate = self.sends.pop(0) if self.sends else "fine"
        if fate == "rejected":
            raise ExchangeRejected("not taken")
        if fate == "late":
            self.late.append((self.clock.now_ns() + LATEST_NS, order))
        elif fate != "cut":
            await self._accepts(order)
        self.at("after place")
        if fate != "fine":
            raise OrderStateUnknown(fate)

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        self.at("before cancel")
        fate = self.cancels.pop(0) if self.cancels else "fine"
        if fate != "cut":
            await super().cancel(client_order_id, symbol)
        self.at("after cancel")
        if fate != "fine":
            raise ExchangeUnavailable(fate)

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        await self._reads()
        return await super().report(client_order_id, symbol)

    async def open_orders(self) -> tuple[Any, ...]:
        await self._reads()
        return await super().open_orders()

    async def balances(self) -> dict[str, Decimal]:
        await self._reads()
        return {currency: total for currency, total in self.purse.items() if total}

    async def _reads(self) -> None:
        self.at("reading")
        await self.time_passes()
        if self.away:
            self.away -= 1
            raise ExchangeUnavailable("away")

    async def time_passes(self) -> None:
        due = [order for at_ns, order in self.late if at_ns <= self.clock.now_ns()]
        self.late = [(at_ns, order) for at_ns, order in self.late if at_ns > self.clock.now_ns()]
        for order in due:
            await self._accepts(order)

    async def _accepts(self, order: PlainOrder) -> None:
        self.taken[order.client_order_id] += 1
        await super().place(order)


@cache
def empty_books() -> Path:
    path = Path(tempfile.mkdtemp(prefix="lives-")) / "empty.db"
    with Books.open(f"sqlite:///{path}"):
        pass
    return path


class Lives(RuleBasedStateMachine):
    @initialize(
        quantity=st.integers(5, 14), sends=st.lists(st.sampled_from(SENDS), min_size=1, max_size=2), dies=DEATHS
    )
    def begins(self, quantity: int, sends: list[str], dies: str) -> None:
        """Every life has an order in it."""
        self.left = ExitStack()
        self.loop = self.left.enter_context(asyncio.Runner())
        folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.left.callback(shutil.rmtree, folder)
        books = self.left.enter_context(copied_books(empty_books(), folder))
        self.desk = Desk.open(books)
        self.rough = Rough(self.desk.clock, proof=PROOF)
        self.proposals: list[Proposal] = []
        self._connects()
        self.rough.dies = dies
        self.proposes(quantity, sends)

    # What people want, and when.

    @rule(quantity=st.integers(5, 14), sends=st.lists(st.sampled_from(SENDS), min_size=1, max_size=2))
    def proposes(self, quantity: int, sends: list[str]) -> None:
        """Of those sizes, two are often more than one asset may be."""
        self.rough.sends = sends
        proposal = self.desk.buy(Decimal(quantity), at=str(PRICE))
        self.proposals.append(proposal)
        self._runs(lambda: self.desk.propose(proposal))

    @precondition(lambda self: self.proposals)
    @rule(data=st.data(), sends=st.lists(st.sampled_from(SENDS), max_size=1))
    def asks_again(self, data: st.DataObject, sends: list[str]) -> None:
        self.rough.sends = sends
        proposal = data.draw(st.sampled_from(self.proposals))
        self._runs(lambda: self.desk.propose(proposal))

    @rule(cancels=st.lists(st.sampled_from(CANCELS), max_size=2))
    def cancels(self, cancels: list[str]) -> None:
        self.rough.cancels = cancels
        for attempt in self.desk.live():
            self._runs(lambda a=attempt: self.desk.gate.cancel(a.client_order_id, a.symbol))  # type: ignore[misc]

    @rule(seconds=st.sampled_from((1, 3, 5, 20)))
    def waits(self, seconds: int) -> None:
        self._passes(seconds)
        self._runs(lambda: self.desk.watch.step())

    @rule()
    def reconciles(self) -> None:
        self._runs(lambda: self.desk.watch.reconcile())

    # What happens at the venue, and to the process.

    @rule(part=st.sampled_from(("0.001", "1", "5", "99")), heard=st.booleans())
    def fills(self, part: str, heard: bool) -> None:
        for name in self._open():
            order = self.rough.orders[name]
            left = order.quantity - order.filled_quantity
            self.rough.fills_some(name, str(min(left, Decimal(part))), at=str(PRICE), fee="0.01")
            if heard:
                self._runs(lambda n=name: self.desk.gate.poll(n, "BTC/USDT"))  # type: ignore[misc]

    @rule(state=st.sampled_from((OrderState.CANCELLED, OrderState.EXPIRED)))
    def ends(self, state: OrderState) -> None:
        for name in self._open()[:1]:
            self.rough.ends(name, state)

    @rule(times=st.integers(1, 3))
    def goes_away(self, times: int) -> None:
        self.rough.away = times

    @rule(step=st.sampled_from(STEPS))
    def will_die(self, step: str) -> None:
        self.rough.dies = step

    @rule()
    def dies_now(self) -> None:
        self.desk = self.desk.restarted()
        self._connects()
        self._runs(lambda: self.desk.watch.recover())

    # What must hold.

    @invariant()
    def nothing_is_doubled_or_over_its_limit(self) -> None:
        counts: Counter[str] = Counter()
        worth = Decimal(0)
        for proposal in self.proposals:
            for attempt in self.desk.attempts(proposal):
                order = self.rough.orders.get(attempt.client_order_id)
                if order is not None and (order.state.live or order.filled_quantity):
                    counts[proposal.proposal_id] += 1
                    worth += (order.quantity if order.state.live else order.filled_quantity) * PRICE
        assert all(n == 1 for n in counts.values()), counts
        assert all(n == 1 for n in self.rough.taken.values()), self.rough.taken
        assert worth <= CAP, worth

    def teardown(self) -> None:
        if not hasattr(self, "left"):
            return
        with self.left:
            self.rough.sends, self.rough.cancels, self.rough.away, self.rough.dies = [], [], 0, ""
            for _ in range(12):
                self._runs(lambda: self.desk.watch.step())
                self._runs(lambda: self.desk.watch.reconcile())
                for proposal in self.proposals:
                    self._runs(lambda p=proposal: self.desk.propose(p))  # type: ignore[misc]
                self._passes(4)
                self.nothing_is_doubled_or_over_its_limit()
            self._agrees()

    def _agrees(self) -> None:
        assert [a for a in self.desk.live() if a.state in UNSETTLED] == []
        assert {a.client_order_id for a in self.desk.live()} == set(self._open())
        told = Counter((t.client_order_id, t.trade_id, t.quantity, t.price, t.fee) for t in self.rough.trades)
        ours = Counter((f.client_order_id, f.trade_id, f.quantity, f.price, f.fee) for f in self.desk.rows("fills"))
        assert told == ours
        held = {currency: total for currency, total in self.desk.balances().items() if total}
        assert held == {currency: total for currency, total in self.rough.purse.items() if total}
        wrong = self.desk.books.read(lambda conn: incidents.subjects(conn, ACCOUNT, IncidentKind.MISMATCH))
        assert wrong == []

    # Small things.

    def _connects(self) -> None:
        self.desk.venue._venue = self.rough
        hears = self.desk.gate._sends._hears

        async def watched(*args: Any) -> bool:
            self.rough.at("before booking")
            news = await hears(*args)
            self.rough.at("after booking")
            return news

        self.desk.gate._sends._hears = watched  # type: ignore[method-assign, assignment]

    def _runs(self, act: Callable[[], Awaitable[object]]) -> None:
        """One act of the process. Where it dies, the next one begins with what is in the books."""

        async def acting() -> None:
            with suppress(ExchangeUnavailable):
                await act()

        try:
            self.loop.run(acting())
        except Killed:
            self.desk = self.desk.restarted()
            self._connects()
            self._runs(lambda: self.desk.watch.recover())

    def _passes(self, seconds: int) -> None:
        self.desk.clock.advance_to(self.desk.clock.now_ns() + seconds * SECOND_NS)
        self.loop.run(self.rough.time_passes())

    def _open(self) -> list[str]:
        return [name for name, order in self.rough.orders.items() if order.state.live]


Lives.TestCase.settings = settings(
    max_examples=20, stateful_step_count=8, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLives = Lives.TestCase
