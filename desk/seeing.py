"""What a standing instruction is shown at one step: prices, what is held, and what became of its own orders."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from agents.instructions import Instruction, owner_of
from core.money import ZERO
from core.orders import Side
from core.ports import Clock, MarketFacts
from core.quotes import Quote
from core.time import SECOND_NS
from execution import orderbook
from execution.snapshot import usable_quote
from memory.books import ledger, owners
from memory.books.instructions import Slot, Standing
from memory.books.words import SlotState
from risk.settings import RiskSettings
from tools.strategies.shapes import Child, ChildState, Seen

_CHILD: Final = {SlotState.DENIED: ChildState.DENIED, SlotState.OVER: ChildState.OVER}


class Sight:
    """Of one account. Only what is known at the clock's now."""

    def __init__(self, account_id: str, market: MarketFacts, clock: Clock, policy: RiskSettings) -> None:
        self._account_id = account_id
        self._market = market
        self._clock = clock
        self._policy = policy

    def seen(
        self,
        conn: Connection,
        standing: Standing,
        instruction: Instruction,
        slots: Sequence[Slot],
        equity: Decimal | None,
    ) -> Seen:
        now_ns, symbols = self._clock.now_ns(), instruction.strategy.symbols
        found = {s: i for s in symbols if (i := self._market.instrument(s)) is not None}
        quotes = {s: q for s in symbols if (q := self._fresh(s, now_ns)) is not None}
        guarded = owners.guarded(conn, self._account_id, owner_of(standing.instruction_id))
        return Seen(
            now_ns=now_ns,
            started_ns=standing.created_ns,
            quotes=quotes,
            instruments=found,
            held={p.symbol: p.quantity for p in ledger.positions(conn, self._account_id) if p.symbol in symbols},
            equity=equity,
            crowded=self._crowded(conn, now_ns),
            orders=tuple(_child(slot, guarded) for slot in slots),
        )

    def _crowded(self, conn: Connection, now_ns: int) -> frozenset[str]:
        """What was bought so short a time ago that the gate would take another order for the same one."""
        since_ns = now_ns - self._policy.duplicate_window_s * SECOND_NS
        recent = orderbook.recent_orders(conn, self._account_id, since_ns)
        return frozenset(order.symbol for order in recent if order.side is Side.BUY)

    def _fresh(self, symbol: str, now_ns: int) -> Quote | None:
        """A quote that the gate would not call too old: an order on another would only be denied."""
        quote = usable_quote(self._market, symbol, now_ns)
        if quote is None:
            return None
        late_ns = now_ns - quote.ts_event_ns - quote.cadence_ns
        return quote if late_ns <= self._policy.max_price_age_s * SECOND_NS else None


def _child(slot: Slot, guarded: Mapping[str, Decimal]) -> Child:
    cost = ZERO if slot.side is Side.SELL else slot.spent if slot.settled else slot.worst
    return Child(
        slot=slot.slot,
        symbol=slot.symbol,
        side=slot.side,
        state=_CHILD.get(slot.state, ChildState.OPEN),
        quantity=slot.quantity,
        filled=slot.filled,
        cost=cost,
        guarded=guarded.get(slot.proposal_id, ZERO),
        placed_ns=slot.created_ns,
    )
