"""Sources into the store: what was read is kept first, and read from there, as of a moment, like any history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from core.errors import DeskError
from core.ports import Clock
from core.time import DAY_NS
from market.sources.collecting import Collector, Gathering
from market.sources.intake import Intake, Tripwire
from market.sources.items import Reading, TextItem
from market.sources.secrets import Secrets
from market.sources.settings import SourcesSettings
from market.store.manifest import Origin
from market.store.store import MarketStore

Item = TypeVar("Item")
_MOST_WAITING: Final = 50_000  # texts, and as many readings, for a disk that takes nothing
_RECALLED_NS: Final = 30 * DAY_NS  # how far back a restart looks for what it was told already


class Listener:
    """Asks the sources and stores what they say. `trouble` says why something could not be stored, '' when all is.

    The store is this listener's own object: others that read the same folder have theirs.
    """

    def __init__(self, collector: Collector, intake: Intake, store: MarketStore, clock: Clock) -> None:
        self.collector = collector
        self._intake, self._store, self._clock = intake, store, clock
        self._texts: list[TextItem] = []
        self._readings: list[Reading] = []
        self.trouble = ""
        self.dropped = 0  # the oldest of what waited, where there was no room for more

    @property
    def unsaved(self) -> int:
        """How many items wait for a disk that takes them."""
        return len(self._texts) + len(self._readings)

    def recall(self) -> int:
        """Learns from the store what was told before: how many texts."""
        now = self._clock.now_ns()
        known = self._store.texts.every(since_ns=now - _RECALLED_NS, as_of_ns=now, deleted=True)
        self._intake.recall(known)
        return len(known)

    async def step(self, since_ns: int) -> Gathering:
        """One round, stored before it is handed out. What a full disk refused is tried again with the next."""
        gathering = await self.collector.round(since_ns)
        self._texts += gathering.texts
        self._readings += gathering.readings
        if self.unsaved:
            await self._keep()
        return gathering

    async def run(
        self, since_ns: int, *, every_s: float = 5.0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> AsyncIterator[Gathering]:
        """Rounds for ever; those that brought nothing are left out."""
        while True:
            if gathering := await self.step(since_ns):
                yield gathering
            await sleep(every_s)

    async def _keep(self) -> None:
        texts, readings = self._texts, self._readings
        self._texts, self._readings = [], []
        # Files are flushed to the disk one by one: the loop must go on meanwhile.
        texts, readings, refusals = await asyncio.to_thread(self._save, texts, readings)
        self._texts, self._readings = self._newest([*texts, *self._texts]), self._newest([*readings, *self._readings])
        gone = f", {self.dropped} were dropped" if self.dropped else ""
        self.trouble = f"{self.unsaved} items are not stored{gone}: {refusals[0]}" if refusals else ""

    def _newest(self, items: list[Item]) -> list[Item]:
        self.dropped += max(0, len(items) - _MOST_WAITING)
        return items[-_MOST_WAITING:]

    def _save(self, texts: list[TextItem], readings: list[Reading]) -> tuple[list[TextItem], list[Reading], list[str]]:
        """What could not be stored, and why. Series by series, so that one which cannot be holds up no other."""
        origin, refusals = Origin("sources", self._clock.now_ns()), list[str]()

        def refused(
            items: list[Item], key: Callable[[Item], object], append: Callable[[list[Item], Origin], int]
        ) -> list[Item]:
            together: dict[object, list[Item]] = {}
            for item in items:
                together.setdefault(key(item), []).append(item)
            left: list[Item] = []
            for some in together.values():
                try:
                    append(some, origin)
                # A ValueError is of words that are no text. The store knows what it took before it failed: offered
                # again, that is not stored twice.
                except (OSError, DeskError, ValueError) as wrong:
                    refusals.append(f"{wrong}"[:200])
                    left += some
            return left

        left_texts = refused(texts, lambda item: item.source, self._store.texts.append)
        left = refused(readings, lambda one: (one.series, one.asset, one.source), self._store.series.append)
        return left_texts, left, refusals


@asynccontextmanager
async def listening(
    settings: SourcesSettings,
    environment: Mapping[str, str],
    clock: Clock,
    store: MarketStore,
    tripwire: Tripwire,
) -> AsyncIterator[Listener]:
    """A listener to the enabled sources, with what the store already holds recalled; closed at the end.

    Raises
    ------
    ConfigError
        The settings name a source, an address or a file that is none.
    """
    from market.sources.context import Context
    from market.sources.registry import sources_of
    from market.web.client import Limits, Web

    secrets, intake = Secrets(environment), Intake(tripwire)
    async with Web(clock, limits=Limits(per_minute=settings.per_minute), allow_private=settings.allow_private) as web:
        collector = Collector(sources_of(Context(web, clock, settings, secrets)), intake, clock, secrets)
        listener = Listener(collector, intake, store, clock)
        listener.recall()
        try:
            yield listener
        finally:
            await collector.aclose()
