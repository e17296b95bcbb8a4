"""What a proposal rests on, checked against the record: nobody is believed about their own evidence."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal

from sqlalchemy import Connection, select

from core import identity
from core.canonical import JSON
from core.orders import Proposal
from core.taint import Taint, join, worst_of
from core.time import DAY_NS
from execution import activity
from execution.actions import cycle_of, parent_of
from execution.guards import plan_of
from execution.orderbook import find_proposal, stored_proposal
from memory.books import blobs, instructions
from memory.books.tables import effects
from risk.facts import Intent
from risk.predicates import PredicateError, parse

# Evidence that was taken from a text carries its name; everything else was computed from venue data.
TEXT = "text:"
# What these tools answer is of our own account and past: how much may be bought, what came of it before, not why now.
NO_GROUNDS = ("position_size:", "portfolio_view:", "recall:")
# A person's own word needs no record beside the proposal that they made.
PERSON = "person:"
LONGEST_VIEW_NS = 30 * DAY_NS


def intent_of(conn: Connection, proposal: Proposal, *, vouched: bool) -> Intent:
    """The proposal's claims as the gate sees them. `vouched` says that a person releases this very proposal."""
    child = parent_of(proposal)
    whole = None if child is None else find_proposal(conn, child)
    # A child rests on what its parent does, and executes no plan again.
    known = _known_evidence(conn, proposal if whole is None else stored_proposal(whole.body))
    cited = proposal.evidence
    grounds = (e for e in cited if e in known and not e.startswith(NO_GROUNDS))
    supported = any(_taint(e, known) is Taint.TRUSTED for e in grounds)
    taint = join([proposal.taint, *(_taint(e, known) for e in cited)])
    not_finite = sum(not number.is_finite() for number in _numbers(proposal))
    return Intent(
        taint=taint,
        stop_price=proposal.stop_price,
        least_taint=Taint.TRUSTED if supported else taint,
        vouched=vouched,
        thesis=bool(proposal.thesis.strip()),
        predicates=len(proposal.invalidation),
        unreadable_predicates=sum(not _readable(text) for text in proposal.invalidation),
        unsound_exits=bool(not_finite) or plan_of(proposal).problem() is not None,
        not_finite=not_finite,
        evidence=len(cited),
        unknown_evidence=sum(e not in known for e in cited),
        views_until_ns=_until(proposal),
        confidence=proposal.confidence,
        calibrated=proposal.calibrated,
        expectation=proposal.expectation,
        executions=0 if child else _executions(conn, proposal),
        confirmed=proposal.confirmed,
        child=child is not None,
    )


def _executions(conn: Connection, proposal: Proposal) -> int:
    return activity.executions(conn, proposal.order.account_id, proposal.plan_id, proposal.proposal_id)


def _numbers(proposal: Proposal) -> Iterator[Decimal]:
    """What the proposal says in numbers beside its order."""
    plan, expected = proposal.exits, proposal.expectation
    said = [proposal.stop_price, proposal.target_price, proposal.confidence, plan.trail, plan.break_even]
    said.append(None if expected is None else expected.price)
    said.append(None if plan.chandelier is None else plan.chandelier.multiple)
    said += [number for rung in plan.ladder for number in (rung.price, rung.fraction)]
    yield from (number for number in said if number is not None)


def _until(proposal: Proposal) -> int | None:
    """No view lasts longer than a month, whatever it says of itself."""
    until = proposal.views_until_ns
    return None if until is None else min(until, proposal.decided_ns + LONGEST_VIEW_NS)


def _taint(evidence: str, known: Mapping[str, Taint]) -> Taint:
    """What the record says of it; of a text never better than what a reader could make of it."""
    least = Taint.DERIVED if evidence.startswith(TEXT) else Taint.TRUSTED
    return join([least, known.get(evidence, least)])


def _known_evidence(conn: Connection, proposal: Proposal) -> Mapping[str, Taint]:
    """What the cycle's stored effects answered with, or the person's own word for what a person proposed.

    That word stands behind an order of a standing instruction too, as long as the confirmation holds.
    """
    if proposal.source.startswith(PERSON):
        return {proposal.source: Taint.TRUSTED}
    if proposal.source.startswith(identity.INSTRUCTION):
        return {proposal.source: Taint.TRUSTED} if instructions.confirmed(conn, proposal) else {}
    cycle_id = cycle_of(proposal)
    if cycle_id is None or not proposal.evidence:
        return {}
    rows = conn.execute(select(effects.c.response, effects.c.body).where(effects.c.cycle_id == cycle_id))
    # Two answers may bring the same id: the better one does not wash the worse one.
    return worst_of(told for row in rows for told in _cited(_answer(conn, row.response, row.body)))


def _answer(conn: Connection, response: str, body: str | None) -> JSON:
    return blobs.get_json(conn, response) if body is None else json.loads(body)


def _cited(answer: JSON) -> Iterator[tuple[str, Taint]]:
    """The ids that an answer brings, each with the taint that it admits to; that there is no answer shows nothing."""
    if not isinstance(answer, dict) or "unavailable" in answer:
        return
    found, said = answer.get("evidence"), answer.get("taint", Taint.TRUSTED)
    # A taint that is none of ours says nothing good of what it stands on.
    taint = next((t for t in Taint if t == said), Taint.HOSTILE)
    for evidence in found if isinstance(found, list) else [found]:
        if isinstance(evidence, str):
            yield evidence, taint


def _readable(text: str) -> bool:
    try:
        parse(text)
    except PredicateError:
        return False
    return True
