"""Every rule in one table, read off the rules themselves: for `warden risk` and for `docs/risk.md`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from inspect import getdoc

from risk import ceilings
from risk.breakers import Breaker, covers, shown, span
from risk.ceilings import Required
from risk.codes import text_for
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.states import Kind, Standing

_HEAD = (
    *("Code", "Layer", "What is measured", "Unit", "Default", "May be set", "Missing reading"),
    *("Binds exits", "A person may release it", "Smaller after losses"),
)
_BREAKER_HEAD = ("Breaker", "Reads", "Trips", "Sets", "Lasts", "Reaches", "Missing reading", "Required of every policy")
_BOUNDS = (("gt", "above"), ("ge", "at least"), ("le", "at most"), ("lt", "below"))


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in words. `limit` is the effective one; `ceiling` what its setting may be, empty for a fixed limit.

    `person_may` says that a person's release overcomes it, `scales` that loss tiers make its limit smaller.
    """

    code: str
    layer: str
    measures: str
    unit: str
    limit: str
    setting: str | None
    ceiling: str
    missing: str
    binds_exits: bool
    person_may: bool
    scales: bool
    denied_when: str


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """One breaker in words, beside the numbers that they are made of. `required` is what no policy can go below."""

    breaker: str
    about: str
    reads: str
    measures: str
    unit: str
    scope: str
    limit: Decimal
    trips: str
    state: str
    caps: Decimal
    sets: str
    kind: str
    lasts: str
    missing: str
    required: str


def rows(policy: RiskSettings, rules: Sequence[Rule] = RULES) -> tuple[RuleRow, ...]:
    """The rules in the order of a review, with the limits of one policy."""
    return tuple(_row(rule, policy) for rule in rules)


def bounds(setting: str) -> str:
    """What a setting may be, in words; empty where it has no bounds."""
    metadata = RiskSettings.model_fields[setting].metadata
    told = [f"{word} {getattr(m, key)}" for m in metadata for key, word in _BOUNDS if getattr(m, key, None) is not None]
    return ", ".join(told)


def markdown(policy: RiskSettings) -> str:
    """The rules as a table of `docs/risk.md`."""
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    for row in rows(policy):
        limit = row.limit if row.setting is None else f"{row.limit} (`{row.setting}`)"
        cells = (f"`{row.code}`", row.layer, row.measures, row.unit, limit, row.ceiling or "no", row.missing)
        marks = ("yes" if mark else "no" for mark in (row.binds_exits, row.person_may, row.scales))
        lines.append(f"| {' | '.join((*cells, *marks))} |")
    return "\n".join(lines) + "\n"


def _settings_of(rule: Rule) -> list[str]:
    """What the policy may say of a rule: its limit, or what the words for a fixed one name."""
    if rule.setting is not None:
        return [rule.setting]
    return [name for name in re.findall(r"`(\w+)`", rule.fixed) if name in RiskSettings.model_fields]


def _row(rule: Rule, policy: RiskSettings) -> RuleRow:
    setting = rule.setting
    return RuleRow(
        code=rule.code,
        layer=rule.layer,
        measures=" ".join((getdoc(rule) or "").split("\n\n")[0].split()),
        unit=rule.unit,
        limit=rule.fixed if setting is None else str(getattr(policy, setting)),
        setting=setting,
        ceiling=", ".join(bounds(name) or "any" for name in _settings_of(rule)),
        missing=rule.missing,
        binds_exits=rule.binds_exits,
        person_may=rule.person_may,
        scales=rule.scales,
        denied_when=text_for(rule.code),
    )


def breaker_rows(breakers: Sequence[Breaker]) -> tuple[BreakerRow, ...]:
    """What closes the desk, in the order of the policy."""
    return tuple(_breaker_row(breaker) for breaker in breakers)


def breakers_markdown(breakers: Sequence[Breaker]) -> str:
    """The breakers as a table of `docs/risk.md`."""
    lines = [f"| {' | '.join(_BREAKER_HEAD)} |", "|---" * len(_BREAKER_HEAD) + "|"]
    for row in breaker_rows(breakers):
        cells = (f"`{row.breaker}`", f"`{row.reads}`: {row.measures}", row.trips, row.sets, row.lasts)
        lines.append(f"| {' | '.join((*cells, f'the {row.scope}', row.missing, row.required or 'no'))} |")
    return "\n".join(lines) + "\n"


def _breaker_row(breaker: Breaker) -> BreakerRow:
    required = next((r for r in ceilings.BREAKERS if covers(breaker, r)), None)
    return BreakerRow(
        breaker=breaker.name,
        about=breaker.about,
        reads=breaker.reads.value,
        measures=breaker.reads.about,
        unit=breaker.reads.unit,
        scope=breaker.scope.value,
        limit=breaker.limit,
        trips=_trips(breaker.limit, breaker.at is None, breaker.reads.unit),
        state=breaker.state.value,
        caps=breaker.caps,
        sets=_sets(breaker.sets),
        kind=breaker.kind.value,
        lasts=_lasts(breaker),
        missing="trips" if breaker.missing == "trips" else "ignored: another breaker covers it",
        required="" if required is None else _required(required),
    )


def _trips(limit: Decimal, beyond: bool, unit: str) -> str:
    return f"{'beyond' if beyond else 'at'} {shown(limit, unit)}"


def _sets(sets: Standing) -> str:
    return sets.state.value if sets.caps == 1 else f"{sets.state.value}, {shown(sets.caps, 'fraction')} of the caps"


def _lasts(breaker: Breaker) -> str:
    if breaker.kind is Kind.LATCH:
        return "until re-armed"
    if breaker.kind is Kind.CONDITION:
        return f"until well for {breaker.quiet_s} s"
    return "until 00:00 UTC" if breaker.window == "day" else f"for {span(breaker.lasts_s)}"


def _required(required: Required) -> str:
    lasting = required.kind.value if not required.lasts_s else f"{required.kind.value} of {span(required.lasts_s)}"
    return f"{_trips(required.limit, required.beyond, required.reads.unit)}, {_sets(required.sets)}, {lasting}"
