"""One question to a model, and its canonical form: named as a whole, kept in parts."""

from dataclasses import dataclass
from typing import Self

from core.canonical import JSON, Canonical

_NONE = Canonical.of(None)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `tools` are function definitions; `last` says that it is time to answer, without tools.

    Tools and schema are the same for many questions, and written once for all of them.
    """

    messages: tuple[JSON, ...]
    tools: tuple[Canonical, ...] = ()
    schema: Canonical | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """The form of an `Asked`: `whole` is what it is known by, `named` tells each of its `parts` by digest.

    Most parts repeat an earlier question: the tools, the schema, and all that was said so far.
    """

    whole: Canonical
    parts: tuple[Canonical, ...]
    named: JSON

    @classmethod
    def of(cls, asked: Asked) -> Self:
        messages = tuple(Canonical.of(message) for message in asked.messages)
        tools, schema = Canonical.listing(asked.tools), asked.schema or _NONE
        parts = {"messages": Canonical.listing(messages), "tools": tools, "schema": schema}
        named = {
            "messages": [message.digest for message in messages],
            "tools": tools.digest,
            "schema": schema.digest,
            "last": asked.last,
        }
        whole = Canonical.mapping({**parts, "last": Canonical.of(asked.last)})
        return cls(whole, (*messages, tools, schema), named)
