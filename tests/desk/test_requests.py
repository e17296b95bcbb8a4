"""What people leave for a desk at work: begun once, durably, whoever dies, and dropped when it is too old."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from core.canonical import JSON
from core.errors import DeskBusy, OrderStateUnknown
from core.time import MINUTE_NS
from desk import requests
from desk.clock import SystemClock
from memory.books import journal, lease, tables
from memory.books.database import Books
from memory.books.words import RequestState
from tests.execution.desk import ACCOUNT, Desk

WORD = {"by": "ada", "reason": "a drill"}


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with Books.open(f"sqlite:///{tmp_path}/desk.db") as opened:
        yield opened


def leave(books: Books, verb: str = "close", *, ago_ns: int = 0) -> int:
    asked: JSON = {"account_id": ACCOUNT, "verb": verb, "arguments": WORD, "state": RequestState.PENDING}
    asked |= {"created_ns": SystemClock().now_ns() - ago_ns}
    left = insert(tables.requests).values(**asked).returning(tables.requests.c.id)
    return books.write(lambda conn: int(conn.execute(left).scalar_one()))


def rows(books: Books) -> list[Any]:
    return list(books.read(lambda conn: conn.execute(select(tables.requests).order_by(tables.requests.c.id)).all()))


def states(books: Books) -> list[RequestState]:
    return [row.state for row in rows(books)]


class Doing:
    """A verb that keeps how often it was done, and dies in the middle where it is told to."""

    def __init__(self, *, dies: bool = False) -> None:
        self.done, self.dies = 0, dies
        self.seen: list[RequestState] = []

    async def __call__(self, desk: Any, **said: JSON) -> JSON:
        self.done += 1
        self.seen += states(desk.books)
        if self.dies:
            raise Died
        return {"done": said["by"]}


async def serve(desk: Desk, verb: Doing, *, in_steps: bool = False) -> None:
    await requests.serve(desk, in_steps=in_steps, own={"close": verb, "halt": verb})  # type: ignore[arg-type]


async def test_a_request_is_begun_before_anything_is_done_for_it(books: Books) -> None:
    leave(books)
    verb = Doing()
    await serve(Desk.open(books), verb)
    assert verb.seen == [RequestState.BEGUN]
    assert [(row.state, row.answer) for row in rows(books)] == [(RequestState.DONE, {"done": "ada"})]


async def test_what_a_dead_desk_had_begun_is_told_and_never_done_again(books: Books) -> None:
    desk, verb = Desk.open(books), Doing(dies=True)
    lease.acquire(books, ACCOUNT, "the desk", now_ns=SystemClock().now_ns())
    asking = asyncio.ensure_future(requests.ask(books, ACCOUNT, "close", WORD, wait_s=60))
    async with asyncio.timeout(20):
        while not rows(books):
            await asyncio.sleep(0.001)
    with pytest.raises(Died):
        await serve(desk, verb)
    await serve(desk, verb)
    assert (verb.done, states(books)) == (1, [RequestState.BEGUN])
    requests.take_over(books, ACCOUNT)
    with pytest.raises(OrderStateUnknown, match="not done again"):
        await asking
    requests.take_over(books, ACCOUNT)
    await serve(desk, verb)
    assert (verb.done, states(books)) == (1, [RequestState.FAILED])
    told = [e.body for e in books.read(lambda conn: journal.entries(conn, ACCOUNT)) if e.kind == "request_cut_off"]
    assert told == [{"request": rows(books)[0].id, "verb": "close", "arguments": WORD}]


async def test_a_halt_that_a_dead_desk_had_begun_is_done(books: Books) -> None:
    leave(books, "halt")
    desk, verb = Desk.open(books), Doing(dies=True)
    with pytest.raises(Died):
        await serve(desk, verb)
    requests.take_over(books, ACCOUNT)
    await requests.serve(desk, in_steps=False)  # type: ignore[arg-type]
    assert states(books) == [RequestState.DONE]
    assert len(desk.causes()) == 1
    await desk.gate.halt(**WORD)
    assert len(desk.causes()) == 1, "and done twice it is done once"


async def test_a_step_that_dies_has_begun_nothing(books: Books) -> None:
    leave(books)
    desk = Desk.open(books)
    with pytest.raises(Died):
        await serve(desk, Doing(dies=True), in_steps=True)
    assert states(books) == [RequestState.PENDING]
    await serve(desk, again := Doing(), in_steps=True)
    assert (again.done, states(books)) == (1, [RequestState.DONE])


@pytest.mark.parametrize(("ago_ns", "done"), [(9 * MINUTE_NS, 1), (11 * MINUTE_NS, 0), (-MINUTE_NS, 1)])
async def test_what_nobody_began_with_for_ten_minutes_is_dropped(books: Books, ago_ns: int, done: int) -> None:
    leave(books, ago_ns=ago_ns)
    verb = Doing()
    await serve(Desk.open(books), verb)
    assert (verb.done, states(books)) == (done, [RequestState.DONE if done else RequestState.FAILED])


async def test_no_halt_is_too_old(books: Books) -> None:
    leave(books, "halt", ago_ns=10_000 * MINUTE_NS)
    verb = Doing()
    await serve(Desk.open(books), verb)
    assert (verb.done, states(books)) == (1, [RequestState.DONE])


async def test_who_waits_too_long_is_told_whether_the_desk_has_begun(books: Books) -> None:
    with pytest.raises(DeskBusy, match="stays with it for 10 minutes"):
        await requests.ask(books, ACCOUNT, "close", WORD, wait_s=0)
    with pytest.raises(DeskBusy, match="stays with it until it begins"):
        await requests.ask(books, ACCOUNT, "halt", WORD, wait_s=0)

    at_once = "CREATE TRIGGER at_once AFTER INSERT ON requests BEGIN UPDATE requests SET state = 'begun'; END"
    books.write(lambda conn: conn.execute(text(at_once)))
    with pytest.raises(DeskBusy, match="has begun with it"):
        await requests.ask(books, ACCOUNT, "close", WORD, wait_s=0)
