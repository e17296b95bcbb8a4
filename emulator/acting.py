"""The faults that strike neither a request nor its answer, but what the venue does in between."""

from collections.abc import Iterator
from contextlib import contextmanager

from emulator.exchange import Exchange
from emulator.faults import Faults


@contextmanager
def acting(exchange: Exchange, faults: Faults, method: str, path: str, client_id: str) -> Iterator[None]:
    """While one request is handled: the fate of an order that it places, and how late it sees orders."""
    exchange.fate, exchange.lag = faults.fate(method, path, client_id), faults.lag(method, path)
    try:
        yield
    finally:
        exchange.fate = exchange.lag = None
