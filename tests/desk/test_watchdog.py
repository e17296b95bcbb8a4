"""A desk that is killed leaves its stops at the venue, and no entry. One that ends on purpose changes nothing."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert

from core.errors import ConfigError, ExchangeUnavailable
from core.instruments import ContractKind
from core.orders import OrderState, OrderType, Side, TimeInForce
from desk import guarding, watchdog
from desk.home import Home
from desk.watchdog import Charge
from emulator.server import Emulator
from execution.orderbook import EXTERNAL
from execution.ports import VenueOrder
from execution.venues.exchange.client import Keys
from memory.books import journal, tables
from memory.books.database import Books
from tests.execution.exchange.emulated import COIN, Place, place_at
from tests.execution.exchange.loopback import order

ACCOUNT = "desk-binance-live"
ENTRY, STOP, THEIRS = "a" * 32, "b" * 32, "c" * 32
PATIENCE_S = 2.0
DEADLINE_S = 240


@pytest.fixture
def books(home: Home) -> Iterator[Books]:
    with Books.open(home.database_url) as found:
        yield found


@pytest_asyncio.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as found:
        yield found


@pytest_asyncio.fixture
async def at(emulator: Emulator, books: Books) -> AsyncIterator[Place]:
    """An entry, a stop and somebody else's order rest at the venue, and stand in the books."""
    async with place_at("binance", emulator) as found:
        await found.venue.place(found.resting(name=ENTRY))
        await found.venue.place(found.resting(name=THEIRS))
        trigger = found.bid * 8 // 10
        await found.venue.place(order("sell", at=None, stop=str(trigger), name=STOP))
        for name, owner, protective in ((ENTRY, "trend", False), (STOP, "trend", True), (THEIRS, EXTERNAL, False)):
            row = written(name, owner, protective=protective)
            books.write(lambda conn, row=row: conn.execute(insert(tables.orders).values(**row)))  # type: ignore[misc]
        yield found


def written(name: str, owner: str, *, protective: bool) -> dict[str, Any]:
    return {
        "client_order_id": name,
        "attempt": 1,
        "account_id": ACCOUNT,
        "venue": "binance",
        "owner": owner,
        "symbol": COIN,
        "side": Side.SELL if protective else Side.BUY,
        "type": OrderType.STOP if protective else OrderType.LIMIT,
        "quantity": Decimal("0.01"),
        "time_in_force": TimeInForce.GTC,
        "reduce_only": protective,
        "state": OrderState.OPEN,
        "reserved_currency": "USDT",
        "protective": protective,
        "vouched": False,
        "presumed_absent": False,
        "created_ns": 1,
        "updated_ns": 1,
    }


def charge(home: Home, emulator: Emulator) -> Charge:
    return Charge(
        account_id=ACCOUNT,
        database_url=home.database_url,
        report=str(guarding.report_file(home, ACCOUNT)),
        patience_s=PATIENCE_S,
        venue="binance",
        kind=ContractKind.SPOT,
        endpoints={"rest": emulator.base_url, "ws": emulator.ws_url},
        testnet=False,
    )


