"""Conduct: nobody trades with himself, floods a market with orders that he takes back, or trades what he may not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.money import Price
from core.orders import OrderState, Side
from risk.codes import DenialCode
from risk.facts import OpenOrder
from tests.risk.builders import buy, held, quoted, resting, review_of, sell

OURS: dict[str, Any] = {"positions": [held("0.02")], "coins": "0.02"}


def test_a_buy_a_tick_below_our_sale_is_allowed() -> None:
    orders = [resting(Side.SELL, "0.01", at="50000.01")]
    assert review_of(buy("0.01", at="50000"), orders=orders, **OURS).allowed


def test_a_buy_at_our_own_sale_is_denied() -> None:
    orders = [resting(Side.SELL, "0.01", at="50000")]
    assert review_of(buy("0.01", at="50000"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


def test_a_market_order_meets_every_order_on_the_other_side() -> None:
    orders = [resting(Side.SELL, "0.01", at="52000")]
    assert review_of(buy("0.01"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


@pytest.mark.parametrize("price", ["40000", "45000"])
def test_a_stop_meets_what_will_still_rest_when_it_is_triggered(price: str) -> None:
    orders = [resting(Side.BUY, "0.01", at=price)]
    assert review_of(sell("0.01", trigger="45000"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


def test_a_stop_does_not_meet_what_has_filled_before_it_is_triggered() -> None:
    orders = [resting(Side.BUY, "0.01", at="45000.01")]
    assert review_of(sell("0.01", trigger="45000"), orders=orders, **OURS).allowed


@pytest.mark.parametrize(("price", "met"), [("51000.01", True), ("51000", True), ("50999.99", False)])
def test_a_stop_entry_meets_what_will_still_rest_above_it(price: str, met: bool) -> None:
    orders = [resting(Side.SELL, "0.01", at=price)]
    assert review_of(buy("0.01", trigger="51000"), orders=orders, **OURS).denied_by(DenialCode.SELF_TRADE) is met


@pytest.mark.parametrize("known", [{}, {"mid": None}])
def test_a_stop_that_is_reached_or_may_be_meets_every_order_on_the_other_side(known: dict[str, Any]) -> None:
    trigger = "50000" if not known else "45000"
    orders = [resting(Side.BUY, "0.01", at="48000")]
    wanted = sell("0.01", trigger=trigger)
    assert review_of(wanted, orders=orders, **OURS, **known).denials == [DenialCode.SELF_TRADE]


# A stop of ours that waits for 48 000 is in no book yet.


def waiting(state: OrderState = OrderState.OPEN) -> dict[str, Any]:
    stop = resting(Side.SELL, "0.01", at="0", trigger="48000", state=state, reduce_only=True, protective=True)
    return {**OURS, "orders": [stop]}


@pytest.mark.parametrize("limit", [None, "49000", "48000.01"])
def test_what_trades_before_our_stop_is_triggered_does_not_meet_it(limit: str | None) -> None:
    assert review_of(buy("0.01", at=limit), **waiting()).allowed


@pytest.mark.parametrize("limit", ["48000", "47600"])
def test_what_still_rests_when_our_stop_is_triggered_would_meet_it(limit: str) -> None:
    assert review_of(buy("0.01", at=limit), **waiting()).denials == [DenialCode.SELF_TRADE]


@pytest.mark.parametrize("state", [OrderState.SENDING, OrderState.UNKNOWN])
def test_a_stop_of_ours_that_nobody_has_confirmed_is_met_at_its_worst(state: OrderState) -> None:
    assert review_of(buy("0.01"), **waiting(state)).denials == [DenialCode.SELF_TRADE]


@pytest.mark.parametrize("state", [OrderState.SENDING, OrderState.UNKNOWN])
def test_an_order_that_may_be_at_the_venue_is_met_too(state: OrderState) -> None:
    orders = [resting(Side.SELL, "0.01", at="50000", state=state)]
    assert review_of(buy("0.01", at="50000"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


@pytest.mark.parametrize("last", ["0", "-1", "NaN"])
def test_where_the_last_price_is_none_a_stop_of_ours_may_have_been_reached(last: str) -> None:
    orders = [resting(Side.BUY, "0.01", at="56000", trigger="55000")]
    broken = replace(quoted("50000"), last=Price(Decimal(last)))
    assert review_of(sell("0.01"), orders=orders, quote=broken, **OURS).denied_by(DenialCode.SELF_TRADE)


def test_an_exit_that_would_meet_our_own_entry_is_denied() -> None:
    orders = [resting(Side.BUY, "0.01", at="50000")]
    assert review_of(sell("0.01"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


def test_our_orders_on_the_same_side_are_not_met() -> None:
    assert review_of(buy("0.01"), orders=[resting(Side.BUY, "0.01", at="50000")]).allowed


def test_our_orders_in_another_symbol_are_not_met() -> None:
    ether = resting(Side.SELL, "1", at="1000", symbol="ETH/USDT")
    assert not review_of(buy("0.01"), orders=[ether]).denied_by(DenialCode.SELF_TRADE)


@pytest.mark.parametrize("price", ["NaN", "sNaN"])
def test_an_order_of_ours_without_a_price_that_can_be_compared_is_met(price: str) -> None:
    orders = [resting(Side.SELL, "0.01", at=price)]
    assert review_of(buy("0.01", at="50000"), orders=orders, **OURS).denied_by(DenialCode.SELF_TRADE)


# Cancels for each fill, from the 21st cancel of the day on.


def test_the_first_cancels_of_a_day_are_not_counted() -> None:
    assert review_of(buy("0.01"), owner_cancels=20, owner_fills=0, least_cancels=20).allowed


def test_one_cancel_more_is_held_against_the_fills() -> None:
    denied = review_of(buy("0.01"), owner_cancels=21, owner_fills=0, least_cancels=20)
    assert denied.denials == [DenialCode.CANCEL_RATIO]
    assert denied.of(DenialCode.CANCEL_RATIO).measured == 21


def test_exactly_the_most_cancels_a_fill_are_allowed() -> None:
    assert review_of(buy("0.01"), owner_cancels=30, owner_fills=3, max_cancel_ratio="10").allowed


def test_more_cancels_a_fill_are_denied() -> None:
    denied = review_of(buy("0.01"), owner_cancels=31, owner_fills=3, max_cancel_ratio="10")
    assert denied.denials == [DenialCode.CANCEL_RATIO]


# Orders cancelled almost at once.


def test_exactly_the_most_quick_cancels_are_allowed() -> None:
    assert review_of(buy("0.01"), owner_quick_cancels=20, max_quick_cancels=20).allowed


def test_one_quick_cancel_more_is_denied() -> None:
    denied = review_of(buy("0.01"), owner_quick_cancels=21, max_quick_cancels=20)
    assert denied.denials == [DenialCode.QUICK_CANCELS]


# Layers.

ANOTHER_LAYER = resting(Side.BUY, "0.001", at="40000")


def test_the_last_allowed_layer_is_counted_with_itself() -> None:
    assert review_of(buy("0.01"), orders=[ANOTHER_LAYER] * 2, max_layers=3).allowed
    assert review_of(buy("0.01"), orders=[ANOTHER_LAYER] * 3, max_layers=3).denials == [DenialCode.LAYERING]


@pytest.mark.parametrize(
    "other",
    [
        resting(Side.BUY, "0.001", at="40000", owner="another"),
        resting(Side.BUY, "0.001", at="40000", reduce_only=True),
        resting(Side.BUY, "0.001", at="40000", protective=True),
        resting(Side.BUY, "0.001", at="1900", symbol="ETH/USDT"),
        resting(Side.SELL, "0.001", at="60000"),
    ],
    ids=["of another owner", "reduce-only", "protective", "in another symbol", "on the other side"],
)
def test_what_is_no_layer_of_this_owner_is_not_counted(other: OpenOrder) -> None:
    answered = review_of(buy("0.01", at="50000"), orders=[other] * 3, max_layers=3, positions=[held("0.01")])
    assert answered.of(DenialCode.LAYERING).measured == 1


# An owner's own thresholds.

STRICT: dict[str, Any] = {
    "owners": {"trend": {"max_cancel_ratio": "2", "max_quick_cancels": 1, "max_layers": 1}},
    "max_layers": 3,
}


def test_an_owners_own_thresholds_hold_for_it() -> None:
    assert review_of(buy("0.01"), owner_cancels=42, owner_fills=21, owner_quick_cancels=1, **STRICT).allowed
    denied = review_of(
        buy("0.01"), owner_cancels=43, owner_fills=21, owner_quick_cancels=2, orders=[ANOTHER_LAYER], **STRICT
    )
    assert denied.denials == [DenialCode.CANCEL_RATIO, DenialCode.QUICK_CANCELS, DenialCode.LAYERING]


def test_an_owners_own_thresholds_hold_for_nobody_else() -> None:
    other = buy("0.01", owner="another")
    assert review_of(other, owner_cancels=43, owner_fills=21, owner_quick_cancels=2, **STRICT).allowed


def test_the_threshold_that_was_held_against_the_owner_is_shown() -> None:
    assert review_of(buy("0.01"), **STRICT).of(DenialCode.LAYERING).limit == 1
    assert review_of(buy("0.01", owner="another"), **STRICT).of(DenialCode.LAYERING).limit == 3


# The restricted list.


@pytest.mark.parametrize("listed", [["BTC"], ["BTC/USDT"], ["ETH", "BTC/USDT"]])
def test_a_symbol_or_an_asset_on_the_restricted_list_is_denied(listed: list[str]) -> None:
    assert review_of(buy("0.01"), restricted=listed).denials == [DenialCode.RESTRICTED]


@pytest.mark.parametrize("listed", [[], ["ETH"], ["ETH/USDT"], ["USDT"]])
def test_what_is_not_on_the_restricted_list_is_allowed(listed: list[str]) -> None:
    assert review_of(buy("0.01"), restricted=listed).allowed


def test_what_came_onto_the_restricted_list_can_be_sold() -> None:
    assert review_of(sell("0.01"), restricted=["BTC"], positions=[held("1")]).allowed


# The account.


def test_an_account_that_the_venue_restricted_opens_nothing() -> None:
    assert review_of(buy("0.01"), account_restricted=True).denials == [DenialCode.ACCOUNT_RESTRICTED]


def test_an_account_that_the_venue_restricted_may_close() -> None:
    assert review_of(sell("0.01"), account_restricted=True, positions=[held("1")]).allowed


# Exits.


def test_no_threshold_of_conduct_holds_an_exit_up() -> None:
    known: dict[str, Any] = {"owner_cancels": 1000, "owner_quick_cancels": 1000, "positions": [held("1")]}
    layers = [resting(Side.SELL, "0.001", at="60000")] * 5
    assert review_of(sell("0.01"), orders=layers, **known).allowed
