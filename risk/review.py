"""The review: every rule on one order over one frozen snapshot. Pure and total: it answers, it never raises."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from core.errors import ConfigError
from core.money import ZERO, Quantity
from core.orders import Order
from core.verdicts import Outcome, Review, Verdict
from risk.candidate import Candidate
from risk.facts import Facts
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.states import Standing

# A rule's place, its measure, the cap where the policy alone decides it, and whether that is a floor.
_Step = tuple[int, Callable[[Candidate], Decimal | None], Decimal | None, bool]
# Every rule's step at one fraction of the caps, and the limits that are known before any order is.
_Sheet = tuple[tuple[_Step, ...], list[Decimal]]


class Ruling(NamedTuple):
    """What a review found, as bare numbers beside each other. Verdicts are made of it when somebody looks.

    `failed` are the positions of the rules that did not pass, `alarms` the errors of those that broke.
    """

    candidate: Candidate
    rules: tuple[Rule, ...]
    measured: list[Decimal | None]
    limits: list[Decimal]
    failed: list[int]
    alarms: dict[int, str]

    @property
    def allowed(self) -> bool:
        return not self.failed or (self.candidate.reducing and not any(self.rules[i].binds_exits for i in self.failed))

    def review(self) -> Review:
        """Every rule's verdict with the largest quantity that it would pass, in the order of the rules."""
        c = self.candidate
        verdicts = tuple(self._verdict(i) for i in range(len(self.rules)))
        return Review(c.order.order_hash, c.reducing, c.standing.state.value, c.standing.caps, verdicts)

    def _verdict(self, i: int) -> Verdict:
        rule, outcome = self.rules[i], Outcome.PASSED
        if i in self.failed:
            outcome = Outcome.EXEMPT if self.candidate.reducing and not rule.binds_exits else Outcome.DENIED
        largest, alarm = self._largest(i), self.alarms.get(i)
        return Verdict(rule.code, rule.layer, rule.unit, self.measured[i], self.limits[i], outcome, largest, alarm)

    def _largest(self, i: int) -> Quantity | None:
        if i in self.alarms:
            return None
        try:
            largest = self.rules[i].largest(self.candidate, self.limits[i])
        except Exception:  # noqa: BLE001  # it was asked for a number to show; without one it says that there is none
            return None
        if largest is None or not largest.is_finite():
            return None
        return Quantity(max(ZERO, largest))


class Rulebook:
    """One policy's rules, ready to judge: the caps that the policy alone decides are read once."""

    def __init__(self, policy: RiskSettings, rules: Sequence[Rule] = RULES) -> None:
        if not rules:
            raise ConfigError("the rule list is empty: a desk without rules does not start")
        self.policy = policy
        self.rules = tuple(rules)
        self._caps = tuple(_cap(rule, policy) for rule in rules)
        self._sheets: dict[Decimal, _Sheet] = {}

    def review(self, order: Order, facts: Facts, standing: Standing) -> Review:
        return self.judge(order, facts, standing).review()

    def judge(self, order: Order, facts: Facts, standing: Standing) -> Ruling:
        """Runs every rule and keeps what each measured beside its limit, for what passes too.

        What arithmetic cannot answer (NaN compared, a division by zero, an overflow) is a missing reading. Any other
        error is a rule that is wrong: it denies as well, and raises the alarm, but takes no other rule with it.
        """
        c = Candidate(order, facts, standing, self.policy)
        steps, known = self._sheets.get(standing.caps) or self._scaled(standing.caps)
        measured: list[Decimal | None] = [None] * len(steps)
        limits = known.copy()
        failed: list[int] = []
        alarms: dict[int, str] = {}
        for i, measure, limit, floor in steps:
            try:
                if limit is None:
                    rule = self.rules[i]
                    limit = limits[i] = rule.bound(c) * standing.caps if rule.scales else rule.bound(c)
                value = measure(c)
                if value is not None and value.is_finite():
                    measured[i] = value
                    if value >= limit if floor else value <= limit:
                        continue
            except ArithmeticError:
                pass
            except Exception as broken:  # noqa: BLE001  # whatever a rule raises, the order is denied and the review goes on
                alarms[i] = type(broken).__name__
            failed.append(i)
        return Ruling(c, self.rules, measured, limits, failed, alarms)

    def passes_vouched(self, ruling: Ruling) -> bool:
        """Whether the same order over the same facts would pass if a person released it."""
        c = ruling.candidate
        vouched = replace(c.facts, intent=replace(c.intent, vouched=True))
        return self.judge(c.order, vouched, c.standing).allowed

    def _scaled(self, caps: Decimal) -> _Sheet:
        """The steps at a fraction of the caps, kept for the next review."""
        scaled = [
            cap * caps if cap is not None and rule.scales else cap
            for rule, cap in zip(self.rules, self._caps, strict=True)
        ]
        pairs = enumerate(zip(self.rules, scaled, strict=True))
        steps = tuple((i, rule.measure, cap, rule.floor) for i, (rule, cap) in pairs)
        sheet = steps, [ZERO if cap is None else cap for cap in scaled]
        self._sheets[caps] = sheet
        return sheet


def _cap(rule: Rule, policy: RiskSettings) -> Decimal | None:
    try:
        return rule.cap(policy)
    except Exception as broken:
        raise ConfigError(f"rule {rule.code} cannot say its cap under this policy: {broken!r}") from broken


def review(
    order: Order, facts: Facts, standing: Standing, policy: RiskSettings, rules: Sequence[Rule] = RULES
) -> Review:
    """One review under a policy. Who judges many keeps the `Rulebook`.

    An order proven to reduce at worst case is held only to the rules that bind exits; the others are measured and
    shown as exempt.
    """
    return Rulebook(policy, rules).review(order, facts, standing)
