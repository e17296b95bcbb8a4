"""A person's word, from any process: it releases on fresh facts or refuses, once, and is kept."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from core.canonical import JSON
from core.errors import ConfigError, DeskBusy, DeskHalted, LedgerBroken
from core.orders import OrderState
from core.time import MINUTE_NS, ManualClock
from desk import requests
from desk.answering import answer
from desk.build import build
from desk.holding import Holding
from desk.home import Home
from desk.markets import MarketSpec
from desk.runs import RunCommand, checkpoints, open_run
from execution import orderbook
from memory.books import tables
from memory.books.words import ApprovalState, RecordKind
from tests.desk.desks import (
    BUYS_BOTH,
    BUYS_ETH,
    all_records,
    body_of,
    books_of,
    moment,
    record_hashes,
    rows,
    run,
    simulated,
    tightened,
    verified,
)

ASKING = tightened(approval="always")


@pytest.fixture
async def asked(home: Home) -> Home:
    """A home in which one buy of ETH waits for a person."""
    await run(home, moment(BUYS_ETH), ASKING)
    return home


def approvals_in(home: Home) -> list[tuple[str, ApprovalState]]:
    table = tables.approvals
    with books_of(home) as books:
        found = books.read(lambda conn: conn.execute(select(table.c.proposal_id, table.c.state)).all())
    return sorted((row.proposal_id, row.state) for row in found)


def waiting_in(home: Home) -> str:
    ((proposal_id, state),) = approvals_in(home)
    assert state is ApprovalState.WAITING
    return proposal_id


def orders_of(home: Home, proposal_id: str) -> list[OrderState]:
    with books_of(home) as books:
        return [a.state for a in books.read(lambda conn: orderbook.attempts(conn, proposal_id))]


async def say(home: Home, prefix: str, *, approve: bool) -> JSON:
    """The answer as a process gives it that has just opened the books."""
    with books_of(home) as books:
        return await answer(home, books, prefix, approve=approve, by="ada", reason="because")


async def test_a_waiting_proposal_reserves_and_sends_nothing(asked: Home) -> None:
    assert orders_of(asked, waiting_in(asked)) == []


async def test_an_approval_releases_and_fills(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    told = await say(asked, proposal_id, approve=True)
    assert (told["kind"], told["denials"]) == ("done", [])
    assert orders_of(asked, proposal_id) == [OrderState.FILLED]
    assert approvals_in(asked) == [(proposal_id, ApprovalState.RELEASED)]
    assert verified(asked).ok


async def test_a_release_is_a_record_with_the_answer_and_its_own_facts(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    await say(asked, proposal_id, approve=True)
    with books_of(asked) as books:
        (record,) = all_records(books, RecordKind.RELEASE)
        body = body_of(books, record)
    assert body["proposal_id"] == record.proposal_id == proposal_id
    assert body["answer"] == {"approved": True, "by": "ada", "reason": "because"}
    assert body["kind"] == "working"
    assert len(body["facts"]) == 64
    assert body["review"]["verdicts"]


async def test_the_decision_stays_as_it_was(asked: Home) -> None:
    (before,) = record_hashes(asked)
    await say(asked, waiting_in(asked), approve=True)
    assert before in record_hashes(asked)


async def test_a_few_letters_name_a_proposal(asked: Home) -> None:
    told = await say(asked, waiting_in(asked)[:6], approve=True)
    assert told["kind"] == "done"


async def test_a_rejection_sends_nothing_and_says_who_said_so(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    told = await say(asked, proposal_id, approve=False)
    assert (told["kind"], told["detail"]) == ("denied", "rejected by ada: because")
    assert orders_of(asked, proposal_id) == []
    assert approvals_in(asked) == [(proposal_id, ApprovalState.REJECTED)]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
async def test_a_second_answer_is_refused(asked: Home, first: bool, second: bool) -> None:
    proposal_id = waiting_in(asked)
    await say(asked, proposal_id, approve=first)
    before = rows(asked)
    with pytest.raises(ConfigError, match=f"was {'released' if first else 'rejected'} already"):
        await say(asked, proposal_id, approve=second)
    assert {**rows(asked), "leases": 0} == {**before, "leases": 0}


@pytest.mark.parametrize("unknown", ["", "ffffffff", "%", "_"])
async def test_an_unknown_proposal_is_refused(asked: Home, unknown: str) -> None:
    with pytest.raises(ConfigError, match="no approval has an id that starts with"):
        await say(asked, unknown, approve=True)


async def test_an_ambiguous_beginning_is_refused(home: Home) -> None:
    """Enough repetitions that two of their proposals begin alike."""
    for again in range(3):
        await run(home, moment(BUYS_BOTH, again), ASKING)
    await _share_a_first_letter(home)


async def _share_a_first_letter(home: Home) -> None:
    again, seen = 3, [proposal_id[0] for proposal_id, _ in approvals_in(home)]
    while len(set(seen)) == len(seen):
        await run(home, moment(BUYS_BOTH, again), ASKING)
        again, seen = again + 1, [proposal_id[0] for proposal_id, _ in approvals_in(home)]
    shared = next(letter for letter in seen if seen.count(letter) > 1)
    with pytest.raises(ConfigError, match="more than one approval starts with"):
        await say(home, shared, approve=True)


def hours(every: int, count: int) -> RunCommand:
    seed, as_of_ns = BUYS_ETH
    spec = MarketSpec("simulated", ("BTC/USDT", "ETH/USDT"), seed)
    return RunCommand.series(spec, as_of_ns, as_of_ns + (count - 1) * every * MINUTE_NS, every * MINUTE_NS)


async def test_nobodys_answer_expires_by_the_accounts_clock(home: Home) -> None:
    await run(home, hours(every=30, count=2), ASKING)
    first, *_ = sorted(approvals_in(home), key=lambda found: found[1] is ApprovalState.WAITING)
    assert first[1] is ApprovalState.EXPIRED
    with pytest.raises(ConfigError, match="was expired already"):
        await say(home, first[0], approve=True)
    assert orders_of(home, first[0]) == []


async def test_an_answer_after_the_price_has_left_the_band_releases_nothing(home: Home) -> None:
    """The narrowest band there is: any move within the fifteen minutes leaves it."""
    narrow = tightened(approval="always", approval_drift="0.0000001")
    await run(home, hours(every=10, count=2), narrow)
    proposal_id = next(p for p, state in approvals_in(home) if state is ApprovalState.WAITING and _first(home, p))
    told = await say(home, proposal_id, approve=True)
    assert told["kind"] == "denied"
    assert "the price moved" in told["detail"]
    assert orders_of(home, proposal_id) == []


def _first(home: Home, proposal_id: str) -> bool:
    table = tables.approvals
    with books_of(home) as books:
        ordered = books.read(lambda conn: conn.execute(select(table.c.proposal_id).order_by(table.c.created_ns)).all())
    return bool(ordered[0].proposal_id == proposal_id)


async def test_nothing_is_released_while_the_kill_file_is_present(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    asked.kill_file.touch()
    with pytest.raises(DeskHalted, match="nothing is released until a person removes it"):
        await say(asked, proposal_id, approve=True)
    assert orders_of(asked, proposal_id) == []
    assert approvals_in(asked) == [(proposal_id, ApprovalState.WAITING)]


async def test_an_answer_to_changed_books_is_refused(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    with books_of(asked) as books:
        books.write(lambda conn: conn.exec_driver_sql("UPDATE journal SET body = '{}' WHERE sequence = 1"))
    with pytest.raises(LedgerBroken, match=r"the journal is broken at .*#1"):
        await say(asked, proposal_id, approve=True)
    assert approvals_in(asked) == [(proposal_id, ApprovalState.WAITING)]


async def test_two_waiting_proposals_are_answered_one_by_one(home: Home) -> None:
    await run(home, moment(BUYS_BOTH), ASKING)
    (first, _), (second, _) = approvals_in(home)
    assert (await say(home, first, approve=True))["kind"] == "done"
    assert dict(approvals_in(home))[second] is ApprovalState.WAITING
    assert (await say(home, second, approve=False))["kind"] == "denied"
    assert dict(approvals_in(home)) == {first: ApprovalState.RELEASED, second: ApprovalState.REJECTED}


# While another desk holds the account


@contextmanager
def desk_at_work(home: Home, *, serving: bool = True) -> Iterator[None]:
    """A desk in a thread of its own that holds the account and answers what is asked of it."""
    holds, stop = threading.Event(), threading.Event()

    async def work() -> None:
        seed, as_of_ns = BUYS_ETH
        with books_of(home) as books:
            account_id = books.read(lambda conn: conn.execute(select(tables.accounts.c.account_id)).scalar_one())
            with Holding(books, account_id):
                async with checkpoints(home) as saver:
                    desk = build(ASKING, home, books, simulated(seed), account_id, ManualClock(as_of_ns), saver)
                    holds.set()
                    while not stop.is_set():
                        if serving:
                            await requests.serve(desk)
                        await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    assert holds.wait(timeout=30)
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_a_desk_at_work_releases_what_another_process_approves(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    with desk_at_work(asked):
        told = await asyncio.to_thread(lambda: asyncio.run(say(asked, proposal_id, approve=True)))
    assert told["proposal_id"] == proposal_id
    assert told["kind"] in ("working", "done")
    assert len(orders_of(asked, proposal_id)) == 1
    assert approvals_in(asked) == [(proposal_id, ApprovalState.RELEASED)]


async def test_a_desk_at_work_rejects_what_another_process_rejects(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    with desk_at_work(asked):
        told = await say(asked, proposal_id, approve=False)
    assert told["kind"] == "denied"
    assert approvals_in(asked) == [(proposal_id, ApprovalState.REJECTED)]


async def test_a_desk_at_work_refuses_a_second_answer_with_its_reason(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    with desk_at_work(asked):
        await say(asked, proposal_id, approve=False)
        with pytest.raises(ConfigError, match="was rejected already"):
            await say(asked, proposal_id, approve=True)


async def test_a_desk_that_does_not_answer_keeps_the_request(asked: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_WAIT_S", 0.2)
    proposal_id = waiting_in(asked)
    with desk_at_work(asked, serving=False), pytest.raises(DeskBusy, match="the request stays with it"):
        await say(asked, proposal_id, approve=True)
    assert approvals_in(asked) == [(proposal_id, ApprovalState.WAITING)]
    with desk_at_work(asked):
        while approvals_in(asked) == [(proposal_id, ApprovalState.WAITING)]:
            await asyncio.sleep(0.01)
    assert len(orders_of(asked, proposal_id)) == 1


async def test_a_kill_file_stops_a_release_at_a_desk_at_work(asked: Home) -> None:
    proposal_id = waiting_in(asked)
    with desk_at_work(asked):
        asked.kill_file.touch()
        told = await say(asked, proposal_id, approve=True)
    assert told["kind"] == "denied"
    assert orders_of(asked, proposal_id) == []


async def test_the_run_that_asked_goes_on_after_the_answer(asked: Home) -> None:
    await say(asked, waiting_in(asked), approve=True)
    async with open_run(asked, ASKING, moment(BUYS_ETH)) as opened:
        assert (await opened.execute()).reported
