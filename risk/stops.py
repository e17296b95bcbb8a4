"""When and where a position is left: leaf functions of numbers, and the few steps that put them together.

`sign` is +1 for a long position and -1 for a short one. A stop belongs to what the position has seen so far: hold a bar
against the trigger from before it, and only then let the bar move the trigger. It only ever tightens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

from core.bars import Bar
from core.exits import ExitPlan, Rung
from core.money import ZERO, Price, round_price
from core.orders import Side

N = TypeVar("N", float, Decimal)

# Leaf functions: + - x / and comparisons, integer literals, no calls of our own.


def better(best: N, low: N, high: N, sign: int) -> N:
    """The best price since entry, once a bar more is known: the highest high of a long, the lowest low of a short."""
    if sign > 0:
        return high if high > best else best
    return low if low < best else best


def gain(entry: N, price: N, sign: int) -> N:
    """Profit since entry before costs, as a fraction of the entry price; negative for a loss."""
    return sign * (price - entry) / entry


def trailing(best: N, fraction: N, sign: int) -> N:
    """A trigger that follows the best price since entry at a fixed fraction of it."""
    return best * (1 - sign * fraction)


def chandelier(extreme: N, average_range: N, multiple: N, sign: int) -> N:
    """A trigger that hangs from the highest high (of a short: stands on the lowest low) at k average true ranges.

    Chuck Le Beau's exit, as told by Elder, *Come Into My Trading Room* (2002).
    """
    return extreme - sign * multiple * average_range


def break_even(entry: N, cost: N, sign: int) -> N:
    """The price at which a round trip nets nothing, where each of its two fills costs the fraction `cost` of its worth.

    A long pays entry * (1 + cost) and gets price * (1 - cost); a short the other way round.
    """
    return entry * (1 + sign * cost) / (1 - sign * cost)


def tighter(old: N, new: N, sign: int) -> N:
    """The one of two triggers that is nearer to the market; a stop that may loosen protects nothing."""
    return new if sign * (new - old) > 0 else old


def time_is_up(age: N, limit: N, price: N, even: N, sign: int) -> bool:
    """Whether a trade has had its time and still is not beyond `even`, its break-even price."""
    return age >= limit and sign * (price - even) <= 0


def rung_reached(rung: N, low: N, high: N, sign: int) -> bool:
    """Whether a bar touched a take-profit price."""
    return high >= rung if sign > 0 else low <= rung


def rung_quantity(whole: N, fraction: N, left: N) -> N:
    """What a rung closes: its fraction of the whole position, and no more than is left of it."""
    wanted = whole * fraction
    return wanted if wanted < left else left


def true_range(high: N, low: N, close_before: N) -> N:
    """The bar's range with the gap before it: Wilder, *New Concepts in Technical Trading Systems* (1978)."""
    top = high if high > close_before else close_before
    bottom = low if low < close_before else close_before
    return top - bottom


# What the watch asks.


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """A position as its exits see it. `best` is the best price since entry, `cost` a fraction of notional each fill."""

    side: Side  # BUY is long, SELL is short
    entry: Price
    best: Price
    cost: Decimal

    @property
    def even(self) -> Decimal:
        """The price beyond which the trade is in profit net of costs."""
        return break_even(self.entry, self.cost, self.side.sign)


def average_range(bars: Sequence[Bar], n: int) -> Decimal | None:
    """Plain mean of the last `n` true ranges; None without a bar more than `n`, whose close the first of them needs.

    Not Wilder's smoothing, which never forgets: the same bars give the same stop, however much history was read.
    """
    if len(bars) <= n:
        return None
    return sum((true_range(b.high, b.low, before.close) for before, b in pairwise(bars[-n - 1 :])), ZERO) / n


def triggers(plan: ExitPlan, trade: OpenTrade, bars: Sequence[Bar]) -> dict[str, Decimal]:
    """Where each part of the plan would have the stop now, by the field that says so; what has no say is absent.

    `bars` are the last closed ones, oldest first; the chandelier has no say before there is one more than its `bars`.
    """
    sign = trade.side.sign
    found: dict[str, Decimal] = {}
    if plan.trail is not None:
        found["trail"] = trailing(trade.best, plan.trail, sign)
    if plan.chandelier is not None:
        reach = average_range(bars, plan.chandelier.bars)
        if reach is not None:
            extreme = _extreme(trade, bars[-plan.chandelier.bars :])
            found["chandelier"] = chandelier(extreme, reach, plan.chandelier.multiple, sign)
    # Below its own costs a gain is none, and a stop beyond the market would close the trade for having gained.
    gained = plan.break_even is not None and gain(trade.entry, trade.best, sign) >= plan.break_even
    if gained and sign * (trade.best - trade.even) > 0:
        found["break_even"] = trade.even
    return found


def tightened(plan: ExitPlan, trade: OpenTrade, trigger: Price, bars: Sequence[Bar], tick: Decimal) -> Price:
    """The trigger after these bars: the tightest that the plan asks for, on the tick grid, never looser than before."""
    for wanted in triggers(plan, trade, bars).values():
        # Toward the market, so that what the plan keeps is never rounded away.
        on_tick = round_price(wanted, tick, trade.side.opposite)
        trigger = Price(tighter(trigger, on_tick, trade.side.sign))
    return trigger


def overdue(plan: ExitPlan, trade: OpenTrade, last: Price, age_s: int) -> bool:
    """Whether the trade's time is up without a profit net of costs."""
    limit = plan.time_limit_s
    return limit is not None and time_is_up(Decimal(age_s), Decimal(limit), last, trade.even, trade.side.sign)


def rungs_reached(plan: ExitPlan, side: Side, bar: Bar) -> tuple[Rung, ...]:
    """The rungs that a bar touched, in the ladder's order; which of them are taken already is for the books to say."""
    return tuple(rung for rung in plan.ladder if rung_reached(rung.price, bar.low, bar.high, side.sign))


def _extreme(trade: OpenTrade, bars: Sequence[Bar]) -> Decimal:
    """The highest high (lowest low) of the bars, of which those before the entry do not count.

    No bar since entry is beyond `best`: what is beyond it was there before us.
    """
    if trade.side is Side.BUY:
        return min(max(bar.high for bar in bars), trade.best)
    return max(min(bar.low for bar in bars), trade.best)
