"""What a venue is to the gate: a place that takes plain orders, and reads that prove what became of them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core.money import Price, Quantity
from core.orders import Fill, OrderState, OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class PlainOrder:
    """What an adapter receives: fields, no ticket, no account, nothing it could keep and use again."""

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Quantity
    limit_price: Price | None
    trigger_price: Price | None
    time_in_force: TimeInForce
    reduce_only: bool
    decided_ns: int


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The venue's word on one order: its state and every fill so far."""

    client_order_id: str
    exchange_order_id: str
    state: OrderState
    filled_quantity: Decimal
    fills: tuple[Fill, ...]


class VenueHealth(Protocol):
    """How the line to the venue is, from what was called over it lately."""

    def status(self) -> int:
        """0 it works, 1 safe mode, 2 closed."""

    def restricted(self) -> bool:
        """Whether the venue froze or restricted the account."""

    def loop_lag_s(self) -> Decimal | None:
        """How late this process runs its own timers; None where that is not known."""


class VenueReads(Protocol):
    """All that a reconciler gets."""

    name: str

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        """None is a proof that the order never arrived. Raises ExchangeUnavailable when nothing can be proven."""


class Venue(VenueReads, Protocol):
    @property
    def rests_stops(self) -> bool:
        """Whether a stop order can wait here for its trigger, and does so while nobody of ours is awake."""

    async def place(self, order: PlainOrder) -> None:
        """Idempotent by client order id. Raises ExchangeRejected (proven) or OrderStateUnknown (not proven)."""

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Asks for a cancel; the report says what became of it."""

    async def advance(self, now_ns: int) -> None:
        """A simulated venue matches its resting orders up to now; a real one has nothing to do."""
