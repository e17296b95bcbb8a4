"""Depth: what rests in the book, and what taking from it would cost."""

from decimal import Decimal
from typing import Any

import pytest

from core.orders import Order
from core.quotes import Level
from risk.codes import DenialCode
from tests.risk.builders import PERP, buy, depth, largest_of, quoted, review_of, sell


def d(text: str) -> Decimal:
    return Decimal(text)


# The book.


def test_a_book_whose_bid_is_a_tick_below_its_ask_is_whole() -> None:
    assert review_of(buy("0.01"), bids=depth(("49999.99", "1")), asks=depth(("50000", "1"))).allowed


@pytest.mark.parametrize("bid", ["50000", "50000.01"])
def test_a_book_that_is_locked_or_crossed_is_denied(bid: str) -> None:
    assert review_of(buy("0.01"), bids=depth((bid, "1")), asks=depth(("50000", "1"))).denials == [DenialCode.BOOK]


@pytest.mark.parametrize("bids", [None, ()])
def test_a_book_without_one_of_its_sides_is_denied(bids: tuple[Level, ...] | None) -> None:
    assert review_of(buy("0.01"), bids=bids, asks=depth(("50000", "1"))).denials == [DenialCode.BOOK]


def test_a_book_with_nothing_in_it_is_denied() -> None:
    assert review_of(buy("0.01"), bids=(), asks=()).denied_by(DenialCode.BOOK)


def test_a_market_that_shows_no_book_has_none_to_be_wrong() -> None:
    assert review_of(buy("0.01"), bids=None, asks=None).of(DenialCode.BOOK).measured == 0


# Depth.

THIN: dict[str, Any] = {
    "bids": depth(("49999.99", "0.03")),
    "asks": depth(("50000", "0.01"), ("50000.01", "0.01")),
    "max_depth_share": "0.5",
}


def test_half_of_what_rests_may_be_taken() -> None:
    assert review_of(buy("0.01"), **THIN).allowed
    assert review_of(sell("0.015", symbol=PERP.symbol), funding_rate="0", **THIN).allowed


def test_a_lot_more_than_half_of_what_rests_is_denied() -> None:
    assert review_of(buy("0.01001"), **THIN).denials == [DenialCode.DEPTH]
    assert review_of(sell("0.01501", symbol=PERP.symbol), funding_rate="0", **THIN).denials == [DenialCode.DEPTH]


def test_a_usual_bars_volume_stands_for_a_book_that_is_not_shown() -> None:
    calm: dict[str, Any] = {"volatility": "0.0001", "usual_volatility": "0.0001", "bar_volume": "0.02"}
    assert review_of(buy("0.01"), **calm).allowed
    assert review_of(buy("0.01001"), **calm).denials == [DenialCode.DEPTH]


def test_a_book_of_which_one_side_is_shown_has_no_depth_on_the_other() -> None:
    assert review_of(buy("0.01"), bids=depth(("49999", "1"))).denied_by(DenialCode.DEPTH)


@pytest.mark.parametrize("volume", [None, "0", "-1", "NaN", "Infinity"])
def test_a_depth_that_is_not_known_is_denied(volume: str | None) -> None:
    assert review_of(buy("0.01"), bar_volume=volume).denials == [DenialCode.DEPTH, DenialCode.SLIPPAGE]


def test_the_largest_that_the_depth_takes_is_named() -> None:
    assert largest_of(DenialCode.DEPTH, buy("1"), **THIN) == d("0.01")
    assert largest_of(DenialCode.DEPTH, buy("1"), bar_volume="0.02") == d("0.01")
    assert largest_of(DenialCode.DEPTH, buy("1"), bar_volume=None) is None


# Slippage: 50 bps of 50 000 are 250. Half of 0.01 at 50 100 and half at 50 400 is 50 250 on average.

STEEP: dict[str, Any] = {
    "bids": depth(("49900", "0.005"), ("49600", "0.005"), ("49000", "1")),
    "asks": depth(("50100", "0.005"), ("50400", "0.005"), ("51000", "1")),
    "max_slippage_bps": "50",
}


DEEP: dict[str, Any] = {
    "bids": depth(("49900", "0.005"), ("49650", "1000")),
    "asks": depth(("50100", "0.005"), ("50350", "1000")),
    "max_slippage_bps": "50",
}


def test_a_size_that_slips_by_exactly_the_most_is_allowed() -> None:
    assert review_of(buy("0.01"), **STEEP).of(DenialCode.SLIPPAGE).measured == 50
    assert review_of(buy("0.01"), **STEEP).allowed
    assert review_of(sell("0.01", symbol=PERP.symbol), funding_rate="0", **STEEP).allowed


def test_a_lot_more_slips_too_far() -> None:
    assert review_of(buy("0.01001"), **STEEP).denials == [DenialCode.SLIPPAGE]
    assert review_of(sell("0.01001", symbol=PERP.symbol), funding_rate="0", **STEEP).denials == [DenialCode.SLIPPAGE]


def test_a_limit_stops_the_slippage_where_it_stops_the_order() -> None:
    assert review_of(buy("0.03", at="50100"), **STEEP).of(DenialCode.SLIPPAGE).measured == 20
    assert largest_of(DenialCode.SLIPPAGE, buy("0.03", at="50100"), **STEEP) is None


