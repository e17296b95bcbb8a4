"""The frozen snapshot that one review reads: the account at its worst case, and the market as it is now.

What many rules need (sums over positions and open orders, who holds what of which side) is prepared once a snapshot,
so that a review costs the same whatever the account's size and history.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Final, TypeVar

from core.canonical import QUIET
from core.instruments import ContractKind, Instrument
from core.money import ZERO, Price
from core.orders import Expectation, OrderState, Position, Side
from core.quotes import Level, Quote
from core.taint import Taint
from core.time import SECOND_NS


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One of our orders that may still fill: resting, in flight or unknown. It counts at its worst case.

    `remaining` in base units, `worst_price` the dearest (buy) or cheapest (sell) it can trade at. `protective` marks
    the exits that the watch sent; `trigger_price` is what a stop among them waits for. `unsent` is what a parent order
    has not given to a child yet: it counts in every sum, and stands in no book. `apart` says that it closes what is not
    the proposer's own (see `Facts.own`).
    """

    proposal_id: str
    owner: str
    symbol: str
    side: Side
    remaining: Decimal
    worst_price: Decimal
    reduce_only: bool
    state: OrderState
    protective: bool = False
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    unsent: bool = field(default=False, metadata=QUIET)
    apart: bool = field(default=False, metadata=QUIET)


@dataclass(frozen=True, slots=True)
class RecentOrder:
    """An order placed moments ago, whatever became of it."""

    proposal_id: str
    symbol: str
    side: Side
    quantity: Decimal
    placed_ns: int


@dataclass(frozen=True, slots=True)
class Activity:
    """What was sent lately: by the account as a whole in the last second, minute and UTC day, and by one owner today.

    A message is an order or a cancel. `quick_cancels` are the owner's orders that it cancelled almost at once.
    """

    orders_second: int = 0
    orders_minute: int = 0
    orders_day: int = 0
    messages_second: int = 0
    messages_minute: int = 0
    messages_day: int = 0
    owner_cancels: int = 0
    owner_fills: int = 0
    owner_quick_cancels: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """What the proposal says of itself beyond the order.

    `thesis` says whether anybody said why. `taint` is the worst of its claims and `least_taint` the best: an order may
    rest on some text, never on text alone. `vouched` says that a person released this very proposal. `unknown_evidence`
    counts the ids that the record does not have. `views_until_ns` is the horizon of the first view to expire.
    `executions` counts how often this plan was sent since a person last looked; a standing instruction brings the count
    that a person confirmed. `unsound_exits` says that the plan of how to leave it is out of range; `not_finite` counts
    the numbers beside the order's own that are NaN or infinite. `child` says that an algorithm works a parent with it,
    which was reviewed whole.
    """

    taint: Taint
    stop_price: Price | None
    least_taint: Taint = Taint.TRUSTED
    vouched: bool = False
    thesis: bool = False
    unreadable_predicates: int = 0
    unsound_exits: bool = False
    not_finite: int = 0
    predicates: int = 0
    evidence: int = 0
    unknown_evidence: int | None = 0
    views_until_ns: int | None = None
    confidence: Decimal | None = None
    calibrated: bool = False
    expectation: Expectation | None = None
    executions: int = 0
    confirmed: int | None = None
    child: bool = field(default=False, metadata=QUIET)


@dataclass(frozen=True, slots=True)
class Conditions:
    """One symbol's market beyond its quote. None could not be measured.

    Parameters
    ----------
    overdue_s : seconds by which each of its streams (book, trades, funding) is late, by name.
    bids, asks : resting depth, best first; None where this market shows none.
    bid_depth, ask_depth : base units that rest on each side in all.
    bar_s : seconds of the bars that the next ones are measured on.
    bar_volume : base units that a usual bar trades: what stands for depth where there is none.
    volatility, usual_volatility : mean absolute return a bar, lately and over its own history.
    window_price : mean price of the last bars.
    jump : the largest move between two of the last price points, as a fraction a minute.
    elsewhere : last price by other source.
    funding_rate : of a perpetual, a fraction of notional an interval; longs pay a positive one.
    shortfall : expected loss of one unit of worth in the worst days (see `risk.shortfall`).
    correlation : of its returns with each other asset's, by base.
    """

    overdue_s: Mapping[str, Decimal] = field(default_factory=dict)
    bids: tuple[Level, ...] | None = None
    asks: tuple[Level, ...] | None = None
    bid_depth: Decimal | None = None
    ask_depth: Decimal | None = None
    bar_s: int = 3600
    bar_volume: Decimal | None = None
    volatility: Decimal | None = None
    usual_volatility: Decimal | None = None
    window_price: Decimal | None = None
    jump: Decimal | None = None
    elsewhere: Mapping[str, Decimal] = field(default_factory=dict)
    funding_rate: Decimal | None = None
    shortfall: Decimal | None = None
    correlation: Mapping[str, Decimal | None] = field(default_factory=dict)


