"""A home of its own for every test, and one that holds a demo for those that only read."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from core.canonical import JSON
from desk.home import Home
from tests.api.terminal import warden
from tests.desk.desks import fresh_home


@dataclass(frozen=True)
class Demo:
    home: Home
    report: JSON

    @property
    def record_id(self) -> str:
        return str(self.report["records"][0]["record_id"])


@pytest.fixture
def home() -> Iterator[Home]:
    with fresh_home() as made:
        yield made


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """For reading: whoever writes takes a home of their own."""
    with fresh_home() as made:
        told = warden(made, "demo", "--json")
        assert (told.code, told.err) == (0, "")
        yield Demo(made, told.json)
