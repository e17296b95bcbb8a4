"""For every test: one thread for numbers, no network, no float that slips into money, and repeatable properties."""

import os

# Before anything imports numpy: its threads would fight over the cores that the tests share.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import decimal
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import core.money  # noqa: F401  # sets the precision, on which the trap below is added

for _context in (decimal.DefaultContext, decimal.getcontext()):
    _context.traps[decimal.FloatOperation] = True

_EXAMPLES = int(os.environ.get("TRADEWARDEN_EXAMPLES", "60"))
settings.register_profile(
    "desk", deadline=None, max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """A connection to anything but this machine is an error of the test that makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _only_here(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _only_here(socket.socket.connect_ex))
        yield


def _only_here(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise RuntimeError(f"a test tried to reach {address[0]}: tests have no network")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
