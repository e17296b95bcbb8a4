"""Polls all sources side by side and passes on what they bring: cleaned, stamped with when it was known, counted.

One that fails abstains and is seen to; it never stops another, and never stands for 'nothing happened'.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from core.errors import DeskError
from core.ports import Clock
from core.taint import Taint
from core.time import SECOND_NS
from market.sources.intake import Intake
from market.sources.items import Abstention, Batch, Closable, Reading, Source, TextItem, flaw_of
from market.sources.secrets import Secrets
from market.web import Unavailable

_AHEAD_NS: Final = 300 * SECOND_NS  # of a source's clock; further is no clock
_AT_ONCE: Final = 8
_OVERLAP_NS: Final = 3600 * SECOND_NS
_LONGEST_S: Final = 300.0  # of one poll, with all its pages and retries


@dataclass(slots=True)
class SourceState:
    """What is known about one source, for people and for `doctor`. Never asked is a state of its own."""

    name: str
    asked_ns: int | None = None
    heard_ns: int | None = None
    next_ns: int = 0
    abstention: Abstention | None = None
    polls: int = 0
    abstentions: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def stale(self, now_ns: int, cadence_s: int) -> bool:
        """Whether nothing was heard for three of its turns."""
        return self.heard_ns is None or now_ns - self.heard_ns > 3 * cadence_s * SECOND_NS


@dataclass(frozen=True, slots=True)
class Gathering:
    """What one round brought, in the order in which it became known."""

    texts: tuple[TextItem, ...] = ()
    readings: tuple[Reading, ...] = ()
    abstentions: tuple[Abstention, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.texts or self.readings or self.abstentions)


class Collector:
    """Asks each source at its own pace."""

    def __init__(
        self, sources: Sequence[Source], intake: Intake, clock: Clock, secrets: Secrets, *, patience_s: float = 10.0
    ) -> None:
        self._sources = tuple(sources)
        self._intake, self._clock, self._secrets = intake, clock, secrets
        self._patience_s = patience_s
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[str, asyncio.Task[Batch | Abstention]] = {}
        self.states = {source.name: SourceState(source.name) for source in sources}

    async def aclose(self) -> None:
        """Ends the polls that still run, and what sources do between them."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()
        for source in self._sources:
            if isinstance(source, Closable):
                await source.aclose()

    async def round(self, since_ns: int) -> Gathering:
        """Polls every source whose turn it is. One that takes long is not waited for: its answer comes with a later
        round.
        """
        now = self._clock.now_ns()
        for source in self._sources:
            if source.name not in self._running and self.states[source.name].next_ns <= now:
                self._running[source.name] = asyncio.create_task(self._ask(source, since_ns))
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._patience_s)
        texts: list[TextItem] = []
        readings: list[Reading] = []
        abstentions: list[Abstention] = []
        # One after the other, in the order of the settings: who told a story first must not be up to the network.
        for name in [source.name for source in self._sources]:
            task = self._running.get(name)
            if task is None or not task.done():
                continue
            del self._running[name]
            batch = task.result()
            if isinstance(batch, Abstention):
                abstentions.append(batch)
            else:
                known = self._clock.now_ns()
                texts += self._texts(name, batch, known)
                readings += self._readings(name, batch, known)
        return Gathering(tuple(texts), tuple(readings), tuple(abstentions))

    async def _ask(self, source: Source, since_ns: int) -> Batch | Abstention:
        state = self.states[source.name]
        async with self._gate:
            state.asked_ns, state.polls = self._clock.now_ns(), state.polls + 1
            # Vendors list some things late: what comes twice is known to the intake, what is skipped to nobody.
            since = max(since_ns, (state.heard_ns or 0) - _OVERLAP_NS)
            answer = await self._answer(source, since)
        now = self._clock.now_ns()
        state.next_ns = now + source.cadence_s * SECOND_NS
        if isinstance(answer, Abstention):
            answer = replace(answer, source=source.name, reason=self._secrets.scrubbed(answer.reason), at_ns=now)
            state.abstention, state.abstentions = answer, state.abstentions + 1
            state.next_ns = max(state.next_ns, answer.retry_at_ns or 0)
            return answer
        state.heard_ns, state.abstention = now, None
        state.counts.update(answer.counts)
        return answer

    async def _answer(self, source: Source, since_ns: int) -> Batch | Abstention:
        now = self._clock.now_ns()
        try:
            async with asyncio.timeout(_LONGEST_S):
                answer = await source.poll(since_ns)
        except Unavailable as later:
            return Abstention(source.name, str(later), now, later.retry_at_ns)
        except DeskError as refused:
            return Abstention(source.name, str(refused), now)
        except TimeoutError:
            return Abstention(source.name, f"no answer within {_LONGEST_S:g} s", now)
        except Exception as broken:  # noqa: BLE001  # a plug-in's mistake must not end the task that polls the others
            # Only the kind, since nobody knows what such a message holds.
            return Abstention(source.name, f"it failed with {type(broken).__name__}: a mistake in the source", now)
        if isinstance(answer, Abstention):
            retry = answer.retry_at_ns if isinstance(answer.retry_at_ns, int) else None
            return Abstention(source.name, str(answer.reason), now, retry)
        flaw = flaw_of(answer) if isinstance(answer, Batch) else f"a {type(answer).__name__}"
        if flaw is not None:
            return Abstention(source.name, f"it handed over {flaw}: a mistake in the source", now)
        return answer

    def _texts(self, name: str, batch: Batch, known_ns: int) -> list[TextItem]:
        admitted = (self._intake.admit(name, raw, known_ns) for raw in batch.texts)
        withdrawn = (self._intake.withdraw(name, native_id, known_ns) for native_id in batch.gone)
        return [item for item in chain(admitted, withdrawn) if item is not None]

    def _readings(self, name: str, batch: Batch, known_ns: int) -> list[Reading]:
        """Numbers with our own stamp: no source can have let us know before it answered, nor speak as another."""
        found = []
        for reading in batch.readings:
            if not 0 <= reading.event_ns <= known_ns + _AHEAD_NS:
                self.states[name].counts["from the future" if reading.event_ns > 0 else "of no time"] += 1
                continue
            own = reading.source == name or reading.source.startswith(f"{name}:")
            source = reading.source if own else name
            found.append(
                replace(
                    reading,
                    source=source,
                    event_ns=min(reading.event_ns, known_ns),
                    known_at_ns=known_ns,
                    taint=max(reading.taint, Taint.DERIVED),
                )
            )
        return found
