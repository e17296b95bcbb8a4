"""What a reasoner claims, held against what the tools answered. Done by code, for every reasoner alike.

A claim stands on evidence that was given in this very stage. One that cites another, states a figure that its evidence
contradicts, or speaks of an instrument that nobody asked about is dropped, and the opinion says why.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from agents.views import Claim, Figure, Opinion
from core.money import ZERO
from core.ports import Abstain
from core.taint import Taint, join
from tools.toolbox import Toolbox

# A model rounds what it read: half a unit of the last digit that it states, or half a percent, whichever is more.
ROUNDING: Final = Decimal("0.005")


def checked(opinion: Opinion, toolbox: Toolbox, *, traced: bool) -> Opinion | Abstain:
    """The opinion with the claims that stand, each as tainted as its evidence; an abstention where none does.

    Unless its author is `traced`, each is as tainted as all that the tools gave: a model need not cite what moved it.
    """
    kept: list[Claim] = []
    dropped: list[str] = []
    shown = Taint.TRUSTED if traced else join(toolbox.taints.values())
    for claim in opinion.claims:
        fault = _fault(claim, opinion.symbol, toolbox)
        if fault is None:
            kept.append(claim.model_copy(update={"taint": join([shown, _taint(claim, toolbox)])}))
        else:
            dropped.append(f"{claim.text[:80]}: {fault}")
    if not kept:
        return Abstain(f"no claim stands on its evidence: {'; '.join(dropped)}"[:400])
    if not dropped:
        return opinion.model_copy(update={"claims": tuple(kept), "dropped": ()})
    conviction = opinion.conviction and (opinion.conviction * len(kept) / len(opinion.claims)).quantize(Decimal("0.01"))
    return opinion.model_copy(update={"claims": tuple(kept), "dropped": tuple(dropped), "conviction": conviction})


def _taint(claim: Claim, toolbox: Toolbox) -> Taint:
    return join([claim.taint, *(toolbox.taints[cited] for cited in claim.evidence)])


def _fault(claim: Claim, symbol: str, toolbox: Toolbox) -> str | None:
    answers = toolbox.answers
    if unknown := [cited for cited in claim.evidence if cited not in answers]:
        return f"no tool gave the evidence {unknown[0]!r:.80}"
    about = claim.about or symbol
    if not any(answers[cited].get("symbol") == about for cited in claim.evidence):
        return f"it is about {about!r:.40}, which its evidence is not"
    return next((fault for figure in claim.figures if (fault := _contradicted(figure, claim, answers))), None)


def _contradicted(figure: Figure, claim: Claim, answers: Mapping[str, Mapping[str, Any]]) -> str | None:
    found = [value for cited in claim.evidence if (value := _number(answers[cited].get(figure.field))) is not None]
    if not found:
        return f"its evidence has no number {figure.field!r:.40}"
    if any(_agrees(figure.value, value) for value in found):
        return None
    return f"it states {figure.field} {figure.value}, the evidence has {found[0]}"


def _agrees(stated: Decimal, found: Decimal) -> bool:
    exponent = stated.as_tuple().exponent
    half_unit = Decimal(5).scaleb(exponent - 1) if isinstance(exponent, int) and exponent < 0 else ZERO
    return abs(stated - found) <= max(half_unit, ROUNDING * abs(found))


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        read = Decimal(value)
    except InvalidOperation:
        return None
    return read if read.is_finite() else None
