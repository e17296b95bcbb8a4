"""Implementation shortfall: it adds up to what was lost against having all of it at the arrival mid."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms import Iceberg, Twap
from core.money import Price
from core.orders import Side
from execution.algorithms.shortfall import Part, Shortfall, shortfall
from memory.books import journal
from memory.books.words import ParentState
from tests.execution.algorithms.working import later, parent, show, worked
from tests.execution.desk import T0, Desk

D = Decimal


def part(quantity: str, price: str, released: str | None, fee: str | None = "0") -> Part:
    mid = None if released is None else Price(D(released))
    return Part(D(quantity), Price(D(price)), mid, None if fee is None else D(fee))


def of(side: Side, quantity: str, arrival: str | None, end: str | None, *parts: Part) -> Shortfall | None:
    mids = [None if mid is None else Price(D(mid)) for mid in (arrival, end)]
    return shortfall(side, D(quantity), mids[0], mids[1], parts)


def test_without_an_arrival_price_there_is_none() -> None:
    assert of(Side.BUY, "1", None, "100", part("1", "100", "100")) is None


def test_without_a_last_price_what_never_filled_has_no_cost() -> None:
    assert of(Side.BUY, "2", "100", None, part("1", "100", "100")) is None
    assert of(Side.BUY, "1", "100", None, part("1", "100", "100")) is not None


def test_a_purchase_is_split_into_what_it_waited_pushed_paid_and_missed() -> None:
    found = of(Side.BUY, "4", "100", "110", part("1", "101", "100", "0.1"), part("2", "104", "103", "0.2"))
    assert found == Shortfall(
        filled=D(3),
        delay=D(6),  # 2 x (103 - 100)
        impact=D(3),  # (101 - 100) + 2 x (104 - 103)
        fees=D("0.3"),
        opportunity=D(10),  # 1 x (110 - 100)
        total=D("19.3"),
        bps=D("482.5"),
        unpriced_fees=0,
    )


def test_a_sale_that_got_more_cost_less_than_nothing() -> None:
    found = of(Side.SELL, "2", "100", "90", part("1", "105", "105"))
    assert found is not None
    assert (found.delay, found.impact, found.opportunity, found.total) == (D(-5), D(0), D(10), D(5))


def test_a_fee_of_unknown_worth_is_counted_and_not_invented() -> None:
    found = of(Side.BUY, "1", "100", "100", part("1", "100", "100", None))
    assert found is not None
    assert (found.fees, found.unpriced_fees) == (D(0), 1)


def test_a_fill_whose_release_had_no_price_is_all_impact() -> None:
    found = of(Side.BUY, "1", "100", "100", part("1", "103", None))
    assert found is not None
    assert (found.delay, found.impact) == (D(0), D(3))


prices = st.integers(1, 10**6).map(lambda cents: D(cents) / 100)


@given(
    side=st.sampled_from(Side),
    arrival=prices,
    end=prices,
    fills=st.lists(st.tuples(st.integers(1, 100).map(D), prices, st.none() | prices, prices), max_size=5),
    unfilled=st.integers(0, 100).map(D),
)
def test_its_parts_add_up_to_paper_against_reality(
    side: Side,
    arrival: Decimal,
    end: Decimal,
    fills: list[tuple[Decimal, Decimal, Decimal | None, Decimal]],
    unfilled: Decimal,
) -> None:
    quantity = sum((q for q, *_ in fills), D(0)) + unfilled
    if not quantity:
        return
    parts = [Part(q, Price(p), None if m is None else Price(m), fee) for q, p, m, fee in fills]
    found = shortfall(side, quantity, Price(arrival), Price(end), parts)
    assert found is not None
    paper = side.sign * (end - arrival) * quantity
    real = sum((side.sign * (end - p) * q - fee for q, p, _, fee in fills), D(0))
    assert found.total == paper - real == found.delay + found.impact + found.fees + found.opportunity


# Stored when a parent ends.


@pytest.fixture
def desk(desk: Desk) -> Desk:
    show(desk, "100", at_ns=T0)
    return desk


async def test_it_is_stored_and_journaled_when_the_parent_ends(desk: Desk) -> None:
    proposal = worked(desk.buy("2"), Twap(duration_s=200, slices=2))
    await desk.propose(proposal)
    await later(desk, 0, price="100.5")
    await later(desk, 100, price="101")
    assert parent(desk, proposal).state is ParentState.ENDED
    (row,) = desk.rows("parents")
    told = {name: D(str(number)) for name, number in row.shortfall.items()}
    # It arrived at 100; slices went at mids of 100.5 and 101, a cent below what they paid.
    assert (told["delay"], told["impact"], told["opportunity"]) == (D("1.5"), D("0.02"), D(0))
    assert told["fees"] == D("0.001") * (D("100.51") + D("101.01"))
    entries = desk.books.read(lambda conn: journal.entries(conn, desk.account_id))
    (ended,) = [e for e in entries if e.kind == "parent_ended"]
    assert json.dumps(ended.body["shortfall"], sort_keys=True) == json.dumps(row.shortfall, sort_keys=True)


async def test_what_was_cancelled_is_measured_to_the_price_of_its_end(desk: Desk) -> None:
    proposal = worked(desk.buy("4", at="95"), Iceberg(D(1)))
    await desk.propose(proposal)
    await later(desk, 0)
    await later(desk, 60, price="102")
    await desk.watch.algorithms.cancel([proposal.proposal_id], "enough")
    (row,) = desk.rows("parents")
    assert (row.shortfall["opportunity"], row.shortfall["total"], row.shortfall["bps"]) == ("8", "8", "200")
