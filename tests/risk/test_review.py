"""The review: every rule on one order, the limits of the moment beside what was measured, and one answer."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.orders import Side
from core.taint import Taint
from core.verdicts import Outcome
from risk.candidate import Candidate
from risk.codes import DenialCode
from risk.facts import OpenOrder
from risk.review import Rulebook, review
from risk.rules import RULES
from risk.rules.base import CountRule, Layer
from risk.settings import RiskSettings
from risk.states import Standing, TradingState
from tests.risk.accounts import Case, cases, states, tiers
from tests.risk.builders import (
    BTC,
    STATES,
    buy,
    facts_and_policy,
    facts_of,
    held,
    judged,
    resting,
    review_of,
    sell,
)

ENTRY = resting(Side.BUY, "0.001", at="40000")
SCALED = {rule.code for rule in RULES if rule.scales}


def test_a_desk_without_rules_does_not_start() -> None:
    wanted = buy("0.01")
    with pytest.raises(ConfigError, match="rule list is empty"):
        review(wanted, facts_of(wanted), Standing(), RiskSettings(), ())


def test_every_rule_answers_for_an_order_that_passes_too() -> None:
    answered = review_of(buy("0.01"))
    assert [v.code for v in answered.review.verdicts] == [rule.code for rule in RULES]
    assert {v.outcome for v in answered.review.verdicts} == {Outcome.PASSED}


def test_what_was_measured_stands_beside_what_is_allowed() -> None:
    verdict = review_of(buy("0.05", at="50000")).of(DenialCode.ASSET_EXPOSURE)
    assert (verdict.measured, verdict.limit, verdict.largest) == (Decimal("0.25"), Decimal("0.20"), Decimal("0.04"))


@pytest.mark.parametrize("state", STATES)
def test_a_review_says_in_which_state_and_at_which_caps_it_was_made(state: TradingState) -> None:
    answered = review_of(buy("0.01"), state=state, caps="0.5").review
    assert (answered.state, answered.caps) == (state.value, Decimal("0.5"))


@given(cases(), states, tiers)
def test_a_ruling_answers_what_its_review_says(case: Case, state: TradingState, caps: Decimal) -> None:
    facts, policy = case.facts()
    ruling = Rulebook(policy).judge(case.wanted, facts, Standing(state, caps))
    assert ruling.allowed is ruling.review().allowed


@pytest.mark.parametrize(("known", "allowed"), [({}, True), ({"reused_id": True}, False), ({"orders": [ENTRY]}, False)])
def test_a_ruling_on_an_exit_looks_at_what_binds_exits_alone(known: dict[str, Any], allowed: bool) -> None:
    wanted = sell("1")
    facts, policy = facts_and_policy(wanted, positions=[held("1")], equity=None, stop=None, **known)
    ruling = Rulebook(policy).judge(wanted, facts, Standing(TradingState.HALTED))
    assert ruling.allowed is ruling.review().allowed is allowed


# Tiers of loss make the caps smaller.


@given(cases(), states, st.sampled_from([Decimal("0.5"), Decimal("0.25")]))
def test_a_tier_scales_the_caps_that_losses_make_smaller_and_no_other(
    case: Case, state: TradingState, caps: Decimal
) -> None:
    facts, policy = case.facts()
    whole = judged(case.wanted, facts, state=state, policy=policy).review
    part = judged(case.wanted, facts, state=state, caps=caps, policy=policy).review
    for before, after in zip(whole.verdicts, part.verdicts, strict=True):
        assert after.limit == (before.limit * caps if after.code in SCALED else before.limit)
        assert after.measured == before.measured


def test_what_losses_make_smaller_is_what_is_risked() -> None:
    assert {
        DenialCode.ORDER_SIZE,
        DenialCode.ORDER_NOTIONAL,
        DenialCode.ASSET_EXPOSURE,
        DenialCode.VENUE_EXPOSURE,
        DenialCode.GROSS_EXPOSURE,
        DenialCode.NET_EXPOSURE,
        DenialCode.LEVERAGE,
        DenialCode.CLUSTER_EXPOSURE,
        DenialCode.SHORTFALL,
        DenialCode.STRESS_LOSS,
        DenialCode.DEPEG_LOSS,
        DenialCode.MANAGED_CAPITAL,
        DenialCode.CALIBRATION,
    } == SCALED


def test_half_of_a_cap_is_half_of_it() -> None:
    assert review_of(buy("0.02"), caps="0.5").allowed
    assert review_of(buy("0.02001"), caps="0.5").denials == [DenialCode.ASSET_EXPOSURE]


def test_no_tier_holds_an_exit_up() -> None:
    assert review_of(sell("1"), caps="0.01", positions=[held("1")]).allowed


# What a person's release would change.


@pytest.mark.parametrize(
    ("known", "passes"),
    [
        ({}, True),
        ({"taint": Taint.UNTRUSTED}, True),
        ({"taint": Taint.UNTRUSTED, "least_taint": Taint.UNTRUSTED, "executions": 100}, True),
        ({"taint": Taint.UNTRUSTED, "stop": None}, False),
        ({"taint": Taint.HOSTILE}, False),
        ({"stop": None}, False),
    ],
)
def test_whether_a_release_would_do_is_known_beforehand(known: dict[str, Any], passes: bool) -> None:
    wanted = buy("0.01")
    facts, policy = facts_and_policy(wanted, **known)
    book = Rulebook(policy)
    assert book.passes_vouched(book.judge(wanted, facts, Standing())) is passes
    assert not facts.intent.vouched


# Equal inputs, equal verdicts.


@given(cases(), states, tiers)
def test_equal_inputs_give_equal_verdicts(case: Case, state: TradingState, caps: Decimal) -> None:
    facts, policy = case.facts()
    book = Rulebook(policy)
    first = book.review(case.wanted, facts, Standing(state, caps))
    again = book.review(deepcopy(case.wanted), deepcopy(facts), Standing(state, caps))
    assert first == again == Rulebook(policy).review(case.wanted, case.facts()[0], Standing(state, caps))


@given(cases(), cases())
def test_what_was_reviewed_before_changes_nothing(case: Case, before: Case) -> None:
    facts, policy = case.facts()
    book = Rulebook(policy)
    alone = Rulebook(policy).review(case.wanted, facts, Standing())
    book.review(before.wanted, before.facts()[0], Standing(caps=Decimal("0.5")))
    assert book.review(case.wanted, facts, Standing()) == alone


@given(cases())
def test_the_order_in_which_positions_and_orders_are_told_changes_nothing(case: Case) -> None:
    facts, policy = case.facts()
    turned = replace(facts, positions=facts.positions[::-1], orders=facts.orders[::-1], recent=facts.recent[::-1])
    assert judged(case.wanted, turned, policy=policy) == judged(case.wanted, facts, policy=policy)


# Together.


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=8), st.integers(0, 5000))
def test_orders_reviewed_one_after_another_never_exceed_the_cap_together(sizes: Sequence[int], lots_held: int) -> None:
    live: list[OpenOrder] = []
    positions = [held(str(lots_held * BTC.lot_size))] if lots_held else []
    for number, lots in enumerate(sizes):
        quantity = lots * BTC.lot_size
        known: dict[str, Any] = {"positions": positions, "orders": live, "max_layers": 10}
        if review_of(buy(quantity, at="50000"), **known).allowed:
            live.append(resting(Side.BUY, str(quantity), at="50050", proposal_id=str(number)))
    held_now = lots_held * BTC.lot_size * 50_000
    added = sum((o.remaining * 50_000 for o in live), Decimal(0))
    assert not added or held_now + added <= 2_000


# A rule that breaks.


class Broken(CountRule):
    """A rule with a mistake in it."""

    code: ClassVar[str] = "BROKEN"
    layer: ClassVar[Layer] = "sanity"

    def measure(self, c: Candidate) -> Decimal | None:
        raise KeyError("a mistake")


class WithoutCap(Broken):
    """A rule whose cap cannot be read."""

    def cap(self, policy: RiskSettings) -> Decimal:
        raise KeyError("another mistake")


class WithoutBound(Broken):
    """A rule that leaves its limit to the order and does not say it."""

    def measure(self, c: Candidate) -> Decimal | None:
        return Decimal(0)

    def cap(self, policy: RiskSettings) -> None:
        return None


class WithoutLargest(CountRule):
    """A rule that answers and cannot say the largest."""

    code: ClassVar[str] = "SILENT"
    layer: ClassVar[Layer] = "sanity"

    def measure(self, c: Candidate) -> Decimal | None:
        return Decimal(1)

    def largest(self, c: Candidate, limit: Decimal) -> None:
        raise KeyError("a mistake")


def test_a_rule_that_breaks_denies_and_says_so() -> None:
    wanted = buy("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted), rules=[*RULES, Broken()]).review
    assert [(v.code, v.measured, v.largest, v.alarm) for v in answered.denials] == [("BROKEN", None, None, "KeyError")]


def test_a_rule_without_a_limit_for_the_order_denies_and_says_so() -> None:
    wanted = buy("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted), rules=[*RULES, WithoutBound()]).review
    assert [(v.code, v.measured, v.alarm) for v in answered.denials] == [("BROKEN", None, "NotImplementedError")]


def test_a_rule_that_cannot_name_the_largest_still_answers() -> None:
    wanted = buy("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted), rules=[*RULES, WithoutLargest()]).review
    assert [(v.code, v.measured, v.largest) for v in answered.denials] == [("SILENT", Decimal(1), None)]


def test_a_rule_that_cannot_say_its_cap_keeps_the_desk_from_starting() -> None:
    with pytest.raises(ConfigError, match="rule BROKEN cannot say its cap under this policy: KeyError"):
        Rulebook(RiskSettings(), [*RULES, WithoutCap()])


def test_a_rule_that_breaks_takes_no_other_with_it() -> None:
    wanted = buy("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted), rules=[Broken(), *RULES]).review
    assert [v.code for v in answered.verdicts] == ["BROKEN", *(rule.code for rule in RULES)]
    assert all(v.alarm is None for v in answered.verdicts[1:])


def test_a_rule_that_breaks_holds_no_exit_up() -> None:
    wanted = sell("0.01", at="50000")
    answered = judged(wanted, facts_of(wanted, positions=[held("1")]), rules=[*RULES, Broken()]).review
    assert answered.allowed
    assert answered.verdicts[-1].alarm == "KeyError"
