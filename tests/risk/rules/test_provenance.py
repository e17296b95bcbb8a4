"""Provenance: where the wish to trade came from, what it rests on, and how it ends."""

from decimal import Decimal
from typing import Any

import pytest

from core.taint import Taint
from risk.codes import DenialCode
from tests.risk.builders import NOW, PERP, buy, held, largest_of, quoted, review_of, sell

# Taint.


@pytest.mark.parametrize("taint", [Taint.TRUSTED, Taint.DERIVED])
def test_what_was_read_by_the_quarantined_reader_may_be_traded_on(taint: Taint) -> None:
    assert review_of(buy("0.01"), taint=taint).allowed


@pytest.mark.parametrize("taint", [Taint.UNTRUSTED, Taint.HOSTILE])
def test_raw_text_may_not(taint: Taint) -> None:
    assert review_of(buy("0.01"), taint=taint).denials == [DenialCode.TAINT]


def test_a_person_who_releases_it_vouches_for_raw_text() -> None:
    assert review_of(buy("0.01"), taint=Taint.UNTRUSTED, vouched=True).allowed


def test_nobody_vouches_for_a_text_that_gives_orders() -> None:
    assert review_of(buy("0.01"), taint=Taint.HOSTILE, vouched=True).denials == [DenialCode.TAINT]


@pytest.mark.parametrize("taint", Taint)
def test_an_exit_may_rest_on_anything(taint: Taint) -> None:
    assert review_of(sell("0.01"), positions=[held("1")], taint=taint, least_taint=taint).allowed


# Text alone.


def test_a_text_beside_something_that_we_computed_may_be_traded_on() -> None:
    assert review_of(buy("0.01"), taint=Taint.DERIVED, least_taint=Taint.TRUSTED).allowed


def test_a_text_alone_may_not() -> None:
    assert review_of(buy("0.01"), taint=Taint.DERIVED, least_taint=Taint.DERIVED).denials == [DenialCode.TEXT_ALONE]


def test_a_person_may_trade_on_a_text_alone() -> None:
    assert review_of(buy("0.01"), taint=Taint.UNTRUSTED, least_taint=Taint.UNTRUSTED, vouched=True).allowed


# Thesis.


def test_an_entry_without_a_thesis_is_denied() -> None:
    assert review_of(buy("0.01"), thesis=False).denials == [DenialCode.THESIS]


def test_an_exit_needs_no_thesis() -> None:
    assert review_of(sell("0.01"), thesis=False, positions=[held("1")]).allowed


# Stop.


def test_an_entry_without_a_stop_is_denied() -> None:
    assert review_of(buy("0.01"), stop=None).denials == [DenialCode.STOP]


def test_a_stop_a_tick_below_the_price_is_allowed() -> None:
    assert review_of(buy("0.01"), stop="49999.99").allowed


@pytest.mark.parametrize("stop", ["50000", "50000.01", "0", "-0", "-1", "NaN", "sNaN", "Infinity"])
def test_a_stop_that_would_not_end_a_loss_is_denied(stop: str) -> None:
    assert review_of(buy("0.01"), stop=stop).denials == [DenialCode.STOP]


def test_a_stop_below_one_tick_would_be_armed_at_nothing() -> None:
    assert review_of(buy("0.01"), stop="0.01").allowed
    assert review_of(buy("0.01"), stop="0.009").denials == [DenialCode.STOP]


def test_a_stop_without_a_price_to_compare_it_with_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.STOP)


def test_an_exit_needs_no_stop() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], stop=None).allowed


def test_an_entry_whose_other_exits_are_out_of_range_is_denied() -> None:
    assert review_of(buy("0.01"), unsound_exits=True).denials == [DenialCode.STOP]


def test_the_stop_of_a_short_is_above_the_price() -> None:
    short = sell("0.01", symbol=PERP.symbol)
    assert review_of(short, stop="50000.01", funding_rate="0").allowed
    assert review_of(short, stop="50000", funding_rate="0").denials == [DenialCode.STOP]
    assert review_of(short, stop="49999.99", funding_rate="0").denials == [DenialCode.STOP]


def test_a_stop_is_beyond_the_price_at_which_the_order_could_be_closed_again() -> None:
    spread = quoted("50000", bid="49990", ask="50010")
    assert review_of(buy("0.01"), quote=spread, stop="49989.99").allowed
    assert review_of(buy("0.01"), quote=spread, stop="49990").denials == [DenialCode.STOP]
    assert review_of(buy("0.01", at="49985"), quote=spread, stop="49984.99").allowed
    assert review_of(buy("0.01", at="49985"), quote=spread, stop="49985").denials == [DenialCode.STOP]
    assert review_of(buy("0.01", at="50005"), quote=spread, stop="49990").denials == [DenialCode.STOP]


