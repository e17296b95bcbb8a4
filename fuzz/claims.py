"""What a proposal says of itself, as far as the oracle believes it."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from core.exits import ExitPlan
from core.orders import Proposal
from core.taint import Taint
from fuzz.log import Log


def wish_of(
    proposal: Proposal, log: Log, records: Mapping[str, Collection[str]], readable: Collection[str], *, vouched: bool
) -> dict[str, Any]:
    """`records` holds the evidence that each source has; `readable` the conditions that code can check."""
    own = {proposal.source} if proposal.source.startswith("person:") else set()
    known, cited = records.get(proposal.source, own), proposal.evidence
    texts = [e for e in cited if e.startswith("text:")]
    taint = max(proposal.taint, Taint.DERIVED) if texts else proposal.taint
    trusted = any(e in known and e not in texts for e in cited)
    return {
        "taint": taint,
        "stop_price": proposal.stop_price,
        "least_taint": Taint.TRUSTED if trusted else taint,
        "vouched": vouched,
        "thesis": bool(proposal.thesis.strip()),
        "predicates": len(proposal.invalidation),
        "unreadable_predicates": sum(text not in readable for text in proposal.invalidation),
        "unsound_exits": _unsound(proposal),
        "not_finite": sum(not number.is_finite() for number in _numbers(proposal)),
        "evidence": len(cited),
        "unknown_evidence": sum(e not in known for e in cited),
        "views_until_ns": proposal.views_until_ns,
        "confidence": proposal.confidence,
        "calibrated": proposal.calibrated,
        "expectation": proposal.expectation,
        "executions": log.executions(proposal),
        "confirmed": proposal.confirmed,
    }


def _numbers(proposal: Proposal) -> list[Decimal]:
    """Every number of a proposal beside its order."""
    expected, plan = proposal.expectation, proposal.exits
    said = (proposal.stop_price, proposal.target_price, proposal.confidence, *_rungs(plan), *_shares(plan))
    return [n for n in (*said, None if expected is None else expected.price) if n is not None]


def _unsound(proposal: Proposal) -> bool:
    """Whether its way out makes no sense: a target that is no price, a share that is none, rungs that turn back."""
    plan, target = proposal.exits, proposal.target_price
    if any(not number.is_finite() or number <= 0 for number in (*_rungs(plan), *_shares(plan))):
        return True
    if target is not None and not plan.ladder and not (target.is_finite() and target > 0):
        return True
    prices = [rung.price for rung in plan.ladder]
    ordered = prices in (sorted(set(prices)), sorted(set(prices), reverse=True))
    shares = sum((rung.fraction for rung in plan.ladder), Decimal(0))
    bars = 1 if plan.chandelier is None else plan.chandelier.bars
    too_long = not 1 <= bars <= 500 or len(prices) > 10 or (plan.time_limit_s is not None and plan.time_limit_s <= 0)
    return not ordered or shares > 1 or too_long or (plan.trail is not None and plan.trail >= 1)


def _rungs(plan: ExitPlan) -> list[Decimal]:
    return [number for rung in plan.ladder for number in (rung.price, rung.fraction)]


def _shares(plan: ExitPlan) -> list[Decimal]:
    chandelier = None if plan.chandelier is None else plan.chandelier.multiple
    return [number for number in (plan.trail, plan.break_even, chandelier) if number is not None]
