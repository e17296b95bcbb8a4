"""What a quarantined reader makes of a text: enumerated fields, bounded numbers and offsets, and not a word of it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.canonical import digest
from core.money import ONE, ZERO
from core.taint import Taint

MOST_EVENTS: Final = 5  # of one text


class EventKind(StrEnum):
    LISTING = "listing"
    DELISTING = "delisting"
    HACK = "hack"
    OUTAGE = "outage"
    UNLOCK = "unlock"
    REGULATION = "regulation"
    LAWSUIT = "lawsuit"
    INSOLVENCY = "insolvency"
    DEPEG = "depeg"
    FUND = "fund"
    FLOW = "flow"
    LIQUIDATION = "liquidation"
    UPGRADE = "upgrade"
    PARTNERSHIP = "partnership"
    MACRO = "macro"


@dataclass(frozen=True, slots=True)
class TextEvent:
    """One event that a text tells of. The words stay in the text: a person finds them at `start` to `end`.

    `direction` is 1 where the price of `assets` should rise on it, -1 where it should fall, 0 where neither is said;
    `magnitude` and `certainty` are fractions. No asset means the whole market. The offsets count characters of the
    headline, a line feed and the body.
    """

    kind: EventKind
    direction: int
    magnitude: Decimal
    certainty: Decimal
    assets: tuple[str, ...]
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.direction not in (-1, 0, 1):
            raise ValueError(f"direction is {self.direction}, allowed are -1, 0 and 1")
        for name, value in (("magnitude", self.magnitude), ("certainty", self.certainty)):
            if not ZERO <= value <= ONE:
                raise ValueError(f"{name} is {value}, allowed is 0 to 1")
        if not 0 <= self.start < self.end:
            raise ValueError(f"the passage is {self.start} to {self.end}, allowed is one that is not empty")


@dataclass(frozen=True, slots=True)
class TextReading:
    """What one reader made of one version of one text; no events is an answer too.

    `known_at_ns` is the text's own plus the reader's stated latency, whenever it was really read; `read_ns` says when.
    """

    text_id: str
    text_known_ns: int
    content_hash: str
    reader: str
    known_at_ns: int
    read_ns: int
    events: tuple[TextEvent, ...]
    taint: Taint = Taint.DERIVED

    @property
    def hindsight(self) -> bool:
        """Whether it was read later than it counts as known: a model may have been taught what came of it."""
        return self.read_ns > self.known_at_ns

    @property
    def reading_id(self) -> str:
        return digest([self.text_id, self.text_known_ns, self.content_hash, self.reader])[:16]
