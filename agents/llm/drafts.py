"""What a model fills. Nothing here is believed: code makes views and orders of it, and sizes and taints them itself."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from core.orders import Side

_LONG, _SHORT, _LIST = 600, 240, 12


def _exact(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("a number is written as JSON number")
    return value


def _cut(length: int) -> BeforeValidator:
    return BeforeValidator(lambda text: text[:length] if isinstance(text, str) else text)


_NUMBER = WithJsonSchema({"type": "number"})
Signal = Annotated[Decimal, BeforeValidator(_exact), Field(ge=-1, le=1, max_digits=40), _NUMBER]
Share = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1, max_digits=40), _NUMBER]
Price = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, lt=10**12, max_digits=40), _NUMBER]
Value = Annotated[Decimal, BeforeValidator(_exact), Field(gt=-(10**18), lt=10**18, max_digits=40), _NUMBER]
# A model that writes on is cut short rather than asked again.
Words = Annotated[str, _cut(_SHORT)]
Thesis = Annotated[str, _cut(_LONG)]
Name = Annotated[str, Field(max_length=120)]


class Draft(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class FigureDraft(Draft):
    field: Name
    value: Value


class ClaimDraft(Draft):
    text: Words
    about: Name
    evidence: list[Name] = Field(min_length=1, max_length=_LIST)
    figures: list[FigureDraft] = Field(max_length=_LIST)


class OpinionDraft(Draft):
    abstain: Words | None
    stance: Signal
    conviction: Share
    horizon_bars: int = Field(ge=1, le=500)
    claims: list[ClaimDraft] = Field(max_length=_LIST)
    risks: list[Words] = Field(max_length=_LIST)
    change_my_mind: list[Words] = Field(max_length=_LIST)


class Action(Draft):
    """`share` is of what the sizing tool gives, or of what is held: no model states a quantity."""

    index: int | None
    symbol: Name
    action: Literal["enter", "leave"]
    side: Side
    share: Share
    limit_price: Price | None
    stop_price: Price | None
    target_price: Price | None
    thesis: Thesis
    invalidation: list[Name] = Field(max_length=_LIST)
    evidence: list[Name] = Field(max_length=30)
    confidence: Share | None


class JudgementDraft(Draft):
    symbol: Name
    stance: Signal | None
    reason: Words


class PlanDraft(Draft):
    abstain: Words | None
    orders: list[Action] = Field(max_length=30)
    judgements: list[JudgementDraft] = Field(max_length=100)


class RulingDraft(Draft):
    index: int
    share: Share
    reason: Words


class RulingsDraft(Draft):
    abstain: Words | None
    rulings: list[RulingDraft] = Field(max_length=30)
