"""What an algorithm is: a pure decision about one parent at one moment. It holds no state and sees no venue.

VWAP and POV are one small file each beside `twap`. VWAP needs the usual volume by time of day (from `bars`), as another
curve in the place of the straight line. POV needs what the market traded since the parent began (from `closed_bars`):
due is that volume times its rate, less what was committed.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core.instruments import Instrument
from core.money import Price
from core.orders import Order, OrderType, TimeInForce
from core.quotes import Quote
from core.time import SECOND_NS
from execution.parents import Child

# Between two tries of which nothing came: denied, rejected, or nothing to take.
RETRY_NS = 10 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Work:
    """A parent as its schedule sees it. Quantities in base units.

    `left` is what may be released now: neither filled nor out with a child, and of an exit no more than is held. `live`
    are the children that may still fill, all of them proven to stand as they say. `tried_ns` is when the last of
    `slices` was proposed, `last_filled` whether all of it filled.
    """

    order: Order
    reduces: bool
    started_ns: int
    now_ns: int
    left: Decimal
    live: tuple[Child, ...]
    slices: int
    tried_ns: int | None
    last_filled: bool
    quote: Quote
    instrument: Instrument

    @property
    def committed(self) -> Decimal:
        """Filled, or out with a child."""
        return self.order.quantity - self.left

    @property
    def price(self) -> Price:
        """What a child's worth is held against the venue's minimum at."""
        return self.order.limit_price or self.quote.last

    @property
    def may_try(self) -> bool:
        return not self.tried_since(self.now_ns - RETRY_NS + 1)

    def tried_since(self, ns: int) -> bool:
        return self.tried_ns is not None and self.tried_ns >= ns


@dataclass(frozen=True, slots=True)
class Release:
    """One more child. Its quantity is rounded, and never more than is left."""

    quantity: Decimal
    type: OrderType
    limit_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A child that goes before anything else happens."""

    client_order_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more is released, and what lives is cancelled."""

    reason: str


Action = Release | Withdraw | Finish


class Schedule(Protocol):
    def decide(self, work: Work) -> Action | None:
        """What is due now; None to wait. Called again after every action, and at every step of the watch."""


def taking(order: Order, quantity: Decimal) -> Release:
    """A child that takes what is there now: at the parent's limit where it has one, else at the market."""
    if order.limit_price is None:
        return Release(quantity, OrderType.MARKET)
    return Release(quantity, OrderType.LIMIT, order.limit_price, TimeInForce.IOC)


def end_ns(work: Work, duration_s: int) -> int:
    return work.started_ns + duration_s * SECOND_NS
