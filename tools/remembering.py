"""What the desk learned before, found again by meaning. Nothing that sizes an order can reach it."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from core.ports import Abstain
from core.taint import Taint, join
from core.time import HOUR_NS
from memory.recall.items import Found
from tools.context import ToolContext
from tools.spec import Answer, Number, SymbolInput, ToolSpec, Unavailable, check_symbol, number


class Memory(Protocol):
    """One account's memory."""

    async def about(self, text: str, *, symbol: str, as_of_ns: int, n: int) -> Sequence[Found] | Abstain:
        """The items nearest in meaning that were known at `as_of_ns`, best first. No raw text from outside."""


class RecallInput(SymbolInput):
    text: str = Field(min_length=1, max_length=300, description="what to look for, in words")
    n: int = Field(5, ge=1, le=10, description="how many at most")


class Remembered(Answer):
    """`n` is how many outcomes the text rests on, `similarity` its cosine to the question, `age_h` since it was known.

    One outcome proves nothing. `trust` is 0 for our own sums, 1 where typed fields of texts went into it.
    """

    text: str
    kind: str
    symbol: str
    topic: str
    n: int
    age_h: Number
    trust: Taint
    source: str
    similarity: Number


class Recalled(Answer):
    """Best first; none where nothing like it was ever remembered."""

    symbol: str
    items: tuple[Remembered, ...]

    @property
    def tainted(self) -> Taint:
        return join(item.trust for item in self.items)


def tools(memory: Memory | None = None) -> tuple[ToolSpec, ...]:
    """The tools over one account's memory; without one they answer that there is none."""

    async def recall(context: ToolContext, given: RecallInput) -> Answer:
        check_symbol(context, given.symbol)
        if memory is None:
            return Unavailable(unavailable="this desk remembers nothing")
        found = await memory.about(given.text, symbol=given.symbol, as_of_ns=context.as_of_ns, n=given.n)
        if isinstance(found, Abstain):
            return Unavailable(unavailable=found.reason)
        items = tuple(_remembered(one, context.as_of_ns) for one in found)
        return Recalled(symbol=given.symbol, items=items)

    return (
        ToolSpec(
            "recall",
            "Lessons that the desk wrote about earlier trades, nearest in meaning to a text, with how many outcomes "
            "each rests on.",
            RecallInput,
            Recalled,
            recall,
            cost=2,
        ),
    )


def _remembered(found: Found, as_of_ns: int) -> Remembered:
    item = found.item
    return Remembered(
        text=item.text,
        kind=item.kind,
        symbol=item.symbol,
        topic=item.topic,
        n=item.n,
        age_h=number(round((as_of_ns - item.known_at_ns) / HOUR_NS, 1)),
        trust=item.trust,
        source=item.source,
        similarity=found.similarity,
    )
