"""Whether a decision about the past can be told from memory: a model may have been taught what came next.

What was decided within a model's training data is *contaminated*, and so is what rests on a text that a model read in
hindsight. A model whose cut-off nobody states is *unknown*, never clean. Code was taught nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from agents.cycle import Cycle
from core.canonical import JSON, plain
from core.time import DAY_NS, parse_time


class Label(StrEnum):
    CLEAN = "clean"
    UNKNOWN = "unknown"
    CONTAMINATED = "contaminated"


_WORST_LAST: Final = tuple(Label)


def worst(labels: Iterable[Label]) -> Label:
    return max(labels, key=_WORST_LAST.index, default=Label.CLEAN)


@dataclass(frozen=True, slots=True)
class Taught:
    """What a model learned from: everything up to the end of `cutoff` (UTC); None where nobody says how far it goes."""

    cutoff: date | None = None

    def label(self, as_of_ns: int) -> Label:
        """The cut-off day itself is within the training data, whatever the hour."""
        if self.cutoff is None:
            return Label.UNKNOWN
        ends_ns = parse_time(self.cutoff.isoformat()) + DAY_NS
        return Label.CONTAMINATED if as_of_ns < ends_ns else Label.CLEAN


def contamination(cycle: Cycle, taught: Taught | None, *, traced: bool) -> JSON:
    """The label of a cycle and of its stages, for its record. `taught` is None where the reasoner is code.

    An order of a `traced` reasoner rests on what it cites. A model is shown every event, and any may have moved it.
    """
    own = Label.CLEAN if taught is None else taught.label(cycle.as_of_ns)
    events = cycle.sentiment.events if cycle.sentiment else ()
    hindsight = sorted({event.evidence for event in events if event.hindsight})
    cited = {evidence for plan in cycle.plans for order in plan.orders for evidence in order.evidence}
    moved = [evidence for evidence in hindsight if not traced or evidence in cited]
    plan = worst([own, *(Label.CONTAMINATED for _ in moved)])
    return plain(
        {
            "label": plan,
            "cutoff": None if taught is None or taught.cutoff is None else taught.cutoff.isoformat(),
            "research": own,
            "sentiment": Label.CONTAMINATED if hindsight else Label.CLEAN,
            "plan": plan,
            "hindsight": hindsight,
        }
    )


def label_of(body: JSON) -> Label:
    """The label of a recorded decision. Older records have none: nobody knows what their model was taught."""
    found = body.get("contamination")
    if found is None:
        return Label.CLEAN if body["reasoner"].startswith("rules/") else Label.UNKNOWN
    return Label(found["label"])


def doubt(body: JSON) -> str | None:
    """For a person: why a recorded decision is not clean; None for one that is."""
    found, label = body.get("contamination"), label_of(body)
    if label is Label.CLEAN:
        return None
    if found is None:
        return f"{label}: the record does not say where the training data of its model ends"
    reasons: list[str] = []
    if found["research"] == Label.CONTAMINATED:
        reasons.append(f"decided within the training data of its model, which ends on {found['cutoff']}")
    if found["research"] == Label.UNKNOWN:
        reasons.append("nobody says where the training data of its model ends (llm.cutoff)")
    if found["hindsight"]:
        count = len(found["hindsight"])
        reasons.append(f"{count} {'event was' if count == 1 else 'events were'} read in hindsight")
    return f"{label}: {'; '.join(reasons)}"
