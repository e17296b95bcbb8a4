"""The bus that the settings name by its address."""

from __future__ import annotations

from core.errors import ConfigError
from market.bus.memory import MemoryBus
from market.bus.redis_streams import RedisBus

_REDIS = ("redis://", "rediss://", "unix://")


def open_bus(url: str) -> MemoryBus | RedisBus:
    """`memory` is this process alone; `redis://host:port/0` (`rediss`, `unix`) reaches others. Use as `async with`."""
    if url == "memory":
        return MemoryBus()
    if not url.startswith(_REDIS):
        raise ConfigError(f"found the bus.url {url!r}, allowed are memory, {', '.join(_REDIS)}")
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # The bus retries by itself, and counts it. A blocking read takes a second, so a longer silence is a dead line.
    client = Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))
    return RedisBus(client)
