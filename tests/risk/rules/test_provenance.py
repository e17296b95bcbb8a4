"""Provenance: where the wish to trade came from, and how it ends."""

import pytest

from core.taint import Taint
from risk.codes import DenialCode
from tests.risk.builders import buy, held, review_of, sell

# Taint.


@pytest.mark.parametrize("taint", [Taint.TRUSTED, Taint.DERIVED])
def test_what_was_read_by_the_quarantined_reader_may_be_traded_on(taint: Taint) -> None:
    assert review_of(buy("0.01"), taint=taint).allowed


@pytest.mark.parametrize("taint", [Taint.UNTRUSTED, Taint.HOSTILE])
def test_raw_text_may_not(taint: Taint) -> None:
    assert review_of(buy("0.01"), taint=taint).denials == [DenialCode.TAINT]


@pytest.mark.parametrize("taint", Taint)
def test_an_exit_may_rest_on_anything(taint: Taint) -> None:
    assert review_of(sell("0.01"), positions=[held("1")], taint=taint).allowed


# Stop.


def test_an_entry_without_a_stop_is_denied() -> None:
    assert review_of(buy("0.01"), stop=None).denials == [DenialCode.STOP]


def test_a_stop_a_tick_below_the_price_is_allowed() -> None:
    assert review_of(buy("0.01"), stop="49999.99").allowed


@pytest.mark.parametrize("stop", ["50000", "50000.01", "0", "-0", "-1", "NaN", "sNaN", "Infinity"])
def test_a_stop_that_would_not_end_a_loss_is_denied(stop: str) -> None:
    assert review_of(buy("0.01"), stop=stop).denials == [DenialCode.STOP]


def test_a_stop_without_a_price_to_compare_it_with_is_denied() -> None:
    assert review_of(buy("0.01"), mid=None).denied_by(DenialCode.STOP)


def test_an_exit_needs_no_stop() -> None:
    assert review_of(sell("0.01"), positions=[held("1")], stop=None).allowed
