"""A talk with tools, bounded in turns, calls, letters and time, that ends in a typed answer or an abstention."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from agents.llm.calls import arguments_of, as_said
from agents.llm.client import ANSWER
from agents.llm.ladder import Answering, Unfit
from agents.llm.presets import Form
from agents.llm.question import Asked
from agents.llm.saying import Call, Completion, Unanswered
from agents.llm.schema import schema_of
from core.canonical import JSON, Canonical
from core.errors import ToolInputError
from core.ports import Abstain

A = TypeVar("A", bound=BaseModel)
T = TypeVar("T")

Talk = Callable[[Asked], Awaitable[tuple[Form, Completion]]]
UseTool = Callable[[str, dict[str, Any]], Awaitable[str]]

_LETTERS_A_TOKEN: Final = 3


@dataclass(frozen=True, slots=True)
class Caps:
    """`turns` that may call tools, `calls` in all of them, and the longest prompt in tokens."""

    turns: int
    calls: int
    prompt_tokens: int


async def converse(
    talk: Talk,
    answering: Answering[A],
    messages: tuple[JSON, ...],
    tools: tuple[Canonical, ...],
    use: UseTool,
    caps: Caps,
) -> A | Abstain:
    """Asks, runs the tools that are called, and asks again. One answer that is unfit may be repaired."""
    schema = schema_of(answering.answer)
    names = frozenset(tool.value["function"]["name"] for tool in tools)
    left, repaired, turn = caps.calls, False, 0
    while True:
        turn += 1
        if (long := _tokens(messages)) > caps.prompt_tokens:
            return Abstain(f"the prompt has grown to about {long} tokens, {caps.prompt_tokens} are allowed")
        last = not tools or turn >= caps.turns or left <= 0 or repaired
        try:
            _, said = await talk(Asked(messages, tools, schema, last))
        except Unanswered as failed:
            return Abstain(str(failed))
        wanted = [call for call in said.calls if call.name != ANSWER]
        if wanted and not last and len(wanted) == len(said.calls):
            messages = (*messages, as_said(said), *await _used(wanted, left, names, use))
            left -= len(wanted)
            continue
        found = answering.read(said)
        if not isinstance(found, Unfit):
            return found
        if wanted and last:
            return Abstain(f"the model still called {wanted[0].name[:40]!r} when it was time to answer")
        if repaired:
            return Abstain(f"the answer does not fit its type, even when asked again: {found.problem}"[:400])
        repaired = True
        messages = (*messages, *_repair(said, found.problem))


async def _used(wanted: list[Call], left: int, names: frozenset[str], use: UseTool) -> list[JSON]:
    """The tools' answers, in the order of the calls; all of them run side by side."""
    allowed, beyond = wanted[: max(left, 0)], wanted[max(left, 0) :]
    texts = await side_by_side(_run(call, names, use) for call in allowed)
    texts += ["no call is left: answer now"] * len(beyond)
    return [
        {"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(wanted, texts, strict=True)
    ]


async def side_by_side(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their results in order. The first that fails ends the others, and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _run(call: Call, names: frozenset[str], use: UseTool) -> str:
    try:
        return await use(call.name, arguments_of(call, names))
    except ToolInputError as refused:
        return f"error: {refused}"


def _repair(said: Completion, problem: str) -> list[JSON]:
    """One more try, with what was wrong."""
    told = f"That does not fit: {problem}. Answer again, whole and in the asked form."
    if not said.calls:
        return [
            {"role": "assistant", "content": said.text or "(nothing)"},
            {"role": "user", "content": told},
        ]
    answers = [{"role": "tool", "tool_call_id": call.id, "content": told} for call in said.calls]
    return [as_said(said), *answers]


def _tokens(messages: tuple[Mapping[str, Any], ...]) -> int:
    letters = (len(str(message.get("content") or "")) + len(str(message.get("tool_calls", ""))) for message in messages)
    return sum(letters) // _LETTERS_A_TOKEN
