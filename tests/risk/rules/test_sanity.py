"""Sanity: orders that are well formed and still make no sense."""

from dataclasses import replace
from typing import Any

import pytest

from core.orders import Side
from risk.codes import DenialCode
from tests.risk.builders import BTC, buy, expects, held, largest_of, placed, quoted, review_of, sell

CLOSED = [replace(BTC, tradable=False)]

# Tradable.


def test_a_closed_instrument_is_denied() -> None:
    assert review_of(buy("0.01"), instruments=CLOSED).denials == [DenialCode.TRADABLE]


def test_a_closed_instrument_is_denied_to_an_exit_too() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], instruments=CLOSED).denials == [DenialCode.TRADABLE]


def test_a_venue_in_safe_mode_is_not_closed() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], venue_status=1).allowed


def test_a_closed_venue_takes_nothing() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], venue_status=2).denials == [DenialCode.TRADABLE]
    assert review_of(buy("0.01"), venue_status=2).denials == [DenialCode.TRADABLE, DenialCode.VENUE_STATUS]


# Allow-list.


def test_without_an_allow_list_every_listed_instrument_is_allowed() -> None:
    assert review_of(buy("0.01"), allowed_symbols=None).allowed


def test_a_symbol_on_the_allow_list_is_allowed() -> None:
    assert review_of(buy("0.01"), allowed_symbols=["ETH/USDT", "BTC/USDT"]).allowed


@pytest.mark.parametrize("listed", [[], ["ETH/USDT"], ["BTC"], ["btc/usdt"]])
def test_a_symbol_that_is_not_on_the_allow_list_is_denied(listed: list[str]) -> None:
    assert review_of(buy("0.01"), allowed_symbols=listed).denials == [DenialCode.ALLOW_LIST]


def test_a_symbol_that_left_the_allow_list_can_be_sold() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], allowed_symbols=[]).allowed


# Size, capped at a tenth here so that it binds first.

SMALL: dict[str, Any] = {"max_order_size": "0.1"}


def test_an_order_of_exactly_the_largest_size_is_allowed() -> None:
    assert review_of(buy("0.02", at="50000"), **SMALL).allowed


def test_an_order_one_lot_over_the_largest_size_is_denied() -> None:
    assert review_of(buy("0.02001", at="50000"), **SMALL).denials == [DenialCode.ORDER_SIZE]


def test_a_stale_low_limit_does_not_make_a_large_order_look_small() -> None:
    assert review_of(buy("0.02001", at="49000"), **SMALL).denials == [DenialCode.ORDER_SIZE]


def test_a_limit_above_the_ask_is_judged_at_the_limit() -> None:
    assert review_of(buy("0.02", at="50000.01"), **SMALL).denials == [DenialCode.ORDER_SIZE]


def test_a_stop_entry_is_judged_at_its_trigger() -> None:
    assert review_of(buy("0.0198", trigger="50500"), **SMALL).allowed
    assert review_of(buy("0.01981", trigger="50500"), **SMALL).denials == [DenialCode.ORDER_SIZE]


def test_an_order_is_judged_at_the_ask_and_not_at_the_middle() -> None:
    spread = quoted("50000", bid="49990", ask="50010")
    assert review_of(buy("0.02"), quote=spread, **SMALL).denials == [DenialCode.ORDER_SIZE]


def test_a_size_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.ORDER_SIZE)


@pytest.mark.parametrize("equity", [None, "0", "-1", "NaN", "Infinity"])
def test_a_size_of_no_equity_is_denied(equity: str | None) -> None:
    assert review_of(buy("0.01"), equity=equity, cash="10000").denied_by(DenialCode.ORDER_SIZE)


def test_the_largest_size_is_named() -> None:
    assert largest_of(DenialCode.ORDER_SIZE, buy("0.03", at="50000"), **SMALL) == buy("0.02").quantity


# Worth, however rich the account.

RICH: dict[str, Any] = {"equity": "1000000", "max_order_notional": "1500"}


def test_an_order_worth_exactly_the_most_is_allowed() -> None:
    assert review_of(buy("0.03"), **RICH).allowed


def test_an_order_worth_a_lot_more_is_denied() -> None:
    assert review_of(buy("0.03001"), **RICH).denials == [DenialCode.ORDER_NOTIONAL]


def test_a_worth_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.ORDER_NOTIONAL)


def test_the_largest_worth_is_named() -> None:
    assert largest_of(DenialCode.ORDER_NOTIONAL, buy("0.1"), **RICH) == buy("0.03").quantity


def test_the_most_that_an_order_may_be_worth_shrinks_with_losses() -> None:
    assert review_of(buy("0.015"), caps="0.5", **RICH).allowed
    assert review_of(buy("0.01501"), caps="0.5", **RICH).denials == [DenialCode.ORDER_NOTIONAL]


# Quantity.

CAPPED = [replace(BTC, max_quantity=buy("0.02").quantity)]


