"""Decimal money: exact on the order path and in the ledger, never mixed with floats.

One module rounds. Quantities go toward zero and limit prices toward the passive side, so that rounding never spends
more than was approved. One function, `exact`, crosses from research floats to money, and refuses what is not finite.
"""

import decimal
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from core.orders import Side

# 28 digits, the default, are too few: an 18-decimal token's quantity times a price needs more.
PRECISION = 60
decimal.DefaultContext.prec = PRECISION
decimal.getcontext().prec = PRECISION

Price = NewType("Price", Decimal)
Quantity = NewType("Quantity", Decimal)

ZERO = Decimal(0)
ONE = Decimal(1)
NOTHING = Quantity(ZERO)
BPS = Decimal("0.0001")
# Far below the smallest unit of any currency, and still within the precision beside any amount.
_FINEST = Decimal("1e-30")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount that carries its currency. Adding two currencies is an error."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"cannot mix {self.currency} with {other.currency}")
        return other.amount


def exact(value: float) -> Decimal:
    """The decimal that `repr` shows for a float, e.g. 0.1 becomes Decimal('0.1'). Refuses NaN and infinity."""
    number = Decimal(repr(float(value)))
    if not number.is_finite():
        raise ValueError(f"expected a finite number, found {value!r}")
    return number


def significant(value: float, digits: int = 9) -> str:
    """Canonical text of a research float, cut to `digits` significant digits.

    The cut hides last-bit differences between processors (fused or wider vector instructions), so that a record made
    from it has one hash everywhere. Refuses NaN and infinity.
    """
    return text_of(Decimal(f"{float(exact(value)):.{digits - 1}e}"))


def text_of(number: Decimal) -> str:
    """Canonical text: no exponent, no trailing zeros, no negative zero. Non-finite numbers keep their names."""
    if not number.is_finite():
        return str(number)
    if not number:
        return "0"
    if abs(number.adjusted()) <= PRECISION:
        normal = number.normalize()
        if normal == number:
            return format(normal, "f")
    # More digits, or a larger exponent, than the context holds: never legal money, and still not to be misread.
    sign, digits, exponent = number.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0")
    return f"{'-' if sign else ''}{shown}E{int(exponent) + len(digits) - len(shown):+d}"


def round_quantity(quantity: Decimal, step: Decimal) -> Quantity:
    """The largest multiple of `step` not above `quantity`: toward zero."""
    return Quantity((quantity / step).to_integral_value(rounding=ROUND_DOWN) * step)


def round_price(price: Decimal, tick: Decimal, side: "Side") -> Price:
    """The nearest tick on the passive side: down for a buy, up for a sell."""
    rounding = ROUND_FLOOR if side == "buy" else ROUND_CEILING
    return Price((price / tick).to_integral_value(rounding=rounding) * tick)


def nearest_tick(price: Decimal, tick: Decimal) -> Price:
    """The tick nearest to a price that is not a limit: what a market prints."""
    return Price((price / tick).to_integral_value(rounding=decimal.ROUND_HALF_EVEN) * tick)


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """`part / whole` of an amount, cut to 30 decimals: what is left is then exact, and parts add up to the amount."""
    return amount if part == whole else (amount * part / whole).quantize(_FINEST)


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole multiple of `step`. Non-finite values and absurd magnitudes are not."""
    if not value.is_finite() or abs(value.adjusted()) > PRECISION // 2:
        return False
    return value % step == 0
