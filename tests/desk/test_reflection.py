"""Lessons of whole runs: what resolved is compared with what was said, once, as it was known then."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

import desk.build
from core.canonical import JSON
from core.taint import Taint
from desk.home import Home
from desk.reflection import LESSON, SILENT, Reflection
from desk.runs import RunCommand, RunResult, open_run
from desk.settings import Settings, parse
from execution import orderbook
from memory.books import journal, tables
from memory.books.words import RecordKind
from memory.recall.items import Item, Wanted
from memory.recall.recall import Recall
from memory.recall.settings import RecallSettings
from tests.desk.desks import (
    all_records,
    body_of,
    books_of,
    fresh_home,
    record_hashes,
    run,
    series,
    verified,
    write_hourly_candles,
)
from tests.memory.recall.builders import Broken, Words


class Killed(BaseException):
    """Where the process ends."""


REFLECTING = parse({"recall": {"reflect": True}}, "the test")
FROM, TO = "2026-02-01", "2026-02-02T12:00Z"
EVERYTHING = Wanted(replaced=True)


@dataclass(frozen=True)
class Learned:
    """A run of a day and a half, in which two trades end."""

    home: Home
    result: RunResult
    items: tuple[Item, ...]
    written: tuple[JSON, ...]


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_hourly_candles(tmp_path_factory.mktemp("candles"), days=40)


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    """A model that needs no file, in place of the settings' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.build, "Recall", partial(Recall, embedder=Words()))
        yield


@pytest.fixture(scope="module")
def learned(candles: dict[str, str], tiny: None) -> Iterator[Learned]:
    async def learn() -> RunResult:
        return await reflected(made, candles)

    with fresh_home() as made:
        result = asyncio.run(learn())
        yield Learned(made, result, asyncio.run(lessons(made)), journaled(made, result))


@pytest.fixture
def home() -> Iterator[Home]:
    with fresh_home() as made:
        yield made


async def lessons(home: Home) -> tuple[Item, ...]:
    found = await Recall(RecallSettings(), home.recall, Words()).listing(EVERYTHING)
    assert isinstance(found, tuple)
    return tuple(reversed(found))


def journaled(home: Home, result: RunResult, kind: str = LESSON) -> tuple[JSON, ...]:
    with books_of(home) as books:
        return books.read(lambda conn: journal.bodies(conn, result.account_id, kind))


def trips(home: Home) -> list[Any]:
    with books_of(home) as books:
        return books.read(
            lambda conn: list(conn.execute(tables.round_trips.select().order_by(tables.round_trips.c.id)))
        )


def command(candles: dict[str, str]) -> RunCommand:
    return series(candles, FROM, TO, 4)


async def reflected(home: Home, candles: dict[str, str], settings: Settings = REFLECTING) -> RunResult:
    return await run(home, command(candles), settings)


async def test_reflection_is_off_by_default_and_leaves_no_trace(home: Home, candles: dict[str, str]) -> None:
    result = await reflected(home, candles, Settings())
    assert trips(home)
    assert (journaled(home, result), home.recall.exists()) == ((), False)


def test_every_thesis_that_resolved_has_one_lesson(learned: Learned) -> None:
    assert len(learned.written) > 1
    assert [body["trip"] for body in learned.written] == [trip.id for trip in trips(learned.home)]
    assert [body["item"] for body in learned.written] == [item.item_id for item in learned.items]
    assert verified(learned.home).ok


def test_a_lesson_holds_what_the_books_hold(learned: Learned) -> None:
    for body, trip in zip(learned.written, trips(learned.home), strict=True):
        one = body["resolved"]
        assert Decimal(one["entry_price"]) == trip.entry_price
        assert Decimal(one["exit_price"]) == trip.exit_price
        assert abs(Decimal(one["earned"]) - trip.pnl / (trip.quantity * trip.entry_price)) < Decimal("1e-8")
        assert (one["side"], one["symbol"], one["known_ns"]) == ("buy", trip.symbol, trip.closed_ns)


def test_the_views_are_those_of_the_cycle_that_entered(learned: Learned) -> None:
    with books_of(learned.home) as books:
        decisions = {record.cycle_id: record for record in all_records(books, RecordKind.DECISION)}
        for body in learned.written:
            one = body["resolved"]
            row = books.read(lambda conn, p=one["proposal_id"]: orderbook.find_proposal(conn, p))  # type: ignore[misc]
            assert row is not None
            record = decisions[row.cycle_id]
            opinions = body_of(books, record)["research"]["opinions"]
            assert one["leans"]["research"] == next(o["stance"] for o in opinions if o["symbol"] == one["symbol"])
            assert one["opened_ns"] >= record.as_of_ns


