"""The quarantined reader at work: every text that sources tell, off the bus, once, and its reading into the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Final

from agents.llm.settings import LlmSettings
from agents.prompts import Prompts
from agents.reader import ModelTeller, Reader, Teller
from agents.reader_rules import RulesTeller
from core.canonical import JSON
from core.errors import DeskError
from core.ports import Abstain, Clock, Lost
from core.texts import TextReading
from core.time import DAY_NS
from desk.home import Home
from desk.reasoning import speaker
from market.bus.memory import MemoryBus
from market.bus.policies import topic_of
from market.bus.redis_streams import RedisBus
from market.sources.items import TextItem
from market.store.manifest import Origin
from market.store.store import MarketStore

TEXTS: Final = topic_of("texts", "sources", "every")
_EVERY_S: Final = 5.0
_RECALLED_NS: Final = 30 * DAY_NS  # contents that need not be read again
_MISSED_NS: Final = 2 * DAY_NS  # texts that came while nobody read


class Reading:
    """One reader on the bus, with `at_once` texts in its hands at the most; the store is its own object.

    `trouble` says why readings are not stored, '' when they are. A text that the reader abstains from stays unread, and
    is offered again at the next start.
    """

    def __init__(
        self, reader: Reader, store: MarketStore, bus: MemoryBus | RedisBus, clock: Clock, at_once: int = 1
    ) -> None:
        self.reader, self._store, self._clock = reader, store, clock
        self._at_once = at_once
        self._inbox = bus.subscribe(TEXTS, group="reader")
        self._waiting: list[TextReading] = []
        self.lost = 0
        self.trouble = ""

    async def run(self) -> None:
        """Until it is cancelled: first what was missed, then what comes."""
        flushing = asyncio.create_task(self._flush_for_ever())
        try:
            async with asyncio.TaskGroup() as reading, aclosing(self._offered()) as offered:
                room = asyncio.Semaphore(self._at_once)
                async for item in offered:
                    await room.acquire()
                    reading.create_task(self.take(item)).add_done_callback(lambda _: room.release())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing

    async def _offered(self) -> AsyncGenerator[TextItem, None]:
        for item in await asyncio.to_thread(self._missed):
            yield item
        async for delivery in self._inbox:
            if isinstance(delivery.event, Lost):
                self.lost += delivery.event.count
            elif isinstance(delivery.event, TextItem):
                yield delivery.event

    async def take(self, item: TextItem) -> None:
        """Reads one text. What it was read as waits for the next flush."""
        reading = await self.reader.read(item, self._clock.now_ns())
        if not isinstance(reading, Abstain):
            self._waiting.append(reading)

    async def finish(self) -> None:
        """Leaves the bus and stores what was read."""
        await self._inbox.close()
        await self.flush()

    async def flush(self) -> None:
        """Stores what was read, in a thread; what a full disk refuses is tried again."""
        # Whichever was read first: the store is the same.
        waiting, self._waiting = sorted(self._waiting, key=lambda one: (one.known_at_ns, one.text_id)), []
        if not waiting:
            return
        try:
            await asyncio.to_thread(self._store.readings.append, waiting, Origin("reader", self._clock.now_ns()))
        except (OSError, DeskError) as refused:
            # The store knows what it took before it failed: offered again, that is not stored twice.
            self._waiting = [*waiting, *self._waiting]
            self.trouble = f"{len(self._waiting)} readings are not stored: {refused}"[:200]
        else:
            self.trouble = ""

    def report(self) -> JSON:
        return {
            "reader": self.reader.name,
            **dict(sorted(self.reader.counts.items())),
            "unsaved": len(self._waiting),
            "lost": self.lost,
            "abstains": self.reader.trouble,
            "trouble": self.trouble,
        }

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.flush()

    def _missed(self) -> list[TextItem]:
        """Texts that are stored and were not read, oldest first."""
        now_ns = self._clock.now_ns()
        # A reading counts as known some time after its text, perhaps after now.
        read = self._store.readings.between(since_ns=now_ns - _RECALLED_NS, as_of_ns=now_ns + DAY_NS)
        self.reader.recall(read)
        done = {(one.text_id, one.text_known_ns) for one in read if one.reader == self.reader.name}
        texts = self._store.texts.every(since_ns=now_ns - _MISSED_NS, as_of_ns=now_ns)
        return [item for item in texts if (item.item_id, item.known_at_ns) not in done]


def teller_of(settings: LlmSettings, home: Home, environment: Mapping[str, str]) -> Teller | None:
    """The language model that reads, where one is set; what it costs is counted apart from decisions."""
    found = speaker(settings, home, environment)
    return None if found is None else ModelTeller(found, Prompts.load())


def reader_of(teller: Teller | None, latency_s: int) -> Reader:
    """The reader of a desk: by rules, where no model reads."""
    return Reader(teller or RulesTeller(), latency_s)
