"""The gate: the only way from a proposal to a venue, one order at a time.

Under one lock an account: fresh facts, review, an approval row if the policy asks for a person, else the worst case
is reserved and `SENDING` is durable before a ticket exists. The send is outside the lock, in a task of the gate's own
that no cycle can cancel.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from core import identity
from core.canonical import plain
from core.errors import ConfigError, ExchangeRejected, ExchangeUnavailable, LedgerBroken
from core.money import ZERO
from core.orders import Order, OrderState, Proposal
from core.ports import Clock, MarketFacts
from core.time import SECOND_NS, show_time
from core.verdicts import AnswerKind, Receipt, Review
from execution import actions, incidents, orderbook
from execution.breakers import Breakers
from execution.clearing import Clearing
from execution.door import Door
from execution.examiner import Examination, Examiner
from execution.orderbook import Attempt
from execution.ports import VenueHealth
from execution.readings import Sight, sight
from execution.settle import mark_absent, settle
from execution.shadow import Shadow
from execution.tickets import ApprovedOrder, TicketOffice, TicketRefused
from memory.books import blobs, journal, ledger
from memory.books.database import Books
from memory.books.words import ApprovalState, IncidentKind
from risk.arithmetic import cost_with_fee
from risk.candidate import unit_cost
from risk.facts import Facts
from risk.review import Rulebook, Ruling
from risk.states import TradingState

_HALTED = TradingState.HALTED


@dataclass(frozen=True, slots=True)
class _Decision:
    """What one pass through the section decided; `send` is what may now leave, once ticketed."""

    receipt: Receipt
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
        self._examiner = Examiner(market, rulebook, clock, breakers, health, shadow)
        self._clearing = Clearing(account_id, market, self._examiner, breakers, clock)
        self._lock = asyncio.Lock()
        self._sends: set[asyncio.Task[None]] = set()
        self._in_flight: set[str] = set()  # client order ids whose request has not come back

    async def propose(self, proposal: Proposal) -> Receipt:
        """Upsert by proposal id: the same proposal again gets the answer that it has."""
        if proposal.order.account_id != self._account_id:
            raise ConfigError(f"this is the gate of {self._account_id}, not of {proposal.order.account_id}")
        async with self._lock:
            await self._clear_the_way(proposal)
            decision = self._books.write(lambda conn: self._propose(conn, proposal))
            sending = self._start(decision, proposal.order, self._decided_ns(proposal))
            await self._after(decision)
        return await self._answered(decision, sending)

    async def receipt(self, proposal_id: str) -> Receipt | None:
        return self._books.read(lambda conn: stored_receipt(conn, proposal_id))

    async def answer(self, proposal_id: str, *, approve: bool, by: str, reason: str) -> Receipt:
        """A person's word on a waiting proposal. Approval stores nothing but the word: the release is a new review."""
        async with self._lock:
            proposal = self._books.read(lambda conn: self._awaited(conn, proposal_id))
            decision = self._books.write(lambda conn: self._answer(conn, proposal, approve, by, reason))
            sending = self._start(decision, proposal.order, self._clock.now_ns())
            await self._after(decision)
        return await self._answered(decision, sending)

    async def cancel_entries(self) -> None:
        """Where it is halted, resting entries go, positions and their exits stay. What fails is tried again."""
        await self.cancel_each(self._books.read(self._halted_entries))

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

        async with self._lock:
            self._office.void_all()
            self._books.write(write)
        await self.cancel_entries()

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Asks the venue, then books what it says."""
        now_ns = self._clock.now_ns()
        self._books.write(lambda conn: orderbook.mark_cancelling(conn, client_order_id, now_ns))
        await self._door.cancel(client_order_id, symbol)
        await self.poll(client_order_id, symbol)

    async def cancel_each(self, attempts: Iterable[Attempt]) -> None:
        """Those that can be reached. What cannot stays, and counts."""
        for attempt in attempts:
            with suppress(ExchangeUnavailable):
                await self.cancel(attempt.client_order_id, attempt.symbol)

    async def poll(self, client_order_id: str, symbol: str) -> bool:
        """Books the venue's word on one of our orders; True when it was news. No word at all proves it absent.

        Not while its request is on the way: the venue may be about to hear of it.
        """
        if client_order_id in self._in_flight:
            return False
        report = await self._door.report(client_order_id, symbol)
        now_ns, instrument = self._clock.now_ns(), self._market.instrument(symbol)
        if instrument is None:
            raise ConfigError(f"an order in {symbol} is open, and this market does not know {symbol}")

        def write(conn: Connection) -> bool:
            if report is not None:
                return settle(conn, report, instrument, now_ns)
            mark_absent(conn, client_order_id, self._account_id, now_ns)
            return True

        try:
            return self._books.write(write)
        except LedgerBroken as broken:
            await self._contradicted(client_order_id, str(broken))
            return True

    async def _contradicted(self, client_order_id: str, why: str) -> None:
        """What the venue says cannot be booked: the desk halts, and its stops and exits go on.

        The order stays live in the books and counts at its worst until a person has looked.
        """

        def write(conn: Connection) -> bool:
            kind, now_ns = IncidentKind.MISMATCH, self._clock.now_ns()
            new = incidents.add(conn, self._account_id, kind, f"order {client_order_id}", why, now_ns)
            return new and bool(self._breakers.look(conn, self._sight(conn)).tripped)

        if self._books.write(write):
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
        if row is not None and row.body == plain(proposal) and not orderbook.may_try_again(conn, row.proposal_id):
            return _Decision(_receipt(conn, row))
        reused = row is not None and row.body != plain(proposal)
        facts, look, ruling = self._review(conn, proposal, reused_id=reused)
        verdict = ruling.review()
        if reused:
            # The first order keeps its id and its row; the second leaves only this trace.
            entry = {"proposal_id": proposal.proposal_id, "order_hash": proposal.order.order_hash}
            journal.append(conn, self._account_id, "reused_id", entry, ts_ns=facts.now_ns)
            receipt = Receipt(proposal.proposal_id, AnswerKind.DENIED, verdict, plain(facts))
            return _Decision(receipt, epoch_moved=bool(look.tripped))
        kind = self._kind(ruling)
        orderbook.write_proposal(conn, proposal, facts, verdict, kind, "", actions.cycle_of(proposal))
        send = self._reserve(conn, proposal, ruling) if kind is AnswerKind.WORKING else None
        if kind is AnswerKind.WAITING:
            self._ask_person(conn, proposal.order, facts)
        self._note(conn, proposal, verdict, kind, facts)
        if actions.cycle_of(proposal) is None:
            actions.record_action(conn, proposal, facts, verdict, kind)
        receipt = Receipt(proposal.proposal_id, kind, verdict, plain(facts))
        return _Decision(receipt, send, epoch_moved=bool(look.tripped))

    def _answer(self, conn: Connection, proposal: Proposal, approve: bool, by: str, reason: str) -> _Decision:
        now_ns = self._clock.now_ns()
        facts, look, ruling = self._review(conn, proposal, vouched=approve)
        verdict = ruling.review()
        detail, state, send = "", ApprovalState.RELEASED, None
        if not approve:
            kind, state, detail = AnswerKind.DENIED, ApprovalState.REJECTED, f"rejected by {by}: {reason}"
        elif (drift := self._drift(conn, proposal, facts)) is not None:
            kind, state, detail = AnswerKind.DENIED, ApprovalState.DENIED, drift
        elif not verdict.allowed:
            kind, state, detail = AnswerKind.DENIED, ApprovalState.DENIED, "denied at release"
        else:
            kind, send = AnswerKind.WORKING, self._reserve(conn, proposal, ruling, vouched=True)
        orderbook.settle_approval(conn, proposal.proposal_id, state, by=by, reason=reason, now_ns=now_ns)
        orderbook.write_proposal(conn, proposal, facts, verdict, kind, detail, actions.cycle_of(proposal))
        self._note(conn, proposal, verdict, kind, facts)
        said = {"approved": approve, "by": by, "reason": reason}
        actions.record_release(conn, proposal, facts, verdict, kind, detail, said)
        receipt = Receipt(proposal.proposal_id, kind, verdict, plain(facts), detail)
        return _Decision(receipt, send, epoch_moved=bool(look.tripped))

    def _kind(self, ruling: Ruling) -> AnswerKind:
        if self._examiner.asks(ruling):
            return AnswerKind.WAITING
        return AnswerKind.WORKING if ruling.allowed else AnswerKind.DENIED

    def _review(
        self, conn: Connection, proposal: Proposal, *, reused_id: bool = False, vouched: bool = False
    ) -> Examination:
        return self._examiner.review(conn, proposal, reused_id=reused_id, vouched=vouched)

    def _reserve(self, conn: Connection, proposal: Proposal, ruling: Ruling, *, vouched: bool = False) -> str:
        """Writes the attempt at its worst case; from here on every review counts it."""
        order, facts = proposal.order, ruling.candidate.facts
        attempt = orderbook.next_attempt(conn, order.proposal_id)
        client_order_id = identity.client_order_id(order.proposal_id, attempt)
        orderbook.write_attempt(
            conn,
            order,
            client_order_id,
            attempt=attempt,
            venue=self._door.venue_name,
            reserved=self._worst_case(order, facts),
            reduce_only=order.reduce_only or ruling.candidate.reducing,
            protective=proposal.source.startswith(actions.STOP),
            plan=proposal.plan_id,
            vouched=vouched,
            now_ns=facts.now_ns,
        )
        return client_order_id

    def _worst_case(self, order: Order, facts: Facts) -> tuple[str, Decimal]:
        instrument, quote = facts.instruments[order.symbol], facts.quotes.get(order.symbol)
        cost = unit_cost(order, instrument, quote, self._policy.market_slippage)
        if cost is None:
            # Only an exit passes without a price: it frees margin, and takes none.
            return instrument.quote, ZERO
        currency, price, fee_rate = cost
        return currency, cost_with_fee(order.quantity, price, fee_rate)

    def _ask_person(self, conn: Connection, order: Order, facts: Facts) -> None:
        quote = facts.quotes.get(order.symbol)
        expires_ns = facts.now_ns + self._policy.approval_ttl_s * SECOND_NS
        orderbook.ask_person(conn, order, None if quote is None else quote.mid, facts.now_ns, expires_ns)

    def _awaited(self, conn: Connection, proposal_id: str) -> Proposal:
        row, now_ns = orderbook.approval(conn, proposal_id), self._clock.now_ns()
        if row is None:
            raise ConfigError(f"no proposal {proposal_id} waits for approval in account {self._account_id}")
        if row.state is not ApprovalState.WAITING:
            raise ConfigError(
                f"proposal {proposal_id} was {row.state.value} already; only a waiting one can be answered"
            )
        if now_ns > row.expires_ns:
            raise ConfigError(
                f"proposal {proposal_id} expired at {show_time(row.expires_ns)} by the account's clock, "
                f"which shows {show_time(now_ns)}"
            )
        found = orderbook.find_proposal(conn, proposal_id)
        assert found is not None  # approvals reference proposals
        return orderbook.stored_proposal(found.body)

    def _drift(self, conn: Connection, proposal: Proposal, facts: Facts) -> str | None:
        """Why the price has left the band that the person saw; None while it is inside."""
        row, quote = orderbook.approval(conn, proposal.proposal_id), facts.quotes.get(proposal.order.symbol)
        if row is None or row.reference_price is None or quote is None:
            return "the price cannot be compared with the one that was shown"
        moved = abs(quote.mid / row.reference_price - 1)
        if moved <= self._policy.approval_drift:
            return None
        return f"the price moved {moved:.2%} since it was proposed, {self._policy.approval_drift:.2%} allowed"

    def _note(self, conn: Connection, proposal: Proposal, verdict: Review, kind: AnswerKind, facts: Facts) -> None:
        entry = {
            "proposal_id": proposal.proposal_id,
            "order_hash": verdict.order_hash,
            "answer": kind,
            "state": verdict.state,
            "denied": [v.code for v in verdict.denials],
            "alarms": {v.code: v.alarm for v in verdict.verdicts if v.alarm is not None},
        }
        journal.append(conn, self._account_id, "review", entry, ts_ns=facts.now_ns)

    async def _clear_the_way(self, proposal: Proposal) -> None:
        """An exit is never held up by what is our own: that is cancelled first, if nothing else denies the exit."""
        await self.cancel_each(self._books.read(lambda conn: self._clearing.in_the_way(conn, proposal)))

    def _halted_entries(self, conn: Connection) -> list[Attempt]:
        """Resting orders that add risk where the account, the venue or their symbol is halted."""
        now_ns = self._clock.now_ns()
        if not self._breakers.halts_anything(conn, now_ns):
            return []
        held = {p.symbol: p.side for p in ledger.positions(conn, self._account_id)}
        live, _ = orderbook.open_orders(conn, self._account_id)
        adding = {
            o.proposal_id
            for o in live
            if not o.reduce_only
            and held.get(o.symbol) is not o.side.opposite
            and self._breakers.standing(conn, now_ns, o.symbol).state is _HALTED
        }
        return [a for a in orderbook.live_attempts(conn, self._account_id) if a.proposal_id in adding]

    def _sight(self, conn: Connection) -> Sight:
        return sight(conn, self._account_id, self._market, self._clock.now_ns())

    async def _after(self, decision: _Decision) -> None:
        """A halt that this review found takes the resting entries with it at once."""
        if decision.epoch_moved and decision.receipt.review.state == _HALTED.value:
            await self.cancel_entries()

    # The send.

    def _start(self, decision: _Decision, order: Order, decided_ns: int) -> asyncio.Task[None] | None:
        """Mints the ticket and begins the send, before anybody else can run or cancel: what is reserved is sent."""
        if decision.epoch_moved:
            self._office.void_all()
        if decision.send is None:
            return None
        # From here on the venue's silence proves nothing about this order.
        self._in_flight.add(decision.send)
        reducing = decision.receipt.review.reducing
        approved = self._office.mint(order, self._office.epoch, self._clock.now_ns(), reducing=reducing)
        task = asyncio.create_task(self._deliver(approved, decision.send, decided_ns))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)
        return task

    async def _answered(self, decision: _Decision, sending: asyncio.Task[None] | None) -> Receipt:
        if sending is None:
            return decision.receipt
        await asyncio.shield(sending)
        now = self._books.read(lambda conn: stored_receipt(conn, decision.receipt.proposal_id))
        assert now is not None  # it was written under the lock
        return now

    async def _deliver(self, approved: ApprovedOrder, client_order_id: str, decided_ns: int) -> None:
        """Every ending but a proof is UNKNOWN: a failed request may have traded."""
        order = approved.order
        try:
            try:
                await self._door.submit(approved, client_order_id, decided_ns)
            finally:
                self._in_flight.discard(client_order_id)
        except TicketRefused as refused:
            self._finish(order, client_order_id, OrderState.ABSENT, "never sent: its ticket was refused", str(refused))
        except ExchangeRejected as rejected:
            self._finish(order, client_order_id, OrderState.REJECTED, f"rejected by the venue: {rejected}")
        except Exception as failure:  # noqa: BLE001  # the top of the gate's own task; whatever it was, it proves nothing
            self._finish(order, client_order_id, OrderState.UNKNOWN, "no proof from the venue", repr(failure))
        else:
            # Accepted; if the report cannot be had now, the watch asks again and the order counts as it was sent.
            with suppress(ExchangeUnavailable):
                await self.poll(client_order_id, order.symbol)

    def _finish(
        self, order: Order, client_order_id: str, state: OrderState, detail: str, particulars: str = ""
    ) -> None:
        """`detail` goes into the receipt and its hash; `particulars`, with their times and ids, into the journal."""
        now_ns = self._clock.now_ns()
        kind = AnswerKind.WORKING if state.live else AnswerKind.DONE

        def write(conn: Connection) -> None:
            orderbook.set_state(conn, client_order_id, state, now_ns)
            orderbook.answer(conn, order.proposal_id, kind, detail)
            entry = {"client_order_id": client_order_id, "to": state, "detail": detail, "particulars": particulars}
            journal.append(conn, self._account_id, "order", entry, ts_ns=now_ns)

        self._books.write(write)


def stored_receipt(conn: Connection, proposal_id: str) -> Receipt | None:
    row = orderbook.find_proposal(conn, proposal_id)
    return None if row is None else _receipt(conn, row)


def _receipt(conn: Connection, row: Row[Any]) -> Receipt:
    """The answer as it stands now: an order that was working is done once no attempt of it lives."""
    kind, tried = row.kind, orderbook.attempts(conn, row.proposal_id)
    if kind is AnswerKind.WORKING and tried and not tried[-1].state.live:
        kind = AnswerKind.DONE
    return Receipt(
        row.proposal_id, kind, actions.stored_review(row.review), blobs.get_json(conn, row.facts), row.detail
    )
