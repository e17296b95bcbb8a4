"""What every reading verb opens: the home, the settings and the books."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import DeskError
from desk.home import Home
from desk.markets import Market, MarketSpec
from desk.runs import latest_run
from desk.settings import Settings, database_url, load
from memory.books.accounts import Account
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


def market_of(opened: Opened, account: Account) -> tuple[Market | None, str | None]:
    """The market of the account's run, to mark positions with; or why it cannot be had."""
    run = opened.books.read(lambda conn: latest_run(conn, account.account_id))
    try:
        return MarketSpec.of(run.command["market"]).open(opened.settings.market), None
    except DeskError as missing:
        return None, str(missing)
