"""Standing instructions of a desk at a venue that is there: stepped on its bus, killed, and brought back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from agents.instructions import parsed
from core.canonical import JSON
from core.errors import ConfigError
from core.orders import Side
from desk import answering, guarding, instructed
from desk.home import Home
from desk.live import LiveCommand, LiveDesk, account_id_of, open_live
from desk.settings import Settings
from desk.stepping import Stepping
from emulator.exchange import API_KEY
from emulator.listings import STANDARD
from emulator.server import Emulator
from execution.ports import PlainOrder
from execution.venues.exchange.adapter import ExchangeVenue
from memory.books import blobs, owners, records, tables
from memory.books.database import Books
from tests.desk.crashing import processes
from tests.desk.test_live import KEYS, settings_at

SYMBOLS = ("BTC/USDT", "ETH/USDT")
_PATIENCE_S = 240  # a busy machine starts processes slowly


@pytest_asyncio.fixture
async def venue() -> AsyncIterator[Emulator]:
    async with Emulator(listings=STANDARD[:2], funds={"USDT": Decimal(50_000)}) as found:
        yield found


@asynccontextmanager
async def at_work(home: Home, settings: Settings) -> AsyncIterator[LiveDesk]:
    async with open_live(home, settings, KEYS, LiveCommand(SYMBOLS)) as live, live.running():
        yield live


def average(symbol: str) -> JSON:
    strategy = {"kind": "dca", "symbol": symbol, "quote": "100", "every": "7d"}
    return {"strategy": strategy, "budget": {"max_orders": 4, "max_spend": "400"}}


def killed_when_an_order_has_arrived(home: Home, settings: Settings) -> None:
    """A process that adds an instruction for each symbol, and dies before it hears what became of the first order."""
    place = ExchangeVenue.place

    async def dies(self: ExchangeVenue, order: PlainOrder) -> None:
        await place(self, order)
        os.kill(os.getpid(), signal.SIGKILL)

    async def work() -> None:
        async with at_work(home, settings) as live:
            desk = live.desk
            for symbol in SYMBOLS:
                one, said = parsed(average(symbol)), {"key": symbol, "by": "ada", "reason": "a plan"}
                desk.books.write(lambda conn, one=one, said=said: desk.instructions.add(conn, one, **said))  # type: ignore[misc]
            await asyncio.sleep(_PATIENCE_S)

    guarding._START_S = _PATIENCE_S  # type: ignore[misc]
    ExchangeVenue.place = dies  # type: ignore[method-assign]
    asyncio.run(work())


def shown(books: Books, account_id: str) -> list[JSON]:
    def read(conn: Connection) -> list[JSON]:
        found = instructed.listing(conn, account_id, ended=False)
        return [instructed.line(conn, account_id, each["instruction"]) for each in found]

    return books.read(read)


async def until(so: Callable[[], bool], what: Callable[[], object]) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not so():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(str(what()))


async def test_every_slot_is_placed_once_though_the_desk_was_killed_in_the_middle(
    venue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two desks start here: a busy machine holds up their loops.
    home, settings = Home(tmp_path), settings_at(venue, risk={"max_loop_lag_s": "10"})
    account_id = account_id_of(settings)
    process = processes.Process(target=killed_when_an_order_has_arrived, args=(home, settings))
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode == -signal.SIGKILL
    account = venue.exchange.accounts[API_KEY]
    assert [order.side for order in account.orders.values()] == [Side.BUY], "it had arrived, and nobody was told"
    with Books.open(home.database_url) as books:
        with pytest.raises(ConfigError, match=r"no desk of account .* is at work"):
            await answering.decide(home, books, account_id, by="ada", key="k")
        heard = set[str | None]()
        wake = Stepping.wake
        monkeypatch.setattr(Stepping, "wake", lambda self, symbol=None: (heard.add(symbol), wake(self, symbol)))
        async with at_work(home, settings) as live:

            def settled() -> bool:
                orders = [order for one in shown(books, account_id) for order in one["orders"]]
                return [order["state"] for order in orders] == ["over", "over"] and heard >= {None, *SYMBOLS}

            await until(settled, lambda: (shown(books, account_id), live.troubles, heard))
            first = await answering.decide(home, books, account_id, by="ada", key="k")
            again = await answering.decide(home, books, account_id, by="ada", key="k")
            assert first["record_id"] == again["record_id"]
            assert live.troubles == {}
        bought = [order for order in account.orders.values() if order.side is Side.BUY]
        assert sorted(order.symbol for order in bought) == list(SYMBOLS)
        placed = [(one["placed"], one["filled"], one["denied"]) for one in shown(books, account_id)]
        assert placed == [(1, 1, 0), (1, 1, 0)]
        sent = books.read(lambda conn: conn.execute(tables.orders.select()).all())
        assert len([order for order in sent if order.side is Side.BUY]) == 2, "each in one attempt"
        theirs = books.read(lambda conn: owners.held(conn, account_id))
        assert [held.symbol for held in theirs] == list(SYMBOLS)
        snapshot = books.read(lambda conn: body_of(conn, first["record_id"]))["snapshot"]["account"]
        assert snapshot["positions"] == []
        assert [held["symbol"] for held in snapshot["instructed"]] == list(SYMBOLS)


def body_of(conn: Connection, record_id: str) -> JSON:
    return blobs.get_json(conn, records.find(conn, record_id).body)
