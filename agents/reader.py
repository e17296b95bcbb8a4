"""The quarantined reader: no tools, one text at a time, once. What it says becomes fields, or nothing.

Its answer is not believed: a quote must stand in the text, an asset must be one that the text names, numbers have
bounds, and of the quote only its offsets are kept. So nothing that a text says reaches a planner in its own words.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Collection
from decimal import Decimal
from typing import Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agents.ports import Speaker
from agents.prompts import Prompts
from core.canonical import digest_bytes
from core.ports import Abstain
from core.taint import Taint
from core.texts import MOST_EVENTS, EventKind, TextEvent, TextReading
from core.time import SECOND_NS
from market.sources.assets import assets_in
from market.sources.items import WHOLE_MARKET, TextItem

ROLE: Final = "reader"  # of the prompt, and of the account that its cost is booked to
LONGEST: Final = 12_000  # characters that are read
LONGEST_QUOTE: Final = 300
_REMEMBERED: Final = 50_000  # contents whose reading is known
_DIRECTIONS: Final = {"rises": 1, "falls": -1, "unclear": 0}


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToldEvent(_Answer):
    """One event as a reader tells it. `quote` is the exact words that say so."""

    kind: EventKind
    direction: Literal["rises", "falls", "unclear"]
    magnitude_percent: int = Field(ge=0, le=100)
    certainty_percent: int = Field(ge=0, le=100)
    assets: tuple[str, ...] = Field(max_length=5)
    quote: str = Field(min_length=1, max_length=LONGEST_QUOTE)


class Told(_Answer):
    """Everything that a text tells; usually nothing or one thing."""

    events: tuple[ToldEvent, ...] = Field(max_length=MOST_EVENTS)


class Teller(Protocol):
    """Tells the events of one text, or abstains. `timeless`: its answer is the same whenever it is asked."""

    @property
    def name(self) -> str: ...
    @property
    def timeless(self) -> bool: ...
    async def tell(self, text: str) -> Told | Abstain: ...


class ModelTeller:
    """A language model behind the port that has no tools. It knows what came of old texts: it is not timeless."""

    timeless = False

    def __init__(self, speaker: Speaker, prompts: Prompts) -> None:
        self._speaker = speaker
        self._system = prompts.render(ROLE, kinds=", ".join(EventKind))
        self.name = asked_as(speaker, prompts, ROLE)

    async def tell(self, text: str) -> Told | Abstain:
        return await self._speaker.fill(ROLE, self._system, text, Told)


def asked_as(speaker: Speaker, prompts: Prompts, prompt: str) -> str:
    """The model and the version of what it is asked: another question is another reader."""
    version = next(name for name in prompts.hashes if name.startswith(f"{prompt}@"))
    return f"{speaker.name[:80]} {version}"


class Reader:
    """Reads each content once, however many ask for it at the same time.

    `latency_s` is how long after a text its reading counts as known. `counts` says what became of the texts, by kind;
    an abstention is no reading, and the text may be offered again.
    """

    def __init__(self, teller: Teller, latency_s: int) -> None:
        self._teller = teller
        self._latency_ns = latency_s * SECOND_NS
        self._asking: dict[str, asyncio.Future[Abstain | None]] = {}
        self._known: OrderedDict[str, tuple[TextEvent, ...]] = OrderedDict()
        self.counts: Counter[str] = Counter()
        self.trouble = ""  # why the last one was not read, '' when it was

    @property
    def name(self) -> str:
        return self._teller.name

    async def read(self, item: TextItem, now_ns: int) -> TextReading | Abstain:
        """The reading of one version. A text that gives orders is read no further, and a deleted one tells nothing."""
        if item.deleted or item.taint is Taint.HOSTILE:
            self.counts["deleted" if item.deleted else "hostile"] += 1
            return self._reading(item, (), now_ns)
        while (asking := self._asking.get(item.content_hash)) is not None:
            # Somebody reads this content now: whoever is called off leaves it to the next.
            await asyncio.wait([asking])
            if not asking.cancelled() and (abstained := asking.result()) is not None:
                return self._abstaining(abstained)
        known = self._known.get(item.content_hash)
        if known is not None:
            self.counts["known"] += 1
            return self._reading(item, known, now_ns)
        found = await self._first(item)
        return found if isinstance(found, Abstain) else self._reading(item, found, now_ns)

    async def _first(self, item: TextItem) -> tuple[TextEvent, ...] | Abstain:
        """Asks for the events of a content that nobody asks about."""
        asking: asyncio.Future[Abstain | None] = asyncio.get_running_loop().create_future()
        self._asking[item.content_hash] = asking
        try:
            text = as_read(item.headline, item.body)
            told = await self._teller.tell(text)
            asking.set_result(told if isinstance(told, Abstain) else None)
        finally:
            del self._asking[item.content_hash]
            asking.cancel()  # does nothing where there is a result
        if isinstance(told, Abstain):
            return self._abstaining(told)
        self.trouble = ""
        events = proven(told, text, item.assets)
        self.counts["read"] += 1
        self.counts["dropped"] += len(told.events) - len(events)
        self._remember(item.content_hash, events)
        return events

    def _abstaining(self, why: Abstain) -> Abstain:
        self.counts["abstained"] += 1
        self.trouble = why.reason
        return why

    def recall(self, readings: Collection[TextReading]) -> None:
        """Learns what a store holds of this reader, so that a restart asks for none of it again."""
        for reading in readings:
            if reading.reader == self.name and reading.content_hash:
                self._remember(reading.content_hash, reading.events)

    def _reading(self, item: TextItem, events: tuple[TextEvent, ...], now_ns: int) -> TextReading:
        known_at_ns = item.known_at_ns + self._latency_ns
        reading = TextReading(
            text_id=item.item_id,
            text_known_ns=item.known_at_ns,
            content_hash=item.content_hash,
            reader=self.name,
            known_at_ns=known_at_ns,
            read_ns=known_at_ns if self._teller.timeless else now_ns,
            events=events,
        )
        self.counts["hindsight"] += reading.hindsight
        return reading

    def _remember(self, content_hash: str, events: tuple[TextEvent, ...]) -> None:
        self._known[content_hash] = events
        self._known.move_to_end(content_hash)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def as_read(headline: str, body: str = "") -> str:
    """The text that offsets count in."""
    return (f"{headline}\n{body}" if body else headline)[:LONGEST]


def content_of(headline: str) -> str:
    """Names a text of which there is a headline and no more."""
    return digest_bytes(headline.encode(errors="surrogatepass"))


def proven(told: Told, text: str, tagged: Collection[str] = ()) -> tuple[TextEvent, ...]:
    """What holds of a reader's answer: events whose quote stands in the text, about assets that the text names.

    `tagged` are those that its source named. The same event told twice counts once.
    """
    named = {asset for asset in (*assets_in(text), *tagged) if asset != WHOLE_MARKET}
    events: dict[tuple[object, ...], TextEvent] = {}
    for one in told.events:
        start = text.find(one.quote)
        assets = tuple(sorted(named.intersection(asset.upper() for asset in one.assets)))
        if start < 0 or not one.quote.strip() or (one.assets and not assets):
            continue
        event = TextEvent(
            kind=one.kind,
            direction=_DIRECTIONS[one.direction],
            magnitude=Decimal(one.magnitude_percent) / 100,
            certainty=Decimal(one.certainty_percent) / 100,
            assets=assets,
            start=start,
            end=start + len(one.quote),
        )
        events.setdefault((event.kind, event.direction, event.assets), event)
    return tuple(events.values())