@asynccontextmanager
async def desk_of(charge: Charge, emulator: Emulator) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A process that beats, and the id of its watchdog."""
    pipe = asyncio.subprocess.PIPE
    desk = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.desk.guarded", stdin=pipe, stdout=pipe)
    assert desk.stdin is not None
    assert desk.stdout is not None
    said = {**asdict(charge), "keys": [emulator.api_key, emulator.api_secret]}
    desk.stdin.write(json.dumps(said).encode() + b"\n")
    async with asyncio.timeout(DEADLINE_S):
        watchdog = int(await desk.stdout.readline())
    try:
        yield desk, watchdog
    finally:
        for process in (desk.pid, watchdog):
            if running(process):
                os.kill(process, signal.SIGKILL)
        await desk.wait()


def running(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():
            await asyncio.sleep(0.1)


async def resting(at: Place) -> set[str | None]:
    return {each.client_order_id for each in await at.venue.open_orders()}


async def ended(process: int) -> bool:
    return not running(process)


async def test_a_killed_desk_leaves_its_stop_and_no_entry(
    home: Home, books: Books, emulator: Emulator, at: Place
) -> None:
    assert await resting(at) == {ENTRY, STOP, THEIRS}
    async with desk_of(charge(home, emulator), emulator) as (desk, watchdog):
        await asyncio.sleep(PATIENCE_S * 1.5)
        assert await resting(at) == {ENTRY, STOP, THEIRS}, "it acted while the desk beat"
        desk.kill()
        await until(lambda: ended(watchdog))
    assert await resting(at) == {STOP, THEIRS}
    told = guarding.collect(home, books, ACCOUNT, 7)
    assert told["why"] == "the desk ended without a word"
    assert (told["cancelled"], told["all_gone"]) == ({ENTRY: "cancelled"}, True)
    assert guarding.collect(home, books, ACCOUNT, 8) is None
    (entry,) = books.read(lambda conn: journal.entries(conn, ACCOUNT))
    assert (entry.kind, entry.body) == ("watchdog", told)
    assert emulator.api_key not in str(told)
    assert emulator.api_secret not in str(told)


async def test_a_desk_that_hangs_is_taken_for_dead(home: Home, books: Books, emulator: Emulator, at: Place) -> None:
    async with desk_of(charge(home, emulator), emulator) as (desk, watchdog):
        desk.send_signal(signal.SIGSTOP)
        await until(lambda: ended(watchdog))
        desk.send_signal(signal.SIGCONT)
    assert await resting(at) == {STOP, THEIRS}
    assert guarding.collect(home, books, ACCOUNT, 7)["why"] == "the desk gave no sign for 2 s"


async def test_a_desk_that_is_told_to_end_takes_its_watchdog_with_it_and_changes_nothing(
    home: Home, books: Books, emulator: Emulator, at: Place
) -> None:
    async with desk_of(charge(home, emulator), emulator) as (desk, watchdog):
        desk.terminate()
        async with asyncio.timeout(DEADLINE_S):
            assert await desk.wait() == 0
        assert not running(watchdog)
    assert await resting(at) == {ENTRY, STOP, THEIRS}
    assert guarding.collect(home, books, ACCOUNT, 7) is None


async def test_neither_what_ends_the_desk_from_outside_nor_a_venue_that_is_away_ends_its_watchdog(
    home: Home, books: Books, emulator: Emulator, at: Place
) -> None:
    emulator.faults.add("status", method="DELETE", times=2)
    async with desk_of(charge(home, emulator), emulator) as (desk, watchdog):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(watchdog, number)
        desk.kill()
        await until(lambda: ended(watchdog))
    assert await resting(at) == {STOP, THEIRS}


class Counter:
    """A venue that takes cancels, and has no list that could be read."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        if client_order_id == STOP:
            raise RuntimeError("an adapter's mistake")
        self.cancelled.append(client_order_id)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        raise ExchangeUnavailable("an order without a quantity")


async def test_what_the_venue_lists_is_not_needed_to_cancel() -> None:
    counter, asked = Counter(), dict[str, str]()
    for _ in range(2):
        with pytest.raises(ExchangeUnavailable):
            await watchdog._round(counter, dict.fromkeys((STOP, ENTRY), COIN), asked)  # type: ignore[arg-type]
    assert counter.cancelled == [ENTRY]
    assert asked == {STOP: "RuntimeError", ENTRY: "cancelled"}


async def test_neither_the_command_nor_the_environment_of_a_watchdog_tells_a_key(
    home: Home, books: Books, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWARDEN_BINANCE_SECRET", emulator.api_secret)
    async with guarding.guarded(charge(home, emulator), Keys(emulator.api_key, emulator.api_secret)) as watchdog:
        for name in ("cmdline", "environ"):
            content = Path(f"/proc/{watchdog.pid}/{name}").read_bytes()
            assert emulator.api_key.encode() not in content
            assert emulator.api_secret.encode() not in content
        assert watchdog.beat()
    assert not watchdog.alive
    assert not watchdog.beat()


async def test_a_watchdog_that_does_not_start_is_refused(
    home: Home, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfigError, match="did not start"):
        await guarding.start(charge(home, emulator), Keys("key", "secret"))
