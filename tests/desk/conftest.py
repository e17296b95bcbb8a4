"""A home of its own for every test, and hourly candles that every machine has."""

from collections.abc import Iterator

import pytest

from desk import guarding
from desk.home import Home
from tests.desk.desks import fresh_home, write_hourly_candles


@pytest.fixture(autouse=True)
def patient_with_watchdogs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take minutes to start the process of one."""
    monkeypatch.setattr(guarding, "_START_S", 240.0)


@pytest.fixture
def home() -> Iterator[Home]:
    with fresh_home() as made:
        yield made


@pytest.fixture(scope="session")
def candles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_hourly_candles(tmp_path_factory.mktemp("candles"))
