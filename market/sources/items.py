"""What comes from outside: texts and numbers, each with its event time and the moment at which it could be known.

A source hands over a `RawText` as it found it. Only the intake makes a `TextItem` of it, so that no source, plug-in or
not, can skip the cleaning, date a text back, or vouch for its own words. Numbers come as `Reading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import UnionType
from typing import Final, Protocol, runtime_checkable

from core.canonical import digest
from core.taint import Taint

WHOLE_MARKET = ""  # the asset of a series that is about no single one, such as dominance or Fear & Greed
SIGNAL: Final = "signal"  # the series of what others say of where an asset goes, from -1 to 1


@dataclass(frozen=True, slots=True)
class RawText:
    """One text as a source showed it: perhaps with markup, hidden words and a date that is wrong or missing.

    `native_id` is the source's own name for it, the same for every version. `event_ns` is None where no date was found.
    `assets` are what the source itself tagged, as base assets ('BTC', or WHOLE_MARKET); the intake adds those it finds
    by name.
    """

    native_id: str
    headline: str
    event_ns: int | None
    body: str = ""
    url: str = ""
    language: str = ""  # ISO 639-1 as the source says it; detected where empty
    assets: tuple[str, ...] = ()
    markup: bool = True
    altered_from: tuple[str, ...] = ()  # what was concealed before the intake saw it, as `cleaning` names it


@dataclass(frozen=True, slots=True)
class TextItem:
    """One version of one text from outside: data, never an instruction.

    `item_id` names the text through all its versions and is made of source and native id. A later `revision` has a
    later `known_at_ns`; one that is `deleted` is a tombstone without words. `story_id` is the item that told the story
    first: equal to `item_id` unless this is a copy, so that syndicated copies count once. `concealed` says what was
    hidden in the text, as (kind, count).
    """

    item_id: str
    source: str
    event_ns: int
    known_at_ns: int
    content_hash: str  # SHA-256 of headline and body as cleaned
    headline: str
    body: str
    url: str
    language: str  # ISO 639-1, or 'und' where the text is too short to tell
    assets: tuple[str, ...]
    story_id: str
    taint: Taint = Taint.UNTRUSTED
    revision: int = 0
    deleted: bool = False
    concealed: tuple[tuple[str, int], ...] = ()

    @property
    def is_copy(self) -> bool:
        return self.story_id != self.item_id

    @property
    def version_id(self) -> str:
        """Names this version: the same item, edited, has another."""
        return digest([self.item_id, self.revision, self.content_hash, self.deleted])[:16]


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of a series. A second one with the same key and a later `known_at_ns` replaces it from then on.

    The key is (series, asset, source, event_ns, reference). `event_ns` is the moment, or the end of the period, that
    the value is about. `retracted` takes it back without a new value: its block was removed from the chain.
    """

    series: str
    asset: str
    source: str
    event_ns: int
    known_at_ns: int
    value: Decimal
    unit: str
    reference: str = ""  # tells apart several of one moment: a transaction and log index
    retracted: bool = False
    taint: Taint = Taint.DERIVED

    def __post_init__(self) -> None:
        if not self.value.is_finite():
            raise ValueError(f"{self.series} of {self.source} is {self.value}, allowed is a finite number")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll of a source brought. `gone` are native ids of texts that the source took back."""

    texts: tuple[RawText, ...] = ()
    readings: tuple[Reading, ...] = ()
    gone: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)  # what was corrected or left out, by kind


@dataclass(frozen=True, slots=True)
class Abstention:
    """A source that says nothing, and why: visible, and never read as a neutral opinion."""

    source: str
    reason: str
    at_ns: int
    retry_at_ns: int | None = None


@runtime_checkable
class Source(Protocol):
    """One place that texts or numbers come from. It may fail, and must then abstain rather than guess."""

    @property
    def name(self) -> str: ...
    @property
    def cadence_s(self) -> int:
        """How often it is worth asking."""

    async def poll(self, since_ns: int) -> Batch | Abstention:
        """What is new since a moment. A source may bring older things again; the intake knows them."""


@runtime_checkable
class Closable(Protocol):
    """A source that holds something open between its polls."""

    async def aclose(self) -> None: ...


def flaw_of(batch: Batch) -> str | None:
    """What of a batch is not what it must be; a plug-in is checked at run time, since nobody checked it before."""
    checks = (
        ("texts", batch.texts, RawText, _TEXT_FIELDS),
        ("readings", batch.readings, Reading, _READING_FIELDS),
    )
    for name, rows, kind, fields in checks:
        if not isinstance(rows, tuple | list):
            return f"{name} that are no tuple"
        for row in rows:
            if not isinstance(row, kind):
                return f"{name} with a {type(row).__name__} among them"
            for field_name, allowed in fields.items():
                value = getattr(row, field_name)
                if not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool):
                    return f"{name} whose {field_name} is a {type(value).__name__}"
    named = [name for raw in batch.texts for name in (*raw.assets, *raw.altered_from)]
    if not isinstance(batch.gone, tuple | list) or not all(isinstance(name, str) for name in (*named, *batch.gone)):
        return "names that are no texts"
    counted = isinstance(batch.counts, Mapping) and all(isinstance(count, int) for count in batch.counts.values())
    return None if counted else "counts that are no numbers"


_TEXT_FIELDS: Final[Mapping[str, type | UnionType]] = {
    "native_id": str, "headline": str, "body": str, "url": str, "language": str, "event_ns": int | None,
    "assets": tuple, "altered_from": tuple, "markup": bool,
}  # fmt: skip
_READING_FIELDS: Final[Mapping[str, type | UnionType]] = {
    "series": str, "asset": str, "source": str, "event_ns": int, "value": Decimal, "unit": str, "reference": str,
    "retracted": bool, "taint": Taint,
}  # fmt: skip


def item_id(source: str, native_id: str) -> str:
    """The name of a text through all its versions, the same on every machine."""
    return digest([source, native_id])[:16]


def content_hash(headline: str, body: str) -> str:
    return digest([headline, body])
