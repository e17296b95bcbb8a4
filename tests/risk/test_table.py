"""The table of rules says what the code does, and `docs/risk.md` says what the table says."""

from pathlib import Path

import pytest

from risk.rules import RULES
from risk.settings import RiskSettings
from risk.table import bounds, markdown, rows

PAGE = Path(__file__).parents[2] / "docs" / "risk.md"


def test_the_page_holds_the_table_of_the_code() -> None:
    table = markdown(RiskSettings())
    assert table in PAGE.read_text(), f"put this into docs/risk.md:\n{table}"


def test_every_rule_has_a_row_that_says_what_it_measures() -> None:
    found = rows(RiskSettings())
    assert [row.code for row in found] == [rule.code for rule in RULES]
    assert all(row.measures and row.unit and row.limit and row.denied_when for row in found)


def test_a_row_shows_the_limit_that_is_in_force() -> None:
    tight = RiskSettings.model_validate({"max_spread_bps": "12"})
    (spread,) = [row for row in rows(tight) if row.code == "SPREAD"]
    assert (spread.limit, spread.ceiling) == ("12", "above 0, at most 100")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_named_setting_is_one_and_has_a_bound(rule: object) -> None:
    setting = getattr(rule, "setting")  # noqa: B009 - the rule is a protocol's, whatever class it has
    assert setting is None or bounds(setting)
