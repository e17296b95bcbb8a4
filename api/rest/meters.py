"""What Prometheus may ask: how much was asked and answered, how long it took, and how the desk stands."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


class Meters:
    """One server's own registry: two of them in one process count apart."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tradewarden_http_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "tradewarden_http_request_seconds",
            "Time to answer",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.streams = Gauge("tradewarden_streams", "Streams open now", registry=self._registry)
        self._gauges: dict[str, Gauge] = {}
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        known = self._known.get((method, route, status))
        if known is None:
            word = method if method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE") else "other"
            known = (self._requests.labels(word, route, str(status)), self._seconds.labels(route))
            if len(self._known) < 2_000:
                self._known[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def text(self, found: Mapping[str, tuple[str, float]]) -> bytes:
        """All of it, with what was found of the desk: name to help and value."""
        for name, (told, value) in found.items():
            if name not in self._gauges:
                self._gauges[name] = Gauge(f"tradewarden_{name}", told, registry=self._registry)
            self._gauges[name].set(value)
        return generate_latest(self._registry)
