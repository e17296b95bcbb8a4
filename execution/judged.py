"""One review as it is stored: what was wanted, known and answered, each in its canonical form once."""

from dataclasses import dataclass
from typing import Self

from core.canonical import JSON, Canonical
from core.orders import Proposal
from core.verdicts import AnswerKind, Receipt, Review
from risk.facts import Facts


@dataclass(frozen=True, slots=True)
class Judged:
    """A proposal, the facts and the answer of one review; `wanted`, `known` and `said` are their canonical forms."""

    proposal: Proposal
    facts: Facts
    review: Review
    kind: AnswerKind
    detail: str
    wanted: Canonical
    known: Canonical
    said: Canonical

    @classmethod
    def of(cls, proposal: Proposal, facts: Facts, review: Review, kind: AnswerKind, detail: str = "") -> Self:
        forms = (Canonical.of(proposal), Canonical.of(facts), Canonical.of(review))
        return cls(proposal, facts, review, kind, detail, *forms)

    @property
    def receipt(self) -> Receipt:
        return Receipt(self.proposal.proposal_id, self.kind, self.review, self.known.value, self.detail)

    def recorded(self) -> dict[str, JSON]:
        """What a record keeps of it: the facts by their digest, since the proposal's row names them."""
        return {"facts": self.known.digest, "review": self.said, "kind": self.kind.value}
