"""The gate: the only way from a proposal to a venue, one order at a time.

Under one lock an account: fresh facts, review, an approval row if the policy asks for a person, else the worst case
is reserved and `SENDING` is durable before a ticket exists. The send is outside the lock, in a task of the gate's own
that no cycle can cancel.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from core.canonical import plain
from core.errors import ConfigError, ExchangeUnavailable
from core.orders import Order, Proposal
from core.ports import Clock, MarketFacts
from core.verdicts import AnswerKind, Receipt
from execution import actions, halting, incidents, lifecycle, orderbook, parents, questions, reserving
from execution.algorithms import intake
from execution.breakers import Breakers
from execution.clearing import Clearing
from execution.door import Door
from execution.examiner import Examination, Examiner
from execution.judged import Judged
from execution.orderbook import Attempt
from execution.ports import VenueHealth
from execution.readings import Sight, sight
from execution.receipts import receipt_of, stored_receipt
from execution.sending import Sends
from execution.shadow import Shadow
from execution.snapshot import usable_quote
from execution.tickets import TicketOffice
from memory.books import journal
from memory.books.database import Books
from memory.books.words import ApprovalState, IncidentKind
from risk.review import Rulebook, Ruling
from risk.states import TradingState

PAPER = "paper"  # takes bare market orders: elsewhere what takes at the market gets a collar
_HALTED = TradingState.HALTED


@dataclass(frozen=True, slots=True)
class _Decision:
    """What one pass through the section decided; `send` is what may now leave, once ticketed."""

    receipt: Receipt
    order: Order | None = None  # as it was reviewed
    send: str | None = None  # client order id
    epoch_moved: bool = False


class Gate:
    """One account's gate. The breakers look at every review."""

    def __init__(
        self,
        account_id: str,
        books: Books,
        market: MarketFacts,
        door: Door,
        office: TicketOffice,
        rulebook: Rulebook,
        clock: Clock,
        breakers: Breakers,
        health: VenueHealth,
        shadow: Shadow | None = None,
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._door = door
        self._office = office
        self._policy = rulebook.policy
        self._clock = clock
        self._breakers = breakers
        bare = door.venue_name == PAPER
        self._examiner = Examiner(market, rulebook, clock, breakers, health, shadow, bare_market=bare)
        self._clearing = Clearing(account_id, market, self._examiner, breakers, clock)
        self._lock = asyncio.Lock()
        self._sends = Sends(books, market, door, clock, self._contradicted)

    async def propose(self, proposal: Proposal) -> Receipt:
        """Upsert by proposal id: the same proposal again gets the answer that it has."""
        if proposal.order.account_id != self._account_id:
            raise ConfigError(f"this is the gate of {self._account_id}, not of {proposal.order.account_id}")
        if actions.parent_of(proposal) is not None:
            raise ConfigError(f"{proposal.source} is worked by the watch alone: nobody else proposes a slice of it")
        await self._clear_the_way(proposal)
        async with self._lock:
            decision = self._books.write(lambda conn: self._propose(conn, proposal))
            sending = self._start(decision, self._decided_ns(proposal))
            await self._after(decision)
        return await self._answered(decision, sending)

    async def release(self, child: Callable[[Connection], Proposal | None]) -> Receipt | None:
        """Proposes what a parent has due. It is asked again where its answer is written: no slice is released twice."""
        due = self._books.read(child)
        if due is None:
            return None
        await self._clear_the_way(due)
        async with self._lock:
            decision = self._books.write(lambda conn: self._release(conn, child(conn)))
            if decision is None:
                return None
            sending = self._start(decision, self._clock.now_ns())
            await self._after(decision)
        return await self._answered(decision, sending)

    async def receipt(self, proposal_id: str) -> Receipt | None:
        return self._books.read(lambda conn: stored_receipt(conn, proposal_id))

    def weigh(self, proposal: Proposal) -> tuple[Ruling, bool]:
        """What a review would say now, and whether a person would have the next word. Nothing is written down.

        A breaker that only trips at the next look is not seen.
        """

        def read(conn: Connection) -> tuple[Ruling, bool]:
            facts = self._examiner.freeze(conn, proposal)
            standing = self._breakers.standing(conn, facts.now_ns, proposal.order.symbol)
            ruling = self._examiner.judge(proposal.order, facts, standing)
            return ruling, self._examiner.asks(ruling)

        return self._books.read(read)

    async def answer(self, proposal_id: str, *, approve: bool, by: str, reason: str) -> Receipt:
        """A person's word on a waiting proposal. Approval stores nothing but the word: the release is a new review."""
        async with self._lock:
            now_ns = self._clock.now_ns()
            proposal = self._books.read(lambda conn: questions.awaited(conn, self._account_id, proposal_id, now_ns))
            decision = self._books.write(lambda conn: self._answer(conn, proposal, approve, by, reason))
            sending = self._start(decision, self._clock.now_ns())
            await self._after(decision)
        return await self._answered(decision, sending)

    async def cancel_entries(self) -> None:
        """Where it is halted, resting entries go, positions and their exits stay. What fails is tried again."""
        halted = (self._account_id, self._breakers, self._clock.now_ns())
        if self._books.read(lambda conn: halting.schedules(conn, *halted)):
            self._books.write(self._end_halted)
        await self.cancel_each(self._books.read(lambda conn: halting.entries(conn, *halted)))

    async def rearm(self, latch_id: int, *, rebase: bool = False, by: str, reason: str) -> bool:
        """A person re-arms one latch, not the state. What was reviewed before is void. False if it is not latched."""

        def write(conn: Connection) -> bool:
            return self._breakers.rearm(conn, latch_id, self._sight(conn), rebase=rebase, by=by, reason=reason)

        async with self._lock:
            self._office.void_all()
            return self._books.write(write)

    async def halt(self, *, by: str, reason: str) -> None:
        """A person stops the desk: resting entries go, positions and their exits stay."""

        def write(conn: Connection) -> None:
            self._breakers.halt(conn, self._sight(conn), by=by, reason=reason)

        # At once too: what was reviewed and has not left yet leaves no more, whoever holds the lock.
        self._office.void_all()
        async with self._lock:
            self._office.void_all()
            self._books.write(write)
        await self.cancel_entries()

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Asks the venue, then books what it says. What cannot be proven then is told by a later report."""
        await self._sends.cancel(client_order_id, symbol)

    async def cancel_each(self, attempts: Iterable[Attempt]) -> None:
        """Those that can be reached. What cannot stays, and counts."""
        for attempt in attempts:
            with suppress(ExchangeUnavailable):
                await self.cancel(attempt.client_order_id, attempt.symbol)

    async def poll(self, client_order_id: str, symbol: str) -> bool:
        """Books the venue's word on one of our orders; True when it was news. Having no word of it is one look."""
        return await self._sends.poll(client_order_id, symbol)

    async def _contradicted(self, client_order_id: str, why: str) -> None:
        """What the venue says cannot be booked: the desk halts, and its stops and exits go on.

        The order stays live in the books and counts at its worst until a person has looked.
        """

        def write(conn: Connection) -> bool:
            kind, now_ns = IncidentKind.MISMATCH, self._clock.now_ns()
            # A cancel that left has no proof either.
            lifecycle.lost(conn, client_order_id, now_ns)
            new = incidents.add(conn, self._account_id, kind, f"order {client_order_id}", why, now_ns)
            return new and bool(self._breakers.look(conn, self._sight(conn)).tripped)

        if self._books.write(write):
            self._office.void_all()
            await self.cancel_entries()

    async def look(self) -> None:
        """The breakers look now, at what somebody has just found; what they trip takes effect at once."""
        if self._books.write(lambda conn: self._breakers.look(conn, self._sight(conn))).tripped:
            self._office.void_all()
            await self.cancel_entries()

    def _decided_ns(self, proposal: Proposal) -> int:
        """From when a fill may come. A stop was decided when its price traded; nobody else decides in the past."""
        if proposal.source.startswith(actions.STOP):
            return proposal.decided_ns
        return self._clock.now_ns()

    # The section under the lock.

    def _propose(self, conn: Connection, proposal: Proposal) -> _Decision:
        row = orderbook.find_proposal(conn, proposal.proposal_id)
        reused = row is not None and row.body != plain(proposal)
        if row is not None and not reused and not orderbook.may_try_again(conn, row.proposal_id):
            return _Decision(receipt_of(conn, row))
        facts, look, ruling = self._review(conn, proposal, reused_id=reused)
        verdict = ruling.review()
        if reused:
            # The first order keeps its id and its row; the second leaves only this trace.
            entry = {"proposal_id": proposal.proposal_id, "order_hash": proposal.order.order_hash}
            journal.append(conn, self._account_id, "reused_id", entry, ts_ns=facts.now_ns)
            receipt = Receipt(proposal.proposal_id, AnswerKind.DENIED, verdict, plain(facts))
            return _Decision(receipt, epoch_moved=bool(look.tripped))
        kind = self._kind(ruling)
        judged = Judged.of(proposal, facts, verdict, kind)
        orderbook.write_proposal(conn, judged, actions.cycle_of(proposal))
        send = self._take(conn, proposal, ruling) if kind is AnswerKind.WORKING else None
        if kind is AnswerKind.WAITING:
            questions.ask(conn, proposal.order, facts, self._policy)
        reserving.note(conn, judged)
        if actions.cycle_of(proposal) is None:
            actions.record_action(conn, judged)
        return _Decision(judged.receipt, ruling.candidate.order, send, epoch_moved=bool(look.tripped))

    def _release(self, conn: Connection, child: Proposal | None) -> _Decision | None:
        """The slice is counted with its review, whatever that says."""
        if child is None:
            return None
        decision = self._propose(conn, child)
        quote, now_ns = usable_quote(self._market, child.order.symbol, self._clock.now_ns()), self._clock.now_ns()
        mid, parent_id = None if quote is None else quote.mid, actions.parent_of(child)
        assert parent_id is not None  # only slices are released
        parents.note_slice(conn, parent_id, child.proposal_id, mid, now_ns)
        return decision

    def _answer(self, conn: Connection, proposal: Proposal, approve: bool, by: str, reason: str) -> _Decision:
        now_ns = self._clock.now_ns()
        facts, look, ruling = self._review(conn, proposal, vouched=approve)
        verdict = ruling.review()
        detail, state, send = "", ApprovalState.RELEASED, None
        if not approve:
            kind, state, detail = AnswerKind.DENIED, ApprovalState.REJECTED, f"rejected by {by}: {reason}"
        elif (drift := questions.drift(conn, proposal, facts, self._policy)) is not None:
            kind, state, detail = AnswerKind.DENIED, ApprovalState.DENIED, drift
        elif not verdict.allowed:
            kind, state, detail = AnswerKind.DENIED, ApprovalState.DENIED, "denied at release"
        else:
            kind, send = AnswerKind.WORKING, self._take(conn, proposal, ruling, vouched=True)
        orderbook.settle_approval(conn, proposal.proposal_id, state, by=by, reason=reason, now_ns=now_ns)
        judged = Judged.of(proposal, facts, verdict, kind, detail)
        orderbook.write_proposal(conn, judged, actions.cycle_of(proposal))
        reserving.note(conn, judged)
        actions.record_release(conn, judged, {"approved": approve, "by": by, "reason": reason})
        return _Decision(judged.receipt, ruling.candidate.order, send, epoch_moved=bool(look.tripped))

    def _kind(self, ruling: Ruling) -> AnswerKind:
        if self._examiner.asks(ruling):
            return AnswerKind.WAITING
        return AnswerKind.WORKING if ruling.allowed else AnswerKind.DENIED

    def _review(
        self, conn: Connection, proposal: Proposal, *, reused_id: bool = False, vouched: bool = False
    ) -> Examination:
        parent_id = actions.parent_of(proposal)
        whole = None if parent_id is None else parents.find(conn, parent_id)
        vouched = vouched or (whole is not None and whole.vouched)
        return self._examiner.review(conn, proposal, reused_id=reused_id, vouched=vouched)

    def _take(self, conn: Connection, proposal: Proposal, ruling: Ruling, *, vouched: bool = False) -> str | None:
        """What is worked by an algorithm becomes a parent, what is sent whole an attempt; an exit may be both."""
        order, facts, reducing = ruling.candidate.order, ruling.candidate.facts, ruling.candidate.reducing
        parent = intake.parent_of(proposal, order, reducing=reducing)
        quote, now_ns, send = facts.quotes.get(order.symbol), facts.now_ns, None
        mid = None if quote is None else quote.mid
        if intake.sent_whole(order, iceberg_parts=self._door.iceberg_parts):
            send = self._reserve(conn, proposal, ruling, vouched=vouched)
        if parent is not None:
            parents.accept(
                conn,
                parent,
                proposal,
                reserved=reserving.worst_case(order, facts, self._policy),
                reduces=parent.reduce_only or reducing,
                vouched=vouched,
                mid=mid,
                now_ns=now_ns,
            )
            if send is not None:
                parents.note_slice(conn, parent.proposal_id, parent.proposal_id, mid, now_ns)
        return send

    def _reserve(self, conn: Connection, proposal: Proposal, ruling: Ruling, *, vouched: bool = False) -> str:
        venue = self._door.venue_name
        return reserving.reserve(conn, proposal, ruling, self._policy, venue, vouched=vouched)

    async def _clear_the_way(self, proposal: Proposal) -> None:
        """An exit is never held up by what is our own: that is cancelled first, if nothing else denies the exit."""
        await self.cancel_each(self._books.read(lambda conn: self._clearing.in_the_way(conn, proposal)))

    def _end_halted(self, conn: Connection) -> None:
        now_ns = self._clock.now_ns()
        halted = halting.schedules(conn, self._account_id, self._breakers, now_ns)
        parents.end(conn, self._account_id, halted, "halted", now_ns)

    def _sight(self, conn: Connection) -> Sight:
        return sight(conn, self._account_id, self._market, self._clock.now_ns())

    async def _after(self, decision: _Decision) -> None:
        """A halt that this review found takes the resting entries with it at once."""
        if decision.epoch_moved and decision.receipt.review.state == _HALTED.value:
            await self.cancel_entries()

    # The send.

    def _start(self, decision: _Decision, decided_ns: int) -> asyncio.Task[None] | None:
        """Mints the ticket and begins the send, before anybody else can run or cancel: what is reserved is sent."""
        if decision.epoch_moved:
            self._office.void_all()
        if decision.send is None or decision.order is None:
            return None
        reducing = decision.receipt.review.reducing
        approved = self._office.mint(decision.order, self._office.epoch, self._clock.now_ns(), reducing=reducing)
        return self._sends.begin(approved, decision.send, decided_ns)

    async def _answered(self, decision: _Decision, sending: asyncio.Task[None] | None) -> Receipt:
        if sending is None:
            return decision.receipt
        await asyncio.shield(sending)
        now = self._books.read(lambda conn: stored_receipt(conn, decision.receipt.proposal_id))
        assert now is not None  # it was written under the lock
        return now
