"""Orders, proposals, fills and positions. Quantities are never signed: a side says which way."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from core.algorithms import ExecutionPlan
from core.canonical import QUIET, digest
from core.exits import ExitPlan
from core.instruments import ContractKind
from core.money import ZERO, Price, Quantity
from core.taint import Taint


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: the direction in which price moves against us."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # becomes a market order when `trigger_price` trades


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class OrderState(StrEnum):
    """Where an order attempt stands. UNKNOWN is a state: it counts at its worst case until it is proven."""

    SENDING = "sending"  # durable before the request leaves
    OPEN = "open"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    PENDING_CANCEL = "pending_cancel"  # durable before the cancel leaves
    CANCEL_UNKNOWN = "cancel_unknown"  # a cancel left, and nothing proves what became of it
    ABSENT = "absent"  # proven never to have reached the venue

    @property
    def live(self) -> bool:
        """Whether it can still fill, so that it counts in every limit."""
        return self in LIVE_STATES


LIVE_STATES = frozenset(
    {
        OrderState.SENDING,
        OrderState.OPEN,
        OrderState.PARTIAL,
        OrderState.UNKNOWN,
        OrderState.PENDING_CANCEL,
        OrderState.CANCEL_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Order:
    """The economic content of one order: what is reviewed, approved, hashed and sent, and nothing else.

    Prices are in quote currency, `quantity` in base units. `owner` is the strategy or thesis it belongs to. `execution`
    says how a parent is worked in children; without it the order is sent whole.
    """

    proposal_id: str
    account_id: str
    owner: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Quantity
    limit_price: Price | None = None
    trigger_price: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    execution: ExecutionPlan | None = field(default=None, metadata=QUIET)

    @property
    def order_hash(self) -> str:
        """Of the economic fields and the proposal id; never of an attempt or a client order id."""
        return digest(self)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Where a forecast says that the price will be after `horizon_s` seconds, in quote currency."""

    price: Price
    horizon_s: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that somebody wants, with why. Nothing here can act; the gate decides.

    `stop_price` and `target_price` are in quote currency, `exits` how the stop follows and what else ends the position;
    `invalidation` lists the predicates that end the thesis; `evidence` the ids of the claims it rests on, `taint` the
    worst of them; `views_until_ns` when the first of the views behind it is past its horizon. `confidence` is a
    probability that somebody stated, `calibrated` whether an out-of-sample record supports it. `plan` names what is
    executed again and again (the owner's trade in this symbol where it is empty), `confirmed` how often a person said
    that it may be. `part_of` names the proposal of which this is one venue's share. `decided_ns` is the market time of
    the decision: fills can only come later.
    """

    order: Order
    source: str
    decided_ns: int
    thesis: str = ""
    stop_price: Price | None = None
    target_price: Price | None = None
    invalidation: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    taint: Taint = Taint.TRUSTED
    views_until_ns: int | None = None
    expectation: Expectation | None = None
    confidence: Decimal | None = None
    calibrated: bool = False
    exits: ExitPlan = field(default_factory=ExitPlan)
    plan: str = ""
    confirmed: int | None = None
    part_of: str = field(default="", metadata=QUIET)

    @property
    def plan_id(self) -> str:
        order = self.order
        return self.plan or f"{order.owner}/{order.side.value}/{order.symbol}"

    @property
    def proposal_id(self) -> str:
        return self.order.proposal_id


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade of ours. `trade_id` is the venue's: applied once, however often it is told.

    `fee` is in `fee_currency`, positive for a cost. `ts_event_ns` is when it traded, `known_at_ns` when we could know.
    """

    venue: str
    trade_id: str
    client_order_id: str
    account_id: str
    symbol: str
    side: Side
    quantity: Quantity
    price: Price
    fee: Decimal
    fee_currency: str
    maker: bool
    ts_event_ns: int
    known_at_ns: int


@dataclass(frozen=True, slots=True)
class Position:
    """An open position at average cost. `margin` and `funding` stay 0 for spot."""

    account_id: str
    symbol: str
    side: Side  # BUY is long, SELL is short
    quantity: Quantity
    average_price: Price
    kind: ContractKind = ContractKind.SPOT
    margin: Decimal = ZERO
    funding: Decimal = ZERO