_Sent = TypeVar("_Sent", OpenOrder, RecentOrder)

UNKNOWN: Final = Conditions()
_LEAST_CORRELATION: Final = Decimal(-1)


@dataclass(frozen=True, slots=True)
class Worth:
    """The account at worst case in the numeraire: what is held, and every open order that adds, filled.

    `longs` and `shorts` are by base asset, `venues` by venue; `gross` is all of it, `perpetuals` what margin carries.
    `held_longs` and `held_shorts` are without open orders: only what is there hedges anything.
    """

    longs: Mapping[str, Decimal]
    shorts: Mapping[str, Decimal]
    venues: Mapping[str, Decimal]
    long: Decimal
    short: Decimal
    gross: Decimal
    perpetuals: Decimal
    held_longs: Mapping[str, Decimal]
    held_shorts: Mapping[str, Decimal]

    def on(self, side: Side) -> Mapping[str, Decimal]:
        return self.longs if side is Side.BUY else self.shorts

    def of(self, base: str) -> Decimal:
        return self.longs.get(base, ZERO) + self.shorts.get(base, ZERO)


class _Prepared:
    """Room for what is worked out once, beside the slots, which every rule of every review reads in no time."""


@dataclass(frozen=True, slots=True)
class Facts(_Prepared):
    """Everything a rule may look at. A missing reading is None, and None denies.

    `equity` is marked to market in `numeraire`; `balances` are totals per currency, `reserved` what live orders hold
    of them; `quotes` covers the order's symbol and every held or working one, `conditions` the order's; `pegs` is the
    price of each watched stablecoin; `portfolio_shortfall` the expected shortfall of the account at worst case, in the
    numeraire; `reused_id` says that this proposal id is known with other content. `venue_status` is 0 for a venue that
    works, 1 for one in safe mode, 2 for a closed one; `restricted` says that the venue froze or restricted the account.
    `bare_market` says that a market order may go there without a collar. `own` is how much of the position that the
    order closes is the proposer's to sell, in base units; None where all of it is.
    """

    account_id: str
    numeraire: str
    now_ns: int
    equity: Decimal | None
    balances: Mapping[str, Decimal]
    reserved: Mapping[str, Decimal]
    positions: tuple[Position, ...]
    orders: tuple[OpenOrder, ...]
    recent: tuple[RecentOrder, ...]
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    intent: Intent
    conditions: Mapping[str, Conditions] = field(default_factory=dict)
    activity: Activity = field(default_factory=Activity)
    pegs: Mapping[str, Decimal | None] = field(default_factory=dict)
    portfolio_shortfall: Decimal | None = None
    venue_status: int = 0
    restricted: bool = False
    loop_lag_s: Decimal | None = ZERO
    reused_id: bool = False
    bare_market: bool = field(default=True, metadata=QUIET)
    own: Decimal | None = field(default=None, metadata=QUIET)

    @cached_property
    def sums(self) -> "Sums":
        """What many rules need, worked out when the first of them asks."""
        return Sums(self)

    @property
    def worth(self) -> Worth | None:
        """None where something held or working has no price, or a number in it is none."""
        return self.sums.worth


class Sums:
    """What many rules need of one snapshot, so that a review costs the same whatever the account's history.

    By symbol: `held` positions and `symbols_at_risk`, which are held or may be once open orders fill. By symbol and
    side: `working` open orders, the base units that they may still trade, `committed`, and what was `placed` lately.
    `overdue_s` is by how many seconds the most overdue price is late, of the order's symbol and of every held or
    working one, since the account is measured with all of them; None where one comes from the future. `clusters` keeps
    what `cluster_worth` found.
    """

    __slots__ = ("clusters", "committed", "held", "overdue_s", "placed", "symbols_at_risk", "working", "worth")

    def __init__(self, facts: Facts) -> None:
        self.held = {position.symbol: position for position in facts.positions}
        self.working = _by_side(facts.orders)
        self.committed = {key: _remaining(orders) for key, orders in self.working.items()}
        self.placed = _by_side(facts.recent)
        self.symbols_at_risk = {*self.held, *(order.symbol for order in facts.orders if not order.reduce_only)}
        self.worth = _worth_or_none(facts, self)
        self.overdue_s = _overdue_s(facts)
        self.clusters: dict[tuple[str, Side, Decimal], Decimal] = {}


