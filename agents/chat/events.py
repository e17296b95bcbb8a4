"""What a turn of a conversation gives: typed, so that a terminal and the API show the same."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from core.canonical import JSON, plain


@dataclass(frozen=True, slots=True)
class Said:
    """A part of what a model says, as it comes."""

    kind: ClassVar[str] = "said"
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody else's words stand in what was said. `shown` is what a model sees of it, `data` their typed fields."""

    kind: ClassVar[str] = "heard"
    text: str
    shown: str
    taint: int
    data: JSON


@dataclass(frozen=True, slots=True)
class Looked:
    """A model looks something up."""

    kind: ClassVar[str] = "looked"
    tool: str
    arguments: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Told:
    """A tool's answer for a person. What is `quoted` came from outside, and is fenced."""

    kind: ClassVar[str] = "told"
    tool: str
    text: str
    data: JSON
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Asks:
    """An action waits for a yes or a no."""

    kind: ClassVar[str] = "asks"
    text: str
    action: JSON


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action."""

    kind: ClassVar[str] = "done"
    text: str
    data: JSON


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of the chat about itself: a refusal, a hint. `wrong` says that nothing was answered."""

    kind: ClassVar[str] = "note"
    text: str
    wrong: bool = False


Event = Said | Heard | Looked | Told | Asks | Done | Note


def as_json(event: Event) -> JSON:
    return plain({"kind": event.kind, **{f.name: getattr(event, f.name) for f in fields(event)}})
