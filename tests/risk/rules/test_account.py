"""Account: what the order would do to the account if it and everything open filled at its worst."""

from dataclasses import replace
from typing import Any

import pytest

from core.orders import OrderState, Side
from risk.codes import DenialCode
from risk.states import TradingState
from tests.risk.builders import BTC, buy, held, quoted, resting, review_of, sell

# Trading state.


def test_an_active_desk_is_open_for_risk() -> None:
    assert review_of(buy("0.01"), state=TradingState.ACTIVE).allowed


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_desk_that_is_not_active_denies_entries(state: TradingState) -> None:
    assert review_of(buy("0.01"), state=state).denials == [DenialCode.TRADING_STATE]


# Free balance. One order of 0.0396 at 50 000 with a fee of 0.1 % costs 1 981.98.


def test_an_order_that_takes_the_whole_balance_is_allowed() -> None:
    assert review_of(buy("0.0396", at="50000"), cash="1981.98").allowed


def test_an_order_a_cent_beyond_the_balance_is_denied() -> None:
    assert review_of(buy("0.0396", at="50000"), cash="1981.97").denials == [DenialCode.FREE_BALANCE]


def test_what_open_orders_reserve_cannot_be_spent_again() -> None:
    assert review_of(buy("0.0396", at="50000"), cash="1982", reserved={"USDT": "0.02"}).allowed
    denied = review_of(buy("0.0396", at="50000"), cash="1982", reserved={"USDT": "0.03"})
    assert denied.denials == [DenialCode.FREE_BALANCE]


def test_a_market_order_is_reserved_with_its_slippage() -> None:
    # 0.01 x 50 000 x 1.01 x 1.001
    assert review_of(buy("0.01"), cash="505.505", market_slippage="0.01").allowed
    assert review_of(buy("0.01"), cash="505.504", market_slippage="0.01").denials == [DenialCode.FREE_BALANCE]


def test_a_stop_entry_is_reserved_at_its_trigger() -> None:
    """It cannot trade before the market has risen there: 0.03 x 60 000 is more than the cash at 50 000 would say."""
    assert review_of(buy("0.03", trigger="60000"), cash="1600").denied_by(DenialCode.FREE_BALANCE)


def test_a_buy_without_a_price_is_denied_for_its_balance() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.FREE_BALANCE)


def test_a_buy_without_any_cash_is_denied() -> None:
    assert review_of(buy("0.01"), cash="0").denied_by(DenialCode.FREE_BALANCE)


def test_coins_that_are_not_held_cannot_be_sold() -> None:
    assert review_of(sell("0.01", at="50000")).denied_by(DenialCode.FREE_BALANCE)


def test_coins_that_a_resting_sale_holds_cannot_be_sold_again() -> None:
    denied = review_of(
        sell("0.6"),
        positions=[held("1")],
        coins="1",
        reserved={"BTC": "0.5"},
        orders=[resting(Side.SELL, "0.5", at="0")],
    )
    assert denied.denied_by(DenialCode.FREE_BALANCE)


# Exposure per asset: a fifth of 10 000.


def test_an_exposure_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.04", at="50000")).allowed


def test_an_exposure_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.04001", at="50000")).denials == [DenialCode.ASSET_EXPOSURE]


def test_what_is_held_counts() -> None:
    assert review_of(buy("0.01", at="50000"), positions=[held("0.03")]).allowed
    assert review_of(buy("0.01001", at="50000"), positions=[held("0.03")]).denials == [DenialCode.ASSET_EXPOSURE]


def test_what_is_held_counts_at_its_price_now_and_not_at_its_cost() -> None:
    assert review_of(buy("0.01", at="50000"), positions=[held("0.03", at="1")]).allowed
    assert not review_of(buy("0.01001", at="50000"), positions=[held("0.03", at="1")]).allowed


@pytest.mark.parametrize("state", [OrderState.OPEN, OrderState.SENDING, OrderState.UNKNOWN, OrderState.PARTIAL])
def test_whatever_may_still_fill_counts_at_its_worst(state: OrderState) -> None:
    in_flight = [resting(Side.BUY, "0.02", at="50500", state=state)]  # 1 010
    assert review_of(buy("0.0198", at="50000"), orders=in_flight).allowed
    assert review_of(buy("0.01981", at="50000"), orders=in_flight).denials == [DenialCode.ASSET_EXPOSURE]


def test_a_resting_exit_does_not_count() -> None:
    exit_ = resting(Side.SELL, "0.02", at="50500", reduce_only=True)
    assert review_of(buy("0.02", at="50000"), positions=[held("0.02")], orders=[exit_]).allowed


def test_another_asset_does_not_count_against_this_one() -> None:
    ether: dict[str, Any] = {
        "positions": [held("1", symbol="ETH/USDT", at="1900")],
        "quotes": [quoted("1900", symbol="ETH/USDT")],
    }
    assert review_of(buy("0.04", at="50000"), **ether).allowed


