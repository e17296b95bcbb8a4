"""Market: whether the price that everything was measured with can be trusted."""

from decimal import Decimal
from typing import ClassVar

from core.orders import Order
from core.time import SECOND_NS
from risk.arithmetic import beyond
from risk.codes import DenialCode
from risk.facts import Facts
from risk.rules.base import CountRule, Layer, count
from risk.settings import RiskSettings
from risk.states import TradingState


class HasPrice(CountRule):
    """No quote was ever seen."""

    code: ClassVar[str] = DenialCode.NO_PRICE
    layer: ClassVar[Layer] = "market"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(facts.quote(order) is None)


class PriceAge(CountRule):
    """Seconds by which a price is overdue: its age beyond the feed's own cadence. The future is refused.

    The worst of the order's symbol and every held or working one: the account is measured with all of them.
    """

    code: ClassVar[str] = DenialCode.PRICE_AGE
    setting: ClassVar[str | None] = "max_price_age_s"
    layer: ClassVar[Layer] = "market"
    unit: ClassVar[str] = "s"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        if facts.quote(order) is None or any(q.known_at_ns > facts.now_ns for q in facts.quotes.values()):
            return None
        ages = ((Decimal(facts.now_ns - q.ts_event_ns), Decimal(q.cadence_ns)) for q in facts.quotes.values())
        return max(beyond(age, cadence) for age, cadence in ages) / SECOND_NS

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return Decimal(policy.max_price_age_s)


class Spread(CountRule):
    """(ask - bid) / mid in basis points. A crossed, one-sided or empty book cannot be measured."""

    code: ClassVar[str] = DenialCode.SPREAD
    setting: ClassVar[str | None] = "max_spread_bps"
    layer: ClassVar[Layer] = "market"
    unit: ClassVar[str] = "bps"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        quote = facts.quote(order)
        return None if quote is None else quote.spread_bps

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return policy.max_spread_bps
