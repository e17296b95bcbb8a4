"""What became of the orders of a standing instruction: their slots, brought up to what the books say now."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, select

from core.money import ZERO
from core.ports import Clock, MarketFacts
from core.verdicts import AnswerKind, Outcome
from execution import orderbook
from execution.actions import stored_review
from memory.books import instructions as book
from memory.books import tables
from memory.books.database import Books
from memory.books.instructions import Slot, Standing
from memory.books.words import SlotState

_ATTEMPTS: Final = 3  # of one order that is proven never to have reached the venue


class Slots:
    """Of every instruction of one account."""

    def __init__(self, account_id: str, books: Books, market: MarketFacts, clock: Clock) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._clock = clock

    def refreshed(self, standing: Standing, *, drop_planned: bool = False) -> list[Slot]:
        """Its orders as the books have them now, kept. What was planned and never proposed may be dropped."""

        def current(conn: Connection) -> tuple[list[Slot], list[Slot]]:
            before = book.slots(conn, standing.instruction_id)
            return before, [slot if slot.settled else self._now(conn, slot, drop_planned) for slot in before]

        before, after = self._books.read(current)
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        if changed:
            now_ns = self._clock.now_ns()

            def write(conn: Connection) -> None:
                for old, new in changed:
                    book.keep(conn, self._account_id, old, new, now_ns)

            self._books.write(write)
        return after

    def _now(self, conn: Connection, slot: Slot, drop_planned: bool) -> Slot:
        row = orderbook.find_proposal(conn, slot.proposal_id)
        if row is None:
            return replace(slot, state=SlotState.OVER, reason="never proposed") if drop_planned else slot
        if row.kind is AnswerKind.DENIED:
            denied = [v.code for v in stored_review(row.review).verdicts if v.outcome is Outcome.DENIED]
            return replace(slot, state=SlotState.DENIED, reason=", ".join(denied) or row.detail)
        tried = orderbook.attempts(conn, slot.proposal_id)
        if orderbook.may_try_again(conn, slot.proposal_id) and len(tried) < _ATTEMPTS and not drop_planned:
            return replace(slot, state=SlotState.PLANNED, reason="it never reached the venue")
        filled = sum((attempt.filled_quantity for attempt in tried), ZERO)
        live = not tried or any(attempt.state.live for attempt in tried)
        spent = self._spent(conn, [attempt.client_order_id for attempt in tried]) if filled else ZERO
        state = SlotState.OPEN if live else SlotState.OVER
        return replace(slot, state=state, filled=filled, spent=spent, reason="" if live else row.detail)

    def _spent(self, conn: Connection, names: Sequence[str]) -> Decimal:
        """What the fills of a buy came to, in quote currency; a fee in another currency at what that was worth."""
        table, spent = tables.fills, ZERO
        for fill in conn.execute(select(table).where(table.c.client_order_id.in_(names))):
            instrument = self._market.instrument(fill.symbol)
            paid = instrument is not None and fill.fee_currency == instrument.quote
            in_coins = instrument is not None and fill.fee_currency == instrument.base
            fee = fill.fee if paid else ZERO if in_coins else fill.fee_worth or ZERO
            spent += fill.quantity * fill.price + fee
        return spent
