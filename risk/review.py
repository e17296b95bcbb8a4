"""The review: every rule on one order over one frozen snapshot. Pure and total: it answers, it never raises."""

from collections.abc import Sequence
from decimal import Decimal

from core.errors import ConfigError
from core.money import ZERO, Quantity
from core.orders import Order
from core.verdicts import Outcome, Review, Verdict
from risk.facts import Facts, is_reducing
from risk.rules import RULES
from risk.rules.base import Rule
from risk.settings import RiskSettings
from risk.states import TradingState


def review(
    order: Order, facts: Facts, state: TradingState, policy: RiskSettings, rules: Sequence[Rule] = RULES
) -> Review:
    """Runs every rule and keeps what each measured beside its cap, for what passes too.

    An order proven to reduce at worst case is held only to the rules that bind exits; the others are measured and
    shown as exempt.
    """
    if not rules:
        raise ConfigError("the rule list is empty: a desk without rules does not start")
    reducing = is_reducing(order, facts)
    verdicts = tuple(_verdict(rule, order, facts, state, policy, reducing) for rule in rules)
    return Review(order.order_hash, reducing, state.value, verdicts)


def _verdict(
    rule: Rule, order: Order, facts: Facts, state: TradingState, policy: RiskSettings, reducing: bool
) -> Verdict:
    measured, limit = _measured(rule, order, facts, state, policy), rule.cap(policy, order, facts)
    if measured is not None and (measured >= limit if rule.floor else measured <= limit):
        outcome = Outcome.PASSED
    elif reducing and not rule.binds_exits:
        outcome = Outcome.EXEMPT
    else:
        outcome = Outcome.DENIED
    return Verdict(rule.code, rule.layer, rule.unit, measured, limit, outcome, _largest(rule, order, facts, policy))


def _measured(rule: Rule, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
    """None for what arithmetic cannot answer: NaN compared, a division by zero, an overflow."""
    try:
        measured = rule.measure(order, facts, state, policy)
    except ArithmeticError:
        return None
    return measured if measured is None or measured.is_finite() else None


def _largest(rule: Rule, order: Order, facts: Facts, policy: RiskSettings) -> Quantity | None:
    try:
        largest = rule.largest(order, facts, policy)
        return largest if largest is None else Quantity(max(ZERO, largest))
    except ArithmeticError:
        return None
