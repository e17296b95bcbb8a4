"""What the gate answers: one verdict a rule, and what became of a proposal. Denials are data."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.canonical import JSON
from core.money import ZERO, Quantity


class Outcome(StrEnum):
    PASSED = "passed"
    DENIED = "denied"
    EXEMPT = "exempt"  # measured and shown, but an order proven to reduce is not held to it


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer: what was measured beside what is allowed. `measured` None could not be measured: denied.

    `largest` is the largest quantity of this order that the rule would pass, in base units; None where no quantity
    would change the answer. `alarm` names the error of a rule that broke: it denies, and somebody must look.
    """

    code: str
    layer: str
    unit: str
    measured: Decimal | None
    limit: Decimal
    outcome: Outcome
    largest: Quantity | None = None
    alarm: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """All verdicts on one order, in the trading state and at the fraction of the caps that held for it.

    `reducing` says that it was proven to reduce at worst case.
    """

    order_hash: str
    reducing: bool
    state: str
    caps: Decimal
    verdicts: tuple[Verdict, ...]

    @property
    def denials(self) -> tuple[Verdict, ...]:
        return tuple(v for v in self.verdicts if v.outcome is Outcome.DENIED)

    @property
    def allowed(self) -> bool:
        # An empty rule list proves nothing.
        return bool(self.verdicts) and not self.denials

    @property
    def largest_allowed(self) -> Quantity:
        """The largest quantity that every rule would pass; 0 if a denial does not depend on the quantity."""
        if any(v.largest is None for v in self.denials):
            return Quantity(ZERO)
        return Quantity(max(ZERO, min((v.largest for v in self.verdicts if v.largest is not None), default=ZERO)))


class AnswerKind(StrEnum):
    DENIED = "denied"
    WAITING = "waiting"  # for a person
    WORKING = "working"  # at the venue
    DONE = "done"  # filled, cancelled, rejected or expired


@dataclass(frozen=True, slots=True)
class Receipt:
    """The gate's answer to a proposal. `detail` is free of ids and times that a replay could not repeat.

    `facts` is the canonical JSON of the snapshot that was reviewed: with it anybody can review the order again. Where
    several venues share the order, `route` says how and why, `parts` holds each gate's answer in the route's order, and
    `facts` those of each part.
    """

    proposal_id: str
    kind: AnswerKind
    review: Review
    facts: JSON
    detail: str = ""
    route: JSON = None
    parts: tuple["Receipt", ...] = ()
