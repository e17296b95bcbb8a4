"""The tools of one cycle: checked, metered, and answered through the stored effects, so that a replay repeats them."""

from collections.abc import Mapping
from inspect import isawaitable
from typing import Any

from pydantic import ValidationError

from core.canonical import JSON, Canonical
from core.errors import LedgerBroken, ToolInputError
from core.taint import Taint
from tools.context import ToolContext
from tools.spec import Answer, ToolInput, ToolSpec, Unavailable, evidence_id, openai_schema


class Toolbox:
    """Bound to one cycle's view. `budget` units may be spent in all; each call costs what its spec says."""

    def __init__(self, context: ToolContext, tools: Mapping[str, ToolSpec], budget: int) -> None:
        self._context = context
        self._tools = tools
        self._budget = budget
        self._spent = 0
        self._taints: dict[str, Taint] = {}
        self._answers: dict[str, dict[str, Any]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._tools))

    @property
    def spent(self) -> int:
        return self._spent

    @property
    def taints(self) -> Mapping[str, Taint]:
        """Every evidence that was given so far, with how far it can be trusted."""
        return self._taints

    @property
    def answers(self) -> Mapping[str, Mapping[str, Any]]:
        """Every answer that was given so far, by its evidence."""
        return self._answers

    @property
    def schemas(self) -> Mapping[str, Canonical]:
        """Each tool by name as a strict function definition, for a model."""
        return {name: openai_schema(self._tools[name]) for name in self.names}

    async def call(self, node: str, lane: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The tool's answer as JSON data: its output model's fields, or `unavailable` with the reason; and `evidence`.

        Raises
        ------
        ToolInputError
            An unknown tool, arguments outside the stated range, or a spent budget. The agent may correct itself.
        """
        spec = self._tools.get(name)
        if spec is None:
            raise ToolInputError(f"tool: found {name!r}, allowed are {', '.join(self.names)}")
        given = _checked(spec, arguments)
        self._spend(spec)
        request = {"tool": name, "arguments": given.model_dump(mode="json")}
        stored = await self._context.effects.perform(node, lane, request, lambda: _perform(spec, self._context, given))
        answer = _read_back(spec, stored)
        self._taints[answer.evidence] = answer.tainted
        given_back = answer.model_dump(mode="json")
        self._answers[answer.evidence] = given_back
        return given_back

    def _spend(self, spec: ToolSpec) -> None:
        left = self._budget - self._spent
        if spec.cost > left:
            raise ToolInputError(f"{spec.name} costs {spec.cost}, and {left} of the cycle's {self._budget} are left")
        self._spent += spec.cost


def _checked(spec: ToolSpec, arguments: dict[str, Any]) -> ToolInput:
    try:
        return spec.input.model_validate(arguments)
    except ValidationError as refusal:
        allowed = ", ".join(spec.input.model_fields) or "none"
        faults = [_fault(dict(error), allowed) for error in refusal.errors(include_url=False, include_context=False)]
        raise ToolInputError(f"{spec.name}: {'; '.join(faults[:3])}") from None


def _fault(error: dict[str, Any], allowed: str) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "arguments"
    if error["type"] == "missing":
        return f"{field} is missing, the arguments are {allowed}"
    if error["type"] == "extra_forbidden":
        return f"{field} is not an argument, allowed are {allowed}"
    # What a model wrote may be a novel; its beginning says enough.
    return f"{field}: {error['msg']}, found {error['input']!r:.60}"


async def _perform(spec: ToolSpec, context: ToolContext, given: ToolInput) -> JSON:
    try:
        ran = spec.run(context, given)
        answer = await ran if isawaitable(ran) else ran
    except ToolInputError as refusal:
        # Stored like an answer: only the market knew that it was wrong, and a replay has no market.
        return {"refused": f"{spec.name}: {refusal}"}
    found = answer.model_dump(mode="json", exclude={"evidence"})
    told = {**found, "evidence": evidence_id(spec.name, getattr(given, "symbol", "account"), found)}
    # The gate looks here, whatever a reasoner says of it.
    return {**told, "taint": int(answer.tainted)} if answer.tainted else told


def _read_back(spec: ToolSpec, stored: JSON) -> Answer:
    if "refused" in stored:
        raise ToolInputError(stored["refused"])
    model: type[Answer] = Unavailable if "unavailable" in stored else spec.output
    try:
        return model.model_validate({name: value for name, value in stored.items() if name != "taint"})
    except ValidationError as broken:
        raise LedgerBroken(f"the stored answer of {spec.name} is not one of its answers: {broken}") from None
