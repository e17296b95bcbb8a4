"""How the answer depends on the quantity: a larger one is never better, and the largest is what a search would find."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.money import Quantity, round_quantity
from core.orders import Order, Side
from core.verdicts import Outcome
from risk.codes import DenialCode
from risk.facts import Facts
from risk.review import Rulebook
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.states import Standing, TradingState
from tests.risk.accounts import FREE_SIZES, Case, cases, states, tiers
from tests.risk.builders import BTC, PERP, STATES, buy, facts_and_policy, held, judged, placed, review_of, sell

# A larger order may pass these where a smaller one does not.
MINIMUMS = {DenialCode.MIN_QUANTITY, DenialCode.MIN_NOTIONAL}
# The rules whose answer a quantity changes, and that say from which one on; the form of the quantity itself is apart.
SIZED = {
    rule.code: rule
    for rule in RULES
    if rule.code
    in {
        DenialCode.ORDER_SIZE,
        DenialCode.ORDER_NOTIONAL,
        DenialCode.ORDER_QUANTITY,
        DenialCode.NEAR_DUPLICATE,
        DenialCode.FREE_BALANCE,
        DenialCode.ASSET_EXPOSURE,
        DenialCode.VENUE_EXPOSURE,
        DenialCode.GROSS_EXPOSURE,
        DenialCode.NET_EXPOSURE,
        DenialCode.LEVERAGE,
        DenialCode.CLUSTER_EXPOSURE,
        DenialCode.SHORTFALL,
        DenialCode.STRESS_LOSS,
        DenialCode.DEPEG_LOSS,
        DenialCode.REDUCE_ONLY,
        DenialCode.FLIP,
        DenialCode.UNMANAGED,
        DenialCode.MANAGED_CAPITAL,
        DenialCode.DEPTH,
        DenialCode.SLIPPAGE,
        DenialCode.CALIBRATION,
    }
}
OTHERS = [rule for rule in RULES if rule.code not in {*SIZED, *MINIMUMS}]


# More is never better.


@given(cases(), st.integers(1, 10**6), st.integers(1, 10**6), states, tiers)
def test_a_larger_quantity_never_turns_a_denial_into_an_approval(
    case: Case, lots: int, more: int, state: TradingState, caps: Decimal
) -> None:
    facts, policy = case.facts()
    answers = [judged(case.of(n), facts, state=state, caps=caps, policy=policy) for n in (lots, lots + more)]
    denied, still = ({*answer.denials} for answer in answers)
    assert denied - MINIMUMS <= still


@given(cases(), st.sampled_from(list(SIZED.values())), st.integers(1, 10**6), st.integers(1, 10**6))
def test_no_measure_falls_with_the_quantity(case: Case, rule: Rule, lots: int, more: int) -> None:
    facts, policy = case.facts()
    smaller, larger = (_verdict(rule, case.of(n), facts, policy).measured for n in (lots, lots + more))
    if smaller is not None and larger is not None:
        assert smaller <= larger


@given(cases(), st.integers(1, 10**6), st.integers(1, 10**6))
def test_no_other_rule_looks_at_the_quantity(case: Case, lots: int, more: int) -> None:
    facts, policy = case.facts()
    reviews = [judged(case.of(n), facts, policy=policy, rules=OTHERS).review for n in (lots, lots + more)]
    assert [v.measured for v in reviews[0].verdicts] == [v.measured for v in reviews[1].verdicts]
    assert {v.largest for review in reviews for v in review.verdicts} == {None}


# The largest.


@given(cases(), st.sampled_from(list(SIZED.values())), tiers)
def test_the_largest_passes_and_one_lot_more_does_not(case: Case, rule: Rule, caps: Decimal) -> None:
    facts, policy = case.facts()
    _largest_is_right(case, rule, facts, policy, caps)


@given(cases(shown=True))
def test_the_largest_that_a_book_takes_passes_and_one_lot_more_does_not(case: Case) -> None:
    """The walk over its levels is the one closed form with a loop in it."""
    facts, policy = case.facts()
    _largest_is_right(case, SIZED[DenialCode.SLIPPAGE], facts, policy)


# Orders for which each of those rules has an answer.
ANSWERED: dict[str, tuple[Order, dict[str, Any]]] = {
    DenialCode.ORDER_QUANTITY: (buy("0.01"), {"instruments": [replace(BTC, max_quantity=buy("0.02").quantity)]}),
    DenialCode.LEVERAGE: (buy("0.01", symbol=PERP.symbol), {"max_leverage": "0.0123"}),
    DenialCode.DEPEG_LOSS: (buy("0.01"), {"stablecoins": ["BTC"], "max_depeg_loss": "0.0123"}),
    DenialCode.REDUCE_ONLY: (sell("1", reduce_only=True), {"positions": [held("0.012")]}),
    DenialCode.FLIP: (sell("1", symbol=PERP.symbol), {"positions": [held("0.01", symbol=PERP.symbol, margin="1")]}),
    DenialCode.UNMANAGED: (sell("1"), {"positions": [held("0.012")]}),
    DenialCode.MANAGED_CAPITAL: (buy("0.01"), {"managed_capital": "1234.56"}),
    DenialCode.CALIBRATION: (buy("0.01"), {"confidence": "0.9"}),
}


@pytest.mark.parametrize("code", SIZED)
def test_every_one_of_them_answers_and_is_right(code: str) -> None:
    rule, (wanted, known) = (
        SIZED[code],
        ANSWERED.get(code, (buy("0.01"), {"recent": [placed(Side.BUY, "0.1", ago_s=1)]})),
    )
    facts, policy = facts_and_policy(wanted, **known)
    largest = _verdict(rule, wanted, facts, policy).largest
    assert largest is not None
    most = round_quantity(largest, BTC.lot_size)
    assert _passes(rule, replace(wanted, quantity=most), facts, policy)
    assert not _passes(rule, replace(wanted, quantity=Quantity(most + BTC.lot_size)), facts, policy)


@given(cases(FREE_SIZES), tiers)
def test_the_largest_allowed_is_what_a_search_finds(case: Case, caps: Decimal) -> None:
    facts, policy = case.facts()
    book = Rulebook(policy)
    answered = book.review(case.wanted, facts, Standing(caps=caps))
    # What repeats another order is told no size, and a smaller exit is held to fewer rules.
    assume(DenialCode.NEAR_DUPLICATE not in {v.code for v in answered.denials})
    assume(book.judge(case.wanted, facts, Standing()).candidate.proven == 0)

    def allowed(lots: int) -> bool:
        return book.judge(case.of(lots), facts, Standing(caps=caps)).allowed

    found, beyond = 0, 10**8
    while beyond - found > 1:
        middle = (found + beyond) // 2
        found, beyond = (middle, beyond) if allowed(middle) else (found, middle)
    assert round_quantity(answered.largest_allowed, case.lot) == found * case.lot


def test_the_largest_allowed_is_what_every_rule_would_pass() -> None:
    denied = review_of(buy("0.05", at="50000"), cash="1000")
    assert round_quantity(denied.review.largest_allowed, BTC.lot_size) == Decimal("0.01998")


@pytest.mark.parametrize("state", STATES[1:])
def test_nothing_is_allowed_where_a_denial_does_not_depend_on_the_quantity(state: TradingState) -> None:
    assert review_of(buy("0.05", at="50000"), stop=None).review.largest_allowed == 0
    assert review_of(buy("0.01"), state=state).review.largest_allowed == 0


def _largest_is_right(case: Case, rule: Rule, facts: Facts, policy: RiskSettings, caps: Decimal = Decimal(1)) -> None:
    largest = _verdict(rule, case.wanted, facts, policy, caps).largest
    assume(largest is not None)
    assert largest is not None
    most = round_quantity(largest, case.lot)
    if most > 0:
        assert _passes(rule, replace(case.wanted, quantity=most), facts, policy, caps)
    assert not _passes(rule, replace(case.wanted, quantity=Quantity(most + case.lot)), facts, policy, caps)


def _verdict(rule: Rule, wanted: Order, facts: Facts, policy: RiskSettings, caps: Decimal = Decimal(1)) -> Any:
    return judged(wanted, facts, policy=policy, caps=caps, rules=[rule]).review.verdicts[0]


def _passes(rule: Rule, wanted: Order, facts: Facts, policy: RiskSettings, caps: Decimal = Decimal(1)) -> bool:
    return _verdict(rule, wanted, facts, policy, caps).outcome is Outcome.PASSED