def test_exactly_the_most_that_a_venue_takes_is_allowed() -> None:
    assert review_of(buy("0.02"), instruments=CAPPED).allowed


def test_a_lot_more_than_a_venue_takes_is_denied() -> None:
    assert review_of(buy("0.02001"), instruments=CAPPED).denials == [DenialCode.ORDER_QUANTITY]


def test_a_venue_that_states_no_most_holds_nothing_against_an_order() -> None:
    assert not review_of(buy("10000")).denied_by(DenialCode.ORDER_QUANTITY)
    assert largest_of(DenialCode.ORDER_QUANTITY, buy("0.03")) is None


def test_a_quantity_of_an_unknown_instrument_is_denied() -> None:
    assert review_of(buy("0.01"), instruments=[]).denied_by(DenialCode.ORDER_QUANTITY)


def test_the_most_that_a_venue_takes_is_named() -> None:
    assert largest_of(DenialCode.ORDER_QUANTITY, buy("0.03"), instruments=CAPPED) == buy("0.02").quantity


# Collar around the middle. The last price is a little off it, so that the other collar does not bind first.

OFF: dict[str, Any] = {"max_mid_deviation": "0.02"}


@pytest.mark.parametrize("price", ["49000", "51000"])
def test_a_price_exactly_at_the_collar_around_the_middle_is_allowed(price: str) -> None:
    assert review_of(buy("0.01", at=price), **OFF).allowed
    assert review_of(buy("0.01", trigger=price), **OFF).allowed


@pytest.mark.parametrize("price", ["48999.99", "51000.01"])
def test_a_price_a_tick_beyond_the_collar_around_the_middle_is_denied(price: str) -> None:
    assert review_of(buy("0.01", at=price), **OFF).denials == [DenialCode.MID_COLLAR]
    assert review_of(buy("0.01", trigger=price), **OFF).denials == [DenialCode.MID_COLLAR]


def test_the_middle_is_between_bid_and_ask_and_not_the_last_price() -> None:
    apart = quoted("50000", bid="49950", ask="50050")
    assert review_of(buy("0.01", at="51000"), quote=replace(apart, last=apart.ask), **OFF).allowed


def test_a_market_order_has_no_price_to_be_far_off() -> None:
    assert review_of(buy("0.01"), **OFF).of(DenialCode.MID_COLLAR).measured == 0


def test_a_price_without_a_middle_is_denied() -> None:
    assert review_of(buy("0.01", at="50000"), mid=None).denied_by(DenialCode.MID_COLLAR)


# Collar around the mean of the last bars: a fifth.


@pytest.mark.parametrize(("mean", "price"), [("50000", "40000"), ("50000", "60000"), ("62500", "50000")])
def test_a_price_exactly_at_the_collar_around_the_last_bars_is_allowed(mean: str, price: str) -> None:
    assert review_of(buy("0.01"), window_price=mean, mid=price, stop="30000").allowed


@pytest.mark.parametrize(("mean", "price"), [("50000", "39999.99"), ("50000", "60000.01"), ("62500.01", "50000")])
def test_a_price_beyond_the_collar_around_the_last_bars_is_denied(mean: str, price: str) -> None:
    denied = review_of(buy("0.01"), window_price=mean, mid=price, stop="30000")
    assert denied.denials == [DenialCode.WINDOW_COLLAR]


def test_a_limit_is_held_against_the_last_bars_where_there_is_one() -> None:
    assert review_of(buy("0.01", at="49000"), window_price="49000", max_window_deviation="0.001").allowed


def test_a_trigger_is_held_against_the_last_bars_where_there_is_one() -> None:
    assert review_of(buy("0.01", trigger="51000"), window_price="51000", max_window_deviation="0.001").allowed


@pytest.mark.parametrize("mean", [None, "0", "-50000", "NaN", "Infinity"])
def test_without_a_mean_of_the_last_bars_an_entry_is_denied(mean: str | None) -> None:
    assert review_of(buy("0.01"), window_price=mean).denials == [DenialCode.WINDOW_COLLAR]


# Jumps: half of the price in a minute is wrong data.


def test_a_move_of_exactly_the_largest_jump_is_allowed() -> None:
    assert review_of(buy("0.01"), jump="0.50").allowed


def test_a_move_beyond_the_largest_jump_is_denied() -> None:
    assert review_of(buy("0.01"), jump="0.5000001").denials == [DenialCode.PRICE_JUMP]


@pytest.mark.parametrize("jump", [None, "NaN", "Infinity"])
def test_a_jump_that_cannot_be_measured_is_denied(jump: str | None) -> None:
    assert review_of(buy("0.01"), jump=jump).denials == [DenialCode.PRICE_JUMP]


# Forecasts. One usual move of an hour is 0.005 x 1.2533, so that four of them are 0.025066 of the price.


@pytest.mark.parametrize("price", ["51253.3", "48746.7"])
def test_a_forecast_of_exactly_four_usual_moves_is_allowed(price: str) -> None:
    assert review_of(buy("0.01"), expectation=expects(price)).of(DenialCode.FORECAST).measured == 4
    assert review_of(buy("0.01"), expectation=expects(price)).allowed