def test_a_shorts_stop_is_beyond_the_price_at_which_it_could_be_closed_again() -> None:
    spread = quoted("50000", bid="49990", ask="50010", symbol=PERP.symbol)
    known: dict[str, Any] = {"quote": spread, "funding_rate": "0"}
    assert review_of(sell("0.01", symbol=PERP.symbol), stop="50010.01", **known).allowed
    assert review_of(sell("0.01", symbol=PERP.symbol), stop="50010", **known).denials == [DenialCode.STOP]
    assert review_of(sell("0.01", at="50015", symbol=PERP.symbol), stop="50015.01", **known).allowed
    assert review_of(sell("0.01", at="50015", symbol=PERP.symbol), stop="50015", **known).denials == [DenialCode.STOP]


# Predicates that end the thesis.


def test_one_readable_predicate_is_enough() -> None:
    assert review_of(buy("0.01"), predicates=1).allowed


def test_an_entry_that_nothing_would_prove_wrong_is_denied() -> None:
    assert review_of(buy("0.01"), predicates=0).denials == [DenialCode.PREDICATES]


def test_a_predicate_that_code_cannot_read_is_denied() -> None:
    denied = review_of(buy("0.01"), predicates=3, unreadable_predicates=1)
    assert denied.denials == [DenialCode.PREDICATES]
    assert denied.of(DenialCode.PREDICATES).measured == 1


# Age of the views.


def test_a_view_that_ends_now_still_holds() -> None:
    assert review_of(buy("0.01"), views_until_ns=NOW).allowed


def test_a_view_that_ended_a_nanosecond_ago_does_not() -> None:
    denied = review_of(buy("0.01"), views_until_ns=NOW - 1)
    assert denied.denials == [DenialCode.VIEW_AGE]
    assert denied.of(DenialCode.VIEW_AGE).measured == Decimal("1E-9")


def test_a_view_without_a_horizon_is_denied() -> None:
    assert review_of(buy("0.01"), views_until_ns=None).denials == [DenialCode.VIEW_AGE]


# Evidence.


def test_evidence_that_the_record_has_is_enough() -> None:
    assert review_of(buy("0.01"), evidence=1, unknown_evidence=0).allowed


@pytest.mark.parametrize(("evidence", "unknown"), [(2, 1), (0, 0), (2, None)])
def test_evidence_that_is_made_up_missing_or_was_not_looked_up_is_denied(evidence: int, unknown: int | None) -> None:
    assert review_of(buy("0.01"), evidence=evidence, unknown_evidence=unknown).denials == [DenialCode.EVIDENCE]


# Calibration: 500 of 10 000 are 5 %.

CONFIDENT: dict[str, Any] = {"confidence": "0.99", "max_uncalibrated_size": "0.05"}


def test_a_small_order_may_rest_on_a_confidence_that_was_never_calibrated() -> None:
    assert review_of(buy("0.01"), **CONFIDENT).allowed


def test_a_lot_more_may_not() -> None:
    assert review_of(buy("0.01001"), **CONFIDENT).denials == [DenialCode.CALIBRATION]


@pytest.mark.parametrize("known", [{"confidence": None}, {"confidence": "0.99", "calibrated": True}])
def test_without_a_confidence_or_with_a_calibrated_one_the_other_limits_decide(known: dict[str, Any]) -> None:
    assert review_of(buy("0.04"), **known).allowed
    assert largest_of(DenialCode.CALIBRATION, buy("0.04"), **known) is None


def test_a_confidence_without_equity_or_price_is_denied() -> None:
    assert review_of(buy("0.01"), equity=None, **CONFIDENT).denied_by(DenialCode.CALIBRATION)
    assert review_of(buy("0.01"), mid=None, **CONFIDENT).denied_by(DenialCode.CALIBRATION)


def test_the_largest_without_a_calibration_is_named() -> None:
    assert largest_of(DenialCode.CALIBRATION, buy("0.04"), **CONFIDENT) == buy("0.01").quantity


# One plan, again and again.


def test_the_last_execution_without_a_person_is_allowed() -> None:
    assert review_of(buy("0.01"), executions=2, max_repeats=3).allowed


def test_one_execution_more_is_denied() -> None:
    assert review_of(buy("0.01"), executions=3, max_repeats=3).denials == [DenialCode.REPEATED]


def test_a_standing_instruction_is_held_to_the_count_that_a_person_confirmed() -> None:
    assert review_of(buy("0.01"), executions=4, confirmed=5, max_repeats=100).allowed
    assert review_of(buy("0.01"), executions=5, confirmed=5, max_repeats=100).denials == [DenialCode.REPEATED]
    assert review_of(buy("0.01"), executions=5, confirmed=5).of(DenialCode.REPEATED).limit == 5


def test_no_confirmed_count_goes_beyond_the_policys() -> None:
    assert review_of(buy("0.01"), executions=2, confirmed=5, max_repeats=3).allowed
    assert review_of(buy("0.01"), executions=3, confirmed=5, max_repeats=3).denials == [DenialCode.REPEATED]


def test_a_person_who_releases_it_starts_the_count_anew() -> None:
    assert review_of(buy("0.01"), executions=1000, max_repeats=3, vouched=True).allowed
