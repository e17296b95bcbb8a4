"""A decision is computed again from what is stored: all of it comes out, or every value that does not is named."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import delete, select

from bench.chat_server import Reply, analyst, answer, completion, plan, role_of
from core.canonical import JSON
from core.errors import ConfigError, LedgerBroken
from core.ports import Trial
from core.time import HOUR_NS, Timeframe, parse_time
from desk import forecasters
from desk import recompute as recomputing
from desk.forecasters import Forecasters
from desk.home import Home
from desk.markets import LIVE, MarketSpec
from desk.pastmarket import _Streamed, past_market
from desk.recompute import Recomputed, recompute
from desk.rehearsal import Rehearsal
from desk.runs import RunCommand
from desk.settings import Settings
from market.stored import StoredMarket
from memory.books import tables
from memory.books.database import Books
from memory.books.records import Run
from memory.books.words import RecordKind
from models import indicators
from models.validation.trials import TrialsOnDisk
from tests.agents.llm.desks import served, settings
from tests.desk.desks import BUYS_BOTH, all_records, books_of, fresh_home, moment, run, simulated
from tests.market.material import GOOD, csv_of


@pytest.fixture(scope="module")
def ran() -> Iterator[Home]:
    with fresh_home() as home:
        asyncio.run(run(home, moment(BUYS_BOTH)))
        yield home


@pytest.fixture
def books(ran: Home) -> Iterator[Books]:
    with books_of(ran) as opened:
        yield opened


async def again(home: Home, books: Books, **more: Any) -> Recomputed:
    (record,) = all_records(books, RecordKind.DECISION)
    return await recompute(home, books, record, **more)


def told(found: Recomputed) -> set[tuple[str, str, str]]:
    return {(one.asked.name, one.asked.arguments["symbol"], one.field) for one in found.differences}


async def test_all_of_a_decision_comes_out_again(ran: Home, books: Books) -> None:
    found = await again(ran, books)
    assert found.same
    assert (found.differences, found.lost, found.stopped) == ((), (), None)
    # Two symbols: observed, heard twice, forecast, three tools of research and plan at the least.
    assert found.asked >= 14
    assert found.kept == {"the account as it was then": 1, "what the gate answered": 2}


async def test_a_tool_that_computes_otherwise_is_named_with_its_arguments(
    ran: Home, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indicators, "trend", lambda closes: 0.125)
    found = await again(ran, books)
    assert told(found) == {("trend_view", "BTC/USDT", "trend"), ("trend_view", "ETH/USDT", "trend")}
    assert {one.recomputed for one in found.differences} == {"0.125"}
    assert all(Decimal(one.recorded) != Decimal("0.125") for one in found.differences)
    assert not found.same


async def test_forecasters_that_are_gone_are_a_difference(
    ran: Home, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasters, "find", lambda home: Forecasters(own=()))
    found = await again(ran, books)
    assert told(found) == {("forecast", "BTC/USDT", ""), ("forecast", "ETH/USDT", "")}
    assert found.differences[0].recomputed["reason"] == "no forecaster is registered"


async def test_texts_that_are_scored_otherwise_are_a_difference(
    ran: Home, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.listening.rolling_score", lambda *_: SimpleNamespace(score=1, effective=Decimal(9)))
    assert {name for name, _, _ in told(await again(ran, books))} == {"sentiment"}


async def test_recomputing_writes_nothing(ran: Home, books: Books) -> None:
    before = all_records(books)
    await again(ran, books)
    assert all_records(books) == before


async def test_candles_that_are_gone_are_not_to_be_had(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "BTCUSDT.csv"
    file.write_text(csv_of(GOOD))
    spec = MarketSpec("recorded", ("BTC/USDT",), 0, {"BTC/USDT": str(file)})
    await run(home, RunCommand.single(spec, parse_time("2021-05-01T02:00Z")))
    with books_of(home) as books:
        assert (await again(home, books)).same
        file.unlink()
        found = await again(home, books)
    assert not found.same
    assert not found.differences
    assert {lost.asked.name for lost in found.lost} >= {"observe", "market_snapshot", "trend_view"}
    assert all("BTCUSDT.csv" in lost.reason for lost in found.lost)


async def test_a_payload_that_retention_deleted_ends_the_walk(ran: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "copy")
    shutil.copytree(ran.path, home.path)
    with books_of(home) as books:
        (record,) = all_records(books, RecordKind.DECISION)
        large = tables.effects.c.body.is_(None) & (tables.effects.c.node == "observe")
        of_effects = select(tables.effects.c.response).where(large)
        books.write(lambda conn: conn.execute(delete(tables.blobs).where(tables.blobs.c.digest.in_(of_effects))))
        found = await recompute(home, books, record)
    assert "its payload was deleted" in str(found.stopped)
    assert not found.same


async def test_language_models_are_asked_again_only_where_one_says_so(home: Home) -> None:
    def changed(asked: JSON) -> Reply:
        return analyst(asked) if role_of(asked) != "plan" else answer(asked, {**plan(asked), "orders": []})

    async with served(analyst) as server:
        await run(home, moment(BUYS_BOTH), settings(server.url))
        calls = len(server.asked)
        with books_of(home) as books:
            replayed = await again(home, books)
            assert len(server.asked) == calls
            asked = await again(home, books, environment={})
            assert len(server.asked) == 2 * calls
            server.model = changed
            other = await again(home, books, environment={})
    assert replayed.same
    assert replayed.kept["what a language model said"] == calls
    assert asked.same
    assert "what a language model said" not in asked.kept
    assert {one.asked.name for one in other.differences} == {"model:plan"}


@pytest.mark.parametrize(
    "without", [("research",), ("sentiment",), ("forecast",), ("research", "sentiment", "forecast")]
)
async def test_of_a_rehearsal_no_stage_that_was_left_out_is_asked(home: Home, without: tuple[str, ...]) -> None:
    seed, as_of_ns = BUYS_BOTH
    command = RunCommand.series(MarketSpec("simulated", ("BTC/USDT",), seed), as_of_ns, as_of_ns, HOUR_NS)
    await run(home, replace(command, rehearsal=Rehearsal.of(without, None)))
    with books_of(home) as books:
        found = await again(home, books)
        effects = [row.node for row in books.read(lambda conn: conn.execute(select(tables.effects)).all())]
    assert (found.same, found.differences, found.lost, found.stopped) == (True, (), (), None)
    assert found.asked + sum(found.kept.values()) == len(effects)
    assert not {*without} & {*effects}


async def test_a_stage_that_was_left_out_and_speaks_now_ends_the_walk(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record says what was left out: with another answer in it, another question follows."""
    seed, as_of_ns = BUYS_BOTH
    command = RunCommand.series(MarketSpec("simulated", ("BTC/USDT",), seed), as_of_ns, as_of_ns, HOUR_NS)
    await run(home, replace(command, rehearsal=Rehearsal.of(("sentiment",), None)))
    true = recomputing.ports_of
    monkeypatch.setattr(recomputing, "ports_of", lambda *given: replace(true(*given), left_out=frozenset()))
    with books_of(home) as books:
        found = await again(home, books)
    assert "effect sentiment/BTC/USDT#1" in str(found.stopped)
    assert not found.same


