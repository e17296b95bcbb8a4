"""Form: what any order must be before anybody can think about it. The closed list that binds exits too."""

from decimal import Decimal
from typing import ClassVar

from core.money import ZERO, on_grid
from core.orders import Order, OrderType
from risk.arithmetic import deviation, notional
from risk.codes import DenialCode
from risk.facts import Facts
from risk.rules.base import CountRule, Layer, count
from risk.settings import RiskSettings
from risk.states import TradingState

# Where no price was ever known, these two have nothing to hold an order against.
WITHOUT_PRICE = "exits pass; NO_PRICE denies entries"


class FormRule(CountRule):
    layer: ClassVar[Layer] = "form"
    binds_exits: ClassVar[bool] = True


def _numbers(order: Order) -> list[Decimal]:
    return [n for n in (order.quantity, order.limit_price, order.trigger_price) if n is not None]


class Finite(FormRule):
    """Numbers that are NaN or infinite. Every comparison with NaN lies, so nothing may get past this."""

    code: ClassVar[str] = DenialCode.FINITE

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(*(not n.is_finite() for n in _numbers(order)))


class Positive(FormRule):
    """Prices and quantity that are zero or negative (negative zero included)."""

    code: ClassVar[str] = DenialCode.POSITIVE

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(*(n <= 0 for n in _numbers(order)))


class Fields(FormRule):
    """A limit order has a limit price, a stop has a trigger, and neither has the other's."""

    code: ClassVar[str] = DenialCode.FIELDS

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(
            (order.limit_price is None) is (order.type is OrderType.LIMIT),
            (order.trigger_price is None) is (order.type is OrderType.STOP),
        )


class KnownInstrument(FormRule):
    """An instrument that the venue does not list."""

    code: ClassVar[str] = DenialCode.INSTRUMENT

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(facts.instrument(order) is None)


class Currency(FormRule):
    """An instrument priced in another currency than the account's numeraire: its worth would be misread."""

    code: ClassVar[str] = DenialCode.CURRENCY

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        instrument = facts.instrument(order)
        return None if instrument is None else count(instrument.quote != facts.numeraire)


class Increment(FormRule):
    """Numbers off the instrument's tick or lot. The exact numbers to be sent are judged; nothing rounds them later."""

    code: ClassVar[str] = DenialCode.INCREMENT

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        instrument = facts.instrument(order)
        if instrument is None:
            return None
        prices = [p for p in (order.limit_price, order.trigger_price) if p is not None]
        return count(
            not on_grid(order.quantity, instrument.lot_size),
            *(not on_grid(price, instrument.tick_size) for price in prices),
        )


class MinQuantity(FormRule):
    """Quantity in base units, at least the instrument's minimum."""

    code: ClassVar[str] = DenialCode.MIN_QUANTITY
    fixed: ClassVar[str] = "the instrument's minimum"
    unit: ClassVar[str] = "base"
    floor: ClassVar[bool] = True

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return None if facts.instrument(order) is None else order.quantity

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        instrument = facts.instrument(order)
        return ZERO if instrument is None else instrument.min_quantity


class MinNotional(FormRule):
    """Worth in quote currency at the limit or last known price, at least the instrument's minimum.

    Without any known price an exit cannot be worth-checked and passes: the venue will say.
    """

    code: ClassVar[str] = DenialCode.MIN_NOTIONAL
    fixed: ClassVar[str] = "the instrument's minimum"
    missing: ClassVar[str] = WITHOUT_PRICE
    unit: ClassVar[str] = "quote"
    floor: ClassVar[bool] = True

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        if facts.instrument(order) is None:
            return None
        quote = facts.quote(order)
        price = order.limit_price or order.trigger_price or (None if quote is None else quote.last)
        return self.cap(policy, order, facts) if price is None else notional(order.quantity, price)

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        instrument = facts.instrument(order)
        return ZERO if instrument is None else instrument.min_notional


class PriceCollar(FormRule):
    """Distance of the limit price from the last known price of any age, as a fraction. Market orders have none.

    Where no price was ever known there is nothing to hold it against; NO_PRICE then denies what adds risk.
    A trigger is left alone: a market that gapped beyond a stop must not lock the exit in.
    """

    code: ClassVar[str] = DenialCode.PRICE_COLLAR
    setting: ClassVar[str | None] = "max_price_deviation"
    missing: ClassVar[str] = WITHOUT_PRICE
    unit: ClassVar[str] = "fraction"

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        if order.limit_price is None:
            return ZERO
        quote = facts.quote(order)
        return ZERO if quote is None else deviation(order.limit_price, quote.last)

    def cap(self, policy: RiskSettings, order: Order, facts: Facts) -> Decimal:
        return policy.max_price_deviation


class ProposalId(FormRule):
    """A proposal id that already names a different order."""

    code: ClassVar[str] = DenialCode.PROPOSAL_ID

    def measure(self, order: Order, facts: Facts, state: TradingState, policy: RiskSettings) -> Decimal | None:
        return count(facts.reused_id)
