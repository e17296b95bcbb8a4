"""A model's calls of tools: read with care, and written back as its next question must repeat them."""

from collections.abc import Collection
from typing import Any

from agents.llm.saying import Call, Completion, read_json
from core.canonical import JSON
from core.errors import ToolInputError


def arguments_of(call: Call, names: Collection[str]) -> dict[str, Any]:
    """The arguments of a call. Raises ToolInputError for a tool that there is not, or arguments that are no object."""
    if call.name not in names:
        raise ToolInputError(f"there is no tool {call.name[:40]!r}, allowed are {', '.join(sorted(names))}")
    try:
        arguments = read_json(call.arguments or "{}")
    except ValueError as broken:
        raise ToolInputError(f"the arguments are not JSON: {str(broken)[:120]}") from None
    if not isinstance(arguments, dict):
        raise ToolInputError(f"the arguments must be an object, found {type(arguments).__name__}")
    return arguments


def as_said(said: Completion) -> JSON:
    """The model's own message, as it must stand before the answers to its calls."""
    calls = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": _sound(c.arguments)}}
        for c in said.calls
    ]
    return {"role": "assistant", "content": said.text or None, "tool_calls": calls}


def _sound(arguments: str) -> str:
    """Some servers read the arguments of past calls again, and fail on what is no JSON."""
    try:
        return arguments if isinstance(read_json(arguments), dict) else "{}"
    except ValueError:
        return "{}"
