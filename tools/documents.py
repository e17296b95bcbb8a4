"""What a kept document says of a token: typed fields that a quarantined reader took, and no word of it."""

from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from core.canonical import JSON
from core.errors import ToolInputError
from core.taint import Taint
from core.time import HOUR_NS
from tools.context import ToolContext
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol, number


class Documents(Protocol):
    """Scorecards of the documents that people kept. `fields` are the names that one may have."""

    @property
    def fields(self) -> tuple[str, ...]: ...

    def newest(self, token: str, *, as_of_ns: int) -> JSON | None:
        """The last one kept of a token by then: its hash, reader, `known_at_ns` and `fields`; None for none."""


class DocumentInput(SymbolInput):
    field: str = Field(max_length=40, description="a field such as supply.maximum, a section such as unlocks, or all")


class Stated(BaseModel):
    """One field as the document states it: a word of the field's own list, or a number in its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    value: str


class DocumentFacts(Answer):
    """`stated` may hold a field twice, where the document says two things; `unstated` are those it says nothing of.

    `document` names its content, `age_h` counts since it was kept, which is when the desk knew it.
    """

    symbol: str
    token: str
    document: str
    reader: str
    age_h: Number
    stated: tuple[Stated, ...]
    unstated: tuple[str, ...]

    @property
    def tainted(self) -> Taint:
        return Taint.DERIVED


def tools(documents: Documents | None = None) -> tuple[ToolSpec, ...]:
    """The tools over what was kept; without it they answer that there is nothing."""

    def document_facts(context: ToolContext, given: DocumentInput) -> Answer:
        check_symbol(context, given.symbol)
        token = given.symbol.partition("/")[0]
        if documents is None:
            return Unavailable(unavailable="this desk keeps no documents")
        asked = [name for name in documents.fields if given.field in ("all", name, name.partition(".")[0])]
        if not asked:
            raise ToolInputError(f"field: found {given.field!r}, allowed are all, {', '.join(documents.fields)}")
        card = documents.newest(token, as_of_ns=context.as_of_ns)
        if card is None:
            return Unavailable(unavailable=f"no document about {token} was kept by then")
        stated = tuple(Stated(field=f["field"], value=f["value"]) for f in card["fields"] if f["field"] in asked)
        said = {one.field for one in stated}
        return DocumentFacts(
            symbol=given.symbol,
            token=token,
            document=card["content_hash"][:12],
            reader=card["reader"],
            age_h=number(round((context.as_of_ns - card["known_at_ns"]) / HOUR_NS, 1)),
            stated=stated,
            unstated=tuple(name for name in asked if name not in said),
        )

    return (
        ToolSpec(
            "document_facts",
            "What a document kept by a person says of the symbol's token: supply, unlocks, use, team, risks; typed "
            "fields without its words.",
            DocumentInput,
            DocumentFacts,
            document_facts,
        ),
    )
