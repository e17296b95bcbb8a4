"""The venue's nouns about one order: why it is refused, how it stands, what it filled. No wire format, no matching."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from core.money import ZERO
from core.orders import Side, TimeInForce


class Cause(StrEnum):
    """Why the venue refuses."""

    UNKNOWN_SYMBOL = "unknown symbol"
    PRICE_GRID = "price off the grid"
    PRICE_BAND = "price too far from the market"
    LOT_GRID = "quantity off the grid"
    NOTIONAL = "worth too little"
    ICEBERG = "too many parts of an iceberg"
    FUNDS = "insufficient balance"
    MARGIN = "insufficient margin"
    DUPLICATE = "duplicate client order id"
    WOULD_TAKE = "a post-only order would take"
    WOULD_TRIGGER = "a stop order would trigger at once"
    REDUCE_ONLY = "a reduce-only order has nothing to reduce"
    NO_LIQUIDITY = "nothing on the other side"
    UNKNOWN_ORDER = "no such order"
    NOT_OPEN = "the order is not open"
    FROZEN = "the account is frozen"
    BAD_PARAMETER = "a parameter is missing or malformed"


class Refusal(Exception):
    """The venue says no, and nothing happened."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else str(cause))
        self.cause = cause
        self.detail = detail


class Status(StrEnum):
    NEW = "new"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # after it had been accepted
    PREVENTED = "prevented"  # it would have traded with the same account

    @property
    def open(self) -> bool:
        return self in (Status.NEW, Status.PARTIAL)


class SelfTrade(StrEnum):
    """Which order gives way when an account would trade with itself."""

    NONE = "none"
    MAKER = "maker"
    TAKER = "taker"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Trigger:
    """An order waits until the last trade is at `price` or beyond: above it where `rises`, else below."""

    price: Decimal
    rises: bool

    def met(self, last: Decimal) -> bool:
        return last >= self.price if self.rises else last <= self.price


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an accepted order, whatever the market does: `share` of it fills at once, and after `ms` the
    rest is gone with `status`."""

    share: Decimal
    ms: int
    status: Status


@dataclass(frozen=True, slots=True)
class Request:
    """An order as a dialect read it. Exactly one of `quantity` and `funds` (in quote currency) is given."""

    symbol: str
    side: Side
    quantity: Decimal | None
    limit_price: Decimal | None
    client_id: str
    funds: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    trigger: Trigger | None = None
    display: Decimal | None = None  # of an iceberg: so much of it shows at a time
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.MAKER
    fee_in_quote: bool = False  # else in what is received


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `realized` is the profit of what it closed of a perpetual position, before the fee."""

    trade_id: int
    order_id: int
    ts_ms: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    realized: Decimal = ZERO


@dataclass(slots=True)
class VenueOrder:
    """An order as the venue has it. `limit_price` None is a market order."""

    order_id: int
    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    post_only: bool
    created_ms: int
    updated_ms: int
    trigger: Trigger | None = None
    triggered: bool = False
    display: Decimal | None = None
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.MAKER
    fee_in_quote: bool = False
    status: Status = Status.NEW
    fills: list[Fill] = field(default_factory=list)
    held: bool = False  # its fate is decided: it neither rests nor matches
    ticks: int | None = None  # `limit_price` as the book counts
    shown: int = 0  # lots of it that are in the book

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def cost(self) -> Decimal:
        return sum((fill.quantity * fill.price for fill in self.fills), ZERO)

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_contract(self) -> bool:
        return ":" in self.symbol

    @property
    def waiting(self) -> bool:
        """Whether its trigger has not been met yet."""
        return self.trigger is not None and not self.triggered

    @property
    def reserve_price(self) -> Decimal | None:
        """The price at which money is held for it; None where nothing is held."""
        if self.limit_price is None and self.waiting and self.trigger is not None:
            return self.trigger.price
        return self.limit_price

    def as_of(self, ts_ms: int) -> "VenueOrder":
        """As a reader sees it whose view ends at `ts_ms`."""
        fills = [fill for fill in self.fills if fill.ts_ms <= ts_ms]
        status = self.status
        if self.updated_ms > ts_ms:
            status = Status.PARTIAL if fills else Status.NEW
        return replace(self, fills=fills, status=status)


def lots(quantity: Decimal, lot_size: Decimal) -> int:
    return int(quantity / lot_size)
