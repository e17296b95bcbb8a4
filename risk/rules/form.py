"""Form: what any order must be before anybody can think about it. The closed list that binds exits too."""

from decimal import Decimal
from typing import ClassVar

from core.algorithms import problem
from core.money import ONE, ZERO, on_grid
from risk.arithmetic import deviation, notional
from risk.candidate import LIMIT, STOP, Candidate
from risk.codes import DenialCode
from risk.rules.base import CountRule, Layer, positive, tally
from risk.settings import RiskSettings

# Where no price was ever known, these two have nothing to hold an order against.
WITHOUT_PRICE = "exits pass; NO_PRICE denies entries"


class FormRule(CountRule):
    layer: ClassVar[Layer] = "form"
    binds_exits: ClassVar[bool] = True


class Finite(FormRule):
    """Numbers that are NaN or infinite. Every comparison with NaN lies, so nothing may get past this."""

    code: ClassVar[str] = DenialCode.FINITE

    def measure(self, c: Candidate) -> Decimal | None:
        for number in c.numbers:
            if not number.is_finite():
                return tally(sum(not n.is_finite() for n in c.numbers) + c.intent.not_finite)
        return tally(c.intent.not_finite)


class Positive(FormRule):
    """Prices and quantity that are zero or negative (negative zero included)."""

    code: ClassVar[str] = DenialCode.POSITIVE

    def measure(self, c: Candidate) -> Decimal | None:
        for number in c.numbers:
            if not number > ZERO:
                return tally(sum(n <= 0 for n in c.numbers))
        return ZERO


class Fields(FormRule):
    """A limit order has a limit price, a stop has a trigger, neither has the other's; its execution plan is sound."""

    code: ClassVar[str] = DenialCode.FIELDS

    def measure(self, c: Candidate) -> Decimal | None:
        order = c.order
        wrong = (order.limit_price is None) is (order.type is LIMIT)
        unsound = order.execution is not None and problem(order) is not None
        return tally(wrong + ((order.trigger_price is None) is (order.type is STOP)) + unsound)


class KnownInstrument(FormRule):
    """An instrument that the venue does not list, or lists under another symbol."""

    code: ClassVar[str] = DenialCode.INSTRUMENT

    def measure(self, c: Candidate) -> Decimal | None:
        return ONE if c.instrument is None or c.instrument.symbol != c.order.symbol else ZERO


class Currency(FormRule):
    """An instrument priced in another currency than the account's numeraire: its worth would be misread."""

    code: ClassVar[str] = DenialCode.CURRENCY

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None:
            return None
        return ZERO if c.instrument.quote == c.facts.numeraire else ONE


class Increment(FormRule):
    """Numbers off the instrument's tick or lot. The exact numbers to be sent are judged; nothing rounds them later.

    A price that is not finite has no grid to be off: FINITE denies it.
    """

    code: ClassVar[str] = DenialCode.INCREMENT

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None:
            return None
        off = 0 if on_grid(c.quantity, c.instrument.lot_size) else 1
        for price in c.numbers[1:]:
            if price.is_finite() and not on_grid(price, c.instrument.tick_size):
                off += 1
        return tally(off)


class MinQuantity(FormRule):
    """Quantity in base units, at least the instrument's minimum."""

    code: ClassVar[str] = DenialCode.MIN_QUANTITY
    fixed: ClassVar[str] = "the instrument's minimum"
    unit: ClassVar[str] = "base"
    floor: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        return None if c.instrument is None else c.quantity

    def cap(self, policy: RiskSettings) -> Decimal | None:
        return None

    def bound(self, c: Candidate) -> Decimal:
        return ZERO if c.instrument is None else c.instrument.min_quantity


class MinNotional(FormRule):
    """Worth in quote currency at the limit, trigger or last known price, at least the instrument's minimum.

    Without any known price an exit cannot be worth-checked and passes: the venue will say. A price of its own that is
    none is for FINITE and POSITIVE to deny.
    """

    code: ClassVar[str] = DenialCode.MIN_NOTIONAL
    fixed: ClassVar[str] = "the instrument's minimum"
    missing: ClassVar[str] = WITHOUT_PRICE
    unit: ClassVar[str] = "quote"
    floor: ClassVar[bool] = True

    def measure(self, c: Candidate) -> Decimal | None:
        if c.instrument is None:
            return None
        own = c.order.limit_price or c.order.trigger_price
        price = positive(own or (None if c.quote is None else c.quote.last))
        return c.instrument.min_notional if price is None else notional(c.quantity, price)

    def cap(self, policy: RiskSettings) -> Decimal | None:
        return None

    def bound(self, c: Candidate) -> Decimal:
        return ZERO if c.instrument is None else c.instrument.min_notional


class PriceCollar(FormRule):
    """Distance of the limit price from the last known price of any age, as a fraction. Market orders have none.

    Where no price was ever known there is nothing to hold it against; NO_PRICE then denies what adds risk.
    A trigger is left alone: a market that gapped beyond a stop must not lock the exit in.
    """

    code: ClassVar[str] = DenialCode.PRICE_COLLAR
    setting: ClassVar[str | None] = "max_price_deviation"
    missing: ClassVar[str] = WITHOUT_PRICE
    unit: ClassVar[str] = "fraction"

    def measure(self, c: Candidate) -> Decimal | None:
        limit = c.order.limit_price
        last = None if c.quote is None else positive(c.quote.last)
        return ZERO if limit is None or last is None else deviation(limit, last)


class ProposalId(FormRule):
    """A proposal id that already names a different order."""

    code: ClassVar[str] = DenialCode.PROPOSAL_ID

    def measure(self, c: Candidate) -> Decimal | None:
        return ONE if c.facts.reused_id else ZERO
