"""A desk over books in a fresh file for every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from memory.books.database import Books
from tests.execution.desk import Desk, copied_books

Opened = Callable[..., Desk]


@pytest.fixture(scope="session")
def empty_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows."""
    path = tmp_path_factory.mktemp("books") / "empty.db"
    with Books.open(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def books(empty_books: Path, tmp_path: Path) -> Iterator[Books]:
    with copied_books(empty_books, tmp_path) as opened:
        yield opened


@pytest.fixture
def open_desk(books: Books) -> Iterator[Opened]:
    """Opens the desk with settings and limits of the test's choice."""
    with ExitStack():

        def opened(**settings: Any) -> Desk:
            return Desk.open(books, **settings)

        yield opened


@pytest.fixture
def desk(open_desk: Opened) -> Desk:
    return open_desk()