async def test_lessons_are_known_when_the_trade_ended_and_not_before(learned: Learned) -> None:
    remembered = Recall(RecallSettings(), learned.home.recall, Words())
    for item in learned.items:
        for as_of_ns, seen in ((item.known_at_ns - 1, False), (item.known_at_ns, True)):
            found = await remembered.search(item.text, Wanted(as_of_ns=as_of_ns), n=9)
            assert isinstance(found, tuple)
            assert (item.item_id in {one.item.item_id for one in found}) is seen


def test_lessons_of_prices_alone_are_trusted(learned: Learned) -> None:
    assert {item.trust for item in learned.items} == {Taint.TRUSTED}


async def test_the_same_command_again_writes_nothing_more(learned: Learned, candles: dict[str, str]) -> None:
    await reflected(learned.home, candles)
    assert await lessons(learned.home) == learned.items
    assert journaled(learned.home, learned.result) == learned.written


async def test_what_was_written_before_counts_after_a_restart(
    learned: Learned, home: Home, candles: dict[str, str]
) -> None:
    home.make()
    before = {**learned.written[0], "trip": 0}
    with books_of(home) as books:
        books.write(lambda conn: journal.append(conn, learned.result.account_id, LESSON, before, ts_ns=1))
    await reflected(home, candles)
    key = before["resolved"]["symbol"], before["resolved"]["regime"]
    counted = [(item.symbol, item.topic.partition(", ")[2], item.n) for item in await lessons(home)]
    assert [n for *topic, n in counted if tuple(topic) == key] == [2]
    assert [n for *topic, n in counted if tuple(topic) != key] == [1] * (len(counted) - 1)


async def test_an_account_does_not_see_what_another_learned(learned: Learned) -> None:
    found = await Recall(RecallSettings(), learned.home.recall).listing(Wanted(account="another"))
    assert found == ()
    assert {item.account for item in learned.items} == {learned.result.account_id}


@pytest.mark.parametrize("remembered", [True, False], ids=["before it is journaled", "before it is remembered"])
async def test_a_run_that_was_killed_while_it_wrote_has_each_lesson_once(
    learned: Learned, home: Home, candles: dict[str, str], monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    kept = Recall.remember

    async def killed(self: Recall, items: Any, *, now_ns: int) -> None:
        if remembered:
            await kept(self, items, now_ns=now_ns)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Recall, "remember", killed)
        with pytest.raises(Killed):
            await reflected(home, candles)
    result = await reflected(home, candles)
    assert await lessons(home) == learned.items
    assert [body["text"] for body in journaled(home, result)] == [body["text"] for body in learned.written]
    assert record_hashes(home) == record_hashes(learned.home)


async def test_what_a_person_made_the_desk_forget_is_not_written_again(
    home: Home, candles: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, forgotten = Recall.remember, list[Item]()

    async def forgets(self: Recall, items: Any, *, now_ns: int) -> Any:
        answer = await kept(self, items, now_ns=now_ns)
        forgotten.extend(items)
        await self.forget(items)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Recall, "remember", forgets)
        result = await reflected(home, candles)
    async with open_run(home, REFLECTING, command(candles)) as opened:
        assert await Reflection(opened.desk).look() is None
    assert len(forgotten) == len(journaled(home, result))
    assert await lessons(home) == ()


async def test_a_memory_that_is_broken_stops_no_run_and_is_told_once(
    learned: Learned, home: Home, candles: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.build, "Recall", partial(Recall, embedder=Broken()))
    result = await reflected(home, candles)
    assert result.digest == learned.result.digest
    assert journaled(home, result) == ()
    assert journaled(home, result, SILENT) == ({"why": "recall is broken: ImportError: no module named torch"},)


async def test_what_could_not_be_remembered_then_is_written_as_soon_as_it_can(
    learned: Learned, home: Home, candles: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, calls = Recall.remember, 0

    async def late(self: Recall, items: Any, *, now_ns: int) -> Any:
        nonlocal calls
        calls += 1
        broken = Recall(RecallSettings(), home.recall, Broken())
        return await kept(broken if calls == 1 else self, items, now_ns=now_ns)

    monkeypatch.setattr(Recall, "remember", late)
    result = await reflected(home, candles)
    assert [body["text"] for body in journaled(home, result)] == [body["text"] for body in learned.written]
