"""What every route works with: the home, the books, the keys, and the desk beside it where there is one."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import Request
from sqlalchemy import Connection

from api.rest.feed import Feed
from api.rest.guard import Keys
from api.rest.meters import Meters
from api.rest.problems import Problem
from core.errors import ConfigError, DeskError
from core.ports import Clock
from desk.home import Home
from desk.markets import AnyMarket, MarketSpec
from desk.runs import latest_run
from desk.settings import Settings
from desk.signalling import served_account
from desk.signing import Signer
from memory.books.accounts import Account
from memory.books.database import Books

if TYPE_CHECKING:
    from desk.several import SeveralDesks


@dataclass
class Served:
    """`desk` is the one at work in this process; None where this process only serves. `closing` ends the streams."""

    home: Home
    settings: Settings
    books: Books
    keys: Keys
    feed: Feed
    signer: Signer
    clock: Clock
    meters: Meters = field(default_factory=Meters)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    acting: asyncio.Lock = field(default_factory=asyncio.Lock)
    verifying: threading.Lock = field(default_factory=threading.Lock)
    desk: "SeveralDesks | None" = None
    streams: int = 0
    in_flight: set[tuple[str, str]] = field(default_factory=set)
    working: set[asyncio.Task[Any]] = field(default_factory=set)
    _market: tuple[str, AnyMarket] | None = None

    def account(self, conn: Connection, named: str | None) -> Account:
        """The account that is asked for. Raises Problem where there is none of that name, or none at all."""
        try:
            return served_account(conn, named)
        except (ConfigError, DeskError):
            told = "these books hold no account yet" if named is None else f"no account is named {named}"
            raise Problem(404, told) from None

    def market(self, conn: Connection, account: Account) -> AnyMarket | None:
        """Prices to mark with: of the desk beside us, or of the market of the past that the run was made on."""
        for live in () if self.desk is None else self.desk.lives.values():
            if live.desk.account_id == account.account_id:
                return live.desk.market
        run = latest_run(conn, account.account_id)
        if self._market is None or self._market[0] != run.run_id:
            try:
                self._market = run.run_id, MarketSpec.of(run.command["market"]).open(self.settings.market)
            except DeskError:
                return None
        return self._market[1]


def served(request: Request) -> Served:
    found: Served = request.app.state.served
    return found
