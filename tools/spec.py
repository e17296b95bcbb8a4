"""What a tool is: a name, typed input and output, a cost, and a function of the cycle's view. Pure data.

Numbers enter and leave as canonical decimal text, since JSON floats have no one form that can be hashed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from core.canonical import JSON, Canonical, digest
from core.errors import ToolInputError
from core.money import significant, text_of
from core.taint import Taint
from tools.context import ToolContext
from tools.schema import strict


def _no_float(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("a decimal number is written as text, such as '0.25'")
    return value


_TEXT = WithJsonSchema({"type": "string", "description": "a decimal number as text, such as '0.25'"})

Number = Annotated[Decimal, BeforeValidator(_no_float), PlainSerializer(text_of, return_type=str), _TEXT]


class ToolInput(BaseModel):
    """Arguments of a tool. An unknown argument is refused rather than ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SymbolInput(ToolInput):
    symbol: str = Field(min_length=1, max_length=40, description="such as BTC/USDT")


class Answer(BaseModel):
    """What a tool found. `evidence` is made from the content by the toolbox, so that a claim can cite it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evidence: str = ""

    @property
    def tainted(self) -> Taint:
        """The worst of what the answer was made from: our own sums over a venue's data, where it says nothing else."""
        return Taint.TRUSTED


class Unavailable(Answer):
    """The data that the tool needs is missing: no opinion, with the reason."""

    unavailable: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that agents may call. Not `pure` means that it reads a market or the books; `cost` is in budget units.

    `run` gets an instance of `input`; wrong arguments raise ToolInputError, missing data answers `Unavailable`.
    One that takes long is a coroutine that leaves the event loop free.
    """

    name: str
    description: str
    input: type[ToolInput]
    output: type[Answer]
    run: Callable[[ToolContext, Any], Answer | Awaitable[Answer]]
    pure: bool = False
    cost: int = 1


def number(value: float | Decimal) -> Decimal:
    """A computed number, cut to 9 significant digits. Refuses NaN and infinity."""
    return Decimal(significant(float(value)))


def evidence_id(tool: str, subject: str, answer: JSON) -> str:
    """Named by its content: the same answer has the same evidence, and another one never does."""
    return f"{tool}:{subject}:{digest(answer)[:12]}"


def check_symbol(context: ToolContext, symbol: str) -> None:
    """A symbol that this market does not know is the caller's mistake, not missing data."""
    known = context.market.symbols()
    if symbol not in known:
        raise ToolInputError(f"symbol: found {symbol!r}, allowed are {', '.join(known) or 'none'}")


def openai_schema(spec: ToolSpec) -> Canonical:
    """The tool as a strict function definition: every argument required, no other allowed."""
    return function_schema(spec.name, spec.description, spec.input)


@lru_cache(maxsize=256)  # takes longer than most tools
def function_schema(name: str, description: str, arguments: type[ToolInput]) -> Canonical:
    """A strict function definition of these arguments."""
    parameters = strict(arguments.model_json_schema())
    # The docstring of the input class speaks to us; the tool's own description speaks to the model.
    parameters.pop("description", None)
    function = {"name": name, "description": description, "parameters": parameters, "strict": True}
    return Canonical.of({"type": "function", "function": function})
