"""Routing: exact, within every venue's lots, minima and balances, and never worse than the best single venue."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_text
from core.money import Price, Quantity, on_grid
from core.orders import Side
from core.quotes import Level
from execution.routing import Place, Route, route

D = Decimal


def place(venue: str, levels: str, **more: Any) -> Place:
    """`levels` as price x quantity, best first: `100x1 101x2`. It has plenty of everything unless a test says so."""
    pairs = [level.split("x") for level in levels.split()]
    book = tuple(Level(Price(D(price)), Quantity(D(quantity))) for price, quantity in pairs)
    fields: dict[str, Any] = {
        "taker_fee": D("0.001"),
        "lot_size": D("0.001"),
        "min_quantity": D("0.001"),
        "min_notional": D(1),
        "balance": D(1_000_000),
    }
    return Place(venue, book, **{**fields, **more})


def bought(quantity: str, *places: Place, least_saving: str = "0") -> Route:
    return route(Side.BUY, D(quantity), places, least_saving=D(least_saving))


def shares(found: Route) -> dict[str, Decimal]:
    return {part.venue: part.quantity for part in found.parts}


# What cannot be routed.


def test_no_venue_at_all_places_nothing() -> None:
    assert bought("1").parts == ()


def test_a_quantity_that_is_no_quantity_is_refused() -> None:
    for quantity in ("0", "-1", "NaN"):
        with pytest.raises(ValueError, match="positive quantity"):
            bought(quantity, place("a", "100x1"))


def test_one_venue_is_not_named_twice() -> None:
    with pytest.raises(ValueError, match="one place a venue"):
        bought("1", place("a", "100x1"), place("a", "100x1"))


def test_more_than_all_books_hold_is_not_placed_in_part() -> None:
    found = bought("3", place("a", "100x1"), place("b", "100x1"))
    assert (found.parts, found.reason) == ((), "no venue takes it, alone or with others")
    assert found.left_out == {"a": "it cannot take its part", "b": "it cannot take its part"}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"tradable": False}, "it is closed"),
        ({"balance": D(0)}, "it has no balance to pay with"),
        ({"taker_fee": D("NaN")}, "its numbers make no sense"),
        ({"lot_size": D(0)}, "its numbers make no sense"),
    ],
)
def test_a_venue_that_cannot_be_used_says_why(more: dict[str, Any], why: str) -> None:
    found = bought("1", place("a", "100x5"), place("b", "90x5", **more))
    assert (shares(found), found.left_out["b"], found.alone["b"]) == ({"a": D(1)}, why, None)


def test_a_venue_without_a_book_says_so() -> None:
    assert bought("1", place("a", "100x5"), place("b", "")).left_out["b"] == "its book is empty"


# What pays.


def test_the_fee_decides_between_equal_prices() -> None:
    found = bought("1", place("dear", "100x5", taker_fee=D("0.002")), place("cheap", "100x5"))
    assert shares(found) == {"cheap": 1}
    assert found.left_out == {"dear": "others are cheaper"}
    assert found.alone == {"dear": D("100.2"), "cheap": D("100.1")}


def test_expected_slippage_decides_too() -> None:
    found = bought("1", place("thin", "99.9x5", slippage=D("0.01")), place("deep", "100x5"))
    assert shares(found) == {"deep": 1}


def test_it_takes_the_best_levels_of_both() -> None:
    found = bought("3", place("a", "100x1 110x9"), place("b", "101x1 102x9"))
    assert shares(found) == {"a": 1, "b": 2}
    assert found.amount == D("1.001") * (100 + 101 + 102)
    assert found.saved == D("1.001") * (101 + 102 * 2) - found.amount
    assert found.reason == "splitting it pays"


def test_a_sale_takes_the_highest_bids() -> None:
    found = route(Side.SELL, D(3), [place("a", "100x1 90x9"), place("b", "99x1 98x9")], least_saving=D(0))
    assert shares(found) == {"a": 1, "b": 2}
    assert found.amount == D("0.999") * (100 + 99 + 98)


def test_a_saving_at_the_threshold_splits_and_one_below_does_not() -> None:
    books = place("a", "100x1 103x9", taker_fee=D(0)), place("b", "101x9", taker_fee=D(0))
    exactly = D(1) / 202  # one unit at 100 in the place of 101, of 202
    assert len(bought("2", *books, least_saving=str(exactly)).parts) == 2
    assert shares(bought("2", *books, least_saving=str(exactly + D("0.0001")))) == {"b": 2}


def test_it_splits_whatever_that_saves_where_no_venue_takes_all() -> None:
    found = bought("3", place("a", "100x2"), place("b", "200x2"), least_saving="0.5")
    assert (shares(found), found.reason) == ({"a": D(2), "b": D(1)}, "no venue takes all of it")


# What binds.


def test_a_balance_is_never_overdrawn_by_the_fee() -> None:
    found = bought("2", place("a", "100x9", balance=D("100.1")), place("b", "110x9"))
    assert shares(found) == {"a": 1, "b": 1}
    assert shares(bought("2", place("a", "100x9", balance=D("100")), place("b", "110x9"))) == {
        "a": D("0.999"),
        "b": D("1.001"),
    }


def test_a_share_below_a_venues_minimum_goes_to_the_others() -> None:
    found = bought("3", place("a", "100x0.5 200x9", min_quantity=D(1)), place("b", "101x9"))
    assert (shares(found), found.left_out) == ({"b": D(3)}, {"a": "others are cheaper"})


def test_lots_of_different_size_add_up_exactly() -> None:
    found = bought("2.007", place("coarse", "100x1.55 120x9", lot_size=D("0.1")), place("fine", "101x9"))
    assert shares(found) == {"coarse": D("1.5"), "fine": D("0.507")}


def test_a_route_can_be_written_down() -> None:
    assert '"saved"' in canonical_text(bought("3", place("a", "100x1 110x9"), place("b", "101x1 102x9")))


# What must hold for any books.

amounts = st.integers(1, 5_000).map(lambda thousandths: D(thousandths) / 1000)
books = st.lists(
    st.tuples(st.integers(9_000, 11_000), amounts), min_size=1, max_size=5, unique_by=lambda level: level[0]
)


@st.composite
def markets(draw: st.DrawFn, side: Side) -> list[Place]:
    found = []
    for venue in "abcd"[: draw(st.integers(1, 4))]:
        levels = sorted(draw(books), reverse=side is Side.SELL)
        text = " ".join(f"{D(price) / 100}x{quantity}" for price, quantity in levels)
        more = {
            "taker_fee": D(draw(st.integers(0, 50))) / 10_000,
            "slippage": D(draw(st.integers(0, 20))) / 10_000,
            "lot_size": draw(st.sampled_from([D("0.001"), D("0.01"), D("0.1"), D("0.003")])),
            "min_quantity": draw(st.sampled_from([D("0.001"), D("0.5")])),
            "min_notional": draw(st.sampled_from([D(1), D(60)])),
            "balance": draw(st.integers(0, 600).map(D)) if side is Side.BUY else draw(amounts),
        }
        found.append(place(venue, text, **more))
    return found


@given(
    data=st.data(), side=st.sampled_from(Side), quantity=amounts, least=st.sampled_from([D(0), D("0.001"), D("0.01")])
)
def test_a_route_is_exact_allowed_and_never_worse_than_one_venue(
    data: st.DataObject, side: Side, quantity: Decimal, least: Decimal
) -> None:
    places = {p.venue: p for p in data.draw(markets(side))}
    found = route(side, quantity, list(places.values()), least_saving=least)
    assert set(found.alone) == set(places)
    assert set(found.left_out) | set(shares(found)) == set(places)
    if not found.parts:
        assert all(amount is None for amount in found.alone.values())
        return
    assert sum(shares(found).values()) == quantity
    for part in found.parts:
        where = places[part.venue]
        assert on_grid(part.quantity, where.lot_size)
        assert part.quantity >= where.min_quantity
        assert part.quantity <= sum(level.quantity for level in where.levels)
        assert (part.amount if side is Side.BUY else part.quantity) <= where.balance
    for amount in found.alone.values():
        assert amount is None or side.sign * (found.amount - amount) <= 0
    assert found.saved >= 0


@given(side=st.sampled_from(Side), first=books, second=books, quantity=amounts)
def test_without_lots_and_minima_no_other_split_is_cheaper(
    side: Side, first: list[tuple[int, Decimal]], second: list[tuple[int, Decimal]], quantity: Decimal
) -> None:
    """Held against every split in steps of a tenth."""
    unbound = {"lot_size": D("0.0001"), "min_quantity": D(0), "min_notional": D(0), "balance": D(10**9)}
    texts = [" ".join(f"{D(p) / 100}x{q}" for p, q in sorted(b, reverse=side is Side.SELL)) for b in (first, second)]
    places = [place("a", texts[0], **unbound), place("b", texts[1], taker_fee=D("0.002"), **unbound)]
    found = route(side, quantity, places, least_saving=D(0))
    for tenth in range(11):
        parts = {"a": quantity * tenth / 10, "b": quantity * (10 - tenth) / 10}
        split = [route(side, q, [p], least_saving=D(0)) for p in places if (q := parts[p.venue])]
        if all(one.parts for one in split):
            assert side.sign * (found.amount - sum(one.amount for one in split)) <= 0
