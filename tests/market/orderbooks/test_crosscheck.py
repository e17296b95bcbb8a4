from itertools import pairwise

from market.orderbooks.crosscheck import ALIVE_NS, CrossCheck, differences
from market.orderbooks.ladder import Ladder
from market.orderbooks.sequenced import SequencedBook
from market.orderbooks.verified import Reason, State
from tests.market.orderbooks.venues import BINANCE, NOW_NS, Truth, history

TOLD = history(11, 6)


def following(until: int) -> SequencedBook:
    book = SequencedBook("BTC/USDT")
    assert book.load(BINANCE.snapshot(TOLD[0]), NOW_NS)
    for before, after in pairwise(TOLD[: until + 1]):
        book.receive(BINANCE.update(before, after), NOW_NS)
    return book


def ladder(bids: list[list[str]], asks: list[list[str]]) -> Ladder:
    made = Ladder()
    made.load(bids, asks)
    return made


def test_two_books_that_agree_have_no_differences() -> None:
    assert differences(following(3).ladder, following(3).ladder) == []


def test_a_level_beyond_the_snapshots_last_is_not_compared() -> None:
    deep = ladder([["99", "1"], ["98", "1"]], [["101", "1"], ["102", "1"]])
    short = ladder([["99", "1.0"]], [["101", "1.000"]])
    assert differences(deep, short) == []
    assert [(d.side, d.price, d.ours, d.theirs) for d in differences(short, deep)] == [
        ("bid", 98.0, None, "1"),
        ("ask", 102.0, None, "1"),
    ]


def test_a_snapshot_is_brought_to_the_books_own_number_before_it_is_compared() -> None:
    book = following(2)
    check = CrossCheck(book)
    for before, after in pairwise(TOLD[2:]):
        book.receive(BINANCE.update(before, after), NOW_NS)
    # Taken by the venue while the book ran on, so it is of an earlier number.
    assert check.finish(BINANCE.snapshot(TOLD[4]), NOW_NS) == []
    assert book.valid


def test_a_level_that_differs_makes_the_book_invalid_and_says_which() -> None:
    book = following(2)
    book.ladder.asks[max(book.ladder.asks)] = "12345"
    check = CrossCheck(book)
    found = check.finish(BINANCE.snapshot(TOLD[2]), NOW_NS)
    assert found is not None
    assert [d.ours for d in found] == ["12345"]
    assert (book.state, book.reason, book.read()) == (State.INVALID, Reason.DISAGREES, None)
    assert "1 levels, first Difference(side='ask'" in book.detail


def test_as_many_differences_as_allowed_are_allowed() -> None:
    book = following(2)
    book.ladder.asks[max(book.ladder.asks)] = "12345"
    assert len(CrossCheck(book).finish(BINANCE.snapshot(TOLD[2]), NOW_NS, allowed=1) or []) == 1
    assert book.valid


def test_a_snapshot_from_before_the_check_began_proves_nothing() -> None:
    book = following(3)
    assert CrossCheck(book).finish(BINANCE.snapshot(TOLD[1]), NOW_NS) is None
    assert book.valid


def test_a_confirmed_book_is_fresh_again_so_that_a_quiet_market_is_no_dead_one() -> None:
    book = following(2)
    later = NOW_NS + 60 * ALIVE_NS
    assert CrossCheck(book).finish(BINANCE.snapshot(TOLD[2]), later) == []
    assert not book.expire(later, ALIVE_NS)
    # By whose clock it stood so then, only the venue's can tell.
    assert book.event_ns < later
    assert CrossCheck(book).finish(BINANCE.snapshot(TOLD[2]), later, venue_now_ns=later - 7) == []
    assert book.event_ns == later - 7


def test_a_venue_that_moved_on_while_nothing_was_heard_has_a_dead_stream() -> None:
    book = following(2)
    assert CrossCheck(book).finish(BINANCE.snapshot(TOLD[4]), NOW_NS + ALIVE_NS + 1) is None
    assert (book.state, book.reason) == (State.INVALID, Reason.GAP)


def test_a_venue_just_ahead_of_us_cannot_be_compared_yet() -> None:
    book = following(2)
    assert CrossCheck(book).finish(BINANCE.snapshot(TOLD[4]), NOW_NS) is None
    assert book.valid


def test_a_book_that_broke_meanwhile_is_not_compared() -> None:
    book = following(2)
    check = CrossCheck(book)
    book.invalidate(Reason.STALE)
    assert check.finish(BINANCE.snapshot(TOLD[2]), NOW_NS) is None
    assert book.reason is Reason.STALE


def test_truths_do_change() -> None:
    # Else nothing above would show anything.
    assert all(isinstance(t, Truth) for t in TOLD)
    assert len({str(t.view(5)) for t in TOLD}) > 3
