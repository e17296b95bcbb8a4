"""A desk that works its large orders: decided in the cycle, in its record, and decided again by a replay."""

import asyncio
from collections.abc import Iterator

import pytest

from core.canonical import JSON
from core.time import MINUTE_NS
from desk.home import Home
from desk.replay import replay
from desk.runs import step_to
from desk.settings import Settings, parse
from execution import parents
from memory.books.words import RecordKind
from tests.desk.desks import (
    BUYS_ETH,
    all_records,
    body_of,
    books_of,
    decide,
    decide_once,
    desk_at,
    fresh_home,
    moment,
    run,
    simulated,
)

TWAP = {"kind": "twap", "above_notional": "100", "duration_s": 1800, "slices": 3}
CHASE = {"kind": "chase", "above_notional": "100", "duration_s": 1800, "every_s": 10}


def working(**work: object) -> Settings:
    return parse({"execution": {"work": work}}, "the test")


@pytest.fixture(scope="module")
def worked() -> Iterator[Home]:
    """One cycle whose only order is worked as three slices."""
    with fresh_home() as home:
        asyncio.run(run(home, moment(BUYS_ETH), working(**TWAP)))
        yield home


def decision(home: Home) -> JSON:
    with books_of(home) as books:
        (record,) = all_records(books, RecordKind.DECISION)
        return body_of(books, record)


def order_of(body: JSON) -> JSON:
    (answer,) = body["answers"]
    return answer["proposal"]["order"]


def test_the_record_says_how_a_large_order_is_worked(worked: Home) -> None:
    plan = {"kind": "twap", "duration_s": 1800, "slices": 3, "jitter": "0"}
    assert order_of(decision(worked))["execution"] == plan


async def test_its_slices_leave_one_after_the_other(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    market = simulated(seed)
    async with desk_at(home, market, as_of_ns, working(**TWAP)) as desk:
        (answer,) = (await decide(desk, as_of_ns)).answers
        sent = []
        for minutes in (5, 10, 15, 20):
            await step_to(desk, as_of_ns + minutes * MINUTE_NS)
            parent = desk.books.read(lambda conn: parents.find(conn, answer.proposal.proposal_id))
            assert parent is not None
            sent.append((len(parent.children), f"{parent.filled / parent.order.quantity:.0%}"))
    assert sent == [(1, "33%"), (2, "67%"), (2, "67%"), (3, "100%")]


async def test_a_replay_works_it_the_same(worked: Home) -> None:
    with books_of(worked) as books:
        (record,) = all_records(books, RecordKind.DECISION)
        found = await replay(books, record)
    assert found.first_difference is None
    assert found.replayed_hash == found.recorded_hash


async def test_what_is_below_the_worth_is_decided_as_if_there_were_no_rule() -> None:
    seed, as_of_ns = BUYS_ETH
    small = await decide_once(simulated(seed), as_of_ns, working(kind="twap", above_notional="1000000"))
    whole = await decide_once(simulated(seed), as_of_ns)
    assert [a.proposal for a in small.answers] == [a.proposal for a in whole.answers] != []
    assert all(a.proposal.order.execution is None for a in whole.answers)
    assert [plan.model_dump_json() for plan in whole.plans] == [plan.model_dump_json() for plan in small.plans]
    assert "execution" not in whole.plans[0].model_dump_json()
