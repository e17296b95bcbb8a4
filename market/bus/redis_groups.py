"""What one consumer group has dealt with of each stream, over all of its members, and what is lost to all of them.

The server numbers the entries of a stream without holes: `1-0`, `1-1`, and on. So each entry up to a position was
dealt with, is in a member's hands, or was trimmed before anybody could deal with it. What was dealt with, what was told
as lost, and what publishers had no room for, is counted on the server, where every member sees the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from redis.asyncio import Redis

# The second half is for the server to count (Redis 7). A stream that others write to has no such numbers.
ENTRY_ID: Final = "1-*"
_DEALT, _TOLD = "dealt", "told"


class Group:
    """The accounts of one group. Every method raises what a server that is away raises, and can be called again."""

    def __init__(self, client: Redis, name: str) -> None:
        self._redis: Any = client
        self._name = name

    async def join(self, key: str) -> None:
        """From the oldest entry on, where the group is new."""
        from redis.exceptions import ResponseError

        try:
            await self._redis.xgroup_create(key, self._name, id="0", mkstream=True)
        except ResponseError as known:
            if "BUSYGROUP" not in str(known):
                raise

    async def dealt(self, entries: Mapping[str, Sequence[bytes]]) -> None:
        """Acknowledges and counts, by stream. What another member had acknowledged before counts once."""
        if not entries:
            return
        async with self._redis.pipeline(transaction=True) as pipe:
            for key, ids in entries.items():
                pipe.xack(key, self._name, *ids)
                pipe.hincrby(self._account(key), _DEALT, len(ids))
            answers = await pipe.execute()
        for (key, ids), acknowledged in zip(entries.items(), answers[::2], strict=True):
            if acknowledged < len(ids):
                await self._redis.hincrby(self._account(key), _DEALT, acknowledged - len(ids))

    async def given_up(self, key: str, entries: Sequence[bytes]) -> None:
        """Acknowledges and does not count: nobody can deal with these any more, so they are lost."""
        if entries:
            await self._redis.xack(key, self._name, *entries)

    async def lost(self, keys: Iterable[str]) -> dict[str, int]:
        """By stream, how many entries were lost and told to no member of the group yet. Now they are."""
        asked = list(keys)
        if not asked:
            return {}
        async with self._redis.pipeline(transaction=True) as pipe:
            for key in asked:
                pipe.xinfo_groups(key)
                pipe.xrange(key, count=1)
                pipe.hmget(self._account(key), _DEALT, _TOLD)
                pipe.get(unsent(key))
            answers = await pipe.execute()
        found: dict[str, int] = {}
        for i, key in enumerate(asked):
            groups, oldest, counted, never_sent = answers[4 * i : 4 * i + 4]
            if lost := await self._claim(key, groups, oldest, [*counted, never_sent]):
                found[key] = lost
        return found

    async def _claim(self, key: str, groups: list[dict[str, Any]], oldest: Any, counted: list[bytes | None]) -> int:
        mine = next((group for group in groups if group["name"] == self._name.encode()), None)
        if mine is None:
            return 0  # the server lost its data, as the next read will find
        given, trimmed = position(mine["last-delivered-id"]), position(oldest[0][0]) - 1 if oldest else 0
        dealt, told, never_sent = counted
        lost: int = max(given, trimmed) - mine["pending"] - int(dealt or 0) + int(never_sent or 0)
        account = self._account(key)
        if lost < 0:
            # More was dealt with than this stream ever had: it is another one, and the account is of the one before.
            await self._redis.delete(account)
            return 0
        if told is None:
            # What was gone before the group began was never its own.
            await self._redis.hsetnx(account, _TOLD, lost)
            return 0
        fresh = lost - int(told)
        if fresh <= 0:
            return 0
        # Two members may have seen it at once: what the other has told already is given back.
        twice = min(fresh, max(0, int(await self._redis.hincrby(account, _TOLD, fresh)) - lost))
        if twice:
            await self._redis.hincrby(account, _TOLD, -twice)
        return fresh - twice

    def _account(self, key: str) -> str:
        return f"{key}#{self._name}"


def unsent(key: str) -> str:
    """Where it is counted what publishers could not keep until it was written."""
    return f"{key}!unsent"


def position(entry: bytes) -> int:
    """How many entries a stream had had with this one; 0 for the beginning."""
    generation, _, number = entry.partition(b"-")
    return int(number) + 1 if int(generation) else 0