def test_a_stop_entry_is_worth_its_trigger() -> None:
    """It becomes a holding at 60 000 or above: 0.035 of it are more than a fifth of the account."""
    assert review_of(buy("0.035", trigger="60000"), stop="55000").denied_by(DenialCode.ASSET_EXPOSURE)


def test_an_exposure_without_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None).denied_by(DenialCode.ASSET_EXPOSURE)


def test_an_exposure_without_equity_left_is_denied() -> None:
    assert review_of(buy("0.01"), equity="0", cash="10000").denied_by(DenialCode.ASSET_EXPOSURE)


def test_an_exposure_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.ASSET_EXPOSURE)


def test_a_holding_without_a_price_denies_every_entry() -> None:
    denied = review_of(buy("0.01"), positions=[held("1", symbol="ETH/USDT")])
    assert denied.denials == [DenialCode.ASSET_EXPOSURE, DenialCode.GROSS_EXPOSURE]


def test_a_holding_of_an_unknown_instrument_denies_every_entry() -> None:
    unknown: dict[str, Any] = {"positions": [held("1", symbol="X/USDT")], "quotes": [quoted("1", symbol="X/USDT")]}
    assert review_of(buy("0.01"), **unknown).denials == [DenialCode.ASSET_EXPOSURE, DenialCode.GROSS_EXPOSURE]


def test_an_open_order_in_an_unknown_instrument_denies_every_entry() -> None:
    orders = [resting(Side.BUY, "1", at="1", symbol="X/USDT")]
    assert review_of(buy("0.01"), orders=orders).denied_by(DenialCode.ASSET_EXPOSURE)


# Gross exposure, capped at a quarter here so that it binds first.

GROSS: dict[str, Any] = {
    "max_gross_exposure": "0.25",
    "positions": [held("1", symbol="ETH/USDT", at="1900")],
    "quotes": [quoted("1900", symbol="ETH/USDT")],
}


def test_a_gross_exposure_of_exactly_the_cap_is_allowed() -> None:
    assert review_of(buy("0.012", at="50000"), **GROSS).allowed


def test_a_gross_exposure_one_lot_over_the_cap_is_denied() -> None:
    assert review_of(buy("0.01201", at="50000"), **GROSS).denials == [DenialCode.GROSS_EXPOSURE]


def test_a_gross_exposure_without_equity_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None).denied_by(DenialCode.GROSS_EXPOSURE)


def test_a_gross_exposure_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.GROSS_EXPOSURE)


# Open orders.


def test_the_last_allowed_order_is_counted_with_itself() -> None:
    two = [resting(Side.BUY, "0.001", at="40000", proposal_id=str(n)) for n in range(2)]
    assert review_of(buy("0.01"), orders=two, max_open_orders=3).allowed
    assert review_of(buy("0.01"), orders=two, max_open_orders=2).denials == [DenialCode.OPEN_ORDERS]


# Reduce-only.


def test_a_reduce_only_order_of_exactly_what_is_held_is_allowed() -> None:
    assert review_of(sell("1", reduce_only=True), positions=[held("1")]).allowed


def test_a_reduce_only_order_one_lot_beyond_is_denied() -> None:
    assert review_of(sell("1.00001", reduce_only=True), positions=[held("1")]).denied_by(DenialCode.REDUCE_ONLY)


def test_a_reduce_only_order_without_a_position_is_denied() -> None:
    assert review_of(sell("0.01", reduce_only=True), coins="1").denied_by(DenialCode.REDUCE_ONLY)


def test_a_reduce_only_buy_of_a_long_position_is_denied() -> None:
    assert review_of(buy("0.01", reduce_only=True), positions=[held("0.02")]).denials == [DenialCode.REDUCE_ONLY]


@pytest.mark.parametrize("state", [OrderState.OPEN, OrderState.SENDING, OrderState.UNKNOWN])
def test_what_is_being_sold_already_is_not_proven_to_be_held(state: OrderState) -> None:
    selling = [resting(Side.SELL, "0.4", at="0", state=state, reduce_only=True)]
    assert review_of(sell("0.6", reduce_only=True), positions=[held("1")], orders=selling).allowed
    denied = review_of(sell("0.60001", reduce_only=True), positions=[held("1")], orders=selling)
    assert denied.denied_by(DenialCode.REDUCE_ONLY)


def test_the_largest_reduce_only_order_is_what_is_proven() -> None:
    verdict = review_of(sell("2", reduce_only=True), positions=[held("1")]).of(DenialCode.REDUCE_ONLY)
    assert verdict.largest == 1


def test_of_an_order_that_is_not_reduce_only_no_quantity_changes_the_answer() -> None:
    assert review_of(buy("0.01")).of(DenialCode.REDUCE_ONLY).largest is None


def test_fees_of_the_instrument_are_counted() -> None:
    free = [replace(BTC, taker_fee=BTC.taker_fee * 0)]
    assert review_of(buy("0.0396", at="50000"), cash="1980", instruments=free).allowed
