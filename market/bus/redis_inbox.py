"""The reading end of the bus over Redis Streams: one member of a consumer group, and what both ends share."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from core.errors import DataRefused
from core.ports import Delivery, Lost
from market.bus.policies import TopicPolicy
from market.bus.redis_groups import Group, position
from market.bus.wire import decode

if TYPE_CHECKING:
    from redis.asyncio import Redis

Sleep = Callable[[float], Awaitable[None]]
Entries = list[tuple[bytes, dict[bytes, bytes] | None]]

BATCH: Final = 500
_REMEMBERED: Final = 100_000
_LONGEST_PAUSE_S: Final = 30.0


@dataclass(slots=True)
class RedisCounts:
    """`trimmed` events were cut from a stream by its bound, by topic; `refused` could not be read. `refused_writes`
    are attempts of which the server took nothing or not all; what it did not take is tried again."""

    published: int = 0
    delivered: int = 0
    repeated: int = 0
    conflated: int = 0
    lost: int = 0
    refused: int = 0
    refused_writes: int = 0
    reconnects: int = 0
    trimmed: dict[str, int] = field(default_factory=dict)


class RedisInbox:
    """One consumer of one group. A delivery is dealt with when the next is asked for, and acknowledged after that."""

    def __init__(
        self,
        client: Redis,
        prefix: str,
        counts: RedisCounts,
        policies: dict[str, TopicPolicy],
        group: str,
        consumer: str,
        sleep: Sleep,
        *,
        idle_ms: int = 60_000,
    ) -> None:
        self._prefix, self._counts = prefix, counts
        self._redis: Any = client
        self._policies, self._group, self._consumer = policies, group, consumer
        self._accounts = Group(client, group)
        self._pause = Pause(sleep)
        self._idle_ms = idle_ms
        self._ready: deque[tuple[str, bytes | None, Delivery]] = deque()
        self._held: tuple[str, bytes] | None = None
        self._done: list[tuple[str, bytes]] = []
        self._had: OrderedDict[str, None] = OrderedDict()
        self._seen: dict[str, int] = {}
        self._recovered = False
        self._claim_at = 0.0
        self._open = True

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        if self._held is not None:
            self._done.append(self._held)
            self._held = None
        while self._open:
            if self._ready:
                key, entry, delivery = self._ready.popleft()
                self._held = None if entry is None else (key, entry)
                self._counts.delivered += 1
                return delivery
            try:
                await self._acknowledge()
                await self._fill()
                self._pause.reset()
            except connection_errors():
                self._counts.reconnects += 1
                # An answer may have been lost on its way: then the server takes its events for ours already.
                self._recovered = False
                await self._pause.next()
        raise StopAsyncIteration

    async def close(self) -> None:
        """Leaves what was not dealt with, the last delivery among it, to the other members of the group."""
        self._open = False
        with suppress(*connection_errors()):
            await self._acknowledge()

    async def _acknowledge(self) -> None:
        by_key: dict[str, list[bytes]] = {}
        for key, entry in dict.fromkeys(self._done):
            by_key.setdefault(key, []).append(entry)
        await self._accounts.dealt(by_key)
        self._done.clear()

    async def _fill(self) -> None:
        from redis.exceptions import ResponseError

        try:
            if not self._recovered:
                await self._recover()
            elif asyncio.get_running_loop().time() >= self._claim_at:
                cut = set()
                async for key, entries, gone in self._claimed():
                    self._take(key, entries)
                    if gone:
                        cut.add(key)
                await self._tell_lost(cut)
            if self._ready:
                return
            fresh = await self._redis.xreadgroup(
                self._group, self._consumer, dict.fromkeys(self._policies, ">"), count=BATCH, block=1_000
            )
        except ResponseError as wrong:
            if not any(word in str(wrong) for word in ("NOGROUP", "UNBLOCKED")):
                raise
            # The server lost its data: the group begins again with the streams.
            self._recovered = False
            return
        given = {_text(key): entries for key, entries in fresh or ()}
        # What others of the group were given, or what nobody was: the group's account tells which.
        await self._tell_lost(key for key, entries in given.items() if self._is_in_doubt(key, entries))
        for key, entries in given.items():
            self._seen[key] = position(entries[-1][0])
            self._take(key, entries)

    async def _recover(self) -> None:
        """Joins the group, then takes what this member had not dealt with, and what others left behind."""
        for key in self._policies:
            await self._accounts.join(key)
        async for _ in self._claimed():
            pass  # it is this member's own now, and read with what it had
        pending = await self._redis.xreadgroup(self._group, self._consumer, dict.fromkeys(self._policies, "0"))
        mine = {_text(key): entries for key, entries in pending or ()}
        for key, entries in mine.items():
            await self._accounts.given_up(key, [entry for entry, fields in entries if not fields])
        await self._tell_lost(self._policies)
        for key, entries in mine.items():
            self._take(key, [(entry, fields) for entry, fields in entries if fields])
        self._recovered = True

    async def _claimed(self) -> AsyncIterator[tuple[str, Entries, int]]:
        """What members took and have not dealt with for so long that they must have died, and how much of what they
        had taken was trimmed meanwhile."""
        self._claim_at = asyncio.get_running_loop().time() + self._idle_ms / 1000
        for key in self._policies:
            cursor: bytes | str = "0-0"
            while True:
                cursor, entries, *gone = await self._redis.xautoclaim(
                    key, self._group, self._consumer, min_idle_time=self._idle_ms, start_id=cursor
                )
                yield key, entries, sum(len(ids) for ids in gone)
                if _text(cursor) == "0-0":
                    break

    def _is_in_doubt(self, key: str, entries: Entries) -> bool:
        """Whether something before or among them did not come to this member."""
        follows = position(entries[0][0]) == self._seen.get(key, 0) + 1
        return not follows or any(fields and b"l" in fields for _, fields in entries)

    async def _tell_lost(self, keys: Iterable[str]) -> None:
        """Delivers what was trimmed before any member of the group had dealt with it, to this one alone."""
        lost = await self._accounts.lost(key for key in keys if not self._policies[key].conflate)
        for key, count in lost.items():
            topic = self._topic(key)
            self._counts.lost += count
            self._ready.append((key, None, Delivery(topic, f"{topic}#lost{self._counts.lost}", Lost(count))))

    def _topic(self, key: str) -> str:
        return key[len(self._prefix) + 1 :]

    def _take(self, key: str, entries: Entries) -> None:
        policy = self._policies[key]
        if policy.conflate and len(entries) > 1:
            self._counts.conflated += len(entries) - 1
            self._done += [(key, entry) for entry, _ in entries[:-1]]
            entries = entries[-1:]
        for entry, fields in entries:
            if not fields or b"e" not in fields:
                self._done.append((key, entry))  # not of ours
                continue
            self._read(key, entry, fields)

    def _read(self, key: str, entry: bytes, fields: dict[bytes, bytes]) -> None:
        topic = self._topic(key)
        try:
            publisher, number = fields[b"p"].decode(), int(fields[b"n"])
        except (KeyError, ValueError):
            self._counts.refused += 1
            self._done.append((key, entry))
            return
        message_id = f"{publisher}-{topic}#{number}"
        if message_id in self._had:
            self._counts.repeated += 1
            self._done.append((key, entry))
            return
        self._had[message_id] = None
        if len(self._had) > _REMEMBERED:
            self._had.popitem(last=False)
        try:
            event = decode(fields[b"e"])
        except DataRefused:
            self._counts.refused += 1
            self._done.append((key, entry))
            return
        self._ready.append((key, entry, Delivery(topic, message_id, event)))


class Pause:
    """Twice as long after each failure, up to half a minute, with jitter so that members do not come back as one."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._failures = 0

    async def next(self) -> None:
        self._failures += 1
        longest = min(_LONGEST_PAUSE_S, 0.1 * 2 ** min(self._failures, 9))
        await self._sleep(longest * random.uniform(0.5, 1))

    def reset(self) -> None:
        self._failures = 0


def connection_errors() -> tuple[type[Exception], ...]:
    """What a server that is away raises."""
    from redis.exceptions import ConnectionError as Away
    from redis.exceptions import TimeoutError as Late

    return Away, Late, OSError


def _text(key: bytes | str) -> str:
    return key.decode() if isinstance(key, bytes) else key
