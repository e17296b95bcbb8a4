"""Clearing the way of an exit: what of our own would hold it up, and is cancelled first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from core.fills import stop_hit
from core.money import ZERO
from core.orders import Order, OrderType, Proposal, Side
from core.ports import Clock, MarketFacts
from execution import actions, guardbook, orderbook
from execution.breakers import Breakers
from execution.examiner import Examiner
from execution.orderbook import Attempt
from execution.snapshot import usable_quote
from risk.candidate import Candidate
from risk.facts import Facts
from risk.rules.conduct import could_cross


class Clearing:
    """Finds them; the gate cancels."""

    def __init__(
        self, account_id: str, market: MarketFacts, examiner: Examiner, breakers: Breakers, clock: Clock
    ) -> None:
        self._account_id = account_id
        self._market = market
        self._examiner = examiner
        self._breakers = breakers
        self._clock = clock

    def in_the_way(self, conn: Connection, proposal: Proposal) -> list[Attempt]:
        """Entries that an exit would meet, and stops that rest at the venue on the coins that it needs.

        What is left of the position is guarded by the watch, which has its stops rest again at its next step. The watch
        itself says which of its stops an exit of its own replaces.
        """
        order = proposal.order
        ours = [a for a in orderbook.live_attempts(conn, self._account_id) if not a.external]
        live = [a for a in ours if a.symbol == order.symbol]
        entries = [a for a in live if a.side is order.side.opposite]
        # A stop makes way for what closes now. What waits for a better price would leave the position without one.
        kept = proposal.source.startswith(actions.STOP) or self._waits(order)
        stops = [] if kept else guardbook.resting(conn, self._account_id, [a for a in live if a.side is order.side])
        row = orderbook.find_proposal(conn, proposal.proposal_id) if entries or stops else None
        if not (entries or stops) or (row is not None and not orderbook.may_try_again(conn, row.proposal_id)):
            return []
        facts = self._examiner.freeze(conn, proposal)
        standing = self._breakers.standing(conn, facts.now_ns, order.symbol)
        ruling = self._examiner.judge(order, facts, standing)
        if ruling.allowed or not all(number.is_finite() for number in ruling.candidate.numbers):
            return []
        quote = facts.quotes.get(order.symbol)
        last = None if quote is None else quote.last
        crossing = {o.proposal_id for o in facts.orders if could_cross(order, o, last)}
        aside = [a for a in entries if a.proposal_id in crossing]
        aside += _making_room(stops, ruling.candidate, facts)
        gone = {a.proposal_id for a in aside}
        then = replace(facts, orders=tuple(o for o in facts.orders if o.proposal_id not in gone))
        without = self._examiner.judge(order, then, standing)
        return aside if without.candidate.reducing and without.allowed else []

    def _waits(self, order: Order) -> bool:
        """Whether an order would rest at the venue instead of trading now."""
        quote = usable_quote(self._market, order.symbol, self._clock.now_ns())
        asked = [price for price in (order.limit_price, order.trigger_price) if price is not None]
        if order.type is OrderType.MARKET or quote is None or not all(price.is_finite() for price in asked):
            return False
        best, sign = quote.ask if order.side is Side.BUY else quote.bid, order.side.sign
        if order.limit_price is not None:
            return sign * (order.limit_price - best) < 0
        return order.trigger_price is not None and not stop_hit(order.trigger_price, quote.last, quote.last, sign)


def _making_room(stops: Sequence[Attempt], exit_: Candidate, facts: Facts) -> Iterator[Attempt]:
    """Stops that an exit needs out of its way. One that guards another owner's coins is none of them, unless so few
    are left that it rests on the seller's own as well.
    """
    short = exit_.quantity - exit_.proven
    apart = {o.proposal_id for o in facts.orders if o.apart}
    theirs = [stop for stop in stops if stop.proposal_id in apart]
    held = ZERO if exit_.position is None or facts.own is None else exit_.position.quantity - facts.own
    beyond = sum((stop.remaining for stop in theirs), ZERO) - held
    for stop in stops:
        if stop not in theirs and short > 0:
            short -= stop.remaining
            yield stop
    for stop in theirs:
        if short > 0 and beyond > 0:
            short, beyond = short - min(beyond, stop.remaining), beyond - stop.remaining
            yield stop
