"""The table of rules says what the code does, and `docs/risk.md` says what the table says."""

from pathlib import Path

import pytest

from risk.breakers import STANDARD
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.table import RuleRow, bounds, breaker_rows, breakers_markdown, markdown, rows

PAGE = Path(__file__).parents[2] / "docs" / "risk.md"


def row(code: str, **limits: object) -> RuleRow:
    return next(row for row in rows(RiskSettings.model_validate(limits)) if row.code == code)


def test_the_page_holds_the_table_of_the_code() -> None:
    table = markdown(RiskSettings())
    assert table in PAGE.read_text(), f"put this into docs/risk.md:\n{table}"


def test_every_line_of_the_table_has_as_many_cells_as_its_head() -> None:
    lines = markdown(RiskSettings()).splitlines()
    assert len(lines) == 2 + len(RULES)
    assert {line.count("|") for line in lines} == {11}


def test_the_page_holds_the_breakers_of_the_data() -> None:
    table = breakers_markdown(STANDARD)
    assert table in PAGE.read_text(), f"put this into docs/risk.md:\n{table}"


def test_every_breaker_has_a_row_with_what_is_required_of_it() -> None:
    found = breaker_rows(STANDARD)
    assert [row.breaker for row in found] == [breaker.name for breaker in STANDARD]
    assert all(row.trips and row.sets and row.lasts and row.required for row in found)


def test_every_rule_has_a_row_that_says_what_it_measures() -> None:
    found = rows(RiskSettings())
    assert [row.code for row in found] == [rule.code for rule in RULES]
    assert all(row.measures and row.unit and row.limit and row.missing and row.denied_when for row in found)


def test_a_row_shows_the_limit_that_is_in_force() -> None:
    assert (row("SPREAD").limit, row("SPREAD").ceiling) == ("30", "above 0, at most 100")
    assert row("SPREAD", max_spread_bps="12").limit == "12"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_row_says_of_a_rule_what_the_rule_does(rule: Rule) -> None:
    told = row(rule.code)
    assert (told.binds_exits, told.person_may, told.scales) == (rule.binds_exits, rule.person_may, rule.scales)
    assert (told.layer, told.unit, told.missing) == (rule.layer, rule.unit, rule.missing)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_named_setting_is_one_and_has_a_bound(rule: Rule) -> None:
    assert rule.setting is None or bounds(rule.setting)


@pytest.mark.parametrize(
    ("code", "ceiling"),
    [
        ("ALLOW_LIST", "any"),
        ("RESTRICTED", "any"),
        ("MANAGED_CAPITAL", "above 0"),
        ("NEAR_DUPLICATE", "at least 10"),
        ("LIQUIDATION", "at least 0.10, below 1"),
        ("LAYERING", "above 0, at most 10"),
        ("FINITE", ""),
        ("MIN_NOTIONAL", ""),
    ],
)
def test_a_row_says_what_the_policy_may_set(code: str, ceiling: str) -> None:
    assert row(code).ceiling == ceiling


# Lists, tables and words: what may stand in them is not a range.
UNBOUNDED = {"approval", "approvals", "allowed_symbols", "restricted", "stablecoins", "pegs", "owners", "breakers"}


@pytest.mark.parametrize("setting", RiskSettings.model_fields)
def test_the_range_of_every_number_can_be_told(setting: str) -> None:
    assert bool(bounds(setting)) is (setting not in UNBOUNDED)
