from decimal import Decimal

from core.money import Price, Quantity
from core.quotes import Book, Level


def book(bids: str, asks: str) -> Book:
    def side(quantities: str) -> tuple[Level, ...]:
        return tuple(Level(Price(Decimal(100)), Quantity(Decimal(one))) for one in quantities.split())

    return Book("BTC/USDT", 0, side(bids), side(asks))


def test_a_book_leans_to_the_side_on_which_more_rests_at_the_best_levels() -> None:
    assert book("3 1", "1 9").imbalance(1) == Decimal("0.5")
    assert book("3 1", "1 9").imbalance(2) == Decimal(-6) / 14
    assert book("2", "").imbalance(5) == 1


def test_a_book_in_which_nothing_rests_leans_nowhere() -> None:
    assert book("", "").imbalance(5) is None
    assert book("1", "1").imbalance(0) is None
