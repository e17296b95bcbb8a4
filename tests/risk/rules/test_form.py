"""Form: what no order may be, an exit neither."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.orders import Order, OrderType
from risk.codes import DenialCode
from tests.risk.builders import BTC, buy, held, review_of, sell

# Finite.


@pytest.mark.parametrize("number", ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_quantity_that_is_not_finite_is_denied(number: str) -> None:
    assert review_of(buy(number, at="50000")).denied_by(DenialCode.FINITE)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity"])
def test_a_price_that_is_not_finite_is_denied(number: str) -> None:
    assert review_of(buy("0.01", at=number)).denied_by(DenialCode.FINITE)
    assert review_of(sell("0.01", trigger=number)).denied_by(DenialCode.FINITE)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity"])
def test_an_exit_that_is_not_finite_is_denied_too(number: str) -> None:
    assert review_of(sell(number), positions=[held("1")]).denied_by(DenialCode.FINITE)


# Positive.


@pytest.mark.parametrize("number", ["0", "-0", "0E-18", "-0.00001", "-1E+30"])
def test_a_quantity_that_is_not_positive_is_denied(number: str) -> None:
    assert review_of(buy(number, at="50000")).denied_by(DenialCode.POSITIVE)


@pytest.mark.parametrize("number", ["0", "-0", "-50000"])
def test_a_price_that_is_not_positive_is_denied(number: str) -> None:
    assert review_of(buy("0.01", at=number)).denied_by(DenialCode.POSITIVE)
    assert review_of(sell("0.01", trigger=number)).denied_by(DenialCode.POSITIVE)


def test_the_smallest_positive_quantity_is_not_called_negative() -> None:
    assert not review_of(buy("1E-18", at="50000")).denied_by(DenialCode.POSITIVE)


# Fields.


def test_a_market_order_has_neither_price() -> None:
    assert review_of(buy("0.01")).allowed
    assert review_of(replace(buy("0.01", at="50000"), type=OrderType.MARKET)).denied_by(DenialCode.FIELDS)


def test_a_limit_order_without_its_limit_is_denied() -> None:
    assert review_of(replace(buy("0.01"), type=OrderType.LIMIT)).denied_by(DenialCode.FIELDS)


def test_a_limit_order_with_a_trigger_is_denied() -> None:
    both = replace(buy("0.01", at="50000"), trigger_price=buy("1", at="51000").limit_price)
    assert review_of(both).denied_by(DenialCode.FIELDS)


def test_a_stop_order_without_its_trigger_is_denied() -> None:
    assert review_of(replace(sell("0.01"), type=OrderType.STOP), positions=[held("1")]).denials == [DenialCode.FIELDS]


# Instrument.


def test_an_instrument_that_the_venue_does_not_list_is_denied() -> None:
    assert review_of(buy("0.01"), instruments=[]).denied_by(DenialCode.INSTRUMENT)


def test_an_unknown_instrument_denies_what_needs_its_increments() -> None:
    denials = review_of(buy("0.01"), instruments=[]).denials
    assert {DenialCode.INCREMENT, DenialCode.MIN_QUANTITY, DenialCode.MIN_NOTIONAL, DenialCode.TRADABLE} <= {*denials}


# Currency.


@pytest.mark.parametrize("wanted", [buy("0.01"), sell("0.01")], ids=["entry", "exit"])
def test_an_instrument_priced_in_another_currency_is_denied(wanted: Order) -> None:
    in_euro = [replace(BTC, quote="EUR")]
    assert review_of(wanted, positions=[held("1")], instruments=in_euro).denied_by(DenialCode.CURRENCY)


# Increment.


def test_a_quantity_on_its_lot_is_allowed() -> None:
    assert review_of(buy("0.01001", at="50000")).allowed


@pytest.mark.parametrize("number", ["0.010001", "0.010000000000000001", "0.01" + "0" * 60 + "1", "1E+40", "1E-40"])
def test_a_quantity_off_its_lot_is_denied(number: str) -> None:
    assert review_of(buy(number, at="50000")).denied_by(DenialCode.INCREMENT)


def test_a_price_on_its_tick_is_allowed() -> None:
    assert review_of(buy("0.01", at="49999.99")).allowed


def test_a_price_off_its_tick_is_denied() -> None:
    assert review_of(buy("0.01", at="49999.995")).denials == [DenialCode.INCREMENT]
    assert review_of(sell("0.01", trigger="49999.995"), positions=[held("1")]).denials == [DenialCode.INCREMENT]


def test_eighteen_decimals_are_denied_where_the_lot_is_coarser_and_allowed_where_it_is_not() -> None:
    token = replace(BTC, lot_size=buy("1E-18").quantity)
    order = buy("0.010000000000000001", at="50000")
    assert review_of(order).denials == [DenialCode.INCREMENT]
    assert review_of(order, instruments=[token]).allowed


@given(st.integers(1, 20_000))
def test_every_whole_number_of_lots_is_on_the_grid(lots: int) -> None:
    assert not review_of(buy(lots * BTC.lot_size, at="50000")).denied_by(DenialCode.INCREMENT)


# Minimum quantity.


def test_exactly_the_minimum_quantity_is_allowed() -> None:
    assert review_of(buy("0.0002", at="50000"), instruments=[replace(BTC, min_quantity=buy("0.0002").quantity)]).allowed


def test_one_lot_below_the_minimum_quantity_is_denied() -> None:
    listed = [replace(BTC, min_quantity=buy("0.00021").quantity)]
    assert review_of(buy("0.0002", at="50000"), instruments=listed).denials == [DenialCode.MIN_QUANTITY]


# Minimum notional.


def test_exactly_the_minimum_notional_is_allowed() -> None:
    assert review_of(buy("0.0002", at="50000")).of(DenialCode.MIN_NOTIONAL).measured == 10
    assert review_of(buy("0.0002", at="50000")).allowed


def test_a_tick_below_the_minimum_notional_is_denied() -> None:
    assert review_of(buy("0.0002", at="49999.99")).denials == [DenialCode.MIN_NOTIONAL]


def test_a_market_order_is_worth_its_last_known_price() -> None:
    assert review_of(buy("0.0002"), mid="49999").denials == [DenialCode.MIN_NOTIONAL]


def test_a_stop_order_is_worth_its_trigger() -> None:
    assert review_of(sell("0.0002", trigger="49000"), positions=[held("1")]).denials == [DenialCode.MIN_NOTIONAL]


def test_an_exit_without_any_known_price_is_not_held_to_the_minimum_notional() -> None:
    assert review_of(sell("0.0001"), positions=[held("1")], mid=None).allowed


# Collar.


def test_a_limit_exactly_at_the_collar_is_allowed() -> None:
    assert review_of(buy("0.01", at="47500"), max_price_deviation="0.05").allowed
    assert review_of(buy("0.01", at="52500"), max_price_deviation="0.05").allowed


def test_a_limit_one_tick_beyond_the_collar_is_denied() -> None:
    assert review_of(buy("0.01", at="47499.99"), max_price_deviation="0.05").denials == [DenialCode.PRICE_COLLAR]
    assert review_of(buy("0.01", at="52500.01"), max_price_deviation="0.05").denials == [DenialCode.PRICE_COLLAR]


def test_an_exit_without_any_known_price_has_no_collar() -> None:
    assert review_of(sell("0.01", at="50000"), positions=[held("1")], mid=None).allowed


def test_an_entry_without_any_known_price_is_denied_by_that() -> None:
    answered = review_of(buy("0.01", at="50000"), mid=None)
    assert not answered.denied_by(DenialCode.PRICE_COLLAR)
    assert answered.denied_by(DenialCode.NO_PRICE)


def test_a_collar_holds_an_exit_too() -> None:
    assert review_of(sell("0.01", at="40000"), positions=[held("1")]).denials == [DenialCode.PRICE_COLLAR]


def test_a_trigger_has_no_collar() -> None:
    assert review_of(sell("0.01", trigger="20000"), positions=[held("1")]).allowed


# Proposal id.


def test_a_proposal_id_that_names_another_order_is_denied() -> None:
    assert review_of(buy("0.01"), reused_id=True).denials == [DenialCode.PROPOSAL_ID]


def test_a_reused_proposal_id_denies_an_exit_too() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], reused_id=True).denials == [DenialCode.PROPOSAL_ID]
