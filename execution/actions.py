"""Records of what the gate did outside a cycle: a stop that fired, a proposal that a person released."""

from pydantic import TypeAdapter
from sqlalchemy import Connection

from core.canonical import JSON, Canonical
from core.orders import Proposal
from core.verdicts import Review
from execution.judged import Judged
from memory.books import records
from memory.books.records import NewRecord
from memory.books.words import RecordKind

SCHEMA = 2
CYCLE = "cycle:"
STOP = "stop:"
PARENT = "parent:"

_REVIEW = TypeAdapter(Review)


def cycle_of(proposal: Proposal) -> str | None:
    """The cycle that a proposal comes from, or None for a stop, an instruction or a person."""
    return proposal.source.removeprefix(CYCLE) if proposal.source.startswith(CYCLE) else None


def parent_of(proposal: Proposal) -> str | None:
    """The parent whose slice a proposal is, or None."""
    return proposal.source.removeprefix(PARENT) if proposal.source.startswith(PARENT) else None


def stored_review(body: JSON) -> Review:
    return _REVIEW.validate_python(body)


def record_action(conn: Connection, judged: Judged) -> None:
    """Hashed like a decision: what was wanted, what was known, what was answered."""
    _add(conn, RecordKind.ACTION, judged, {"proposal": judged.wanted, **judged.recorded()})


def record_release(conn: Connection, judged: Judged, said: JSON) -> None:
    """A person's answer, the fresh facts it was released on, and what the gate then said."""
    _add(conn, RecordKind.RELEASE, judged, {"answer": said, "detail": judged.detail, **judged.recorded()})


def _add(conn: Connection, kind: RecordKind, judged: Judged, body: dict[str, JSON]) -> None:
    proposal, facts = judged.proposal, judged.facts
    whole = {
        "schema": SCHEMA,
        "record": kind.value,
        "account": facts.account_id,
        "proposal_id": proposal.proposal_id,
        "as_of_ns": facts.now_ns,
        **body,
    }
    told = Canonical.of(whole)
    cycle_id = cycle_of(proposal)
    cycle = None if cycle_id is None else records.find_cycle(conn, cycle_id)
    new = NewRecord(
        record_id=_record_id(conn, kind, proposal.proposal_id),
        kind=kind,
        account_id=facts.account_id,
        as_of_ns=facts.now_ns,
        record_hash=told.digest,
        run_id=None if cycle is None else cycle.run_id,
        cycle_id=cycle_id,
        proposal_id=proposal.proposal_id,
    )
    records.add(conn, new, body=told, annex={}, ts_ns=facts.now_ns)


def _record_id(conn: Connection, kind: RecordKind, proposal_id: str) -> str:
    """'action' or 'release' and the proposal; numbered from the second time on, after an attempt that never arrived."""
    before = records.count_of(conn, kind, proposal_id)
    return f"{kind.value}:{proposal_id}" + (f":{before + 1}" if before else "")