def cluster_worth(facts: Facts, instrument: Instrument, side: Side, least: Decimal) -> Decimal:
    """Worth on one side of all assets whose correlation with the instrument is `least` or more; summed once.

    An asset whose correlation is not known, or is none, moves with it. There must be a worth.
    """
    sums, key = facts.sums, (instrument.symbol, side, least)
    known = sums.clusters.get(key)
    if known is not None:
        return known
    assert sums.worth is not None
    correlation = facts.conditions.get(instrument.symbol, UNKNOWN).correlation
    total = ZERO
    for base, worth in sums.worth.on(side).items():
        moves = correlation.get(base)
        if base == instrument.base or moves is None or not _LEAST_CORRELATION <= moves < least:
            total += worth
    sums.clusters[key] = total
    return total


def _by_side(orders: Iterable[_Sent]) -> dict[tuple[str, Side], list[_Sent]]:
    """By symbol and side."""
    found: dict[tuple[str, Side], list[_Sent]] = {}
    for order in orders:
        found.setdefault((order.symbol, order.side), []).append(order)
    return found


def _remaining(orders: Iterable[OpenOrder]) -> Decimal:
    """Base units; NaN, which proves nothing, where one of them cannot be added."""
    try:
        return sum((order.remaining for order in orders), ZERO)
    except ArithmeticError:
        return Decimal("NaN")


def _overdue_s(facts: Facts) -> Decimal | None:
    latest = 0
    for quote in facts.quotes.values():
        if quote.known_at_ns > facts.now_ns:
            return None
        latest = max(latest, facts.now_ns - quote.ts_event_ns - quote.cadence_ns)
    return Decimal(latest) / SECOND_NS


def _worth_or_none(facts: Facts, sums: Sums) -> Worth | None:
    try:
        return _worth(facts, sums)
    except ArithmeticError:
        return None


def _worth(facts: Facts, sums: Sums) -> Worth | None:
    sides: dict[Side, dict[str, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
    held: dict[Side, dict[str, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
    venues: dict[str, Decimal] = {}
    totals = {Side.BUY: ZERO, Side.SELL: ZERO}
    perpetuals = ZERO
    at_risk: list[tuple[str, Side, Decimal]] = []
    for position in facts.positions:
        quote = facts.quotes.get(position.symbol)
        if quote is None or not (quote.last.is_finite() and quote.last > 0):
            return None
        at_risk.append((position.symbol, position.side, position.quantity * quote.last))
    for (symbol, side), orders in sums.working.items():
        quote = facts.quotes.get(symbol)
        if quote is None or not (quote.ask.is_finite() and quote.ask > 0):
            return None
        at_risk.append((symbol, side, _adding(sums.held.get(symbol), side, orders, quote)))
    for number, (symbol, side, value) in enumerate(at_risk):
        instrument = facts.instruments.get(symbol)
        if instrument is None:
            return None
        if number < len(facts.positions):
            held[side][instrument.base] = held[side].get(instrument.base, ZERO) + value
        sides[side][instrument.base] = sides[side].get(instrument.base, ZERO) + value
        venues[instrument.venue] = venues.get(instrument.venue, ZERO) + value
        totals[side] += value
        if instrument.kind is ContractKind.PERPETUAL:
            perpetuals += value
    long, short = totals[Side.BUY], totals[Side.SELL]
    return Worth(
        longs=sides[Side.BUY],
        shorts=sides[Side.SELL],
        venues=venues,
        long=long,
        short=short,
        gross=long + short,
        perpetuals=perpetuals,
        held_longs=held[Side.BUY],
        held_shorts=held[Side.SELL],
    )


def _adding(position: Position | None, side: Side, orders: Sequence[OpenOrder], quote: Quote) -> Decimal:
    """Worth of what one side's open orders add beyond closing the position.

    At the dearer price, as when they were reviewed: resting cheaply must not make room for more.
    """
    adding = [order for order in orders if not order.reduce_only]
    closes = position.quantity if position is not None and position.side is side.opposite else ZERO
    if not closes:
        return sum((order.remaining * max(order.worst_price, quote.ask) for order in adding), ZERO)
    beyond = sum((order.remaining for order in orders), ZERO) - closes
    if beyond <= 0 or not adding:
        return ZERO
    return beyond * max(quote.ask, *(order.worst_price for order in adding))
