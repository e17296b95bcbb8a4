"""What every reading verb opens: the home, the settings and the books."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from desk.home import Home
from desk.runs import database_url
from desk.settings import Settings, load
from memory.books.database import Books


@dataclass(frozen=True, slots=True)
class Opened:
    home: Home
    settings: Settings
    books: Books


@contextmanager
def books() -> Iterator[Opened]:
    home = Home.find()
    settings = load(home)
    home.make()
    with Books.open(database_url(home, settings)) as opened:
        yield Opened(home, settings, opened)
