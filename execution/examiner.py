"""The examiner: fresh facts, a look at the breakers, and every rule on one proposal. It decides nothing."""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from core.orders import Order, Proposal
from core.ports import Clock, MarketFacts
from core.taint import Taint
from execution.breakers import Breakers, Look
from execution.conditions import Surveyor
from execution.ports import VenueHealth
from execution.readings import Sight
from execution.shadow import Shadow
from execution.snapshot import freeze
from risk.candidate import Candidate
from risk.facts import Facts
from risk.review import Rulebook, Ruling
from risk.shaping import as_sent
from risk.states import Standing


class Examination(NamedTuple):
    """One review: what it read, what the breakers found on the way, and what the rules say."""

    facts: Facts
    look: Look
    ruling: Ruling


class Examiner:
    """One account's reviews, under one rulebook; a shadow policy reviews beside it."""

    def __init__(
        self,
        market: MarketFacts,
        rulebook: Rulebook,
        clock: Clock,
        breakers: Breakers,
        health: VenueHealth,
        shadow: Shadow | None = None,
        *,
        bare_market: bool = True,
    ) -> None:
        self._bare_market = bare_market
        self.rulebook = rulebook
        self._market = market
        self._surveyor = Surveyor(market)
        self._clock = clock
        self._breakers = breakers
        self._health = health
        self._shadow = shadow

    def freeze(self, conn: Connection, proposal: Proposal, *, reused_id: bool = False, vouched: bool = False) -> Facts:
        policy, now_ns = self.rulebook.policy, self._clock.now_ns()
        known = (self._market, self._surveyor, self._health, proposal, policy, now_ns)
        facts = freeze(conn, *known, reused_id=reused_id, vouched=vouched)
        return facts if self._bare_market else replace(facts, bare_market=False)

    def judge(self, order: Order, facts: Facts, standing: Standing) -> Ruling:
        """Of the order as it would be sent."""
        return self.rulebook.judge(as_sent(order, facts, self.rulebook.policy), facts, standing)

    def review(
        self, conn: Connection, proposal: Proposal, *, reused_id: bool = False, vouched: bool = False
    ) -> Examination:
        facts = self.freeze(conn, proposal, reused_id=reused_id, vouched=vouched)
        look = self._breakers.look(conn, Sight.of(facts))
        ruling = self.judge(proposal.order, facts, look.standing(proposal.order.symbol))
        if self._shadow is not None:
            self._shadow.compare(conn, ruling.candidate.order, facts, look, ruling.review())
        return Examination(facts, look, ruling)

    def asks(self, ruling: Ruling) -> bool:
        """Whether a person has the next word. An exit never waits for anybody, and for a child its parent has."""
        c, policy = ruling.candidate, self.rulebook.policy
        asked = policy.approval_for(c.order.symbol)
        if c.reducing or c.intent.child or asked == "never":
            return False
        if not ruling.allowed:
            return self.rulebook.passes_vouched(ruling)
        if asked == "over":
            worth = _worth_in_all(c)
            return worth is None or worth > policy.approval_over
        return asked == "always" or c.intent.taint > Taint.TRUSTED


def _worth_in_all(c: Candidate) -> Decimal | None:
    """Of an order with what is held and open in its asset: many small orders are one large one."""
    if c.worth is None or c.portfolio is None or c.instrument is None:
        return None
    return c.portfolio.of(c.instrument.base) + c.worth
