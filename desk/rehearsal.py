"""What only a replay may do: go on to the end of its window whatever halts it, and leave stages of a cycle out.

A desk that is halted waits for a person. A replay of years has none, so an attendant may stand in: it re-arms what has
stood for so long, is journaled under its own name, and is counted. It never moves the floor under the start equity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy import Connection

from core.canonical import JSON
from core.errors import ConfigError
from core.time import SECOND_NS
from desk.build import PastDesk
from execution import latches
from memory.books import journal
from risk.readings import Reading
from risk.states import Kind

STAGES: Final = ("research", "sentiment", "forecast")  # without a plan there would be nothing to rehearse
ATTENDANT: Final = "attendant of the replay"
_PERSONS: Final = frozenset({Reading.KILL, Reading.MISMATCHES})  # what nobody may wave through, not even in a replay


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`without` are stages whose agents say nothing; `rearm_ns` is how long a latch stands, None for ever."""

    without: tuple[str, ...] = ()
    rearm_ns: int | None = None

    @classmethod
    def of(cls, without: Sequence[str], rearm_ns: int | None) -> Self:
        unknown = [name for name in without if name not in STAGES]
        if unknown:
            raise ConfigError(f"--without {unknown[0]}: a replay can leave out {', '.join(STAGES)}")
        if rearm_ns is not None and rearm_ns <= 0:
            raise ConfigError("--rearm takes a duration above zero, or never")
        return cls(tuple(name for name in STAGES if name in without), rearm_ns)

    def body(self) -> JSON:
        return {"without": list(self.without), "rearm_ns": self.rearm_ns}


async def attend(desk: PastDesk, rehearsal: Rehearsal) -> None:
    """Re-arms every latch that has stood long enough. What would trip again at once stays as it is."""
    if rehearsal.rearm_ns is None or desk.kill():
        return
    now_ns, least_ns = desk.clock.now_ns(), rehearsal.rearm_ns
    for latch in desk.books.read(lambda conn: latches.live(conn, desk.account_id, now_ns)):
        cause = latch.cause
        if cause.kind is not Kind.LATCH or cause.reads in _PERSONS or now_ns - cause.tripped_ns < least_ns:
            continue
        try:
            reason = f"stood for {least_ns // SECOND_NS} s"
            await desk.gate.rearm(latch.latch_id, rebase=False, by=ATTENDANT, reason=reason)
        except ConfigError:  # it reads a floor that only a person may move, or would trip again at once
            continue


def rearmed(conn: Connection, account_id: str) -> int:
    """How often an attendant re-armed this account."""
    return sum(body.get("by") == ATTENDANT for body in journal.bodies(conn, account_id, "rearmed"))