@pytest.mark.parametrize("price", ["51253.31", "48746.69"])
def test_a_forecast_of_a_little_more_is_denied(price: str) -> None:
    assert review_of(buy("0.01"), expectation=expects(price)).denials == [DenialCode.FORECAST]


def test_a_longer_horizon_allows_a_larger_move_by_its_square_root() -> None:
    assert review_of(buy("0.01"), expectation=expects("52506.6", within_s=4 * 3600)).allowed
    assert not review_of(buy("0.01"), expectation=expects("52506.61", within_s=4 * 3600)).allowed


def test_bars_of_another_length_count_as_what_they_are() -> None:
    assert review_of(buy("0.01"), expectation=expects("52506.6"), bar_s=900).allowed
    assert not review_of(buy("0.01"), expectation=expects("52506.61"), bar_s=900).allowed


def test_an_order_without_a_forecast_has_nothing_to_judge() -> None:
    assert review_of(buy("0.01"), expectation=None).of(DenialCode.FORECAST).measured == 0


@pytest.mark.parametrize("usual", [None, "0", "-0.005", "NaN", "Infinity"])
def test_a_forecast_that_nothing_is_usual_for_is_denied(usual: str | None) -> None:
    assert review_of(buy("0.01"), expectation=expects("50001"), usual_volatility=usual).denied_by(DenialCode.FORECAST)


@pytest.mark.parametrize("horizon_s", [0, -3600])
def test_a_forecast_without_a_future_is_denied(horizon_s: int) -> None:
    denied = review_of(buy("0.01"), expectation=expects("50001", within_s=horizon_s))
    assert denied.denials == [DenialCode.FORECAST]


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity"])
def test_a_forecast_that_is_no_number_is_denied(price: str) -> None:
    assert review_of(buy("0.01"), expectation=expects(price)).denials == [DenialCode.FORECAST]


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


def test_what_is_no_twin_yet_becomes_one_just_above_the_largest() -> None:
    twins = [placed(Side.BUY, quantity, ago_s=1) for quantity in ("0.02", "0.01")]
    assert largest_of(DenialCode.NEAR_DUPLICATE, buy("0.005"), recent=twins, **WINDOW) == buy("0.00989").quantity
    odd = [placed(Side.BUY, "0.010001", ago_s=1)]  # 0.00990099 of it is a twin
    assert largest_of(DenialCode.NEAR_DUPLICATE, buy("0.005"), recent=odd, **WINDOW) == buy("0.0099").quantity


def test_a_repetition_is_told_no_size_to_come_back_with() -> None:
    twins = [placed(Side.BUY, "0.01", ago_s=1)]
    for repeated in ("0.01", "0.0099"):  # the whole of it, and exactly at the tolerance
        assert largest_of(DenialCode.NEAR_DUPLICATE, buy(repeated), recent=twins, **WINDOW) is None
    assert review_of(buy("0.01"), recent=twins, **WINDOW).review.largest_allowed == 0


# Rates. This order is counted with those before it.

RATES = [
    (DenialCode.ORDERS_SECOND, "orders_second", 5),
    (DenialCode.ORDERS_MINUTE, "orders_minute", 30),
    (DenialCode.ORDERS_DAY, "orders_day", 500),
    (DenialCode.MESSAGES_SECOND, "messages_second", 10),
    (DenialCode.MESSAGES_MINUTE, "messages_minute", 60),
    (DenialCode.MESSAGES_DAY, "messages_day", 2_000),
]


@pytest.mark.parametrize(("code", "sent", "most"), RATES, ids=[rate[0] for rate in RATES])
def test_the_last_order_that_a_rate_allows_is_allowed(code: DenialCode, sent: str, most: int) -> None:
    answered = review_of(buy("0.01"), **{sent: most - 1})
    assert answered.allowed
    assert answered.of(code).measured == most


@pytest.mark.parametrize(("code", "sent", "most"), RATES, ids=[rate[0] for rate in RATES])
def test_one_order_more_than_a_rate_allows_is_denied(code: DenialCode, sent: str, most: int) -> None:
    assert review_of(buy("0.01"), **{sent: most}).denials == [code]


@pytest.mark.parametrize("orders", [1, 64, 511, 512, 513, 9_999])
def test_a_count_is_the_same_number_however_large(orders: int) -> None:
    answered = review_of(buy("0.01"), orders_day=orders - 1, max_orders_day=10_000)
    assert answered.of(DenialCode.ORDERS_DAY).measured == orders
    assert answered.allowed


@pytest.mark.parametrize(("code", "sent", "most"), RATES, ids=[rate[0] for rate in RATES])
def test_no_rate_holds_an_exit_up(code: DenialCode, sent: str, most: int) -> None:
    answered = review_of(sell("0.01"), positions=[held("1")], **{sent: most})
    assert answered.allowed
    assert answered.of(code).measured == most + 1
