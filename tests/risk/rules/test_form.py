"""Form: what no order may be, an exit neither."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.orders import Order, OrderType, Side
from core.verdicts import Outcome
from risk.codes import DenialCode
from tests.risk.builders import BTC, buy, held, order, quoted, review_of, sell

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


def test_a_number_beside_the_orders_own_that_is_not_finite_is_denied() -> None:
    answered = review_of(buy("0.01"), not_finite=1)
    assert answered.denials == [DenialCode.FINITE]
    assert review_of(buy("NaN"), not_finite=2).of(DenialCode.FINITE).measured == 3
    assert review_of(sell("0.01"), positions=[held("1")], not_finite=1).denials == [DenialCode.FINITE]


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


def test_a_limit_order_with_a_trigger_in_place_of_its_limit_is_wrong_twice() -> None:
    mistaken = replace(sell("0.01", trigger="45000"), type=OrderType.LIMIT)
    answered = review_of(mistaken, positions=[held("1")])
    assert answered.denials == [DenialCode.FIELDS]
    assert answered.of(DenialCode.FIELDS).measured == 2


def test_a_limit_order_with_a_trigger_is_denied() -> None:
    both = replace(buy("0.01", at="50000"), trigger_price=buy("1", at="51000").limit_price)
    assert review_of(both).denied_by(DenialCode.FIELDS)


def test_a_stop_order_without_its_trigger_is_denied() -> None:
    assert review_of(replace(sell("0.01"), type=OrderType.STOP), positions=[held("1")]).denials == [DenialCode.FIELDS]


# Instrument.


def test_an_instrument_that_the_venue_does_not_list_is_denied() -> None:
    assert review_of(buy("0.01"), instruments=[]).denied_by(DenialCode.INSTRUMENT)


@pytest.mark.parametrize(
    "code",
    [
        DenialCode.CURRENCY,
        DenialCode.INCREMENT,
        DenialCode.MIN_QUANTITY,
        DenialCode.MIN_NOTIONAL,
        DenialCode.TRADABLE,
    ],
)
@pytest.mark.parametrize("side", Side)
def test_an_unknown_instrument_denies_what_needs_it(code: DenialCode, side: Side) -> None:
    verdict = review_of(order(side, "0.01"), positions=[held("1")], instruments=[]).of(code)
    assert (verdict.measured, verdict.outcome) == (None, Outcome.DENIED)


def test_an_instrument_that_is_listed_as_another_is_denied() -> None:
    other = {"BTC/USDT": replace(BTC, symbol="BTC/USDC")}
    assert review_of(buy("0.01"), instruments=other).denials == [DenialCode.INSTRUMENT]


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
    fine = buy("0.010000000000000001", at="50000")
    assert review_of(fine).denials == [DenialCode.INCREMENT]
    assert review_of(fine, instruments=[token]).allowed


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


# The collar around the middle is wider here, so that this one binds first.
COLLAR = {"max_price_deviation": "0.05", "max_mid_deviation": "0.1"}


@pytest.mark.parametrize("limit", ["47500", "52500"])
def test_a_limit_exactly_at_the_collar_is_allowed(limit: str) -> None:
    assert review_of(buy("0.01", at=limit), **COLLAR).allowed


@pytest.mark.parametrize("limit", ["47499.99", "52500.01"])
def test_a_limit_one_tick_beyond_the_collar_is_denied(limit: str) -> None:
    assert review_of(buy("0.01", at=limit), **COLLAR).denials == [DenialCode.PRICE_COLLAR]


def test_the_collar_is_around_the_last_price_and_not_around_the_middle() -> None:
    apart = quoted("50000", bid="51000", ask="51000")
    assert review_of(sell("0.01", at="52500"), positions=[held("1")], quote=apart).allowed
    assert review_of(sell("0.01", at="52500.01"), positions=[held("1")], quote=apart).denials == [
        DenialCode.PRICE_COLLAR
    ]


def test_an_exit_without_any_known_price_has_no_collar() -> None:
    assert review_of(sell("0.01", at="50000"), positions=[held("1")], mid=None).allowed


@pytest.mark.parametrize("last", ["NaN", "sNaN", "Infinity", "0", "-50000"])
def test_a_last_price_that_is_none_does_not_lock_an_exit_in(last: str) -> None:
    broken = quoted(last, bid="50000", ask="50000")
    assert review_of(sell("0.01", at="50000"), positions=[held("1")], quote=broken).allowed
    assert review_of(sell("0.01"), positions=[held("1")], quote=broken).allowed


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
