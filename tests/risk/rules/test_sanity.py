"""Sanity: orders that are well formed and still make no sense."""

from dataclasses import replace
from typing import Any

from core.orders import Side
from risk.codes import DenialCode
from tests.risk.builders import BTC, buy, held, placed, quoted, review_of, sell

CLOSED = [replace(BTC, tradable=False)]
WIDE: dict[str, Any] = {
    "max_asset_exposure": "0.2",
    "max_order_size": "0.1",
}  # so that the order's own size binds first


# Tradable.


def test_a_closed_instrument_is_denied() -> None:
    assert review_of(buy("0.01"), instruments=CLOSED).denials == [DenialCode.TRADABLE]


def test_a_closed_instrument_is_denied_to_an_exit_too() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], instruments=CLOSED).denials == [DenialCode.TRADABLE]


# Size.


def test_an_order_of_exactly_the_largest_size_is_allowed() -> None:
    assert review_of(buy("0.02", at="50000"), **WIDE).allowed


def test_an_order_one_lot_over_the_largest_size_is_denied() -> None:
    assert review_of(buy("0.02001", at="50000"), **WIDE).denials == [DenialCode.ORDER_SIZE]


def test_a_stale_low_limit_does_not_make_a_large_order_look_small() -> None:
    assert review_of(buy("0.02001", at="49000"), **WIDE).denials == [DenialCode.ORDER_SIZE]


def test_a_limit_above_the_ask_is_judged_at_the_limit() -> None:
    assert review_of(buy("0.02", at="50000.01"), **WIDE).denials == [DenialCode.ORDER_SIZE]


def test_an_order_is_judged_at_the_ask_and_not_at_the_middle() -> None:
    spread = quoted("50000", bid="49990", ask="50010")
    assert review_of(buy("0.02"), quote=spread, **WIDE).denials == [DenialCode.ORDER_SIZE]


def test_a_size_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.ORDER_SIZE)


def test_a_size_without_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None).denied_by(DenialCode.ORDER_SIZE)


def test_a_size_of_no_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity="0", cash="10000").denied_by(DenialCode.ORDER_SIZE)
    assert review_of(buy("0.01"), equity="-1", cash="10000").denied_by(DenialCode.ORDER_SIZE)


def test_the_largest_size_is_named() -> None:
    assert review_of(buy("0.03", at="50000"), **WIDE).of(DenialCode.ORDER_SIZE).largest == buy("0.02").quantity


# Near-duplicates.

WINDOW: dict[str, Any] = {"duplicate_window_s": 60, "duplicate_tolerance": "0.01"}


def test_the_same_order_within_the_window_is_denied() -> None:
    assert review_of(buy("0.01"), recent=[placed(Side.BUY, "0.01", ago_s=59)], **WINDOW).denials == [
        DenialCode.NEAR_DUPLICATE
    ]


def test_the_same_order_exactly_one_window_later_is_allowed() -> None:
    assert review_of(buy("0.01"), recent=[placed(Side.BUY, "0.01", ago_s=60)], **WINDOW).allowed


def test_an_order_exactly_at_the_tolerance_is_a_duplicate() -> None:
    assert not review_of(buy("0.0099"), recent=[placed(Side.BUY, "0.01", ago_s=1)], **WINDOW).allowed


def test_an_order_one_lot_below_the_tolerance_is_another_one() -> None:
    assert review_of(buy("0.00989"), recent=[placed(Side.BUY, "0.01", ago_s=1)], **WINDOW).allowed


def test_asking_for_more_does_not_escape() -> None:
    assert not review_of(buy("0.02"), recent=[placed(Side.BUY, "0.01", ago_s=1)], **WINDOW).allowed


def test_the_other_side_is_no_duplicate() -> None:
    assert review_of(buy("0.01"), recent=[placed(Side.SELL, "0.01", ago_s=1)], **WINDOW).allowed


def test_another_symbol_is_no_duplicate() -> None:
    assert review_of(buy("0.01"), recent=[placed(Side.BUY, "0.01", ago_s=1, symbol="ETH/USDT")], **WINDOW).allowed


def test_a_proposal_is_no_duplicate_of_itself() -> None:
    assert review_of(buy("0.01"), recent=[placed(Side.BUY, "0.01", ago_s=1, proposal_id="mine")], **WINDOW).allowed


def test_every_earlier_twin_is_counted() -> None:
    twins = [placed(Side.BUY, "0.01", ago_s=n) for n in (1, 2, 61)]
    assert review_of(buy("0.01"), recent=twins, **WINDOW).of(DenialCode.NEAR_DUPLICATE).measured == 2
