"""What an exit can still close, and the orders of guards: what several of them want is never more than is held.

Nor is it more than their side holds: beside a sale that is on its way, no stop of a cycle sells an instruction's coins.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from sqlalchemy import Connection

from core import identity
from core.bars import Bar
from core.instruments import Instrument
from core.money import ZERO, Quantity, round_quantity
from core.orders import Order, OrderState, OrderType, Proposal
from execution import actions, guardbook, orderbook
from execution.guards import Guard
from execution.orderbook import Attempt
from execution.ways import STOPPED, WayOut
from memory.books import ledger
from memory.books.owners import are_apart
from risk.shaping import is_dust

NOTHING: Final[Mapping[str, Decimal]] = {}


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held of each symbol, what guards it, and our orders that may still fill, at one moment."""

    held: Mapping[str, Decimal]
    guards: Sequence[Guard]
    live: Sequence[Attempt]

    @classmethod
    def of(cls, conn: Connection, account_id: str) -> "Holdings":
        held = {p.symbol: p.quantity for p in ledger.positions(conn, account_id)}
        return cls(held, guardbook.armed(conn, account_id), orderbook.live_attempts(conn, account_id))

    def exits(self, guard: Guard) -> list[Attempt]:
        """Whatever closes the guard's symbol already, or may."""
        return [a for a in self.live if a.symbol == guard.symbol and a.side is guard.side]

    def resting(self, guard: Guard) -> Attempt | None:
        """The guard's own stop that waits at the venue, and has not begun to fill."""
        return next((a for a in self.live if a.proposal_id == guard.resting and not a.filled_quantity), None)

    def open_to(
        self, guard: Guard, aside: Collection[Attempt] = (), promised: Mapping[str, Decimal] = NOTHING
    ) -> Decimal:
        """What the guard can still close once `aside` is gone; `promised`, by owner, is other guards' of the position.

        Of its own no more than it is not closing already, and of the position no more than nobody is.
        """
        exits = [a for a in self.exits(guard) if a not in aside]
        return max(ZERO, min(guard.quantity - closing(guard, exits), self.free(guard, aside, promised)))

    def free(self, guard: Guard, aside: Collection[Attempt] = (), promised: Mapping[str, Decimal] = NOTHING) -> Decimal:
        """What of the position nobody closes once `aside` is gone, without what is kept for other owners."""
        held, owner = self.held.get(guard.symbol, ZERO), guard.owner
        leaving = [(a.owner, a.remaining) for a in self.exits(guard) if a not in aside] + list(promised.items())
        guarded = [(g.owner, g.quantity) for g in self.guards if g.symbol == guard.symbol]
        # Where coins left without a fill, less is held than is guarded: then none of it is kept from a stop.
        kept = min(_of_others(owner, guarded), max(ZERO, held - _of_own(owner, guarded)))
        return held - _of_own(owner, leaving) - max(kept, _of_others(owner, leaving))


def closing(guard: Guard, exits: Sequence[Attempt]) -> Decimal:
    """What the guard's own orders may still close."""
    return _left([a for a in exits if a.plan == guard.source])


def at_once(quantity: Decimal, instrument: Instrument) -> Quantity:
    """What one order closes of it: an even part where the venue takes no more, so that the last is not too small."""
    if instrument.max_quantity is None or quantity <= instrument.max_quantity:
        return round_quantity(quantity, instrument.lot_size)
    orders = (quantity / instrument.max_quantity).to_integral_value(ROUND_CEILING)
    return round_quantity(quantity / orders, instrument.lot_size)


def sendable(quantity: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
    """As much of it as the venue would take in one order; 0 where that is too little."""
    rounded = at_once(quantity, instrument)
    return ZERO if is_dust(rounded, price, instrument) else rounded


def closable(
    seen: Holdings, guard: Guard, way: WayOut, price: Decimal, instrument: Instrument, aside: Collection[Attempt] = ()
) -> Decimal:
    """What a way out can close once `aside` is gone, as the venue would take it."""
    most = seen.open_to(guard, aside)
    if not way.takes_profit:
        # What is nobody's to close and too little to be sold alone goes with it: the position is ours.
        free = seen.free(guard, aside)
        whole = most and is_dust(free - most, price, instrument)
        return sendable(free if whole else most, price, instrument)
    own = closing(guard, [a for a in seen.exits(guard) if a not in aside])
    due = sendable(min(most, guard.profit_due() - own), price, instrument)
    # A rest that could not be sold at all goes with it.
    return due if not due or sendable(most - due, price, instrument) else sendable(most, price, instrument)


def in_the_way(
    seen: Holdings, guard: Guard, way: WayOut, price: Decimal, instrument: Instrument
) -> list[Attempt] | None:
    """What waits for a price of its own and has to go first; None where the exit would close nothing even then.

    The guard's own stop at the venue goes, unless that is the one to fill; so do limit orders and stops of anybody's
    own, but not for a rung: they take profit too.
    """
    resting = seen.resting(guard)
    aside = [] if resting is None or _covers(resting, guard, way.bar) else [resting]
    if not way.takes_profit:
        aside += [a for a in seen.exits(guard) if _waits_elsewhere(a)]
    return aside if closable(seen, guard, way, price, instrument, aside) else None


def new_order(conn: Connection, guard: Guard, quantity: Decimal, now_ns: int, way: WayOut | None) -> Proposal:
    """One more order of a guard: an exit, or without a way out its stop, to wait at the venue."""
    hits = guard.hits + 1
    proposal_id = identity.stop_proposal_id(guard.stop_id, hits)
    guardbook.change(conn, guard.stop_id, hits=hits, **({"resting": proposal_id} if way is None else {}))
    waits = way is None or way.bar is not None
    order = Order(
        proposal_id=proposal_id,
        account_id=guard.account_id,
        owner=guard.owner,
        symbol=guard.symbol,
        side=guard.side,
        type=OrderType.STOP if waits else OrderType.MARKET,
        quantity=Quantity(quantity),
        trigger_price=guard.trigger if waits else None,
        reduce_only=True,
    )
    decided_ns = now_ns if way is None or way.bar is None else way.bar.open_ns
    thesis = f"{STOPPED[guard.set_by]}, at the venue" if way is None else way.reason
    return Proposal(order, source=guard.source, decided_ns=decided_ns, thesis=thesis, plan=guard.source)


def _waits_elsewhere(attempt: Attempt) -> bool:
    """Whether an exit waits for a price of its own, and is no guard's: the coins are not its to keep from a stop."""
    return attempt.type is not OrderType.MARKET and not attempt.plan.startswith(actions.STOP)


def _of_own(owner: str, quantities: Iterable[tuple[str, Decimal]]) -> Decimal:
    return sum((quantity for other, quantity in quantities if not are_apart(owner, other)), ZERO)


def _of_others(owner: str, quantities: Iterable[tuple[str, Decimal]]) -> Decimal:
    return sum((quantity for other, quantity in quantities if are_apart(owner, other)), ZERO)


def _left(attempts: Sequence[Attempt]) -> Decimal:
    return sum((a.remaining for a in attempts), ZERO)


def _covers(attempt: Attempt, guard: Guard, bar: Bar | None) -> bool:
    """Whether the venue's stop is the one to fill in a bar: it stood there before the bar, no looser than the guard."""
    if bar is None or attempt.trigger_price is None:
        return False
    as_tight = attempt.side.sign * (attempt.trigger_price - guard.trigger) <= 0
    return attempt.state is OrderState.OPEN and as_tight and attempt.created_ns <= bar.open_ns
