"""The order desk of one cycle: what the gate answered is an effect, and the review is computed from its facts.

Live, the effect asks the gate. In a replay it is answered from storage, and the very same rules run over the stored
facts: a rule that changed since then gives another verdict, and is found.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter

from core.canonical import JSON, plain
from core.errors import LedgerBroken
from core.money import ZERO, Quantity, text_of
from core.orders import Proposal
from core.ports import Effects, OrderDesk, OrderRouter
from core.verdicts import AnswerKind, Receipt, Review, Verdict
from risk.facts import Facts
from risk.review import Rulebook
from risk.shaping import as_sent
from risk.states import Standing, TradingState

_FACTS = TypeAdapter(Facts)
_PROPOSAL = TypeAdapter(Proposal)
# What a whole is called whose parts were answered differently.
_FURTHEST: Final = (AnswerKind.WAITING, AnswerKind.WORKING, AnswerKind.DONE, AnswerKind.DENIED)


class RecordedOrderDesk:
    """`gate` is None in a replay: there is nobody to ask."""

    def __init__(self, effects: Effects, rulebook: Rulebook, gate: OrderDesk | None) -> None:
        self._effects = effects
        self._rulebook = rulebook
        self._gate = gate

    async def propose(self, proposal: Proposal) -> Receipt:
        async def ask() -> Receipt:
            if self._gate is None:
                raise LedgerBroken(f"proposal {proposal.proposal_id} has no stored answer")
            return await self._gate.propose(proposal)

        return await _answered(self._effects, self._rulebook, proposal.order.symbol, proposal, ask)

    async def receipt(self, proposal_id: str) -> Receipt | None:
        return None if self._gate is None else await self._gate.receipt(proposal_id)


class RoutedOrderDesk:
    """The same over several venues. `router` is None in a replay.

    The route is an effect of its own, stored before anything of it is proposed: a cycle that is run again proposes the
    same parts, whatever the books show by then, and each gate knows what it has answered.
    """

    def __init__(self, effects: Effects, rulebook: Rulebook, router: OrderRouter | None) -> None:
        self._effects = effects
        self._rulebook = rulebook
        self._router = router

    async def propose(self, proposal: Proposal) -> Receipt:
        symbol = proposal.order.symbol
        route = await self._effects.perform("route", symbol, plain(proposal), lambda: self._route(proposal))
        parts = [_PROPOSAL.validate_python(part["proposal"]) for part in route["parts"]]
        lanes = [f"{symbol} at {part['venue']}" for part in route["parts"]]
        # They leave together: a market that is hit in one place moves in the others.
        asked = (self._part(lane, part, route) for lane, part in zip(lanes, parts, strict=True))
        found = await asyncio.gather(*asked, return_exceptions=True)
        receipts: list[Receipt] = []
        for answer in found:
            if isinstance(answer, BaseException):
                raise answer
            receipts.append(answer)
        return _joined(proposal, route, receipts)

    async def receipt(self, proposal_id: str) -> Receipt | None:
        return None if self._router is None else await self._router.receipt(proposal_id)

    def _route(self, proposal: Proposal) -> JSON:
        if self._router is None:
            raise LedgerBroken(f"proposal {proposal.proposal_id} has no stored route")
        return self._router.route(proposal)

    async def _part(self, lane: str, part: Proposal, route: JSON) -> Receipt:
        async def ask() -> Receipt:
            if self._router is None:
                raise LedgerBroken(f"part {part.proposal_id} of {part.part_of} has no stored answer")
            return await self._router.place(part, route)

        return await _answered(self._effects, self._rulebook, lane, part, ask)


async def _answered(
    effects: Effects, rulebook: Rulebook, lane: str, proposal: Proposal, ask: Callable[[], Awaitable[Receipt]]
) -> Receipt:
    """The gate's answer as it is stored, with the review that its facts give under this rulebook."""

    async def told() -> JSON:
        receipt = await ask()
        return {
            "facts": receipt.facts,
            "state": receipt.review.state,
            "caps": text_of(receipt.review.caps),
            "kind": receipt.kind.value,
            "detail": receipt.detail,
        }

    answer = await effects.perform("gate", lane, plain(proposal), told)
    facts = _FACTS.validate_python(answer["facts"])
    standing = Standing(TradingState(answer["state"]), Decimal(answer["caps"]))
    verdict = rulebook.review(as_sent(proposal.order, facts, rulebook.policy), facts, standing)
    return Receipt(proposal.proposal_id, AnswerKind(answer["kind"]), verdict, answer["facts"], answer["detail"])


def _joined(proposal: Proposal, route: JSON, receipts: Sequence[Receipt]) -> Receipt:
    """One answer of several. It is denied only where every part is: what one gate denied no other one gets.

    Of an order that is too large for one gate and not for all of them, the largest that passes is what all would take.
    """
    most = Decimal(route["largest"] or ZERO)
    reviews = [receipt.review for receipt in receipts]
    standing = Standing.joined(Standing(TradingState(review.state), review.caps) for review in reviews)
    review = Review(
        order_hash=proposal.order.order_hash,
        reducing=all(review.reducing for review in reviews),
        state=standing.state.value,
        caps=standing.caps,
        verdicts=tuple(_as_large(verdict, most) for review in reviews for verdict in review.verdicts),
    )
    told = zip(route["parts"], receipts, strict=True)
    return Receipt(
        proposal.proposal_id,
        next(kind for kind in _FURTHEST if any(receipt.kind is kind for receipt in receipts)),
        review,
        {part["account"]: receipt.facts for part, receipt in zip(route["parts"], receipts, strict=True)},
        "; ".join(f"{part['venue']}: {receipt.detail}" for part, receipt in told if receipt.detail),
        route,
        tuple(receipts),
    )


def _as_large(verdict: Verdict, most: Decimal) -> Verdict:
    if verdict.largest is None or verdict.largest >= most:
        return verdict
    return replace(verdict, largest=Quantity(most))
