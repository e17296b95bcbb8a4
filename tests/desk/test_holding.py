"""An account is held beside the work, however long that takes, and a desk that lost it ends."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from core.errors import DeskBusy
from core.time import SECOND_NS, ManualClock
from desk import holding
from desk.holding import Holding
from desk.home import Home
from memory.books import lease
from memory.books.database import Books
from memory.books.tables import leases

ACCOUNT = "desk-binance-live"
T0 = 1_800_000_000 * SECOND_NS


@pytest.fixture
def books(home: Home) -> Iterator[Books]:
    with Books.open(home.database_url) as found:
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock(T0)
    monkeypatch.setattr(holding, "SystemClock", lambda: clock)
    monkeypatch.setattr(holding, "_LOOK_S", 0.01)
    return clock


def expires_ns(books: Books) -> int:
    return int(books.read(lambda conn: conn.execute(select(leases.c.expires_ns)).scalar_one()))


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not seen():
            await asyncio.sleep(0.01)


async def test_it_is_renewed_while_one_step_takes_longer_than_the_lease(books: Books, clock: ManualClock) -> None:
    with Holding(books, ACCOUNT) as held:
        async with held.kept():
            for second in range(10, 100, 10):
                clock.advance_to(T0 + second * SECOND_NS)
                await until(lambda: expires_ns(books) > clock.now_ns() + 29 * SECOND_NS)
        with pytest.raises(DeskBusy):
            lease.acquire(books, ACCOUNT, "another", now_ns=T0 + 110 * SECOND_NS)


async def test_a_desk_that_was_overtaken_ends_at_once(books: Books, clock: ManualClock) -> None:
    async def work(held: Holding) -> None:
        async with asyncio.timeout(10), held.kept():
            clock.advance_to(T0 + 31 * SECOND_NS)
            lease.acquire(books, ACCOUNT, "another", now_ns=clock.now_ns())
            await asyncio.sleep(3600)

    with Holding(books, ACCOUNT) as held:
        with pytest.raises(DeskBusy, match="taken over by desk another"):
            await work(held)
        await asyncio.sleep(0)  # nothing of its cancelling is left behind


async def test_books_that_are_locked_for_a_moment_end_nothing(
    books: Books, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0

    def locked(*_: object, **__: object) -> None:
        nonlocal refused
        refused += 1
        raise DeskBusy("locked by another process")

    with Holding(books, ACCOUNT) as held:
        async with held.kept():
            with monkeypatch.context() as patched:
                patched.setattr(lease, "renew", locked)
                clock.advance_to(T0 + 29 * SECOND_NS)
                await until(lambda: refused > 1)
            await until(lambda: expires_ns(books) > T0 + 50 * SECOND_NS)
        with pytest.raises(DeskBusy):
            lease.acquire(books, ACCOUNT, "another", now_ns=T0 + 50 * SECOND_NS)


async def test_somebody_who_cancels_the_block_is_not_told_of_a_lease(books: Books, clock: ManualClock) -> None:
    async def work() -> None:
        with Holding(books, ACCOUNT) as held:
            async with held.kept():
                await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
