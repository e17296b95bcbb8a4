"""A second policy that reviews beside the active one and decides nothing: only where they differ is written down."""

from sqlalchemy import Connection

from core.orders import Order
from core.verdicts import Review
from execution.breakers import Look
from memory.books import journal
from risk.breakers import trips
from risk.facts import Facts
from risk.readings import ACCOUNT, Scope
from risk.review import Rulebook
from risk.states import Standing


class Shadow:
    """It reads what the active policy has read, and keeps no causes of its own.

    What would stand under it is what its breakers hold at these readings, and every live cause that it names too, with
    its own state and caps: otherwise each latch of the active policy would be a difference.
    """

    def __init__(self, account_id: str, rulebook: Rulebook) -> None:
        self._account_id = account_id
        self._rulebook = rulebook

    def compare(self, conn: Connection, order: Order, facts: Facts, look: Look, active: Review) -> None:
        shadow = self._rulebook.review(order, facts, self._standing(order.symbol, look))
        ours, theirs = _codes(active), _codes(shadow)
        if ours == theirs and active.allowed == shadow.allowed:
            return
        entry = {
            "proposal_id": order.proposal_id,
            "symbol": order.symbol,
            "policy": self._rulebook.policy.policy_hash,
            "active": {"allowed": active.allowed, "denied": ours},
            "shadow": {"allowed": shadow.allowed, "denied": theirs},
        }
        journal.append(conn, self._account_id, "shadow", entry, ts_ns=facts.now_ns)

    def _standing(self, symbol: str, look: Look) -> Standing:
        breakers = {breaker.name: breaker for breaker in self._rulebook.policy.breakers}
        scopes = {ACCOUNT, Scope.SYMBOL.named(symbol), Scope.VENUE.named(look.venue)}
        known = [breakers[c.name].sets for c in look.live if c.name in breakers and c.scope in scopes]
        holding = [t.breaker.sets for t in trips(look.readings, tuple(breakers.values())) if t.scope in scopes]
        return Standing.joined([*known, *holding])


def _codes(review: Review) -> list[str]:
    return sorted(verdict.code for verdict in review.denials)