async def test_a_backtest_of_a_model_comes_out_again_and_is_not_counted_twice(home: Home) -> None:
    def tries(asked: JSON) -> Reply:
        if role_of(asked) == "research" and not any(m["role"] == "tool" for m in asked["messages"]):
            over = [{"name": "fast", "values": ["5", "10"]}, {"name": "slow", "values": ["40"]}]
            given = {"symbol": "BTC/USDT", "strategy": "trend", "over": over, "bars": 500, "short": False}
            return completion(calls=[("backtest", json.dumps(given))])
        return analyst(asked)

    async with served(tries) as server:
        await run(home, moment(BUYS_BOTH), settings(server.url))
    counted = home.trials.read_text()
    with books_of(home) as books:
        found = await again(home, books)
        assert (found.same, found.lost, home.trials.read_text()) == (True, (), counted)
        # Whoever tried more since then made the best of them less worth, and that is a difference.
        study = json.loads(counted.splitlines()[0])["study"]
        TrialsOnDisk(home.trials).count(Trial(study, "trend", "of another set", Decimal("0.1")))
        later = await again(home, books)
    assert {(one.asked.name, one.field) for one in later.differences} >= {("backtest", "trials")}


async def test_a_record_that_is_no_decision_is_refused(ran: Home, books: Books) -> None:
    record = cast(Any, SimpleNamespace(record_id="r", kind=RecordKind.RELEASE))
    with pytest.raises(ConfigError, match="is no decision but a release"):
        await recompute(ran, books, record)


def test_quotes_of_a_stream_are_in_the_record_alone_and_its_old_candles_are_no_answer() -> None:
    seed, as_of_ns = BUYS_BOTH
    market = _Streamed(cast(StoredMarket, simulated(seed)), as_of_ns)
    with pytest.raises(LedgerBroken, match="came by a stream, and are not stored"):
        market.quote("BTC/USDT", as_of_ns=as_of_ns)
    assert len(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=as_of_ns, n=9)) == 9
    assert market.symbols() == ("BTC/USDT", "ETH/USDT")
    later = _Streamed(cast(StoredMarket, simulated(seed)), as_of_ns + 2 * HOUR_NS)
    with pytest.raises(LedgerBroken, match="stored 1h candles of BTC/USDT end at"):
        later.bars("BTC/USDT", Timeframe.H1, as_of_ns=as_of_ns, n=9)


def test_a_store_without_the_symbols_of_a_live_desk_says_so_when_asked(home: Home) -> None:
    command = {"market": {"kind": LIVE}, "arguments": {"venue": "binance", "symbols": ["BTC/USDT"]}}
    market = past_market(home, Settings(), cast(Run, SimpleNamespace(command=command)), Timeframe.H1, 0)
    with pytest.raises(LedgerBroken, match="BTC/USDT"):
        market.bars("BTC/USDT", Timeframe.H1, as_of_ns=0, n=1)
