"""The DecisionRecord: what was known and decided, in canonical form. Its hash is the cycle's."""

from agents.contamination import contamination
from agents.cycle import Answered, Cycle
from agents.ports import Ports
from core.canonical import JSON, plain
from core.verdicts import Receipt

SCHEMA = 6


def decision_body(cycle: Cycle, ports: Ports) -> JSON:
    """Everything that is hashed. Attempts, venue ids, wall times and versions belong to the annex, not here."""
    return plain(
        {
            "schema": SCHEMA,
            "record": "decision",
            "account": cycle.account_id,
            "run": cycle.run_id,
            "cycle": cycle.cycle_id,
            "ordinal": cycle.ordinal,
            "symbols": cycle.symbols,
            "as_of_ns": cycle.as_of_ns,
            "timeframe": ports.timeframe,
            "policy": cycle.policy_hash,
            "prompts": ports.prompts.hashes,
            "reasoner": ports.reasoner.name,
            "contamination": contamination(cycle, ports.reasoner.taught, traced=ports.reasoner.traces),
            "masked": ports.thinking.masked,
            "left_out": sorted(ports.left_out),
            "effects": [[e.node, e.lane, e.sequence, e.request, e.response] for e in ports.effects.entries()],
            "snapshot": cycle.seen,
            "research": cycle.research,
            "sentiment": cycle.sentiment,
            "forecast": cycle.forecast,
            "plans": cycle.plans,
            "answers": [answer_body(a) for a in cycle.answers],
        }
    )


def answer_body(answered: Answered) -> dict[str, object]:
    """One proposal with the gate's first answer and every verdict; with its route, where several venues share it."""
    receipt = answered.receipt
    body = {
        "index": answered.index,
        "revision": answered.revision,
        "proposal": answered.proposal,
        **_said(receipt),
    }
    return (
        body if receipt.route is None else {**body, "route": receipt.route, "parts": [_said(p) for p in receipt.parts]}
    )


def _said(receipt: Receipt) -> dict[str, object]:
    return {
        "order_hash": receipt.review.order_hash,
        "kind": receipt.kind,
        "detail": receipt.detail,
        "reducing": receipt.review.reducing,
        "state": receipt.review.state,
        "verdicts": receipt.review.verdicts,
    }
