"""Books in a fresh file for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.books.database import Books


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/desk.db"


@pytest.fixture
def books(url: str) -> Iterator[Books]:
    with Books.open(url) as opened:
        yield opened
