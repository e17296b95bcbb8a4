"""A replay decides again from what is stored, asks nobody, and names the first thing that comes out otherwise."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, update

from agents import rules
from agents.record import SCHEMA as DECISION_SCHEMA
from core.errors import ConfigError, LedgerBroken
from desk.answering import answer
from desk.home import Home
from desk.replay import Replay, replay
from market.history import CandleHistory
from market.recorded import RecordedMarket
from market.simulated import SimulatedMarket
from memory.books import blobs, tables
from memory.books.database import Books
from memory.books.records import Record
from memory.books.words import RecordKind
from risk.rules.account import GrossExposure, OpenOrders
from risk.rules.sanity import OrderSize
from tests.desk.desks import (
    BUYS_BOTH,
    BUYS_ETH,
    LIVELY,
    all_records,
    books_of,
    fresh_home,
    moment,
    run,
    series,
    tightened,
    write_hourly_candles,
)


@pytest.fixture(scope="module")
def one_cycle() -> Iterator[Home]:
    """Two orders, both denied for their size, revised and filled."""
    with fresh_home() as home:
        asyncio.run(run(home, moment(BUYS_BOTH), tightened(max_order_size="0.05")))
        yield home


@pytest.fixture
def books(one_cycle: Home) -> Iterator[Books]:
    with books_of(one_cycle) as opened:
        yield opened


@pytest.fixture
def no_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every market refuses to answer: nothing may ask one."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a replay asked a market")

    for market in (CandleHistory, SimulatedMarket, RecordedMarket):
        for name in ("__init__", "bars", "quote", "texts", "book", "closed_bars", "instrument", "from_files"):
            if hasattr(market, name):
                monkeypatch.setattr(market, name, refuse)


def the_decision(books: Books) -> Record:
    (record,) = all_records(books, RecordKind.DECISION)
    return record


async def replayed(books: Books) -> Replay:
    return await replay(books, the_decision(books))


def difference(found: Replay) -> str:
    first = found.first_difference
    assert first is not None, "the replay found no difference"
    assert found.replayed_hash != found.recorded_hash
    return f"{first.name}: {first.difference}"


@pytest.mark.usefixtures("no_market")
async def test_a_cycle_with_two_revisions_replays_to_its_hash_without_a_market(books: Books) -> None:
    found = await replayed(books)
    assert found.first_difference is None
    assert found.replayed_hash == found.recorded_hash == the_decision(books).record_hash
    names = [step.name for step in found.steps]
    assert names[:6] == ["observe", "research", "sentiment", "forecast", "plan 0", "proposal #0.0"]
    assert "plan 1" in names
    assert "review of buy BTC/USDT #0.1: rule ORDER_SIZE" in names


@pytest.mark.usefixtures("no_market")
async def test_replaying_changes_nothing_in_the_books(books: Books) -> None:
    before = books.read(lambda conn: conn.execute(select(tables.journal_heads)).all())
    await replayed(books)
    await replayed(books)
    assert books.read(lambda conn: conn.execute(select(tables.journal_heads)).all()) == before


async def test_a_rule_whose_constant_changed_is_named(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenOrders, "cap", lambda *_: Decimal(19))
    told = difference(await replayed(books))
    assert told.startswith("review of buy BTC/USDT #0.0: rule OPEN_ORDERS: ")
    assert "limit was '20', is now '19'" in told


async def test_a_rule_that_measures_otherwise_is_named(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = OrderSize.measure
    monkeypatch.setattr(OrderSize, "measure", lambda *facts: (measure(*facts) or Decimal(0)) + Decimal("0.001"))
    told = difference(await replayed(books))
    assert told.startswith("review of buy BTC/USDT #0.0: rule ORDER_SIZE: measured was")


async def test_a_rule_that_is_gone_is_named(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderSize, "code", "SIZE_OF_ORDER")
    assert "rule ORDER_SIZE: it was {" in difference(await replayed(books))


async def test_a_stance_weighed_otherwise_names_research(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "TREND", Decimal("0.35"))
    assert difference(await replayed(books)).startswith("research: opinions[0].stance was ")


async def test_a_threshold_changed_names_the_plan(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ENTER", Decimal("0.99"))
    assert difference(await replayed(books)).startswith("plan 0: ")


async def test_a_stop_placed_otherwise_names_the_plan_or_the_question(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "STOP_RANGES", Decimal(5))
    assert difference(await replayed(books)).startswith("plan 0: orders[0].")


async def test_a_second_try_of_another_size_names_the_second_plan(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_try = rules._second_try
    monkeypatch.setattr(rules, "_second_try", lambda *asked: second_try(*asked).model_copy(update={"orders": ()}))
    assert difference(await replayed(books)).startswith("plan 1: orders was ")


async def test_another_question_to_an_effect_is_named(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the stored one, so all that follows agrees: only the question gives it away."""
    monkeypatch.setattr("agents.pipeline.HISTORY_BARS", 299)
    assert difference(await replayed(books)).startswith("effect observe/BTC/USDT#1: another question was asked")


