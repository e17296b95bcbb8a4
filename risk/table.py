"""Every rule in one table, read off the rules themselves: for `warden risk` and for `docs/risk.md`."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import getdoc

from risk.codes import text_for
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings

_BOUNDS = (("gt", "above"), ("ge", "at least"), ("le", "at most"), ("lt", "below"))


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in words. `limit` is the effective one; `ceiling` what a setting may be, empty for a fixed limit."""

    code: str
    layer: str
    measures: str
    unit: str
    limit: str
    setting: str | None
    ceiling: str
    missing: str
    binds_exits: bool
    denied_when: str


def rows(policy: RiskSettings, rules: Sequence[Rule] = RULES) -> tuple[RuleRow, ...]:
    """The rules in the order of a review, with the limits of one policy."""
    return tuple(_row(rule, policy) for rule in rules)


def bounds(setting: str) -> str:
    """What a setting may be, in words; empty where it has no bounds."""
    metadata = RiskSettings.model_fields[setting].metadata
    told = [f"{word} {getattr(m, key)}" for m in metadata for key, word in _BOUNDS if getattr(m, key, None) is not None]
    return ", ".join(told)


def markdown(policy: RiskSettings) -> str:
    """The table of `docs/risk.md`."""
    head = "| Code | Layer | What is measured | Unit | Default | May be set | Missing reading | Binds exits |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for row in rows(policy):
        limit = row.limit if row.setting is None else f"{row.limit} (`{row.setting}`)"
        cells = (f"`{row.code}`", row.layer, row.measures, row.unit, limit, row.ceiling or "no", row.missing)
        lines.append(f"| {' | '.join(cells)} | {'yes' if row.binds_exits else 'no'} |")
    return "\n".join(lines) + "\n"


def _row(rule: Rule, policy: RiskSettings) -> RuleRow:
    setting = rule.setting
    return RuleRow(
        code=rule.code,
        layer=rule.layer,
        measures=" ".join((getdoc(rule) or "").split("\n\n")[0].split()),
        unit=rule.unit,
        limit=rule.fixed if setting is None else str(getattr(policy, setting)),
        setting=setting,
        ceiling="" if setting is None else bounds(setting),
        missing=rule.missing,
        binds_exits=rule.binds_exits,
        denied_when=text_for(rule.code),
    )
