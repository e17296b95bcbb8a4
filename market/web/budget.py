"""A budget of requests for every host: a token bucket, so that polling many feeds of one host stays polite."""

from __future__ import annotations

from core.errors import ConfigError
from core.time import MINUTE_NS


class Budget:
    """`per_minute` requests on average, `burst` at once. It never sleeps: it says how long to wait."""

    def __init__(self, per_minute: int, burst: int) -> None:
        if per_minute < 1 or burst < 1:
            raise ConfigError(f"a budget of {per_minute} a minute and {burst} at once; allowed is at least 1 of each")
        self._step_ns = MINUTE_NS // per_minute
        self._burst = burst
        self._free_at: dict[str, int] = {}  # theoretical arrival time: when the bucket would be full again
        self._closed_until: dict[str, int] = {}

    def wait_ns(self, host: str, now_ns: int) -> int:
        """The nanoseconds that a request would wait before it may leave. 0 is now."""
        full_at = max(self._free_at.get(host, now_ns), now_ns)
        return max(0, full_at - (self._burst - 1) * self._step_ns - now_ns, self.closed_ns(host, now_ns))

    def reserve(self, host: str, now_ns: int) -> int:
        """Takes one request; the nanoseconds to wait before it may leave."""
        wait = self.wait_ns(host, now_ns)
        self._free_at[host] = max(self._free_at.get(host, now_ns), now_ns) + self._step_ns
        return wait

    def close(self, host: str, until_ns: int) -> None:
        """The host asked for patience: no request of ours leaves for it before."""
        self._closed_until[host] = max(until_ns, self._closed_until.get(host, 0))

    def closed_ns(self, host: str, now_ns: int) -> int:
        """How long a host is still closed by its own word."""
        return max(0, self._closed_until.get(host, 0) - now_ns)
