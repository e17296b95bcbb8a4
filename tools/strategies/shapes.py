"""The two shapes of a strategy: a *target* answers exposures over arrays, a *working* one is stepped and wants orders.

Both are pure. Neither can act: what a working one wants becomes a proposal elsewhere, and the gate decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, TypeAlias, TypeVar, runtime_checkable

from core.algorithms import ExecutionPlan
from core.exits import ExitPlan
from core.instruments import Instrument
from core.money import ONE, ZERO
from core.orders import OrderType, Side, TimeInForce
from core.quotes import Quote
from core.taint import Taint

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray

S = TypeVar("S")
# A fraction above the ask that still counts as now: what takes has a limit, so that it never costs more than planned.
REACH: Final = Decimal("0.002")


class Target(Protocol):
    """Arrays in, exposure out: what a compiled kernel sweeps over many sets of parameters.

    Its parameters are plain numbers, so that a set of them is a row. `look_back` is how many bars it needs.
    """

    @property
    def look_back(self) -> int: ...

    def exposure(self, bars: Bars) -> FloatArray:
        """Wanted exposure after each bar, float64 of shape (n_bars,): a fraction of equity from -1 (short) to 1 (long).

        The value of a bar comes from that bar and those before it alone; NaN where fewer than `look_back` are known.
        """


@runtime_checkable
class Basket(Protocol):
    """A target of several symbols at once: what it wants of one depends on the others. `legs` is how many it needs."""

    legs: ClassVar[int]

    @property
    def look_back(self) -> int: ...

    def exposures(self, bars: Sequence[Bars]) -> FloatArray:
        """Wanted exposures after each bar, float64 of shape (n_bars, legs), of bars that all have the same times."""


class ChildState(StrEnum):
    OPEN = "open"  # waits for a person, or may still fill
    DENIED = "denied"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Child:
    """One order that the strategy placed, by the slot that it placed it in. Amounts of money in quote currency.

    `cost` is the most that it may come to while it is open, and what it came to afterwards, fees included; 0 for a
    sale. `guarded` is what of it is still held under its own stop, in base units.
    """

    slot: str
    symbol: str
    side: Side
    state: ChildState
    quantity: Decimal
    filled: Decimal
    cost: Decimal
    guarded: Decimal
    placed_ns: int

    @property
    def open(self) -> bool:
        return self.state is ChildState.OPEN


@dataclass(frozen=True, slots=True)
class Seen:
    """One event for a working strategy: what is known at `now_ns`, its own orders among it.

    `held` is what the account holds by symbol, in base units; `equity` is in quote currency, None where something held
    has no price. `crowded` are the symbols that somebody of the account bought a moment ago. `orders` are its own,
    oldest first.
    """

    now_ns: int
    started_ns: int
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    held: Mapping[str, Decimal] = field(default_factory=dict)
    equity: Decimal | None = None
    crowded: frozenset[str] = frozenset()
    orders: tuple[Child, ...] = ()

    def child(self, slot: str) -> Child | None:
        return next((order for order in self.orders if order.slot == slot), None)


@dataclass(frozen=True, slots=True)
class Place:
    """An order that is wanted, once for its `slot`. Its numbers are not on the instrument's increments yet.

    What adds has a limit price, a stop and a predicate that ends it; what reduces needs none of them.
    """

    slot: str
    symbol: str
    side: Side
    quantity: Decimal
    thesis: str
    type: OrderType = OrderType.LIMIT
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.IOC
    reduce_only: bool = False
    invalidation: tuple[str, ...] = ()
    exits: ExitPlan = field(default_factory=ExitPlan)
    evidence: tuple[str, ...] = ()
    taint: Taint = Taint.TRUSTED
    confidence: Decimal | None = None
    execution: ExecutionPlan | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """An open order of its own that is wanted no longer."""

    slot: str


@dataclass(frozen=True, slots=True)
class Finish:
    """It has done what it was for. What it holds keeps its stops."""

    reason: str


Intent: TypeAlias = Place | Withdraw | Finish


class Working(Protocol[S]):
    """State and event in, state and intents out: the same event in the same state always wants the same.

    `memory` is the type of the state, whose fields are plain values: it is written down between two steps.
    """

    memory: ClassVar[type]

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that it may ever trade."""

    def begin(self) -> S: ...

    def step(self, state: S, seen: Seen) -> tuple[S, tuple[Intent, ...]]: ...


@dataclass(frozen=True, slots=True)
class Stateless:
    """The state of a strategy that finds all it needs in the event."""


def buying(worth: Decimal, limit: Decimal, instrument: Instrument) -> Decimal:
    """Base units that come to no more than `worth` of quote currency at the limit price, with the fee."""
    return worth / (limit * (ONE + instrument.taker_fee))


def cost_of(quantity: Decimal, limit: Decimal, instrument: Instrument) -> Decimal:
    """The most that a buy may come to, in quote currency."""
    return quantity * limit * (ONE + instrument.taker_fee)


def at_once(quote: Quote, reach: Decimal = REACH) -> Decimal:
    """The limit price of a buy that takes what is there."""
    return quote.ask * (ONE + reach)


def below(price: Decimal, fraction: Decimal) -> Decimal:
    return max(ZERO, price * (ONE - fraction))
