"""How an order is worked in the market instead of sent whole. Data; `execution.algorithms` does the work."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from core.money import ONE, ZERO, text_of

if TYPE_CHECKING:
    from core.orders import Order

MAX_SLICES: Final = 500
MAX_DURATION_S: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Twap:
    """Even slices over `duration_s` seconds, the first at once; what one leaves unfilled goes with the next.

    `jitter` is the fraction of an interval by which a slice may come later than its even time.
    """

    duration_s: int
    slices: int
    jitter: Decimal = ZERO
    kind: Literal["twap"] = "twap"

    def problems(self, order: "Order") -> Iterator[str]:
        yield from _duration(self.duration_s)
        if not 1 <= self.slices <= MAX_SLICES:
            yield f"slices: expected 1 to {MAX_SLICES}, found {self.slices}"
        yield from _fraction("jitter", self.jitter)


@dataclass(frozen=True, slots=True)
class Iceberg:
    """Shows `display` base units at a time, at the order's limit price, until all of it is done or it is cancelled.

    `jitter` is the fraction by which a slice may show less, so that the slices do not look alike.
    """

    display: Decimal
    jitter: Decimal = ZERO
    kind: Literal["iceberg"] = "iceberg"

    def problems(self, order: "Order") -> Iterator[str]:
        if not (self.display.is_finite() and self.display > ZERO):
            yield f"display: expected a quantity above 0, found {text_of(self.display)}"
        elif order.quantity.is_finite() and order.quantity > self.display * MAX_SLICES:
            yield f"display: expected at least 1/{MAX_SLICES} of the quantity, found {text_of(self.display)}"
        yield from _fraction("jitter", self.jitter)
        yield from _limit(order)


@dataclass(frozen=True, slots=True)
class LimitChase:
    """Rests at the best price of its own side and follows a market that leaves, no further than the limit price.

    It moves at most once in `every_s` seconds, and gives up after `duration_s`.
    """

    duration_s: int
    every_s: int = 10
    kind: Literal["chase"] = "chase"

    def problems(self, order: "Order") -> Iterator[str]:
        yield from _duration(self.duration_s)
        if not 1 <= self.every_s <= self.duration_s <= self.every_s * MAX_SLICES:
            yield f"every_s: expected 1/{MAX_SLICES} of the duration to all of it, found {self.every_s}"
        yield from _limit(order)


@dataclass(frozen=True, slots=True)
class Marketable:
    """Takes at once, no further than a collar from the mid. What an exit leaves is tried again, at a fresh collar."""

    kind: Literal["marketable"] = "marketable"

    def problems(self, order: "Order") -> Iterator[str]:
        if order.type != "market":
            yield f"marketable: its collar is its limit, so it is asked for as a market order, not a {order.type.value}"


ExecutionPlan = Twap | Iceberg | LimitChase | Marketable


def problem(order: "Order") -> str | None:
    """Why an order cannot be worked as its plan says, as found and allowed; None for a sound plan, or none."""
    return None if order.execution is None else next(_problems(order, order.execution), None)


def _problems(order: "Order", plan: ExecutionPlan) -> Iterator[str]:
    if order.type == "stop" or order.time_in_force != "gtc":
        yield "only a market or limit order that may take its time is worked by an algorithm"
    yield from plan.problems(order)


def _duration(duration_s: int) -> Iterator[str]:
    if not 1 <= duration_s <= MAX_DURATION_S:
        yield f"duration_s: expected 1 to {MAX_DURATION_S} seconds, found {duration_s}"


def _fraction(name: str, number: Decimal) -> Iterator[str]:
    if not (number.is_finite() and ZERO <= number < ONE):
        yield f"{name}: expected a fraction from 0 to below 1, found {text_of(number)}"


def _limit(order: "Order") -> Iterator[str]:
    if order.type != "limit":
        yield f"expected a limit order, whose price is the worst that it may pay, found a {order.type.value} order"
