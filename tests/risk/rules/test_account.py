"""Account: what the order would do to the account if it and everything open filled at its worst."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.money import Quantity
from core.orders import OrderState, Side
from risk.codes import DenialCode
from risk.states import TradingState
from tests.risk.builders import (
    BTC,
    PERP,
    buy,
    held,
    largest_of,
    order,
    quoted,
    resting,
    review_of,
    sell,
)

CALM: dict[str, Any] = {"funding_rate": "0.0001"}
ETHER: dict[str, Any] = {
    "positions": [held("1", symbol="ETH/USDT", at="1900")],
    "quotes": [quoted("1900", symbol="ETH/USDT")],
}


def d(text: str) -> Quantity:
    return Quantity(Decimal(text))


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


def test_fees_of_the_instrument_are_counted() -> None:
    free = [replace(BTC, taker_fee=BTC.taker_fee * 0)]
    assert review_of(buy("0.0396", at="50000"), cash="1980", instruments=free).allowed


def test_a_market_order_is_reserved_with_its_slippage() -> None:
    # 0.01 x 50 000 x 1.01 x 1.001
    assert review_of(buy("0.01"), cash="505.505", market_slippage="0.01").allowed
    assert review_of(buy("0.01"), cash="505.504", market_slippage="0.01").denials == [DenialCode.FREE_BALANCE]


def test_a_stop_entry_is_reserved_at_its_trigger() -> None:
    """It cannot trade before the market has risen there: 0.03 x 60 000 is more than the cash at 50 000 would say."""
    assert review_of(buy("0.03", trigger="60000"), cash="1600").denied_by(DenialCode.FREE_BALANCE)


def test_a_buy_without_a_price_is_denied_for_its_balance() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.FREE_BALANCE)


@pytest.mark.parametrize("cash", ["0", "-1", "NaN", "Infinity"])
def test_a_buy_without_any_cash_is_denied(cash: str) -> None:
    assert review_of(buy("0.01"), cash=cash).denials == [DenialCode.FREE_BALANCE]


def test_a_currency_that_the_account_has_none_of_pays_for_nothing() -> None:
    answered = review_of(buy("0.01"), instruments=[replace(BTC, quote="EUR")])
    assert answered.denials == [DenialCode.CURRENCY, DenialCode.FREE_BALANCE]
    assert largest_of(DenialCode.FREE_BALANCE, buy("0.01"), instruments=[replace(BTC, quote="EUR")]) == 0


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


def test_a_sale_of_coins_pays_no_fee_in_coins() -> None:
    assert not review_of(sell("0.01"), coins="0.01").denied_by(DenialCode.FREE_BALANCE)


@pytest.mark.parametrize("side", Side)
def test_a_perpetual_pays_its_whole_worth_in_quote_currency(side: Side) -> None:
    wanted = order(side, "0.0396", at="50000", symbol=PERP.symbol)
    assert review_of(wanted, cash="1981.98", **CALM).allowed
    assert review_of(wanted, cash="1981.97", **CALM).denials == [DenialCode.FREE_BALANCE]


def test_a_short_below_the_market_is_reserved_at_what_buying_it_back_costs() -> None:
    wanted = sell("0.0396", at="49000", symbol=PERP.symbol)
    assert review_of(wanted, cash="1981.98", **CALM).allowed
    assert review_of(wanted, cash="1981.97", **CALM).denials == [DenialCode.FREE_BALANCE]


def test_the_largest_that_the_balance_pays_is_named() -> None:
    """The fee of 0.1 % is paid from it too: 0.02 at 50 000 cost 1 001."""
    assert largest_of(DenialCode.FREE_BALANCE, buy("0.03", at="50000"), cash="1001") == d("0.02")
    with_slippage = largest_of(DenialCode.FREE_BALANCE, buy("0.03"), cash="1011.01", market_slippage="0.01")
    assert with_slippage == d("0.02")
    reserved = largest_of(DenialCode.FREE_BALANCE, buy("0.03", at="50000"), cash="1501.5", reserved={"USDT": "500.5"})
    assert reserved == d("0.02")


def test_a_reservation_beyond_the_balance_leaves_nothing() -> None:
    assert largest_of(DenialCode.FREE_BALANCE, buy("0.03"), cash="1000", reserved={"USDT": "1001"}) == 0


# Open orders.


def test_the_last_allowed_order_is_counted_with_itself() -> None:
    two = [resting(Side.BUY, "0.001", at="40000", proposal_id=str(n)) for n in range(2)]
    assert review_of(buy("0.01"), orders=two, max_open_orders=3).allowed
    assert review_of(buy("0.01"), orders=two, max_open_orders=2).denials == [DenialCode.OPEN_ORDERS]


# Positions.


def test_the_last_allowed_position_is_counted_with_itself() -> None:
    assert review_of(buy("0.01"), max_positions=2, **ETHER).allowed
    assert review_of(buy("0.01"), max_positions=1, **ETHER).denials == [DenialCode.POSITIONS]


def test_adding_to_what_is_held_is_no_new_position() -> None:
    assert review_of(buy("0.01"), positions=[held("0.01")], max_positions=1).allowed


def test_a_symbol_that_is_being_bought_is_a_position() -> None:
    buying = [resting(Side.BUY, "0.1", at="1900", symbol="ETH/USDT")]
    entry: dict[str, Any] = {"orders": buying, "quotes": ETHER["quotes"]}
    assert review_of(buy("0.01"), max_positions=2, **entry).allowed
    assert review_of(buy("0.01"), max_positions=1, **entry).denials == [DenialCode.POSITIONS]


def test_an_exit_that_rests_is_no_position() -> None:
    leaving = [resting(Side.SELL, "0.1", at="1900", symbol="ETH/USDT", reduce_only=True)]
    assert review_of(buy("0.01"), orders=leaving, quotes=ETHER["quotes"], max_positions=1).allowed


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


# A flip in one step. A perpetual long of 0.01 is held.

LONG_PERP: dict[str, Any] = {"positions": [held("0.01", symbol=PERP.symbol, margin="500")], **CALM}


def test_closing_exactly_the_position_is_no_flip() -> None:
    assert review_of(sell("0.01", symbol=PERP.symbol), **LONG_PERP).of(DenialCode.FLIP).measured == 0


def test_one_lot_more_than_the_position_is_a_flip() -> None:
    assert review_of(sell("0.01001", symbol=PERP.symbol), **LONG_PERP).denials == [DenialCode.FLIP]


def test_what_is_being_closed_already_makes_a_flip_of_the_rest() -> None:
    closing = [resting(Side.SELL, "0.004", at="55000", symbol=PERP.symbol, reduce_only=True)]
    assert review_of(sell("0.006", symbol=PERP.symbol), orders=closing, **LONG_PERP).allowed
    assert review_of(sell("0.00601", symbol=PERP.symbol), orders=closing, **LONG_PERP).denials == [DenialCode.FLIP]


def test_adding_to_a_position_is_no_flip() -> None:
    assert review_of(buy("0.02", symbol=PERP.symbol), **LONG_PERP).allowed


def test_a_reduce_only_order_that_goes_too_far_is_told_so_and_not_that_it_flips() -> None:
    wanted = sell("0.01001", symbol=PERP.symbol, reduce_only=True)
    assert review_of(wanted, **LONG_PERP).denials == [DenialCode.REDUCE_ONLY]


def test_the_largest_that_is_no_flip_is_what_is_proven() -> None:
    assert largest_of(DenialCode.FLIP, sell("1", symbol=PERP.symbol), **LONG_PERP) == d("0.01")
    assert largest_of(DenialCode.FLIP, buy("1", symbol=PERP.symbol), **LONG_PERP) is None


# Coins that were owned before.


def test_coins_beyond_the_desks_own_position_are_not_its_to_sell() -> None:
    owned: dict[str, Any] = {"positions": [held("0.01")], "coins": "1"}
    assert review_of(sell("0.01"), **owned).allowed
    assert review_of(sell("0.01001"), **owned).denials == [DenialCode.UNMANAGED]
    assert largest_of(DenialCode.UNMANAGED, sell("1"), **owned) == d("0.01")


def test_nobody_has_to_own_what_a_perpetual_sells() -> None:
    assert review_of(sell("0.01", symbol=PERP.symbol), **CALM).of(DenialCode.UNMANAGED).measured == 0


def test_a_purchase_sells_nothing() -> None:
    assert largest_of(DenialCode.UNMANAGED, buy("0.01"), coins="1") is None


# Managed capital.


def test_without_a_managed_capital_all_of_the_account_is_managed() -> None:
    assert review_of(buy("0.04")).of(DenialCode.MANAGED_CAPITAL).measured == 0
    assert largest_of(DenialCode.MANAGED_CAPITAL, buy("0.04")) is None


def test_using_exactly_the_managed_capital_is_allowed() -> None:
    assert review_of(buy("0.012"), managed_capital="2500", **ETHER).allowed


def test_using_one_lot_more_than_the_managed_capital_is_denied() -> None:
    denied = review_of(buy("0.01201"), managed_capital="2500", **ETHER)
    assert denied.denials == [DenialCode.MANAGED_CAPITAL]


def test_a_use_of_capital_without_a_price_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None, managed_capital="2500").denied_by(DenialCode.MANAGED_CAPITAL)


def test_the_largest_use_of_the_managed_capital_is_named() -> None:
    assert largest_of(DenialCode.MANAGED_CAPITAL, buy("1"), managed_capital="2500", **ETHER) == d("0.012")
