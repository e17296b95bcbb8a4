"""`warden orders`: what may still fill, one order's life, a person's word on it, and the exit codes."""

import asyncio
import shutil
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from core.canonical import JSON
from core.orders import OrderState, OrderType
from desk.home import Home
from memory.books import tables
from memory.books.accounts import set_outside
from tests.api.terminal import warden
from tests.desk.desks import BUYS_ETH, books_of, fresh_home, moment, run

FLAGS = pytest.mark.parametrize("flags", [[], ["--json"]], ids=["person", "program"])


@pytest.fixture(scope="module")
def bought() -> Iterator[Home]:
    """A home whose account holds ETH, with a limit order that rests at the venue; to be copied."""
    with fresh_home() as made:
        asyncio.run(run(made, moment(BUYS_ETH)))
        with books_of(made) as books:
            books.write(rest)
        yield made


def rest(conn: Connection) -> None:
    """A second attempt of the order that filled, far below the price, in the books and at the venue."""
    more = {"client_order_id": "cafe" * 8, "type": OrderType.LIMIT, "limit_price": Decimal(100)}
    more |= {"state": OrderState.OPEN, "filled_quantity": Decimal(0)}
    own = {"attempt": 2, "filled_notional": Decimal(0), "exchange_order_id": f"paper-{'cafe' * 3}"}
    for table, also in ((tables.orders, own), (tables.paper_orders, {})):
        row = dict(conn.execute(select(table)).mappings().one())
        conn.execute(insert(table).values(row | more | also))


@pytest.fixture
def holding(bought: Home, home: Home) -> Home:
    shutil.copytree(bought.path, home.path, dirs_exist_ok=True)
    return home


def listed(home: Home, *flags: str) -> list[JSON]:
    return list(warden(home, "orders", "list", "--json", *flags).json)


def lose(home: Home) -> str:
    """Makes the resting order one that nobody can prove anything about, and that the venue never showed."""
    (order,) = listed(home)
    with books_of(home) as books:
        table, paper = tables.orders, tables.paper_orders
        mine = update(table).where(table.c.client_order_id == order["order"])
        books.write(lambda conn: conn.execute(mine.values(state=OrderState.CANCEL_UNKNOWN)))
        books.write(lambda conn: conn.execute(delete(paper).where(paper.c.client_order_id == order["order"])))
    return str(order["order"])


def test_what_may_still_fill_is_listed_and_all_the_rest_on_request(holding: Home) -> None:
    (entry,) = listed(holding)
    assert (entry["type"], entry["state"], entry["side"], entry["note"]) == ("limit", "open", "buy", None)
    assert {order["state"] for order in listed(holding, "--all")} == {"open", "filled"}
    told = warden(holding, "orders", "list")
    assert (told.code, told.err) == (0, "")
    assert "limit buy ETH/USDT at 100" in told.out


@FLAGS
def test_an_order_is_shown_with_its_life(holding: Home, flags: list[str]) -> None:
    entry = next(order for order in listed(holding, "--all") if order["state"] == "filled")
    told = warden(holding, "orders", "show", entry["order"][:8], *flags)
    assert (told.code, told.err) == (0, "")
    assert "review" in told.out
    assert "fill" in told.out


def test_the_timeline_goes_from_the_review_to_the_last_fill(holding: Home) -> None:
    entry = next(order for order in listed(holding, "--all") if order["state"] == "filled")
    life = warden(holding, "orders", "show", entry["order"], "--json").json
    kinds = [told["kind"] for told in life["timeline"]]
    assert (kinds[:3], life["state"]) == (["review", "fill", "order"], "filled")
    assert len(life["fills"]) == kinds.count("fill") > 0


@FLAGS
def test_cancel_all_leaves_nothing_that_could_fill(holding: Home, flags: list[str]) -> None:
    told = warden(holding, "orders", "cancel-all", "--by", "ada", "--reason", "a drill", *flags)
    assert (told.code, told.err) == (0, "")
    assert listed(holding) == []


def test_one_order_is_cancelled_by_the_beginning_of_its_id(holding: Home) -> None:
    (entry,) = listed(holding)
    told = warden(holding, "orders", "cancel", entry["order"][:8], "--json")
    assert (told.code, [order["state"] for order in told.json["orders"]]) == (0, ["cancelled"])


def test_what_is_over_cannot_be_cancelled(holding: Home) -> None:
    entry = next(order for order in listed(holding, "--all") if order["state"] == "filled")
    told = warden(holding, "orders", "cancel", entry["order"])
    assert told.code == 2
    assert "there is nothing to cancel" in told.err


@FLAGS
def test_books_and_venue_that_agree_are_told_so(holding: Home, flags: list[str]) -> None:
    told = warden(holding, "orders", "reconcile", *flags)
    assert (told.code, told.err) == (0, "")


def test_where_all_agree_there_is_nothing_to_accept(holding: Home) -> None:
    told = warden(holding, "orders", "reconcile", "--accept", "--by", "ada", "--reason", "interest")
    assert told.code == 2
    assert "there is nothing to accept" in told.err


@FLAGS
def test_a_person_accepts_the_venue_s_balance_as_it_is(holding: Home, flags: list[str]) -> None:
    with books_of(holding) as books:
        (name,) = books.read(lambda conn: conn.scalars(select(tables.accounts.c.account_id)).all())
        books.write(lambda conn: set_outside(conn, name, {"DOGE": Decimal(7)}))
    assert "balance off" in warden(holding, "orders", "reconcile").out
    told = warden(holding, "orders", "reconcile", "--accept", "--by", "ada", "--reason", "given away", *flags)
    assert (told.code, told.err) == (0, "")
    assert told.json["accepted"] == {"DOGE": "-7"} if flags else "accepted as it is: -7 DOGE" in told.out
    assert warden(holding, "orders", "reconcile").code == 0


def test_an_order_that_is_unknown_is_told_with_its_own_exit_code(holding: Home) -> None:
    lose(holding)
    told = warden(holding, "orders", "list")
    assert told.code == 5
    assert "cancel_unknown" in told.out


def test_what_contradicts_the_books_is_named_and_is_a_failure(holding: Home) -> None:
    lose(holding)
    told = warden(holding, "orders", "reconcile", "--json")
    assert "order vanished" in {found["kind"] for found in told.json["mismatches"]}
    assert (told.code, told.json["clean"]) == (5, False)


def test_a_person_resolves_what_is_unknown(holding: Home) -> None:
    name = lose(holding)
    told = warden(holding, "orders", "resolve", name, "--as", "cancelled", "--reason", "seen at the venue", "--json")
    assert (told.code, told.json["unknown"]) == (0, 0)
    assert [order["state"] for order in told.json["orders"]] == ["cancelled"]
    assert "seen at the venue" in warden(holding, "orders", "show", name).out


def test_a_word_that_nobody_knows_is_refused(holding: Home) -> None:
    told = warden(holding, "orders", "resolve", lose(holding), "--as", "gone", "--reason", "x")
    assert told.code == 2
    assert "absent, filled, cancelled, expired, rejected" in told.err
