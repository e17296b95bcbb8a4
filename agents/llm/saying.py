"""What a model was asked and what it said, as values: nothing here knows a network."""

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NoReturn

from agents.llm.presets import Form
from core.canonical import JSON
from core.errors import DeskError
from core.printable import one_line

_MOST_CALLS: Final = 64
_MESSAGE: Final = 200  # characters of what a server says of a failure


class Finish(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    FILTER = "filter"
    TOOLS = "tools"
    OTHER = "other"


class Why(StrEnum):
    """Why a model did not answer. Of those in `AGAIN`, the same question may be answered later."""

    NO_KEY = "no key"
    BAD_KEY = "key refused"
    NO_MODEL = "no such model"
    REFUSED = "request refused"
    FILTERED = "content filter"
    TOO_LONG = "prompt too long"
    QUOTA = "quota used up"
    RATE = "rate limited"
    UNAVAILABLE = "server failed"
    UNREACHABLE = "server unreachable"
    TIMED_OUT = "timed out"
    MALFORMED = "malformed completion"
    OVERSIZED = "completion too large"
    BUDGET = "budget exhausted"
    RESTING = "left alone after failures"


AGAIN: Final = frozenset({Why.RATE, Why.UNAVAILABLE, Why.UNREACHABLE, Why.MALFORMED})
# A call that ended so may have been carried out, and billed.
MAYBE_BILLED: Final = frozenset({Why.TIMED_OUT, Why.UNREACHABLE, Why.MALFORMED, Why.OVERSIZED})


class Unanswered(DeskError):
    """A model did not answer: no opinion. `retry_after_s` is the server's own wish."""

    def __init__(self, why: Why, message: str, retry_after_s: float | None = None) -> None:
        self.why = why
        # A server's own words: they are shown, and written down.
        self.message = one_line(message[:_MESSAGE])
        super().__init__(f"{why}: {self.message}")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call as the model wrote it: `arguments` is text, and may be anything."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `thought` says that the model reasoned, which may be all that it did."""

    model: str
    fingerprint: str
    text: str
    calls: tuple[Call, ...]
    finish: Finish
    refusal: str = ""
    thought: bool = False
    usage: Usage | None = None

    def stored(self, form: Form) -> JSON:
        """For the record: everything but what it cost."""
        return {
            "form": form.value,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "text": self.text,
            "calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in self.calls],
            "finish": self.finish.value,
            "refusal": self.refusal,
            "thought": self.thought,
        }

    @classmethod
    def restored(cls, said: JSON) -> "Completion":
        return cls(
            model=said["model"],
            fingerprint=said["fingerprint"],
            text=said["text"],
            calls=tuple(Call(c["id"], c["name"], c["arguments"]) for c in said["calls"]),
            finish=Finish(said["finish"]),
            refusal=said["refusal"],
            thought=said["thought"],
        )


def read_back(said: JSON) -> tuple[Form, Completion]:
    """A completion as it was stored, with its form. Raises ValueError for what is none."""
    try:
        return Form(said["form"]), Completion.restored(said)
    except (KeyError, TypeError) as broken:
        raise ValueError(f"it is no completion ({type(broken).__name__})") from None


_FINISHES: Final = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "content_filter": Finish.FILTER,
    "tool_calls": Finish.TOOLS,
    "function_call": Finish.TOOLS,
}


def read_json(text: str | bytes) -> Any:
    """JSON whose numbers are exact. ValueError for what is none, NaN and infinity included."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def completion_of(raw: Any) -> Completion:
    """A server's answer as a value. Raises Unanswered for what is no completion."""
    if not isinstance(raw, dict):
        raise Unanswered(Why.MALFORMED, f"expected an object, found {type(raw).__name__}")
    if raw.get("error"):
        raise failure_of(raw["error"])
    choices = raw.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Unanswered(Why.MALFORMED, "it has no choice")
    choice = choices[0]
    message = choice.get("message")
    if choice.get("error"):
        raise failure_of(choice["error"])
    if not isinstance(message, dict):
        raise Unanswered(Why.MALFORMED, "its choice has no message")
    text, thought = _text(message)
    return Completion(
        model=_clean(raw.get("model")),
        fingerprint=_clean(raw.get("system_fingerprint")),
        text=text,
        calls=_calls(message),
        finish=_FINISHES.get(str(choice.get("finish_reason")), Finish.OTHER),
        refusal=_clean(message.get("refusal")),
        thought=thought,
        usage=usage_of(raw.get("usage")),
    )


def failure_of(error: Any, status: int | None = None, retry_after_s: float | None = None) -> Unanswered:
    """The typed error of a status code, or of an `error` object that came in place of an answer."""
    told = error if isinstance(error, dict) else {"message": error}
    code, message = told.get("code"), _clean(told.get("message")) or "no reason given"
    number = status if status is not None else code if isinstance(code, int) else None
    named = f"{code} {told.get('type')}".lower()
    if number in (401, 403):
        # What it says may repeat the key.
        return Unanswered(Why.BAD_KEY, f"the server answered {number}")
    if "content_filter" in named or "content_policy" in named:
        return Unanswered(Why.FILTERED, message)
    if "context_length" in named or number == 413:
        return Unanswered(Why.TOO_LONG, message)
    if "insufficient_quota" in named or number == 402:
        return Unanswered(Why.QUOTA, message)
    if number == 404:
        return Unanswered(Why.NO_MODEL, message)
    if number == 429:
        return Unanswered(Why.RATE, message, retry_after_s)
    if number in (408, 409, 425) or number is None or number >= 500:
        return Unanswered(Why.UNAVAILABLE, message, retry_after_s)
    return Unanswered(Why.REFUSED, message)


def usage_of(raw: Any) -> Usage | None:
    """None where a server does not count: no prompt is without a token."""
    if not isinstance(raw, dict):
        return None
    prompt, written = _count(raw.get("prompt_tokens")), _count(raw.get("completion_tokens"))
    if not prompt or written is None:
        return None
    details = raw.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else raw.get("prompt_cache_hit_tokens")
    return Usage(prompt, min(_count(cached) or 0, prompt), written)


def _text(message: dict[str, Any]) -> tuple[str, bool]:
    """What it says, and whether it thought: in a field of its own, or in front of the answer."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    text = _clean(content).strip()
    thought = bool(message.get("reasoning_content") or message.get("reasoning"))
    if text.startswith("<think>"):
        _, closed, rest = text.partition("</think>")
        return (rest.strip() if closed else ""), True
    return text, thought


def _calls(message: dict[str, Any]) -> tuple[Call, ...]:
    listed = message.get("tool_calls")
    found = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    if isinstance(message.get("function_call"), dict):
        found.append({"function": message["function_call"]})
    return tuple(_call(raw, at) for at, raw in enumerate(found[:_MOST_CALLS]))


def _call(raw: dict[str, Any], at: int) -> Call:
    own = raw.get("function") or raw.get("custom")
    function = own if isinstance(own, dict) else {}
    given = function.get("arguments", function.get("input", ""))
    arguments = given if isinstance(given, str) else json.dumps(given, default=str)
    return Call(_clean(raw.get("id")) or f"call_{at}", _clean(function.get("name")), _clean(arguments))


def _clean(value: Any) -> str:
    """Text that can be stored: a lone surrogate has no bytes."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
