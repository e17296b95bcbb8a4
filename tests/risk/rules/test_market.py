"""Market: whether the price that everything was measured with can be trusted."""

from decimal import Decimal
from typing import Any

import pytest

from core.time import HOUR_NS, SECOND_NS
from risk.codes import DenialCode
from tests.risk.builders import NOW, buy, held, quoted, review_of, sell

# A price at all.


def test_an_entry_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01", at="50000"), mid=None).denied_by(DenialCode.NO_PRICE)


def test_an_exit_at_market_without_a_price_is_allowed() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], mid=None).allowed


# Age.


def aged(ns: int, **more: Any) -> dict[str, Any]:
    return {"quote": quoted("50000", ts_event_ns=NOW - ns, known_at_ns=NOW - ns, **more), "max_price_age_s": 90}


def test_a_price_of_exactly_the_largest_age_is_allowed() -> None:
    assert review_of(buy("0.01"), **aged(90 * SECOND_NS)).allowed


def test_a_price_a_nanosecond_too_old_is_denied() -> None:
    assert review_of(buy("0.01"), **aged(90 * SECOND_NS + 1)).denials == [DenialCode.PRICE_AGE]


def test_an_age_is_counted_from_when_the_next_bar_was_due() -> None:
    assert review_of(buy("0.01"), **aged(HOUR_NS + 90 * SECOND_NS, cadence_ns=HOUR_NS)).allowed
    assert not review_of(buy("0.01"), **aged(HOUR_NS + 90 * SECOND_NS + 1, cadence_ns=HOUR_NS)).allowed


def test_a_price_from_the_future_is_denied() -> None:
    assert review_of(buy("0.01"), **aged(-1)).denials == [DenialCode.PRICE_AGE]


def beside_ether(age_ns: int) -> dict[str, Any]:
    """One ETH is held, whose price is that old."""
    ether = quoted("1000", symbol="ETH/USDT", ts_event_ns=NOW - age_ns, known_at_ns=NOW - age_ns)
    return {"positions": [held("1", symbol="ETH/USDT", at="1000")], "quotes": [ether], "max_price_age_s": 90}


def test_an_old_price_of_anything_held_is_as_bad() -> None:
    assert review_of(buy("0.01"), **beside_ether(90 * SECOND_NS)).allowed
    assert review_of(buy("0.01"), **beside_ether(90 * SECOND_NS + 1)).denials == [DenialCode.PRICE_AGE]


def test_a_future_price_of_anything_held_is_as_bad() -> None:
    assert review_of(buy("0.01"), **beside_ether(-1)).denials == [DenialCode.PRICE_AGE]


def test_an_exit_on_an_old_price_is_allowed() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], **aged(100 * HOUR_NS)).allowed


# Spread: 50 bps of 50 000 are 250.


def spread(bid: str, ask: str) -> dict[str, Any]:
    return {"quote": quoted("50000", bid=bid, ask=ask), "max_spread_bps": "50"}


def test_a_spread_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.01"), **spread("49875", "50125")).allowed


def test_a_spread_a_tick_wider_is_denied() -> None:
    assert review_of(buy("0.01"), **spread("49875", "50125.01")).denials == [DenialCode.SPREAD]


@pytest.mark.parametrize(
    ("bid", "ask"), [("50001", "50000"), ("0", "50000"), ("-1", "50000"), ("NaN", "50000"), ("49999", "NaN")]
)
def test_a_crossed_one_sided_or_broken_book_is_denied(bid: str, ask: str) -> None:
    assert review_of(buy("0.01"), **spread(bid, ask)).denied_by(DenialCode.SPREAD)


def test_a_spread_that_cannot_be_measured_does_not_stop_an_exit() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], **spread("50001", "50000")).allowed


def test_the_spread_is_measured_in_basis_points_of_the_middle() -> None:
    assert review_of(buy("0.01"), **spread("49995", "50005")).of(DenialCode.SPREAD).measured == Decimal(2)
