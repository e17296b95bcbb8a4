"""Graph and plain stages are one desk: one record hash, branches side by side, parking that holds nothing up."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agents import pipeline
from agents.cycle import Cycle
from agents.graph import BRANCHES, CycleGraph
from agents.ports import Ports
from core.canonical import JSON
from core.ports import Effect
from core.time import parse_time
from core.verdicts import AnswerKind
from desk.answering import answer
from desk.build import Desk
from desk.home import Home
from desk.runs import checkpoints
from desk.settings import Settings
from execution import orderbook
from market.recorded import RecordedMarket
from market.settings import MarketSettings
from memory.books.words import ApprovalState
from tests.desk.desks import (
    BUYS_BOTH,
    BUYS_ETH,
    BUYS_NOTHING,
    all_records,
    body_of,
    books_of,
    decide,
    decide_once,
    desk_at,
    moment,
    run,
    simulated,
    tightened,
)
from tests.market.material import shared

SIDE_BY_SIDE_S = 30.0


@pytest.mark.parametrize(
    ("at", "settings", "told"),
    [
        pytest.param(BUYS_NOTHING, Settings(), [], id="nothing to do"),
        pytest.param(BUYS_ETH, Settings(), ["done"], id="one order filled"),
        pytest.param(BUYS_BOTH, tightened(max_gross_exposure="0.2"), ["done", "denied", "done"], id="one revision"),
        pytest.param(
            BUYS_BOTH, tightened(max_order_size="0.05"), ["denied", "denied", "done", "done"], id="two revisions"
        ),
        pytest.param(BUYS_BOTH, tightened(approval="always"), ["waiting", "waiting"], id="waiting for a person"),
    ],
)
async def test_graph_and_stages_give_one_record(at: tuple[int, int], settings: Settings, told: list[str]) -> None:
    seed, as_of_ns = at
    by_graph = await decide_once(simulated(seed), as_of_ns, settings)
    by_stages = await decide_once(simulated(seed), as_of_ns, settings, pipeline.run)
    assert [a.receipt.kind.value for a in by_graph.answers] == told
    assert by_graph.record_hash is not None
    assert by_graph.record_hash == by_stages.record_hash


@pytest.mark.parametrize("seed", range(11, 15))
async def test_graph_and_stages_give_one_record_at_any_seed(seed: int) -> None:
    as_of_ns = parse_time("2026-02-10T08:00Z")
    by_graph = await decide_once(simulated(seed), as_of_ns)
    by_stages = await decide_once(simulated(seed), as_of_ns, engine=pipeline.run)
    assert by_graph.record_hash == by_stages.record_hash


async def test_graph_and_stages_give_one_record_on_real_candles() -> None:
    files = {s: shared(f"binance_spot_{s.replace('/', '')}_1h_2017_2022.parquet") for s in ("BTC/USDT", "ETH/USDT")}
    market = RecordedMarket.from_files(files, assumed_spread_bps=MarketSettings().assumed_spread_bps)
    for text in ("2021-05-08T12:00Z", "2021-05-19T13:00Z"):
        as_of_ns = parse_time(text)
        by_graph = await decide_once(market, as_of_ns)
        by_stages = await decide_once(market, as_of_ns, engine=pipeline.run)
        assert by_graph.record_hash == by_stages.record_hash


async def test_another_moment_gives_another_record() -> None:
    seed, as_of_ns = BUYS_NOTHING
    one = await decide_once(simulated(seed), as_of_ns)
    other = await decide_once(simulated(seed), as_of_ns + 60 * 10**9)
    assert one.record_hash != other.record_hash


class _MeetingEffects:
    """Each branch waits at its first effect until all of them have come so far."""

    def __init__(self, port: object) -> None:
        self._port = port
        self._all_here = asyncio.Barrier(len(BRANCHES))
        self._met: set[str] = set()

    async def perform(self, node: str, lane: str, request: JSON, run: Callable[[], JSON | Awaitable[JSON]]) -> JSON:
        if node in BRANCHES and node not in self._met:
            self._met.add(node)
            await self._all_here.wait()
        return await self._port.perform(node, lane, request, run)  # type: ignore[attr-defined]

    def entries(self) -> tuple[Effect, ...]:
        return self._port.entries()  # type: ignore[attr-defined, no-any-return]


def _meeting(engine: Callable[[Cycle, Ports], Awaitable[Cycle]]) -> Callable[[Cycle, Ports], Awaitable[Cycle]]:
    async def run_with(cycle: Cycle, ports: Ports) -> Cycle:
        met = replace(ports, effects=_MeetingEffects(ports.effects))
        return await asyncio.wait_for(engine(cycle, met), SIDE_BY_SIDE_S)

    return run_with


async def test_branches_of_the_graph_run_side_by_side(home: Home) -> None:
    seed, as_of_ns = BUYS_NOTHING
    async with desk_at(home, simulated(seed), as_of_ns) as desk:
        cycle = await decide(desk, as_of_ns, _meeting(desk.graph.run))
    assert cycle.record_hash == (await decide_once(simulated(seed), as_of_ns)).record_hash


async def test_the_branches_are_joined_before_one_plan() -> None:
    seed, as_of_ns = BUYS_ETH
    cycle = await decide_once(simulated(seed), as_of_ns)
    assert len(cycle.plans) == 1
    assert cycle.research is not None
    assert cycle.sentiment is not None
    assert cycle.forecast is not None


# Parking


async def _wait_for_a_person(desk: Desk, as_of_ns: int) -> tuple[Cycle, list[str]]:
    cycle = await decide(desk, as_of_ns)
    return cycle, [a.proposal.proposal_id for a in cycle.waiting]


async def test_a_waiting_proposal_parks_the_graph_and_closes_the_record(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns, tightened(approval="always")) as desk:
        cycle, waiting = await _wait_for_a_person(desk, as_of_ns)
        assert len(waiting) == 1
        assert await desk.graph.parked(cycle.cycle_id) == tuple(waiting)
        (record,) = all_records(desk.books)
        assert record.record_hash == cycle.record_hash
        assert body_of(desk.books, record)["answers"][0]["kind"] == AnswerKind.WAITING


async def test_a_cycle_that_waits_for_nobody_is_not_parked(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns) as desk:
        cycle = await decide(desk, as_of_ns)
        assert await desk.graph.parked(cycle.cycle_id) == ()


async def test_parking_outlives_its_process(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns, tightened(approval="always")) as desk:
        cycle, waiting = await _wait_for_a_person(desk, as_of_ns)
    async with checkpoints(home) as saver:
        later = CycleGraph(saver)
        assert await later.parked(cycle.cycle_id) == tuple(waiting)
        await later.resume(cycle.cycle_id)
        assert await later.parked(cycle.cycle_id) == ()


async def test_resuming_ends_a_graph_that_is_parked_for_two(home: Home) -> None:
    seed, as_of_ns = BUYS_BOTH
    async with desk_at(home, simulated(seed), as_of_ns, tightened(approval="always")) as desk:
        cycle, waiting = await _wait_for_a_person(desk, as_of_ns)
        assert len(waiting) == 2
        assert await desk.graph.parked(cycle.cycle_id) == (waiting[0],)
        await desk.graph.resume(cycle.cycle_id)
        assert await desk.graph.parked(cycle.cycle_id) == ()
        assert len(all_records(desk.books)) == 1


async def test_resuming_approves_nothing(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns, tightened(approval="always")) as desk:
        cycle, waiting = await _wait_for_a_person(desk, as_of_ns)
        await desk.graph.resume(cycle.cycle_id)
        row = desk.books.read(lambda conn: orderbook.approval(conn, waiting[0]))
        assert row is not None
        assert row.state is ApprovalState.WAITING
        assert desk.books.read(lambda conn: orderbook.live_attempts(conn, "paper")) == []


async def test_resuming_a_graph_that_is_gone_needs_nothing(home: Home) -> None:
    async with checkpoints(home) as saver:
        await CycleGraph(saver).resume("a cycle of long ago")


async def test_deleting_the_checkpoints_loses_no_approval_and_no_order(home: Home) -> None:
    await run(home, moment(BUYS_ETH), tightened(approval="always"))
    home.checkpoints.unlink()
    with books_of(home) as books:
        (decision,) = all_records(books)
        proposal_id = body_of(books, decision)["answers"][0]["proposal"]["order"]["proposal_id"]
        told = await answer(home, books, proposal_id, approve=True, by="ada", reason="still fine")
        assert told["kind"] == AnswerKind.DONE
        filled = books.read(lambda conn: orderbook.attempts(conn, proposal_id))
        assert [a.filled_quantity for a in filled] == [filled[0].quantity]
