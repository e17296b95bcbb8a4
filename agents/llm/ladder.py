"""From what a model said to a typed answer: strict schema, then a function, then JSON mode; prose is never searched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from agents.llm.client import ANSWER
from agents.llm.presets import Form
from agents.llm.saying import Completion, Finish, read_json
from core.ports import Abstain

A = TypeVar("A", bound=BaseModel)

LADDER: Final = tuple(Form)
_FENCE: Final = "```"
_FAULTS: Final = 4  # of one answer that a model is told


def below(form: Form) -> Form | None:
    """The next form, for a server that lacks this one."""
    at = LADDER.index(form) + 1
    return LADDER[at] if at < len(LADDER) else None


@dataclass(frozen=True, slots=True)
class Unfit:
    """An answer that is not of its type, and why; the model may repair it once."""

    problem: str


@dataclass(frozen=True, slots=True)
class Answering(Generic[A]):
    """The type that an answer must have, and what else must hold: `check` answers what is wrong, None for nothing."""

    answer: type[A]
    check: Callable[[A], str | None] = lambda _: None

    def read(self, said: Completion) -> A | Unfit | Abstain:
        """The typed answer; what a repair may mend; or an abstention that no second question changes."""
        if said.refusal:
            return Abstain(f"the model refused: {said.refusal[:160]}")
        if said.finish is Finish.FILTER:
            return Abstain("the server's content filter stopped the answer")
        written = next((call.arguments for call in said.calls if call.name == ANSWER), None)
        text = said.text if written is None else written
        if not text.strip():
            return self._empty(said)
        found = self._typed(text)
        if isinstance(found, Unfit) and said.finish is Finish.LENGTH:
            return Abstain("the answer was cut off at its longest length")
        return found

    def _empty(self, said: Completion) -> Unfit | Abstain:
        if said.finish is Finish.LENGTH:
            spent = "on thinking" if said.thought else "and wrote nothing"
            return Abstain(f"the model used the whole length of an answer {spent}")
        return Unfit("your answer was empty")

    def _typed(self, text: str) -> A | Unfit:
        try:
            found = self.answer.model_validate(read_json(_unfenced(text)))
        except ValidationError as refused:
            return Unfit("; ".join(_fault(dict(e)) for e in refused.errors(include_url=False)[:_FAULTS]))
        except ValueError as broken:
            return Unfit(f"it is not one JSON object: {broken}"[:200])
        problem = self.check(found)
        return found if problem is None else Unfit(problem)


def _unfenced(text: str) -> str:
    """Without the code fence that some models put around the whole of an answer."""
    whole = text.strip()
    if not (whole.startswith(_FENCE) and whole.endswith(_FENCE) and "\n" in whole):
        return whole
    return whole.partition("\n")[2].removesuffix(_FENCE)


def _fault(error: dict[str, Any]) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the answer"
    if error["type"] == "missing":
        return f"{field} is missing"
    return f"{field}: {error['msg']}, found {error['input']!r:.60}"
