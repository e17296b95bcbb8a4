"""The bus between processes: one Redis Stream a topic, consumer groups, at least once.

A publisher writes to a mailbox of its own and never waits; a task empties it into Redis and tries again for as long as
Redis is away. What is read and not acknowledged comes again, also from a member that died; each event carries its
publisher's number, by which a consumer knows what it has had, and `l` where events before it never left the publisher.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from market.bus.mailbox import Mailbox
from market.bus.policies import POLICIES, TopicPolicy, policy_of
from market.bus.redis_groups import ENTRY_ID, unsent
from market.bus.redis_inbox import BATCH, Pause, RedisCounts, RedisInbox, Sleep, connection_errors
from market.bus.wire import encode

if TYPE_CHECKING:
    from redis.asyncio import Redis


class _Entry(NamedTuple):
    topic: str
    fields: dict[str, Any]


class RedisBus:
    """Use as `async with`. `client` is a redis-py asyncio client; `prefix` keeps several desks on one server apart.

    After `idle_ms` what a member has not dealt with may be taken over by another. At the end, what is not written yet
    has `farewell_s` to be; the rest counts as lost. `last_failure` is why a write was last refused.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "tradewarden",
        consumer: str = "",
        policies: dict[str, TopicPolicy] = POLICIES,
        sleep: Sleep = asyncio.sleep,
        idle_ms: int = 60_000,
        farewell_s: float = 5.0,
    ) -> None:
        self._redis: Any = client
        self._prefix, self._policies, self._sleep = prefix, policies, sleep
        # Two publishers of one name would be taken for repeats of each other.
        self._publisher = uuid.uuid4().hex[:12]
        self._consumer = consumer or self._publisher
        self._numbers: dict[str, int] = {}
        self._outbox = Mailbox(policies)
        self._writer: asyncio.Task[None] | None = None
        self._unsent: list[_Entry] = []
        self._untold: dict[str, int] = {}
        self._idle_ms, self._farewell_s = idle_ms, farewell_s
        self.counts = RedisCounts()
        self.last_failure = ""

    async def __aenter__(self) -> RedisBus:
        self._writer = asyncio.create_task(self._write_for_ever(), name="bus writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.flushed(), self._farewell_s)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        self.counts.lost += self.backlog()
        await self._redis.aclose()

    def publish(self, topic: str, event: object) -> None:
        """Into the outbox: a state overtakes an older one there, an event waits."""
        self._numbers[topic] = number = self._numbers.get(topic, 0) + 1
        self._outbox.put(topic, number, event)

    def subscribe(self, *topics: str, group: str) -> RedisInbox:
        """From the oldest event that the streams still hold and the group has not dealt with."""
        policies = {self.key(topic): policy_of(topic, self._policies) for topic in topics}
        return RedisInbox(
            self._redis, self._prefix, self.counts, policies, group, self._consumer, self._sleep, idle_ms=self._idle_ms
        )

    def key(self, topic: str) -> str:
        return f"{self._prefix}:{topic}"

    def backlog(self) -> int:
        """Events that wait to be written."""
        return len(self._outbox) + len(self._unsent)

    async def flushed(self) -> None:
        """Waits until everything published so far is with Redis."""
        while self.backlog():
            await asyncio.sleep(0.005)

    async def _write_for_ever(self) -> None:
        from redis.exceptions import RedisError

        pause = Pause(self._sleep)
        while self._unsent or await self._outbox.wait():
            self._unsent += self._drain(BATCH - len(self._unsent))
            try:
                await self._write(self._unsent)
            except connection_errors():
                self.counts.reconnects += 1
                await pause.next()
            except RedisError as refused:
                # Its memory is full, it is a replica by now, or a key of ours is somebody else's: all may pass.
                self.counts.refused_writes += 1
                self.last_failure = f"{type(refused).__name__}: {refused}"[:200]
                await pause.next()
            else:
                pause.reset()

    def _drain(self, room: int) -> list[_Entry]:
        drained: list[_Entry] = []
        while len(drained) < room and (taken := self._outbox.take()) is not None:
            topic, number, event, lost = taken
            self.counts.lost += lost
            if lost:
                self._untold[topic] = self._untold.get(topic, 0) + lost
            try:
                entry: dict[str, Any] = {"p": self._publisher, "n": number, "e": encode(event)}
            except (TypeError, ValueError):
                self.counts.refused += 1
                continue
            drained.append(_Entry(topic, {**entry, "l": 1} if topic in self._untold else entry))
        return drained

    async def _write(self, batch: list[_Entry]) -> None:
        """Leaves in `_unsent` what was not taken, in its order, and raises why."""
        # As a transaction, so that a server that runs full in the middle takes all or nothing.
        async with self._redis.pipeline(transaction=True) as pipe:
            kept = []
            for topic, entry in batch:
                policy = policy_of(topic, self._policies)
                if policy.conflate:
                    pipe.xadd(self.key(topic), entry, id=ENTRY_ID, maxlen=policy.bound, approximate=False)
                else:
                    pipe.xadd(self.key(topic), entry, id=ENTRY_ID)
                    kept.append(topic)
            untold = dict(self._untold)
            trimmed = list(dict.fromkeys(kept))
            for topic in trimmed:
                pipe.xtrim(self.key(topic), maxlen=policy_of(topic, self._policies).bound, approximate=False)
            for topic, lost in untold.items():
                pipe.incrby(unsent(self.key(topic)), lost)
            answers = await pipe.execute(raise_on_error=False)
        failed = [(event, answer) for event, answer in zip(batch, answers, strict=False) if _is_error(answer)]
        self._unsent = [event for event, _ in failed]
        self.counts.published += len(batch) - len(failed)
        for topic, told in zip(untold, answers[len(batch) + len(trimmed) :], strict=True):
            if not _is_error(told):
                del self._untold[topic]
        for topic, cut in zip(trimmed, answers[len(batch) :], strict=False):
            if cut and not _is_error(cut):
                self.counts.trimmed[topic] = self.counts.trimmed.get(topic, 0) + int(cut)
        if failed:
            raise failed[0][1]


def _is_error(answer: object) -> bool:
    return isinstance(answer, Exception)
