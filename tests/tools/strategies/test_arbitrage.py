"""Arbitrage between two books: never at a loss, never of what is not held, and nothing where fees eat the distance."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.money import Price, Quantity
from core.quotes import Book, Level
from tools.simulation.books import arbitraged, two_books
from tools.strategies.arbitrage import Arbitrage, Purse

LOT = Decimal("0.01")


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> Book:
    sides = (tuple(Level(Price(Decimal(p)), Quantity(Decimal(q))) for p, q in side) for side in (bids, asks))
    return Book("BTC/USDT", 0, *sides)


def purse(coins: str = "10", cash: str = "1000", fee: str = "0") -> Purse:
    return Purse(Decimal(coins), Decimal(cash), Decimal(fee))


CHEAP = book([("99", "5")], [("100", "1"), ("101", "2"), ("103", "9")])
DEAR = book([("102", "2"), ("101.5", "5")], [("104", "5")])
BOOKS = {"a": CHEAP, "b": DEAR}


def test_it_goes_down_both_books_for_as_long_as_a_unit_earns() -> None:
    legs = Arbitrage().step(BOOKS, {"a": purse(), "b": purse()}, LOT)
    assert legs is not None
    assert (legs.buy_at, legs.sell_at, legs.quantity) == ("a", "b", Decimal(3))
    assert (legs.buy_limit, legs.sell_limit) == (Decimal(101), Decimal("101.5"))


def test_exactly_the_edge_is_taken_and_a_little_less_is_not() -> None:
    books = {"a": book([("99", "5")], [("100", "5")]), "b": book([("100.5", "5")], [("101", "5")])}
    both = {"a": purse(), "b": purse()}
    assert Arbitrage(edge=Decimal("0.005")).step(books, both, LOT) is not None
    assert Arbitrage(edge=Decimal("0.00501")).step(books, both, LOT) is None


def test_fees_of_both_venues_count() -> None:
    books = {"a": book([("99", "5")], [("100", "5")]), "b": book([("100.5", "5")], [("101", "5")])}
    assert Arbitrage().step(books, {"a": purse(fee="0.003"), "b": purse(fee="0.003")}, LOT) is None


@pytest.mark.parametrize(
    ("a", "b", "quantity"),
    [
        (purse(), purse(coins="0.5"), "0.5"),
        (purse(cash="100"), purse(), "1"),
        (purse(cash="0"), purse(), None),
        (purse(), purse(coins="0"), None),
    ],
)
def test_no_more_is_traded_than_is_held_on_either_side(a: Purse, b: Purse, quantity: str | None) -> None:
    legs = Arbitrage().step(BOOKS, {"a": a, "b": b}, LOT)
    assert (None if legs is None else str(legs.quantity.normalize())) == quantity


def test_one_trade_buys_for_no_more_than_its_bound() -> None:
    legs = Arbitrage(most=Decimal(150)).step(BOOKS, {"a": purse(), "b": purse()}, LOT)
    assert legs is not None
    assert Decimal("1.4") < legs.quantity * legs.buy_limit / 101 <= Decimal("1.5")


def test_books_without_a_side_are_not_traded() -> None:
    assert Arbitrage().step({"a": book([], []), "b": DEAR}, {"a": purse(), "b": purse()}, LOT) is None


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    fee=st.sampled_from(["0", "0.0002", "0.001"]),
    coins=st.sampled_from(["0.5", "5"]),
    cash=st.sampled_from(["50", "500"]),
)
def test_on_synchronous_books_no_trade_loses_and_nothing_is_ever_borrowed(
    seed: int, fee: str, coins: str, cash: str
) -> None:
    purses = {name: purse(coins, cash, fee) for name in "ab"}
    found = arbitraged(Arbitrage(), two_books(60, seed=seed), purses)
    assert all(one.coins >= 0 and one.cash >= 0 for one in found.after.values())
    # Both legs fill together: coins only change places, and what is left over is cash.
    assert sum(one.coins for one in found.after.values()) == 2 * Decimal(coins)
    assert found.profit >= 0
    assert (found.profit > 0) == bool(found.trades)
