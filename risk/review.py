"""The review: every rule on one order over one frozen snapshot. Pure and total: it answers, it never raises."""

from collections.abc import Callable, Sequence
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
    measured, limit, largest, alarm = _read(rule, order, facts, state, policy)
    if measured is not None and (measured >= limit if rule.floor else measured <= limit):
        outcome = Outcome.PASSED
    elif reducing and not rule.binds_exits:
        outcome = Outcome.EXEMPT
    else:
        outcome = Outcome.DENIED
    return Verdict(rule.code, rule.layer, rule.unit, measured, limit, outcome, largest, alarm)


def _read(
    rule: Rule, order: Order, facts: Facts, state: TradingState, policy: RiskSettings
) -> tuple[Decimal | None, Decimal, Quantity | None, str | None]:
    """What a rule measures, its cap, its largest, and the name of the error if it broke.

    What arithmetic cannot answer (NaN compared, a division by zero, an overflow) is a missing reading. Any other error
    is a rule that is wrong: it denies as well, and raises the alarm, but takes no other rule with it.
    """
    try:
        limit = rule.cap(policy, order, facts)
        measured = _finite(lambda: rule.measure(order, facts, state, policy))
        largest = _finite(lambda: rule.largest(order, facts, policy))
    except Exception as broken:  # noqa: BLE001  # whatever a rule raises, the order is denied and the review goes on
        return None, ZERO, None, type(broken).__name__
    return measured, limit, None if largest is None else Quantity(max(ZERO, largest)), None


def _finite(reading: Callable[[], Decimal | None]) -> Decimal | None:
    try:
        number = reading()
    except ArithmeticError:
        return None
    return number if number is None or number.is_finite() else None
