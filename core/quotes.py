"""What a market shows at one moment: a quote, a book, a text. Event time and arrival time are two fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from core.money import ZERO, Price, Quantity
from core.taint import Taint


@dataclass(frozen=True, slots=True)
class Quote:
    """Last trade and best prices of one symbol, in quote currency.

    `cadence_ns` is how far apart this market's updates are when all is well: one bar for candles, 0 for a live book.
    An age is counted from `ts_event_ns + cadence_ns`. `modelled_spread` says that bid and ask were not observed.
    """

    symbol: str
    last: Price
    bid: Price
    ask: Price
    ts_event_ns: int
    known_at_ns: int
    cadence_ns: int = 0
    modelled_spread: bool = False

    @property
    def mid(self) -> Price:
        return Price((self.bid + self.ask) / 2)

    @property
    def spread_bps(self) -> Decimal | None:
        """(ask - bid) / mid in basis points; None for a crossed, one-sided or empty quote."""
        if not (0 < self.bid <= self.ask):
            return None
        return (self.ask - self.bid) / self.mid * 10_000


@dataclass(frozen=True, slots=True)
class Level:
    price: Price
    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Book:
    """Resting depth, best level first on both sides."""

    symbol: str
    ts_event_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def imbalance(self, levels: int) -> Decimal | None:
        """(bids - asks) / (bids + asks) of the quantity at the best levels of each side; None where nothing rests."""
        bids, asks = (sum((one.quantity for one in side[:levels]), ZERO) for side in (self.bids, self.asks))
        return (bids - asks) / (bids + asks) if bids + asks else None


@dataclass(frozen=True, slots=True)
class Feeds:
    """How well one symbol is seen, beyond its own quote and book.

    `overdue_s` is by stream: seconds since it should have told something new, infinite for a book that cannot be
    proven. `elsewhere` is the last price by other venue or source, fresh ones alone; `funding_rate` a fraction of
    notional an interval, None where nobody tells one.
    """

    overdue_s: Mapping[str, Decimal] = field(default_factory=dict)
    elsewhere: Mapping[str, Decimal] = field(default_factory=dict)
    funding_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Funding:
    """One funding time of a perpetual: longs pay `rate`, a fraction of notional at the `mark` price, to shorts."""

    symbol: str
    ts_event_ns: int
    rate: Decimal
    mark: Price


@dataclass(frozen=True, slots=True)
class NewsItem:
    """A text from outside: data, never an instruction. `known_at_ns` is when we could first have read it."""

    item_id: str
    symbols: tuple[str, ...]
    source: str
    headline: str
    ts_event_ns: int
    known_at_ns: int
    taint: Taint = Taint.UNTRUSTED


@dataclass(frozen=True, slots=True)
class OutsideSignal:
    """One version of a number from -1 (falls) to 1 (rises) that somebody outside publishes about an asset.

    Untrusted: it counts as much as its own record earns. A later version of the same event does not undo that this
    one was said.
    """

    source: str
    value: Decimal
    ts_event_ns: int
    known_at_ns: int
    taint: Taint = Taint.UNTRUSTED
