"""How an open position is left: the plan that an entry carries beside its stop. Data; `risk.stops` does the sums."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from core.money import ONE, ZERO, text_of

if TYPE_CHECKING:
    from core.orders import Side

TIME_LIMIT_S: Final = 21_600  # six hours, unless the plan says otherwise
MAX_BARS: Final = 500  # what a chandelier may ask a market to remember
MAX_RUNGS: Final = 10


@dataclass(frozen=True, slots=True)
class Chandelier:
    """A stop that hangs `multiple` average true ranges below the highest high of `bars` bars; mirrored for a short.

    Le Beau's own numbers are the defaults.
    """

    bars: int = 22
    multiple: Decimal = Decimal(3)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a take-profit ladder: at `price`, in quote currency, `fraction` of the whole position is closed."""

    price: Decimal
    fraction: Decimal


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """What moves a position's stop, and what else ends it. None, or no rung, leaves that way out unused.

    `trail` is a fraction of the best price since entry; `break_even` the gain, a fraction of the entry price, from
    which the stop no longer lets the trade lose; `time_limit_s` how long it may stay without profit.
    """

    trail: Decimal | None = None
    chandelier: Chandelier | None = None
    break_even: Decimal | None = None
    time_limit_s: int | None = None
    ladder: tuple[Rung, ...] = ()

    def problem(self) -> str | None:
        """The first thing that is out of range, as found and allowed; None for a sound plan."""
        return next(self._problems(), None)

    def misplaced(self, side: "Side", price: Decimal) -> str | None:
        """Why the ladder would take no profit from an entry on `side` at `price`; None if every rung does."""
        for rung in self.ladder:
            if side.sign * (rung.price - price) <= 0:
                where = "above" if side.sign > 0 else "below"
                return f"ladder: a {side.value} at {text_of(price)} has its rungs {where}, found {text_of(rung.price)}"
        return None

    def _problems(self) -> Iterator[str]:
        if self.trail is not None and not _between(self.trail, ZERO, ONE):
            yield f"trail: expected a fraction above 0 and below 1, found {text_of(self.trail)}"
        if self.chandelier is not None:
            if not 1 <= self.chandelier.bars <= MAX_BARS:
                yield f"chandelier: expected 1 to {MAX_BARS} bars, found {self.chandelier.bars}"
            if not _above_zero(self.chandelier.multiple):
                yield f"chandelier: expected a multiple above 0, found {text_of(self.chandelier.multiple)}"
        if self.break_even is not None and not _above_zero(self.break_even):
            yield f"break_even: expected a gain above 0, found {text_of(self.break_even)}"
        if self.time_limit_s is not None and self.time_limit_s <= 0:
            yield f"time_limit_s: expected more than 0 seconds, found {self.time_limit_s}"
        yield from self._ladder_problems()

    def _ladder_problems(self) -> Iterator[str]:
        if len(self.ladder) > MAX_RUNGS:
            yield f"ladder: expected at most {MAX_RUNGS} rungs, found {len(self.ladder)}"
        for rung in self.ladder:
            if not _above_zero(rung.price):
                yield f"ladder: expected prices above 0, found {text_of(rung.price)}"
            if not _above_zero(rung.fraction):
                yield f"ladder: expected fractions above 0, found {text_of(rung.fraction)}"
        if (whole := sum((rung.fraction for rung in self.ladder), ZERO)) > ONE:
            yield f"ladder: expected fractions of at most 1 in sum, found {text_of(whole)}"
        steps = [after.price - before.price for before, after in pairwise(self.ladder)]
        if not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
            prices = ", ".join(text_of(rung.price) for rung in self.ladder)
            yield f"ladder: expected prices that only rise or only fall, found {prices}"


def _above_zero(number: Decimal) -> bool:
    return number.is_finite() and number > ZERO


def _between(number: Decimal, low: Decimal, high: Decimal) -> bool:
    return number.is_finite() and low < number < high
