"""What the stages are given. Nothing here can reach a venue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from agents.cycle import Cycle
from agents.prompts import Prompts
from core.canonical import JSON
from core.ports import Abstain, Effect, Effects, Forecaster, MarketView, OrderDesk
from core.time import Timeframe
from models.settings import ModelSettings
from tools.toolbox import Toolbox

A = TypeVar("A", bound=BaseModel)


class Role(StrEnum):
    RESEARCH = "research"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Brief:
    """One question to a reasoner: the rendered prompt for a model, and the same facts as typed values.

    `lane` is the symbol or topic: tool calls and completions are numbered within it.
    """

    role: Role
    lane: str
    prompt: str
    facts: Mapping[str, Any]


class Reasoner(Protocol):
    """Fills a typed answer, or abstains. It gets tools that read and compute, never one that acts."""

    name: str

    async def structured(self, brief: Brief, answer: type[A], toolbox: Toolbox) -> A | Abstain: ...


class Scorer(Protocol):
    """Scores a text from -1 to 1. `fallback` says that it stands in for a classifier."""

    name: str
    fallback: bool

    def score(self, text: str) -> Decimal | Abstain: ...


class CycleEffects(Effects, Protocol):
    def entries(self) -> tuple[Effect, ...]: ...


class Records(Protocol):
    def close(self, cycle: Cycle, body: JSON) -> str:
        """Stores the DecisionRecord and closes the cycle; answers the record hash."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One cycle's ports; `effects` is bound to the cycle, and everything from outside goes through it."""

    market: MarketView
    timeframe: Timeframe
    account: Callable[[], JSON]
    reasoner: Reasoner
    prompts: Prompts
    forecasters: tuple[Forecaster, ...]
    scorer: Scorer
    models: ModelSettings
    max_price_age_s: int
    effects: CycleEffects
    orders: OrderDesk
    records: Records
