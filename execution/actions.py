"""Records of what the gate did outside a cycle: a stop that fired, a proposal that a person released."""

from pydantic import TypeAdapter
from sqlalchemy import Connection

from core.canonical import JSON, digest, plain
from core.orders import Proposal
from core.verdicts import AnswerKind, Review
from memory.books import records
from memory.books.records import NewRecord
from memory.books.words import RecordKind
from risk.facts import Facts

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


def record_action(conn: Connection, proposal: Proposal, facts: Facts, review: Review, kind: AnswerKind) -> None:
    """Hashed like a decision: what was wanted, what was known, what was answered."""
    body = {"proposal": plain(proposal), **_judged(facts, review, kind)}
    _add(conn, RecordKind.ACTION, proposal, facts, body)


def record_release(
    conn: Connection, proposal: Proposal, facts: Facts, review: Review, kind: AnswerKind, detail: str, said: JSON
) -> None:
    """A person's answer, the fresh facts it was released on, and what the gate then said."""
    body = {"answer": said, "detail": detail, **_judged(facts, review, kind)}
    _add(conn, RecordKind.RELEASE, proposal, facts, body)


def _judged(facts: Facts, review: Review, kind: AnswerKind) -> dict[str, JSON]:
    return {"facts": digest(facts), "review": plain(review), "kind": kind.value}


def _add(conn: Connection, kind: RecordKind, proposal: Proposal, facts: Facts, body: dict[str, JSON]) -> None:
    whole = {
        "schema": SCHEMA,
        "record": kind.value,
        "account": facts.account_id,
        "proposal_id": proposal.proposal_id,
        "as_of_ns": facts.now_ns,
        **body,
    }
    cycle_id = cycle_of(proposal)
    cycle = None if cycle_id is None else records.find_cycle(conn, cycle_id)
    new = NewRecord(
        record_id=_record_id(conn, kind, proposal.proposal_id),
        kind=kind,
        account_id=facts.account_id,
        as_of_ns=facts.now_ns,
        record_hash=digest(whole),
        run_id=None if cycle is None else cycle.run_id,
        cycle_id=cycle_id,
        proposal_id=proposal.proposal_id,
    )
    records.add(conn, new, body=whole, annex={}, ts_ns=facts.now_ns)


def _record_id(conn: Connection, kind: RecordKind, proposal_id: str) -> str:
    """'action' or 'release' and the proposal; numbered from the second time on, after an attempt that never arrived."""
    before = records.count_of(conn, kind, proposal_id)
    return f"{kind.value}:{proposal_id}" + (f":{before + 1}" if before else "")
