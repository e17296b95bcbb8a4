"""What an order must be before anything else can be said of it."""

from decimal import Decimal
from fractions import Fraction

from core.orders import OrderType
from fuzz.checks.base import Finding, bound, check
from fuzz.sums import Case, apart, exactly


@check("FINITE")
def finite(c: Case) -> Finding:
    return c.scene.wish.get("not_finite", 0) > 0 or any(n is not None and not n.is_finite() for n in _numbers(c))


@check("POSITIVE")
def positive(c: Case) -> Finding:
    return any(n is not None and (n.is_nan() or n <= 0) for n in _numbers(c))


@check("FIELDS")
def fields(c: Case) -> Finding:
    has = (c.order.limit_price is not None, c.order.trigger_price is not None)
    wants = {OrderType.MARKET: (False, False), OrderType.LIMIT: (True, False), OrderType.STOP: (False, True)}
    return has != wants[c.order.type]


@check("INSTRUMENT")
def instrument(c: Case) -> Finding:
    return c.instrument is None or c.instrument.symbol != c.order.symbol


@check("CURRENCY")
def currency(c: Case) -> Finding:
    return None if c.instrument is None else c.instrument.quote != c.scene.numeraire


@check("INCREMENT")
def increment(c: Case) -> Finding:
    if c.instrument is None or c.quantity is None:
        return None
    # What is larger or finer than any coin has no grid to be on.
    if any(n is not None and abs(n.adjusted()) > 30 for n in _numbers(c)):
        return None
    steps = [
        (c.quantity, c.instrument.lot_size),
        (c.limit, c.instrument.tick_size),
        (c.trigger, c.instrument.tick_size),
    ]
    return any(number is not None and (number / Fraction(step)).denominator != 1 for number, step in steps)


@check("MIN_QUANTITY")
def min_quantity(c: Case) -> Finding:
    return None if c.instrument is None else bound(exactly(c.instrument.min_quantity), c.quantity)


@check("MIN_NOTIONAL")
def min_notional(c: Case) -> Finding:
    if c.instrument is None:
        return None
    price = c.asked or c.last
    # Without any price an exit passes, and an entry is denied by what needs one.
    return False if price is None else bound(exactly(c.instrument.min_notional), _times(c.quantity, price))


@check("PRICE_COLLAR")
def price_collar(c: Case) -> Finding:
    # Where no price is known there is nothing to hold it against, and no entry passes.
    if c.order.limit_price is None or c.last is None:
        return False
    return None if c.limit is None else bound(apart(c.limit, c.last), c.allowed("max_price_deviation"))


@check("PROPOSAL_ID")
def proposal_id(c: Case) -> Finding:
    return c.scene.reused_id


def _numbers(c: Case) -> tuple[Decimal | None, ...]:
    return (c.order.quantity, c.order.limit_price, c.order.trigger_price)


def _times(a: Fraction | None, b: Fraction | None) -> Fraction | None:
    return None if a is None or b is None else a * b
