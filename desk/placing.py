"""One step of one standing instruction: what it wants is written down, then put before the gate, or taken back."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from agents import instructions
from agents.instructions import Stepped, parsed
from core.canonical import plain
from core.errors import ConfigError, ExchangeUnavailable
from core.orders import Proposal, Side
from core.ports import Clock, MarketFacts
from core.verdicts import AnswerKind
from desk.seeing import Sight
from desk.slots import Slots
from execution import orderbook
from execution.gate import Gate
from memory.books import instructions as book
from memory.books.database import Books
from memory.books.instructions import Slot, Standing
from memory.books.words import InstructionState, SlotState
from risk.codes import DenialCode
from risk.settings import RiskSettings
from tools.strategies.shapes import Seen

DESK: Final = "desk"  # who pauses and ends where no person did
_PATIENCE: Final = 5  # orders of one instruction that are denied in a row: then a person looks
_ACTIVE, _ENDING = InstructionState.ACTIVE, InstructionState.ENDING


class Placing:
    """One account's. A slot is durable before the gate hears of its order: killed anywhere, it is placed once."""

    def __init__(
        self, account_id: str, books: Books, market: MarketFacts, gate: Gate, clock: Clock, policy: RiskSettings
    ) -> None:
        self._account_id = account_id
        self._books = books
        self._gate = gate
        self._clock = clock
        self._slots = Slots(account_id, books, market, clock)
        self._sight = Sight(account_id, market, clock, policy)

    async def step(self, standing: Standing, equity: Decimal | None) -> None:
        """Of an active one, where new risk is allowed. `equity` is the account's, in its numeraire."""
        slots = self._slots.refreshed(standing)
        instruction = parsed(standing.body)
        until_ns = instruction.budget.until_ns
        for slot in slots:
            if slot.state is SlotState.PLANNED and (until_ns is None or self._clock.now_ns() < until_ns):
                # The process ended before the gate had it, or the venue: the same order has the same name.
                await self._propose(standing, orderbook.stored_proposal(slot.body))
                return
        seen = self._books.read(lambda conn: self._sight.seen(conn, standing, instruction, slots, equity))
        stepped = instructions.step(instruction, instructions.begun(instruction, standing.memo), seen)
        for proposal in self._books.write(lambda conn: self._kept(conn, standing, stepped, seen, len(slots))):
            if not await self._propose(standing, proposal):
                return
        gone = [slot for slot in slots if slot.slot in stepped.withdrawn]
        await self._withdraw(gone, stepped.finished or "it is wanted no longer")

    def look(self, standing: Standing) -> None:
        """Where no new risk is allowed: keeps what became of its orders, and wants nothing."""
        self._slots.refreshed(standing)

    async def rest(self, standing: Standing, *, drop_planned: bool = True) -> None:
        """Takes back what adds and still waits; one that ends has ended when nothing of it may fill any more."""
        slots = self._slots.refreshed(standing)
        await self._withdraw([s for s in slots if s.side is Side.BUY and not s.settled], standing.reason or "it ended")
        left = [slot for slot in self._slots.refreshed(standing, drop_planned=drop_planned) if not slot.settled]
        if standing.state is _ENDING and not left:
            self._move(standing, _ENDING, InstructionState.ENDED, standing.reason)

    def pause(self, standing: Standing, reason: str) -> None:
        """The desk's own word, where a person had no other meanwhile."""
        self._move(standing, _ACTIVE, InstructionState.PAUSED, reason)

    def _move(self, standing: Standing, before: InstructionState, to: InstructionState, reason: str) -> None:
        def write(conn: Connection) -> None:
            now = book.find(conn, standing.instruction_id)
            if now is not None and now.state is before:
                book.move(conn, now, to, by=DESK, reason=reason, now_ns=self._clock.now_ns())

        self._books.write(write)

    def _kept(self, conn: Connection, standing: Standing, stepped: Stepped, seen: Seen, number: int) -> list[Proposal]:
        """Writes down what a step found and wants, and answers the orders that are new."""
        now = book.find(conn, standing.instruction_id)
        if now is None or now.state is not _ACTIVE:
            return []
        now_ns = seen.now_ns
        book.remember(conn, standing, plain(stepped.state), now_ns)
        if stepped.finished is not None:
            book.move(conn, standing, _ENDING, by=DESK, reason=stepped.finished, now_ns=now_ns)
            return []
        wanted = []
        for place in stepped.places:
            instrument = seen.instruments[place.symbol]
            proposal = instructions.proposal(
                place,
                instrument,
                instruction_id=standing.instruction_id,
                account_id=self._account_id,
                term=standing.term,
                confirmed=standing.confirmed,
                now_ns=now_ns,
            )
            worst = instructions.worst_of(proposal, instrument)
            if book.plan(conn, standing, place.slot, proposal, number=number, worst=worst, now_ns=now_ns):
                wanted.append(proposal)
                number += 1
        return wanted

    async def _propose(self, standing: Standing, proposal: Proposal) -> bool:
        """Before the gate with it, unless a person paused or ended it meanwhile.

        A denial is kept with its reason, and too many of them pause the instruction.
        """
        now = self._books.read(lambda conn: book.find(conn, standing.instruction_id))
        if now is None or now.state is not _ACTIVE:
            return False
        await self._gate.propose(proposal)
        slots = self._slots.refreshed(standing)
        term = [slot for slot in slots if slot.body["plan"] == standing.plan]
        last = term[-_PATIENCE:]
        if not last or last[-1].state is not SlotState.DENIED:
            return True
        why = last[-1].reason
        if DenialCode.REPEATED in why.split(", "):
            self.pause(standing, f"a person must look again: {why}")
            return False
        if len(last) == _PATIENCE and all(slot.state is SlotState.DENIED for slot in last):
            self.pause(standing, f"{_PATIENCE} orders in a row were denied, the last one by {why}")
            return False
        return True

    async def _withdraw(self, slots: Sequence[Slot], reason: str) -> None:
        for slot in slots:
            known = self._books.read(lambda conn, s=slot: orderbook.find_proposal(conn, s.proposal_id))  # type: ignore[misc]
            if known is not None and known.kind is AnswerKind.WAITING:
                with suppress(ConfigError):  # somebody answered, or nobody did in time
                    await self._gate.answer(slot.proposal_id, approve=False, by=DESK, reason=reason)
                continue
            tried = self._books.read(lambda conn, s=slot: orderbook.attempts(conn, s.proposal_id))  # type: ignore[misc]
            for attempt in tried:
                if attempt.state.live:
                    with suppress(ExchangeUnavailable):
                        await self._gate.cancel(attempt.client_order_id, attempt.symbol)
