"""One order and everything around it in plain nouns and numbers: what the rules and the oracle are both shown."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from core.instruments import Instrument
from core.orders import Order, Position, Side
from core.quotes import Quote


class Working(NamedTuple):
    """One of our orders that may still fill, at the worst price it can trade at.

    `rests` says that the venue has confirmed it; before, nobody knows where it is.
    """

    proposal_id: str
    owner: str
    symbol: str
    side: Side
    remaining: Decimal
    worst_price: Decimal
    reduce_only: bool = False
    protective: bool = False
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    rests: bool = True


class Placed(NamedTuple):
    """An order that was placed moments ago, whatever became of it."""

    proposal_id: str
    symbol: str
    side: Side
    quantity: Decimal
    placed_ns: int


@dataclass(slots=True)
class Scene:
    """A moment. Generators change it freely; whoever judges only reads it.

    `wish` is what the proposal says of itself, `market` the order's symbol beyond its quote, `counts` what was sent
    lately: names and numbers, None or absent where nothing is known. `state` and `caps` are the standing.
    """

    order: Order
    now_ns: int
    equity: Decimal | None
    account_id: str = "paper"
    numeraire: str = "USDT"
    state: str = "active"
    caps: Decimal = Decimal(1)
    balances: dict[str, Decimal] = field(default_factory=dict)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)
    working: list[Working] = field(default_factory=list)
    recent: list[Placed] = field(default_factory=list)
    quotes: dict[str, Quote] = field(default_factory=dict)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    wish: dict[str, Any] = field(default_factory=dict)
    market: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    pegs: dict[str, Decimal | None] = field(default_factory=dict)
    portfolio_shortfall: Decimal | None = None
    venue_status: int = 0
    restricted: bool = False
    loop_lag_s: Decimal | None = Decimal(0)
    reused_id: bool = False
