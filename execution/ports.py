"""What a venue is to the gate: a place that takes plain orders, and reads that prove what became of them."""

from collections.abc import AsyncIterator, Mapping
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
    display_quantity: Decimal | None = None  # how much of it the venue may show


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The venue's word on one order: its state and every fill so far."""

    client_order_id: str
    exchange_order_id: str
    state: OrderState
    filled_quantity: Decimal
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class AbsenceProof:
    """What it takes to believe that an order never arrived: looks that found nothing, with no read error in any.

    `looks` of them, spread over `spread_ns` at least, counted from the send. `final` says that the venue promises to
    take no request later than that; without it the order stays UNKNOWN until a person resolves it.
    """

    looks: int
    spread_ns: int
    final: bool


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An open order as the venue lists it, ours or somebody else's on the same account."""

    exchange_order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    type: OrderType
    quantity: Quantity
    limit_price: Price | None
    trigger_price: Price | None
    time_in_force: TimeInForce
    reduce_only: bool
    state: OrderState
    filled_quantity: Decimal
    ts_created_ns: int


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A perpetual position as the venue has it. Spot coins are balances, not positions."""

    symbol: str
    side: Side
    quantity: Quantity
    average_price: Price
    margin: Decimal
    leverage: Decimal
    isolated: bool


@dataclass(frozen=True, slots=True)
class VenueTransfer:
    """Money that came in (positive) or went out; `transfer_id` is the venue's."""

    transfer_id: str
    currency: str
    amount: Decimal
    ts_event_ns: int


@dataclass(frozen=True, slots=True)
class VenueEvent:
    """A word from the venue's own stream that something of ours changed: a reason to ask, never the answer."""

    client_order_id: str | None
    symbol: str | None


@dataclass(frozen=True, slots=True)
class VenueFunding:
    """What a perpetual position paid (negative: received) at one funding time, in quote currency."""

    symbol: str
    payment: Decimal
    ts_event_ns: int


class VenueHealth(Protocol):
    """How the line to the venue is, from what was called over it lately."""

    def status(self) -> int:
        """0 it works, 1 safe mode, 2 closed."""

    def restricted(self) -> bool | None:
        """Whether the venue froze or restricted the account; None where that is only known from before."""

    def loop_lag_s(self) -> Decimal | None:
        """How late this process runs its own timers; None where that is not known."""


class VenueReads(Protocol):
    """All that a reconciler gets. Every method raises ExchangeUnavailable where nothing can be proven."""

    name: str

    @property
    def absence(self) -> AbsenceProof:
        """When it may be believed that an order never arrived."""

    async def report(self, client_order_id: str, symbol: str) -> OrderReport | None:
        """One look for one of our orders, among open and closed orders and trades; None: it is in none of them."""

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        """Every order that can still fill, whoever placed it."""

    async def fills(self, symbol: str, since_ns: int) -> tuple[Fill, ...]:
        """Every trade of the account since, oldest first; one of an order without a client id has `external-<id>`."""

    async def balances(self) -> Mapping[str, Decimal]:
        """Total by currency: free and held together. On perpetuals the wallet, without unrealised profit."""

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Open perpetual positions; empty on spot."""

    async def transfers(self, since_ns: int) -> tuple[VenueTransfer, ...]:
        """Deposits and withdrawals that are complete, oldest first."""

    async def fundings(self, since_ns: int) -> tuple[VenueFunding, ...]:
        """Funding that was paid or received since, oldest first; empty on spot."""


class Venue(VenueReads, Protocol):
    @property
    def rests_stops(self) -> bool:
        """Whether a stop order can wait here for its trigger, and does so while nobody of ours is awake."""

    @property
    def iceberg_parts(self) -> int:
        """Of how many parts an order may be that shows one of them at a time (an iceberg); 0 where it takes none."""

    async def place(self, order: PlainOrder) -> None:
        """Idempotent by client order id. Raises ExchangeRejected (proven) or OrderStateUnknown (not proven)."""

    async def cancel(self, client_order_id: str, symbol: str) -> None:
        """Asks for a cancel; the report says what became of it."""

    async def advance(self, now_ns: int) -> None:
        """A simulated venue matches its resting orders up to now; a real one has nothing to do."""

    def events(self) -> AsyncIterator[VenueEvent]:
        """The venue's own stream of the account, for ever, reconnecting; ends at once where there is none."""

    async def keep_alive(self, timeout_s: int) -> bool:
        """Has the venue cancel every open order, stops too, if it hears nothing for so long; 0 takes the timer off.

        False where it has none.
        """

    async def close(self) -> None:
        """Lets go of connections; orders stay as they are."""
