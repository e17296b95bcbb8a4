"""One cycle's state: what was seen, said, planned and answered. Stages add to it and never change what is there."""

from dataclasses import dataclass, replace

from agents.views import ForecastView, Plan, ResearchView, SentimentView, Snapshot
from core.orders import Proposal
from core.verdicts import AnswerKind, Receipt


@dataclass(frozen=True, slots=True)
class Answered:
    """A proposal of this cycle with the gate's first answer."""

    index: int
    revision: int
    proposal: Proposal
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Cycle:
    """`as_of_ns` bounds everything a stage may know. The identity fields come from the run, never from a clock."""

    cycle_id: str
    account_id: str
    run_id: str
    symbols: tuple[str, ...]
    as_of_ns: int
    ordinal: int
    policy_hash: str
    snapshot: Snapshot | None = None
    research: ResearchView | None = None
    sentiment: SentimentView | None = None
    forecast: ForecastView | None = None
    plans: tuple[Plan, ...] = ()
    answers: tuple[Answered, ...] = ()
    record_hash: str | None = None

    @property
    def seen(self) -> Snapshot:
        if self.snapshot is None:
            raise ValueError("the cycle has not observed yet")
        return self.snapshot

    def adding_plan(self, plan: Plan) -> "Cycle":
        return replace(self, plans=(*self.plans, plan))

    def adding_answers(self, *answers: Answered) -> "Cycle":
        return replace(self, answers=(*self.answers, *answers))

    @property
    def savable(self) -> tuple[Answered, ...]:
        """First-round denials that a smaller size might save."""
        return tuple(
            a
            for a in self.answers
            if a.revision == 0 and a.receipt.kind is AnswerKind.DENIED and a.receipt.review.largest_allowed > 0
        )

    @property
    def needs_revision(self) -> bool:
        """Whether the planner gets its one second chance now."""
        return len(self.plans) == 1 and bool(self.savable)

    @property
    def waiting(self) -> tuple[Answered, ...]:
        return tuple(a for a in self.answers if a.receipt.kind is AnswerKind.WAITING)
