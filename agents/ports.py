"""What the stages are given. Nothing here can reach a venue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from agents.bill import Bill
from agents.contamination import Taught
from agents.cycle import Cycle
from agents.masking import OPEN, Mask
from agents.prompts import Prompts
from core.canonical import JSON
from core.ports import Abstain, Effect, Effects, Forecaster, MarketView, OrderDesk, Trials
from core.time import Timeframe
from core.working import Working
from models.settings import ModelSettings
from tools.documents import Documents
from tools.remembering import Memory
from tools.toolbox import Toolbox

A = TypeVar("A", bound=BaseModel)


class Role(StrEnum):
    RESEARCH = "research"
    PLAN = "plan"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Brief:
    """One question to a reasoner: the rendered prompt for a model, and the same facts as typed values.

    `system` is what every question of the role begins with, `prompt` what is new. `lane` is the symbol or topic: tool
    calls and completions are numbered within it. What a model answers goes through `effects`, what it costs on `bill`.
    Facts and tools are of the real market; a model is told of them, and believed, through `mask` alone.
    """

    role: Role
    lane: str
    prompt: str
    facts: Mapping[str, Any]
    system: str
    effects: Effects
    bill: Bill
    mask: Mask = OPEN


class Reasoner(Protocol):
    """Fills a typed answer, or abstains. It gets tools that read and compute, never one that acts.

    `traces` says that its orders cite all that moved them, since it is code that weighs what it cites. `taught` is what
    a model learned before it was asked; None for code.
    """

    name: str
    traces: bool

    @property
    def taught(self) -> Taught | None: ...

    async def structured(self, brief: Brief, answer: type[A], toolbox: Toolbox) -> A | Abstain: ...


class Speaker(Protocol):
    """Fills a typed answer from one text, without tools: what reads for the desk and never decides for it."""

    name: str

    async def fill(self, role: str, system: str, text: str, answer: type[A]) -> A | Abstain:
        """`system` is ours and `text` is data. No answer that fits its type is an abstention that says why."""


class Scorer(Protocol):
    """Scores texts from -1 to 1, one answer a text. `fallback` says that it stands in for the one asked for."""

    @property
    def name(self) -> str: ...
    @property
    def fallback(self) -> bool: ...
    def score_many(self, texts: Sequence[str]) -> list[Decimal | Abstain]: ...


class Apart(Protocol):
    """Runs what computes long off the event loop, so that the watch and the kill switch stay on time."""

    async def __call__(self, work: Callable[[], JSON], /) -> JSON: ...


class CycleEffects(Effects, Protocol):
    def entries(self) -> tuple[Effect, ...]: ...


class Records(Protocol):
    def close(self, cycle: Cycle, body: JSON) -> str:
        """Stores the DecisionRecord and closes the cycle; answers the record hash."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a cycle asks its reasoner: are balances shown as amounts, does a second model review plans, and are symbols,
    dates and price scale hidden from all models?"""

    amounts: bool = False
    review: bool = False
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """One cycle's ports; `effects` is bound to the cycle, and everything from outside goes through it.

    `shadows` are forecasters that speak without a vote; `work` is how the desk works its large orders, None where it
    sends all of them whole. `memory` is what the account learned before, None where nothing is remembered; `documents`
    is what people gave the desk to keep; `trials` counts what agents backtest, None where they may not. `left_out` are
    the stages that a rehearsal runs without.
    """

    market: MarketView
    timeframe: Timeframe
    account: Callable[[], JSON]
    reasoner: Reasoner
    prompts: Prompts
    forecasters: tuple[Forecaster, ...]
    shadows: tuple[Forecaster, ...]
    scorer: Scorer
    apart: Apart
    models: ModelSettings
    max_price_age_s: int
    work: Working | None
    effects: CycleEffects
    orders: OrderDesk
    records: Records
    memory: Memory | None = None
    documents: Documents | None = None
    trials: Trials | None = None
    bill: Bill = field(default_factory=Bill)
    thinking: Thinking = Thinking()  # frozen
    left_out: frozenset[str] = frozenset()
