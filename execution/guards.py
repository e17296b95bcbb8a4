"""What guards an entry: its stop, how that follows the price, and what else ends the position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from core.bars import Bar
from core.exits import ExitPlan, Rung
from core.fills import stop_hit
from core.instruments import Instrument
from core.money import ONE, ZERO, Price
from core.orders import Proposal, Side
from execution import actions
from memory.books.words import StopState
from risk.stops import OpenTrade, rung_quantity, rung_reached, tightened, triggers

FIXED = "stop"  # what set the trigger, until a part of the plan moves it: by the field that says so

# The last closed bars of a symbol at a time, oldest first; none where they would say nothing new.
Recent = Callable[[str, int, int], Sequence[Bar]]


@dataclass(frozen=True, slots=True)
class Guard:
    """One entry's ways out. `side` is the exit's.

    `quantity` is what is left to guard of the `entered`, of which whatever others sold is taken off; `high` and `low`
    are the extremes of the bars since the entry, up to `seen_ns`; `rungs` counts how many of the ladder were reached.
    `resting` is the proposal of the order that rests at the venue for it, empty if none ever did; `undecided` are the
    predicates that were reported as such, `hits` counts the orders that it has sent.
    """

    stop_id: str
    account_id: str
    symbol: str
    owner: str
    side: Side
    state: StopState
    trigger: Price
    set_by: str
    quantity: Decimal
    entered: Decimal
    entry: Price
    high: Price
    low: Price
    plan: ExitPlan
    invalidation: tuple[str, ...]
    undecided: tuple[str, ...]
    rungs: int
    hits: int
    resting: str
    opened_ns: int
    seen_ns: int

    @property
    def source(self) -> str:
        """Of its orders, and the plan that they belong to."""
        return actions.STOP + self.stop_id

    def trade(self, cost: Decimal) -> OpenTrade:
        """`cost` is what each fill costs, a fraction of its worth."""
        side = self.side.opposite
        return OpenTrade(side, self.entry, self.high if side is Side.BUY else self.low, cost)

    def profit_due(self) -> Decimal:
        """What the reached rungs close and nobody sold yet. A rung that the entry itself was beyond takes no profit."""
        sign = self.side.opposite.sign
        reached = [rung for rung in self.plan.ladder[: self.rungs] if sign * (rung.price - self.entry) > 0]
        fraction = sum((rung.fraction for rung in reached), ZERO)
        return rung_quantity(self.entered, fraction, self.entered) - (self.entered - self.quantity)

    def touched(self, low: Decimal, high: Decimal) -> "Guard":
        """With the rungs of its ladder that these prices reach."""
        sign = self.side.opposite.sign
        reached = sum(rung_reached(rung.price, low, high, sign) for rung in self.plan.ladder)
        return self if reached <= self.rungs else replace(self, rungs=reached)

    def having_seen(self, low: Price, high: Price, seen_ns: int) -> "Guard":
        """After bars of this range that moved nothing else."""
        return replace(self, low=min(self.low, low), high=max(self.high, high), seen_ns=seen_ns)


def plan_of(proposal: Proposal) -> ExitPlan:
    """How an entry is left: a target without a ladder is a ladder of one rung. The rungs come nearest first."""
    plan, sign = proposal.exits, proposal.order.side.sign
    if not plan.ladder and proposal.target_price is not None:
        return replace(plan, ladder=(Rung(proposal.target_price, ONE),))
    falls = len(plan.ladder) > 1 and sign * (plan.ladder[-1].price - plan.ladder[0].price) < 0
    return replace(plan, ladder=plan.ladder[::-1]) if falls else plan


def walked(guard: Guard, bars: Sequence[Bar], instrument: Instrument, recent: Recent) -> tuple[Guard, Bar | None]:
    """The guard after these bars, and the one that hit its stop, after which nothing moves any more.

    Each bar is held against the trigger from before it, and only then moves it. What of the entry's own bar came after
    the entry is not known: the worst of it may hit, the best of it counts for nothing.
    """
    for bar in bars:
        if stop_hit(guard.trigger, bar.low, bar.high, guard.side.sign):
            return replace(guard, seen_ns=bars[-1].close_ns), bar
        if bar.open_ns > guard.opened_ns:
            guard = _moved(guard, bar, instrument, recent)
        guard = replace(guard, seen_ns=bar.close_ns)
    return guard, None


def _moved(guard: Guard, bar: Bar, instrument: Instrument, recent: Recent) -> Guard:
    high, low = Price(max(guard.high, bar.high)), Price(min(guard.low, bar.low))
    guard = replace(guard.touched(bar.low, bar.high), high=high, low=low)
    hangs = guard.plan.chandelier
    bars = () if hangs is None else recent(guard.symbol, hangs.bars + 1, bar.close_ns)
    trade = guard.trade(instrument.taker_fee)
    trigger = tightened(guard.plan, trade, guard.trigger, bars, instrument.tick_size)
    if trigger == guard.trigger:
        return guard
    asked = triggers(guard.plan, trade, bars)
    return replace(guard, trigger=trigger, set_by=max(asked, key=lambda part: trade.side.sign * asked[part]))
