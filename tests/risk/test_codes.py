"""Every denial has one rule that gives it and one sentence that a person reads."""

from collections import Counter

import pytest

from risk.codes import TEXTS, DenialCode, text_for
from risk.rules import RULES


@pytest.mark.parametrize("code", DenialCode)
def test_every_code_has_a_sentence(code: DenialCode) -> None:
    assert TEXTS[code] == text_for(code.value) != ""


def test_no_two_codes_share_a_sentence() -> None:
    assert len({*TEXTS.values()}) == len(DenialCode)


def test_every_code_belongs_to_exactly_one_rule() -> None:
    assert Counter(rule.code for rule in RULES) == Counter(DenialCode)


def test_a_plug_in_rules_own_code_stands_for_itself() -> None:
    assert text_for("HOUSE_RULE") == "HOUSE_RULE"


def test_exits_are_bound_by_the_closed_list_alone() -> None:
    binding = {rule.code for rule in RULES if rule.binds_exits}
    form = {rule.code for rule in RULES if rule.layer == "form"}
    assert binding == form | {DenialCode.TRADABLE, DenialCode.SELF_TRADE}
