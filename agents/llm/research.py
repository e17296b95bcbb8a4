"""Research by a model: the evidence that everybody needs is in the first question, the rest it asks the tools for."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from agents.llm.drafts import ClaimDraft, OpinionDraft
from agents.views import Claim, Figure, Opinion
from core.money import ONE, ZERO
from core.ports import Abstain

# Of the account, and of an order's size: no business of research.
ACCOUNT_TOOLS: Final = frozenset({"portfolio_view", "position_size"})
OPENING: Final = ("market_snapshot", "trend_view")

Opening = Callable[[str], Awaitable[str]]
_PLACES: Final = Decimal("0.000001")


def opinion_of(draft: OpinionDraft, symbol: str) -> Opinion | Abstain:
    """The model's word as a view. Its claims are checked against their evidence by the stage, like everybody's."""
    if draft.abstain:
        return Abstain(f"the model has no opinion: {draft.abstain}")
    if not draft.claims:
        return Abstain("the model makes no claim, so nothing carries its stance")
    return Opinion(
        symbol=symbol,
        stance=max(-ONE, min(ONE, draft.stance)).quantize(_PLACES),
        claims=tuple(_claim(claim) for claim in draft.claims),
        conviction=max(ZERO, min(ONE, draft.conviction)).quantize(_PLACES),
        horizon_bars=draft.horizon_bars,
        risks=tuple(draft.risks),
        change_my_mind=tuple(draft.change_my_mind),
    )


def _claim(draft: ClaimDraft) -> Claim:
    return Claim(
        text=draft.text,
        evidence=tuple(dict.fromkeys(draft.evidence)),
        about=draft.about,
        figures=tuple(Figure(field=figure.field, value=figure.value) for figure in draft.figures),
    )
