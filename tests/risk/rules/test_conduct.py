"""Conduct: nobody trades with himself."""

from typing import Any

import pytest

from core.orders import OrderState, Side
from risk.codes import DenialCode
from tests.risk.builders import buy, held, resting, review_of, sell

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


def test_a_stop_order_meets_every_order_on_the_other_side() -> None:
    orders = [resting(Side.BUY, "0.01", at="40000")]
    assert review_of(sell("0.01", trigger="45000"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


@pytest.mark.parametrize("state", [OrderState.SENDING, OrderState.UNKNOWN])
def test_an_order_that_may_be_at_the_venue_is_met_too(state: OrderState) -> None:
    orders = [resting(Side.SELL, "0.01", at="50000", state=state)]
    assert review_of(buy("0.01", at="50000"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


def test_an_exit_that_would_meet_our_own_entry_is_denied() -> None:
    orders = [resting(Side.BUY, "0.01", at="50000")]
    assert review_of(sell("0.01"), orders=orders, **OURS).denials == [DenialCode.SELF_TRADE]


def test_our_orders_on_the_same_side_are_not_met() -> None:
    assert review_of(buy("0.01"), orders=[resting(Side.BUY, "0.01", at="50000")]).allowed


def test_our_orders_in_another_symbol_are_not_met() -> None:
    ether = resting(Side.SELL, "1", at="1000", symbol="ETH/USDT")
    assert not review_of(buy("0.01"), orders=[ether]).denied_by(DenialCode.SELF_TRADE)
