"""Tools and answers of a masked model: arguments and drafts come in as of the real market, tool answers go out masked.

A tool that is not in `TOOLS` is not offered to a masked model: nobody said which of its numbers are prices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from agents.llm.drafts import Action, ClaimDraft, FigureDraft, JudgementDraft, OpinionDraft, PlanDraft, RulingsDraft
from agents.masking import Mask, cut
from core.money import ONE, ZERO, text_of

D = TypeVar("D", bound=BaseModel)

_COARSE: Final = 6  # digits of a bar
_ABSURD: Final = 30  # orders of magnitude
_LESSON: Final = "lesson"  # of what is remembered: ratios and ages, in words of code


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a tool's answer are prices, which are base units, and which of its arguments are prices."""

    prices: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


TOOLS: Final[Mapping[str, Fields]] = {
    "market_snapshot": Fields(("last", "bid", "ask")),
    "trend_view": Fields(),
    "classic_indicators": Fields(("atr", "macd_difference")),
    "recent_bars": Fields(),
    "position_size": Fields(("price",), ("quantity",), ("stop_price",)),
    "recall": Fields(),
    "scorecards": Fields(),
}


def offered(mask: Mask, tools: Sequence[str]) -> list[str]:
    return [tool for tool in tools if not mask.on or tool in TOOLS]


def refusal(mask: Mask, tool: str, text: str) -> str:
    """Why a tool refused its arguments; of one that takes prices without a number, as that may be one."""
    return mask.prose(text) if mask.on and TOOLS[tool].asked else mask.hide(text)


def real_arguments(mask: Mask, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """As the tool takes them; what is wrong with them is left for the tool to refuse.

    Raises ToolInputError for a symbol that is no alias.
    """
    given = dict(arguments)
    if not mask.on:
        return given
    if isinstance(given.get("symbol"), str):
        given["symbol"] = mask.real_symbol(given["symbol"])
    for name in TOOLS[tool].asked:
        price = mask.real_price(str(given.get("symbol")), _decimal(given.get(name)))
        given |= {} if price is None else {name: text_of(price)}
    if isinstance(given.get("text"), str):
        given["text"] = mask.real(given["text"])
    return given


def shown_answer(mask: Mask, tool: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's answer as the model may see it."""
    if not mask.on:
        return answer
    if "unavailable" in answer:
        return {"unavailable": mask.prose(answer["unavailable"]), "evidence": mask.hide(answer["evidence"])}
    told, fields = dict(answer), TOOLS[tool]
    symbol = str(told["symbol"])
    told |= {name: _text(mask.shown_price(symbol, _decimal(told[name]))) for name in fields.prices}
    told |= {name: _text(mask.shown_amount(symbol, _decimal(told[name]))) for name in fields.amounts}
    if tool == "recent_bars":
        told["rows"] = _rows(mask, symbol, told["rows"])
    elif tool == "position_size":
        most = told["largest"].items()
        told["largest"] = {name: _text(mask.shown_amount(symbol, _decimal(amount))) for name, amount in most}
        told["reason"] = told["reason"] and mask.prose(told["reason"])
    elif tool == "recall":
        told["items"] = [item for item in told["items"] if item["kind"] == _LESSON]
    elif tool == "scorecards":
        # The name of a model may say what it learned from, and when.
        told["scored"] = [{**one, "name": f"forecaster {at}"} for at, one in enumerate(told["scored"], 1)]
        told["silent"] = [mask.prose(why.rpartition(": ")[2]) for why in told["silent"]]
    shown: dict[str, Any] = mask.data(told)
    return shown


def real_draft(mask: Mask, draft: D) -> D:
    """What a model filled, as of the real market."""
    if not mask.on:
        return draft
    if isinstance(draft, OpinionDraft):
        words = {name: [mask.real(word) for word in getattr(draft, name)] for name in ("risks", "change_my_mind")}
        claims = [_claim(mask, claim) for claim in draft.claims]
        return draft.model_copy(update={**words, "claims": claims, "abstain": _real(mask, draft.abstain)})
    if isinstance(draft, PlanDraft):
        orders, judged = [_action(mask, order) for order in draft.orders], [_judged(mask, j) for j in draft.judgements]
        return draft.model_copy(update={"orders": orders, "judgements": judged, "abstain": _real(mask, draft.abstain)})
    if isinstance(draft, RulingsDraft):
        rulings = [one.model_copy(update={"reason": mask.real(one.reason)}) for one in draft.rulings]
        return draft.model_copy(update={"rulings": rulings, "abstain": _real(mask, draft.abstain)})
    raise TypeError(f"no mask knows {type(draft).__name__}")


def _claim(mask: Mask, claim: ClaimDraft) -> ClaimDraft:
    evidence = [mask.real(cited) for cited in claim.evidence]
    return claim.model_copy(
        update={
            "text": mask.real(claim.text),
            "about": mask.real(claim.about),
            "evidence": evidence,
            "figures": [_figure(mask, figure, evidence) for figure in claim.figures],
        }
    )


def _figure(mask: Mask, figure: FigureDraft, evidence: Sequence[str]) -> FigureDraft:
    """A price of the cited evidence on its own scale."""
    for cited in evidence:
        tool, _, rest = cited.partition(":")
        if tool in TOOLS and figure.field in TOOLS[tool].prices:
            value = mask.real_price(rest.rpartition(":")[0], figure.value)
            return figure.model_copy(update={"value": value})
    return figure


def _action(mask: Mask, order: Action) -> Action:
    symbol = mask.real(order.symbol)
    prices = {name: getattr(order, name) for name in ("limit_price", "stop_price", "target_price")}
    return order.model_copy(
        update={
            **{name: mask.real_price(symbol, price) for name, price in prices.items()},
            "symbol": symbol,
            "thesis": mask.real(order.thesis),
            "invalidation": [mask.real_predicate(symbol, text) for text in order.invalidation],
            "evidence": [mask.real(cited) for cited in order.evidence],
        }
    )


def _judged(mask: Mask, judged: JudgementDraft) -> JudgementDraft:
    return judged.model_copy(update={"symbol": mask.real(judged.symbol), "reason": mask.real(judged.reason)})


def _rows(mask: Mask, symbol: str, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Prices on the scale, volumes by the mean of the rows: a turnover has a scale too."""
    mean = sum((Decimal(row[5]) for row in rows), ZERO) / max(len(rows), 1) or ONE
    factor = mask.factors.get(symbol)
    return [
        [
            row[0],
            *(None if factor is None else text_of(cut(Decimal(price) * factor, _COARSE)) for price in row[1:5]),
            text_of(cut(Decimal(row[5]) / mean, _COARSE)),
        ]
        for row in rows
    ]


def _decimal(value: Any) -> Decimal | None:
    try:
        read = None if value is None or isinstance(value, bool | float) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    # What is no price of anything is left as it is.
    return read if read is not None and read.is_finite() and abs(read.adjusted()) < _ABSURD else None


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text_of(value)


def _real(mask: Mask, text: str | None) -> str | None:
    return None if text is None else mask.real(text)
