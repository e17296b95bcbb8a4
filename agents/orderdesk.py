"""The order desk of one cycle: what the gate answered is an effect, and the review is computed from its facts.

Live, the effect asks the gate. In a replay it is answered from storage, and the very same rules run over the stored
facts: a rule that changed since then gives another verdict, and is found.
"""

from decimal import Decimal

from pydantic import TypeAdapter

from core.canonical import JSON, plain
from core.errors import LedgerBroken
from core.money import text_of
from core.orders import Proposal
from core.ports import Effects, OrderDesk
from core.verdicts import AnswerKind, Receipt
from risk.facts import Facts
from risk.review import Rulebook
from risk.shaping import as_sent
from risk.states import Standing, TradingState

_FACTS = TypeAdapter(Facts)


class RecordedOrderDesk:
    """`gate` is None in a replay: there is nobody to ask."""

    def __init__(self, effects: Effects, rulebook: Rulebook, gate: OrderDesk | None) -> None:
        self._effects = effects
        self._rulebook = rulebook
        self._gate = gate

    async def propose(self, proposal: Proposal) -> Receipt:
        async def ask() -> JSON:
            if self._gate is None:
                raise LedgerBroken(f"proposal {proposal.proposal_id} has no stored answer")
            receipt = await self._gate.propose(proposal)
            return {
                "facts": receipt.facts,
                "state": receipt.review.state,
                "caps": text_of(receipt.review.caps),
                "kind": receipt.kind.value,
                "detail": receipt.detail,
            }

        answer = await self._effects.perform("gate", proposal.order.symbol, plain(proposal), ask)
        facts = _FACTS.validate_python(answer["facts"])
        standing = Standing(TradingState(answer["state"]), Decimal(answer["caps"]))
        verdict = self._rulebook.review(as_sent(proposal.order, facts, self._rulebook.policy), facts, standing)
        return Receipt(proposal.proposal_id, AnswerKind(answer["kind"]), verdict, answer["facts"], answer["detail"])

    async def receipt(self, proposal_id: str) -> Receipt | None:
        return None if self._gate is None else await self._gate.receipt(proposal_id)
