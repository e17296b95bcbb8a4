"""`warden orders` over what is worked in slices: it is listed and shown whole, and a person's cancel ends all of it."""

import asyncio
import shutil
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from core.canonical import JSON
from core.time import HOUR_NS
from desk import ordering
from desk.home import Home
from desk.runs import step_to
from memory.books import tables
from tests.api.terminal import warden
from tests.desk.desks import BUYS_ETH, books_of, decide, desk_at, fresh_home, moment, run, simulated
from tests.desk.test_working import CHASE, TWAP, working

FLAGS = pytest.mark.parametrize("flags", [[], ["--json"]], ids=["person", "program"])


def worked(**work: object) -> Iterator[Home]:
    with fresh_home() as made:
        asyncio.run(run(made, moment(BUYS_ETH), working(**work)))
        yield made


@pytest.fixture(scope="module")
def in_slices() -> Iterator[Home]:
    """One of three slices is filled; to be copied."""
    yield from worked(**TWAP)


@pytest.fixture(scope="module")
def in_chase() -> Iterator[Home]:
    """Its child rests; to be copied."""
    yield from worked(**CHASE)


@pytest.fixture
def twap(in_slices: Home, home: Home) -> Home:
    shutil.copytree(in_slices.path, home.path, dirs_exist_ok=True)
    return home


@pytest.fixture
def chase(in_chase: Home, home: Home) -> Home:
    shutil.copytree(in_chase.path, home.path, dirs_exist_ok=True)
    return home


def listed(home: Home, *flags: str) -> list[JSON]:
    return list(warden(home, "orders", "list", "--json", *flags).json)


def the_parent(home: Home, *flags: str) -> JSON:
    (parent,) = (order for order in listed(home, *flags) if order.get("execution"))
    return parent


def a_child(home: Home) -> JSON:
    parent = the_parent(home, "--all")["order"]
    return next(order for order in listed(home, "--all") if order["parent"] == parent)


def test_what_is_worked_is_listed_with_what_is_left(twap: Home) -> None:
    parent = the_parent(twap)
    assert (parent["state"], parent["slices"], parent["execution"]["kind"]) == ("working", 1, "twap")
    assert 0 < float(parent["left"]) < float(parent["quantity"])
    told = warden(twap, "orders", "list")
    assert (told.code, told.err) == (0, "")
    assert "market buy ETH/USDT, TWAP, 3 slices in 30 min" in told.out
    assert "working" in told.out


def test_a_slice_is_listed_as_one(chase: Home) -> None:
    assert a_child(chase)["state"] == "open"
    assert f"slice of {the_parent(chase)['order'][:13]}" in warden(chase, "orders", "list").out


def test_a_parent_is_shown_with_its_plan_its_slices_and_what_is_left(twap: Home) -> None:
    parent = the_parent(twap)
    told = warden(twap, "orders", "show", parent["order"][:8])
    assert (told.code, told.err) == (0, "")
    for words in ("TWAP, 3 slices in 30 min", parent["left"], "told when it ends", "works 0.2", "fill"):
        assert words in told.out
    life = warden(twap, "orders", "show", parent["order"], "--json").json
    assert (len(life["attempts"]), len(life["fills"]), life["stage"]) == (1, 1, "working")
    assert [told["kind"] for told in life["timeline"]][:2] == ["parent", "review"]


def test_a_slice_is_shown_with_its_parent(twap: Home) -> None:
    life = warden(twap, "orders", "show", a_child(twap)["order"], "--json").json
    assert (life["state"], life["worked"]["order"]) == ("filled", the_parent(twap)["order"])


@FLAGS
def test_a_cancel_of_the_parent_ends_it_and_leaves_the_stop_of_what_it_bought(twap: Home, flags: list[str]) -> None:
    told = warden(twap, "orders", "cancel", the_parent(twap)["order"][:8], "--reason", "enough", *flags)
    assert (told.code, told.err) == (0, "")
    assert [order["type"] for order in listed(twap)] == ["stop"]
    ended = the_parent(twap, "--all")
    assert (ended["state"], ended["note"], ended["shortfall"]["filled"]) == ("ended", "enough", ended["filled"])
    shown = warden(twap, "orders", "show", ended["order"]).out
    assert "implementation shortfall" in shown
    assert "bps" in shown


def test_a_cancel_of_one_slice_ends_the_parent_too(chase: Home) -> None:
    child = a_child(chase)
    told = warden(chase, "orders", "cancel", child["order"][:8], "--json")
    assert {order["order"]: order["state"] for order in told.json["orders"]} == {
        the_parent(chase, "--all")["order"]: "ended",
        child["order"]: "cancelled",
    }


@FLAGS
def test_cancel_all_leaves_nothing_that_would_release_a_slice(chase: Home, flags: list[str]) -> None:
    told = warden(chase, "orders", "cancel-all", "--by", "ada", "--reason", "a drill", *flags)
    assert (told.code, told.err) == (0, "")
    assert listed(chase) == []


def test_what_has_ended_cannot_be_cancelled_again(twap: Home) -> None:
    parent = the_parent(twap)["order"]
    warden(twap, "orders", "cancel", parent)
    warden(twap, "orders", "cancel", parent).refused(f"order {parent} is ended: there is nothing to cancel")


def test_an_id_that_begins_like_that_of_another_order_is_refused(twap: Home) -> None:
    parent = the_parent(twap)["order"]
    with books_of(twap) as books:
        table = tables.orders
        foreign = update(table).values(exchange_order_id=f"{parent[:8]}9", proposal_id=None)
        books.write(lambda conn: conn.execute(foreign))
    warden(twap, "orders", "cancel", parent[:8]).refused("more than one order starts with")
    assert the_parent(twap)["state"] == "working"


async def test_no_slice_follows_a_cancel(home: Home) -> None:
    seed, as_of_ns = BUYS_ETH
    async with desk_at(home, simulated(seed), as_of_ns, working(**TWAP)) as desk:
        (answer,) = (await decide(desk, as_of_ns)).answers
        await step_to(desk, as_of_ns + HOUR_NS // 12)
        told = await ordering.cancel(desk, answer.proposal.proposal_id, "ada", "enough")
        await step_to(desk, as_of_ns + HOUR_NS)
        life = desk.books.read(lambda conn: ordering.life(conn, "paper", answer.proposal.proposal_id))
    assert [order["state"] for order in told["orders"]] == ["ended"]
    assert (life["slices"], len(life["attempts"]), life["state"]) == (1, 1, "ended")
