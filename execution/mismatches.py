"""What the venue and the books disagree on, by kind, and what one reconciliation found. Each is kept as an incident."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from execution import incidents
from memory.books.words import IncidentKind


class MismatchKind(StrEnum):
    MISSING_FILL = "missing fill"  # one side has a fill that the other does not
    FEE_OFF = "fee off"  # a fill was booked with another fee, or otherwise than it is told now
    UNKNOWN_ORDER = "unknown order"  # somebody else trades on the account
    ORDER_VANISHED = "order vanished"  # the venue had it, and has it no more
    BALANCE_OFF = "balance off"
    POSITION_OFF = "position off"
    UNBOOKABLE = "unbookable"  # what the venue says cannot be true in these books


# These hold for as long as they are found; the others have happened.
_STANDING: Final = frozenset(
    {MismatchKind.MISSING_FILL, MismatchKind.BALANCE_OFF, MismatchKind.POSITION_OFF, MismatchKind.UNBOOKABLE}
)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One disagreement: `subject` is the order, the trade, the currency or the symbol that it is about.

    `off` is by how much the venue's total is above the books', where totals are compared: these move with every fill.
    """

    kind: MismatchKind
    subject: str
    detail: str
    off: Decimal | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.subject}"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation found and did. `left_alone` had just been active, and was not judged.

    `fills`, `adopted`, `transfers` and `fundings` count what the books had not heard of, and now hold.
    """

    at_ns: int
    mismatches: tuple[Mismatch, ...] = ()
    left_alone: tuple[str, ...] = ()
    fills: int = 0
    adopted: int = 0
    transfers: int = 0
    fundings: int = 0

    @property
    def clean(self) -> bool:
        """Whether everything was judged, and agrees."""
        return not (self.mismatches or self.left_alone)


def keep(conn: Connection, account_id: str, found: Iterable[Mismatch], skipped: Collection[str], now_ns: int) -> int:
    """Opens an incident for what is new, and closes those that were found before and hold no more. How many are new.

    `skipped` are the subjects that were not judged this time.
    """
    details = {mismatch.name: mismatch.detail for mismatch in found}
    new = incidents.add_all(conn, account_id, IncidentKind.MISMATCH, details, now_ns)
    for subject in incidents.subjects(conn, account_id, IncidentKind.MISMATCH):
        kind, _, about = subject.partition(": ")
        if kind in _STANDING and subject not in details and about not in skipped:
            reason = "the venue and the books agree again"
            incidents.close(conn, account_id, IncidentKind.MISMATCH, subject, reason=reason, now_ns=now_ns)
    return new
