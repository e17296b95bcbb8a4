"""A home of its own for every test."""

from collections.abc import Iterator

import pytest

from desk.home import Home
from tests.desk.desks import fresh_home


@pytest.fixture
def home() -> Iterator[Home]:
    with fresh_home() as made:
        yield made