async def test_a_prompt_that_changed_is_named(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.prompts.Prompts.hashes", {"plan@2": "0" * 64})
    assert difference(await replayed(books)).startswith("record: prompts: ")


# What is missing or changed


@pytest.fixture
def undone(books: Books) -> Iterator[Books]:
    """Books in which anything may be changed: the rows that a test touches are put back."""
    kept = books.read(lambda conn: {t: [dict(r._mapping) for r in conn.execute(select(t))] for t in _TOUCHED})
    yield books

    def put_back(conn: Connection) -> None:
        for table, rows in kept.items():
            conn.execute(delete(table))
            conn.execute(table.insert(), rows)

    books.write(put_back)


_TOUCHED = (tables.effects, tables.blobs)


@pytest.mark.parametrize(("node", "lane"), [("observe", "account"), ("forecast", "ETH/USDT"), ("gate", "BTC/USDT")])
async def test_an_effect_that_is_missing_is_named(undone: Books, node: str, lane: str) -> None:
    effects = tables.effects
    undone.write(lambda conn: conn.execute(delete(effects).where(effects.c.node == node, effects.c.lane == lane)))
    with pytest.raises(LedgerBroken, match=f"{node}/{lane}.* of cycle .* was never stored"):
        await replayed(undone)


async def test_an_effect_that_was_changed_is_named(undone: Books) -> None:
    effects = tables.effects
    undone.write(lambda conn: conn.execute(update(effects).where(effects.c.body.is_not(None)).values(body="{}")))
    with pytest.raises(LedgerBroken, match="was changed since it was stored"):
        await replayed(undone)


async def test_a_record_that_another_version_wrote_is_said_to_be_one(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = all_records(books)
    monkeypatch.setattr("desk.replay.DECISION_SCHEMA", DECISION_SCHEMA + 1)
    with pytest.raises(ConfigError, match=f"{record.record_id} is of schema {DECISION_SCHEMA}, which another version"):
        await replay(books, record)


async def test_a_body_deleted_by_retention_is_said(undone: Books) -> None:
    record = the_decision(undone)
    undone.write(lambda conn: conn.execute(delete(tables.blobs).where(tables.blobs.c.digest == record.body)))
    with pytest.raises(LedgerBroken, match=f"the body of record {record.record_id} was deleted by retention"):
        await replay(undone, record)


# Releases and actions


@pytest.fixture
async def released(home: Home) -> Home:
    await run(home, moment(BUYS_ETH), tightened(approval="always"))
    with books_of(home) as books:
        (row,) = books.read(lambda conn: conn.execute(select(tables.approvals)).all())
        await answer(home, books, row.proposal_id, approve=True, by="ada", reason="fine")
    return home


@pytest.fixture(scope="module")
def with_stops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    files = write_hourly_candles(tmp_path_factory.mktemp("lively"))
    with fresh_home() as home:
        asyncio.run(run(home, series(files, *LIVELY, every_h=6)))
        for file in files.values():
            Path(file).unlink()
        yield home


async def test_a_release_replays_to_its_hash(released: Home, no_market: None) -> None:
    with books_of(released) as books:
        (record,) = all_records(books, RecordKind.RELEASE)
        found = await replay(books, record)
    assert found.first_difference is None
    assert found.replayed_hash == record.record_hash


async def test_a_release_names_the_rule_that_changed(released: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GrossExposure, "cap", lambda *_: Decimal("0.04"))
    with books_of(released) as books:
        (record,) = all_records(books, RecordKind.RELEASE)
        assert difference(await replay(books, record)).startswith("review of buy ETH/USDT: rule GROSS_EXPOSURE: ")


async def test_a_stop_that_fired_replays_to_its_hash(with_stops: Home, no_market: None) -> None:
    with books_of(with_stops) as books:
        actions = all_records(books, RecordKind.ACTION)
        found = [await replay(books, record) for record in actions]
    assert actions
    assert all(f.first_difference is None and f.replayed_hash == f.recorded_hash for f in found)


async def test_a_stop_that_fired_names_the_rule_that_changed(with_stops: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OrderSize, "cap", lambda *_: Decimal("0.01"))
    with books_of(with_stops) as books:
        told = difference(await replay(books, all_records(books, RecordKind.ACTION)[0]))
    assert "rule ORDER_SIZE: " in told


async def test_a_release_without_its_facts_says_so(released: Home) -> None:
    with books_of(released) as books:
        (record,) = all_records(books, RecordKind.RELEASE)
        facts = books.read(lambda conn: blobs.get_json(conn, record.body))["facts"]
        books.write(lambda conn: conn.execute(delete(tables.blobs).where(tables.blobs.c.digest == facts)))
        with pytest.raises(LedgerBroken, match=f"the facts of record {record.record_id} were deleted"):
            await replay(books, record)


async def test_every_decision_of_a_run_replays_without_its_candles(with_stops: Home, no_market: None) -> None:
    with books_of(with_stops) as books:
        decisions = all_records(books, RecordKind.DECISION)
        found = [await replay(books, record) for record in decisions]
    assert len(found) == 17
    assert [f.replayed_hash for f in found] == [d.record_hash for d in decisions]


async def test_a_record_of_a_run_that_is_gone_says_so(one_cycle: Home) -> None:
    with books_of(one_cycle) as books:
        orphan = replace(the_decision(books), run_id="no such run")
        with pytest.raises(LedgerBroken, match="names run no such run, which is not in the books"):
            await replay(books, orphan)


async def test_whatever_changes_the_hash_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rules passed, so that a proof of reduction changes the answer and none of the verdicts."""
    await run(home, moment(BUYS_ETH))
    monkeypatch.setattr("risk.candidate.provable_reduction", lambda *_: Decimal(10**9))
    with books_of(home) as books:
        assert "reducing" in difference(await replayed(books))