def test_what_rests_in_the_book_does_not_slip() -> None:
    assert review_of(buy("0.03", at="49999.99"), **STEEP).of(DenialCode.SLIPPAGE).measured == 0
    assert review_of(sell("0.03", at="50000.01", symbol=PERP.symbol), funding_rate="0", **STEEP).allowed
    assert largest_of(DenialCode.SLIPPAGE, buy("0.03", at="49999.99"), **STEEP) is None


def test_a_limit_at_the_market_takes_from_the_book() -> None:
    at_once = review_of(buy("0.02", at="50400"), **STEEP)
    assert at_once.of(DenialCode.SLIPPAGE).measured == 50
    assert largest_of(DenialCode.SLIPPAGE, buy("0.02", at="50400"), **STEEP) is None


@pytest.mark.parametrize("wanted", [buy("0.02", at="50100"), sell("0.02", at="49900", symbol=PERP.symbol)])
def test_a_limit_exactly_at_the_other_side_takes_and_does_not_rest(wanted: Order) -> None:
    spread = quoted("50000", bid="49900", ask="50100", symbol=wanted.symbol)
    assert review_of(wanted, quote=spread, funding_rate="0", **STEEP).of(DenialCode.SLIPPAGE).measured == 20


def test_a_book_too_thin_for_the_order_is_denied() -> None:
    thin = {"asks": depth(("50000", "0.005")), "bids": depth(("49999", "1"))}
    assert review_of(buy("0.00501"), **thin).of(DenialCode.SLIPPAGE).measured is None
    assert review_of(buy("0.00501"), **thin).denied_by(DenialCode.SLIPPAGE)
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **thin) == d("0.005")


@pytest.mark.parametrize("level", [("-1", "1"), ("0", "1"), ("50000", "0"), ("50000", "-1")])
def test_a_level_that_is_none_leaves_the_slippage_unknown(level: tuple[str, str]) -> None:
    broken = depth(level, ("50001", "1"))
    assert review_of(buy("0.01"), bids=depth(("49999", "1")), asks=broken).denied_by(DenialCode.SLIPPAGE)


def test_a_book_that_begins_beyond_the_limit_contradicts_the_quote() -> None:
    assert review_of(buy("0.01", at="50050"), **STEEP).denials == [DenialCode.SLIPPAGE]


def test_without_a_book_an_order_moves_the_price_by_its_share_of_a_usual_bar() -> None:
    """A tenth of a bar's volume pays a tenth of its usual move of 5 %: 50 bps."""
    modelled: dict[str, Any] = {"bar_volume": "0.1", "volatility": "0.05", "usual_volatility": "0.05"}
    assert review_of(buy("0.01"), **modelled).allowed
    assert review_of(buy("0.01001"), **modelled).denials == [DenialCode.SLIPPAGE]
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **modelled) == d("0.01")


def test_without_a_book_half_the_spread_is_paid_too() -> None:
    """A spread of 20 bps leaves 40 of 50 for the move."""
    spread = quoted("50000", bid="49950", ask="50050")
    modelled: dict[str, Any] = {"quote": spread, "bar_volume": "0.1", "volatility": "0.05", "usual_volatility": "0.05"}
    assert review_of(buy("0.008"), **modelled).of(DenialCode.SLIPPAGE).measured == 50
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **modelled) == d("0.008")


def test_a_slippage_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.SLIPPAGE)


def test_the_largest_may_end_within_a_level() -> None:
    """0.005 at 50 100 are 0.75 cheaper than 50 250, which pays for 0.0075 of the thousand at 50 350."""
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **DEEP) == d("0.0125")
    assert review_of(buy("0.0125"), **DEEP).of(DenialCode.SLIPPAGE).measured == 50
    assert largest_of(DenialCode.SLIPPAGE, sell("1", symbol=PERP.symbol), **DEEP) == d("0.0125")


def test_the_largest_of_a_limit_order_is_named_where_it_slips_too_far_within_its_limit() -> None:
    assert largest_of(DenialCode.SLIPPAGE, buy("1", at="50350"), **DEEP) == d("0.0125")
    assert largest_of(DenialCode.SLIPPAGE, buy("1", at="50349.99"), **DEEP) is None
    short = {"symbol": PERP.symbol}
    assert largest_of(DenialCode.SLIPPAGE, sell("1", at="49650", **short), **DEEP) == d("0.0125")
    assert largest_of(DenialCode.SLIPPAGE, sell("1", at="49650.01", **short), **DEEP) is None


def test_the_largest_that_slips_no_further_is_named() -> None:
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **STEEP) == d("0.01")
    assert largest_of(DenialCode.SLIPPAGE, sell("1", symbol=PERP.symbol), **STEEP) == d("0.01")
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **{**STEEP, "max_slippage_bps": "19"}) == 0
    deep = {"asks": depth(("50000", "2"), ("50010", "1")), "bids": depth(("49999", "1"))}
    assert largest_of(DenialCode.SLIPPAGE, buy("1"), **deep) == d("3")
