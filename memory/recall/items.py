"""One thing remembered: a short text of the desk's own making, with when it was known, of what, and from where."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.canonical import digest
from core.errors import DataRefused
from core.taint import Taint

MOST_CHARACTERS: Final = 1_000
# Until when an item holds that nothing has replaced: the last moment that a clock can show.
FOREVER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Item:
    """`symbol` is empty for what is about no market, `account` for what every account may know.

    `topic` says which items can be the same thing told again, `n` how many outcomes the text rests on. `source` names
    what it was made from. An item holds from `known_at_ns` until `until_ns`, when a newer telling took its place.
    """

    text: str
    kind: str
    source: str
    trust: Taint
    known_at_ns: int
    symbol: str = ""
    account: str = ""
    topic: str = ""
    n: int = 1
    until_ns: int = FOREVER

    def __post_init__(self) -> None:
        if not self.text.strip() or len(self.text) > MOST_CHARACTERS:
            allowed = f"allowed are 1 to {MOST_CHARACTERS:,}, not all of them blank"
            raise DataRefused(f"a text of {len(self.text):,} characters cannot be remembered: {allowed}")
        if not (self.kind and self.source):
            raise DataRefused(f"what is remembered has a kind and a source, found {self.kind!r} and {self.source!r}")
        for said in (self.text, self.kind, self.source, self.symbol, self.account, self.topic):
            # Neither lines nor what a terminal obeys, nor what nobody sees.
            if not said.isprintable():
                raise DataRefused(f"only what can be seen is remembered, found {said!r:.60}")

    @property
    def item_id(self) -> str:
        """By its content, so that what is remembered twice is there once; until when it holds is no part of it."""
        content = (self.text, self.kind, self.source, int(self.trust), self.known_at_ns)
        return digest([*content, self.symbol, self.account, self.topic, self.n])[:32]


@dataclass(frozen=True, slots=True)
class Found:
    """An item with its cosine similarity to the question, to three decimals: further digits differ by machine."""

    item: Item
    similarity: Decimal


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose items: of one account with what all may know, or of all accounts where none is named.

    A `symbol` finds with it what is about no market. `as_of_ns` hides what was not known then, or no longer held;
    without it everything is shown that holds, and what was `replaced` too where that is wanted. Nothing comes back
    that is trusted less than `worst`.
    """

    account: str | None = None
    symbol: str | None = None
    kind: str | None = None
    as_of_ns: int | None = None
    worst: Taint = Taint.HOSTILE
    replaced: bool = False
