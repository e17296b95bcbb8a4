"""How large an entry may be. Every answer is a pure function with its source, and the smallest of them wins.

All but the caps ask one question: how many base units lose no more than this fraction of equity when price moves this
far against us? They differ in where the fraction and the distance come from, and never does either come from how sure
a model says it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.money import NOTHING, ONE, ZERO, Quantity, text_of

RISK_PER_TRADE: Final = Decimal("0.01")  # of equity, lost if the stop fills at its price
RISK_PER_DAY: Final = Decimal("0.01")  # of equity, lost on a move of one day's average true range
KELLY_SHARE: Final = Decimal("0.25")  # of the full bet: win rates and payoffs are estimates, and Kelly forgives none
MAX_KELLY_RISK: Final = Decimal("0.02")  # of equity, lost if the stop fills at its price
LEAST_TRADES: Final = 30  # before a win rate says anything


class Constraint(StrEnum):
    """What decided a size."""

    KELLY = "kelly"
    VOLATILITY_TARGET = "volatility_target"
    RISK_PER_TRADE = "risk_per_trade"
    EXPOSURE_CAP = "exposure_cap"
    CASH = "cash"
    NOT_TRADABLE = "not_tradable"
    SPOT_CANNOT_SHORT = "spot_cannot_short"
    OPPOSITE_POSITION = "opposite_position"


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What a scorecard measured out of sample, net of costs, never what a model claims.

    `win_rate` is the fraction of `trades` that won; `payoff` the mean win over the mean loss. Without a single loss a
    payoff is not known, and so neither is a record.
    """

    trades: int
    win_rate: Decimal
    payoff: Decimal

    def __post_init__(self) -> None:
        if self.trades < 0:
            raise ValueError(f"trades: expected 0 or more, found {self.trades}")
        if not (self.win_rate.is_finite() and ZERO <= self.win_rate <= ONE):
            raise ValueError(f"win_rate: expected a fraction from 0 to 1, found {text_of(self.win_rate)}")
        if not (self.payoff.is_finite() and self.payoff >= ZERO):
            raise ValueError(f"payoff: expected a finite ratio of 0 or more, found {text_of(self.payoff)}")


def kelly_fraction(win_rate: Decimal, payoff: Decimal) -> Decimal:
    """f* = (b p - q) / b: the fraction of equity to lose when wrong that makes wealth grow fastest; 0 without an edge.

    `win_rate` p is a fraction, q = 1 - p, and `payoff` b is won for each unit lost.

    Kelly, *A New Interpretation of Information Rate* (1956); Thorp, *The Kelly Criterion in Blackjack, Sports Betting,
    and the Stock Market* (2006).
    """
    edge = payoff * win_rate - (ONE - win_rate)
    # No payoff means no edge either, so that what is divided by is above 0.
    return edge / payoff if edge > ZERO else ZERO


def fractional_kelly(
    record: TrackRecord | None, *, equity: Decimal, stop_distance: Decimal, share: Decimal = KELLY_SHARE
) -> Quantity | None:
    """A share of Kelly's bet, at most MAX_KELLY_RISK of equity; None without a record of at least LEAST_TRADES trades.

    A share c of the bet keeps 2c - c^2 of its growth with c times its volatility: a quarter keeps 44 %. Thorp (2006).
    `stop_distance` is between the entry and its stop, in quote currency.
    """
    if record is None or record.trades < LEAST_TRADES:
        return None
    risked = min(share * kelly_fraction(record.win_rate, record.payoff), MAX_KELLY_RISK)
    return _losing(risked * equity, stop_distance)


def volatility_target(*, equity: Decimal, risk: Decimal, average_range: Decimal) -> Quantity:
    """equity * risk / ATR: a move of one average true range, in quote currency, costs the fraction `risk` of equity.

    The unit of the Turtles: Faith, *Way of the Turtle* (2007). Average true range: Wilder, *New Concepts in Technical
    Trading Systems* (1978).
    """
    return _losing(risk * equity, average_range)


def fixed_fraction(*, equity: Decimal, risk: Decimal, stop_distance: Decimal) -> Quantity:
    """equity * risk / distance to the stop: the fraction `risk` of equity is lost if the stop fills at its price.

    Vince, *Portfolio Management Formulas* (1990).
    """
    return _losing(risk * equity, stop_distance)


def smallest(candidates: Mapping[Constraint, Quantity | None]) -> tuple[Constraint, Quantity]:
    """The binding constraint and what it allows; the first named of equals. None is no opinion and binds nothing.

    Raises ValueError where nobody has an opinion: a size without a bound is no size.
    """
    allowed = {constraint: quantity for constraint, quantity in candidates.items() if quantity is not None}
    if not allowed:
        raise ValueError("no constraint has an opinion, and a size without a bound is no size")
    binding = min(allowed, key=lambda constraint: allowed[constraint])
    return binding, allowed[binding]


def _losing(amount: Decimal, distance: Decimal) -> Quantity:
    """Base units that lose `amount` of quote currency on a move of `distance`.

    Without a distance nothing bounds the loss, and without equity there is nothing to lose: both answer no quantity.
    """
    return Quantity(amount / distance) if amount > ZERO and distance > ZERO else NOTHING
