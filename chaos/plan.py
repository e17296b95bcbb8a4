"""What one life is: which fault strikes in which state of its order, what else happens, and where the process dies."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final

from chaos.surfaces import BINANCE, SURFACES, Surface

LIVES: Final = 2_000


class Stage(StrEnum):
    """Where the order stands when the fault strikes."""

    SENDING = "sending"
    OPEN = "open"
    PARTIAL = "partial"
    PENDING_CANCEL = "pending_cancel"
    UNKNOWN = "unknown"
    CANCEL_UNKNOWN = "cancel_unknown"
    OVER = "over"


class Knife(StrEnum):
    """Where the process is killed."""

    UNWRITTEN = "unwritten"  # the attempt is written, and not committed
    WRITTEN = "written"  # it is durable, and nothing has left
    ON_WIRE = "on_wire"  # the request has left, and no answer has come
    ANSWERED = "answered"  # the answer has come, and nobody has read it
    UNBOOKED = "unbooked"  # the venue's word is known, and not booked
    BOOKING = "booking"  # a fill is booked, and not committed
    CANCEL_WRITTEN = "cancel_written"  # the wish to cancel is durable, and nothing has left
    CANCEL_ANSWERED = "cancel_answered"  # the cancel came back, and nobody has read it
    RECONCILE_READ = "reconcile_read"  # while the venue's lists are read
    RECONCILE_BOOKED = "reconcile_booked"  # fills and states are booked, and nothing is judged
    RECONCILE_JUDGED = "reconcile_judged"  # judged, and not committed


CANCELLING: Final = (Knife.CANCEL_WRITTEN, Knife.CANCEL_ANSWERED)
RECONCILING: Final = (Knife.RECONCILE_READ, Knife.RECONCILE_BOOKED, Knife.RECONCILE_JUDGED)
# Of requests and their answers, with what each needs beside its name.
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "hang": {},
    "cut": {},
    "status": {},
    "too_many": {"retry_after": 2},
    "banned": {"retry_after": 20},
    "redirect": {},
    "late": {"seconds": 3},
    "unanswered": {},
    "silent": {},
    "late_status": {},
    "html": {},
    "empty": {},
    "malformed": {},
    "wrong_types": {},
    "truncated": {},
    "drip": {"seconds": 60},
}
LAG, DOOMED, SKEW, FROZEN = "lag", "doomed", "skew", "frozen"
STREAMS: Final = ("gap", "duplicate", "reorder", "silence", "cut_stream", "broken_frame")
FAULTS: Final = (*REQUESTS, LAG, DOOMED, SKEW, FROZEN, *STREAMS)
# That of a book that crosses itself is of public data alone, like the faults of candles.
CELLS: Final = tuple((fault, stage) for fault in FAULTS for stage in Stage)
_STRIDE: Final = 31  # shares no factor with their number: neighbours differ in both
# What may happen to an order after the fault, or to the account.
EVENTS: Final = ("fill", "time", "cancel", "again", "second", "fall", "ended", "deposit", "exit")


@dataclass(frozen=True, slots=True)
class Plan:
    """One life. `exits` has something bought before, and sold where the order may cross; `takes` lets it cross; `bare`
    sells at the market; `arrived` says whether a request whose answer is lost reached the venue; `knife` kills the
    process, `second_knife` the one after it."""

    where: str  # a name of `SURFACES`
    seed: int
    number: int
    fault: str
    stage: Stage
    exits: bool
    takes: bool
    bare: bool
    arrived: bool
    knife: Knife | None
    second_knife: Knife | None
    events: tuple[str, ...]
    cancelled_at_last: bool
    times: int  # how often the fault strikes

    @property
    def name(self) -> str:
        return f"{self.seed}:{self.number}"

    @property
    def surface(self) -> Surface:
        return SURFACES[self.where]

    @property
    def again(self) -> str:
        """What runs this life alone."""
        here = self.surface
        return f"python -m chaos --venue {here.venue} --kind {here.kind.value} --only {self.name}"

    @property
    def streams(self) -> bool:
        return self.fault in STREAMS

    def draw(self, what: str) -> Random:
        """Chance of this life for one purpose: what is drawn for another does not move it."""
        return Random(f"{self.name}:{what}")


def cells(where: str) -> tuple[tuple[str, Stage], ...]:
    """The faults and states that can meet there: where no stream is, none breaks."""
    return CELLS if SURFACES[where].streams else tuple(cell for cell in CELLS if cell[0] not in STREAMS)


def plan(seed: int, number: int, where: str = BINANCE) -> Plan:
    """Every cell of faults and states comes round; the rest is drawn."""
    there = cells(where)
    fault, stage = there[number * _STRIDE % len(there)]
    draw = Random(f"{seed}:{number}")
    # Every other round of cells goes to its end, so that each fault surely strikes in each state.
    killed = number // len(there) % 2 == 1 and draw.random() < 0.7
    knife = draw.choice(tuple(Knife)) if killed else None
    events = draw.sample(EVENTS, draw.choice((0, 1, 1, 2, 3)))
    if knife in CANCELLING and "cancel" not in events:
        events.insert(0, "cancel")
    exits = draw.random() < 0.3
    return Plan(
        where=where,
        seed=seed,
        number=number,
        fault=fault,
        stage=stage,
        exits=exits,
        takes=exits or draw.random() < 0.5,
        bare=draw.random() < 0.4,
        arrived=draw.random() < 0.7,
        knife=knife,
        second_knife=draw.choice(RECONCILING) if knife and draw.random() < 0.15 else None,
        events=tuple(events),
        cancelled_at_last=draw.random() < 0.3,
        times=draw.choice((1, 1, 2, 3)),
    )
