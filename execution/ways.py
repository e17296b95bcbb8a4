"""The ways out that are open at one moment: a stop, a rung of a ladder, the time limit, the end of a thesis."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from core.bars import Bar
from core.exits import ExitPlan
from core.fills import stop_hit
from core.instruments import Instrument
from core.money import Price
from core.quotes import Quote
from core.time import HOUR_NS, SECOND_NS
from execution.conditions import Surveyor
from execution.guards import FIXED, Guard
from risk.predicates import Known, Term, parse
from risk.rules.base import positive
from risk.stops import gain, overdue

STOPPED = {
    FIXED: "protective stop",
    "trail": "trailing stop",
    "chandelier": "chandelier stop",
    "break_even": "break-even stop",
}

predicate = lru_cache(maxsize=1024)(parse)


@dataclass(frozen=True, slots=True)
class WayOut:
    """Why a position is left, and how much of it: all that is guarded, or what a ladder has due.

    `bar` is the one that hit a stop: the exit is decided at its open, and so fills inside it.
    """

    reason: str
    takes_profit: bool = False
    bar: Bar | None = None


def stopped(guard: Guard, bar: Bar | None = None) -> WayOut:
    return WayOut(STOPPED[guard.set_by], bar=bar)


def open_now(guard: Guard, instrument: Instrument, last: Price, now_ns: int) -> Iterator[WayOut]:
    """What the last trade and the clock say, the stop first: the thesis is a question of its own."""
    if stop_hit(guard.trigger, last, last, guard.side.sign):
        yield stopped(guard)
    if guard.rungs:
        yield WayOut(f"took profit at rung {guard.rungs}", takes_profit=True)
    age_s = (now_ns - guard.opened_ns) // SECOND_NS
    if overdue(guard.plan, guard.trade(instrument.taker_fee), last, age_s):
        yield WayOut(f"time stop: not in profit after {_limit(guard.plan)}")


def theses(guard: Guard, quote: Quote | None, surveyor: Surveyor, now_ns: int) -> dict[str, bool | None]:
    """Each predicate of a guard, and whether it holds; None where what is missing decides."""
    if not guard.invalidation:
        return {}
    readings = _readings(guard, quote, surveyor, now_ns)
    return {text: predicate(text).holds(readings) for text in guard.invalidation}


def ended(text: str) -> WayOut:
    return WayOut(f"thesis ended: {text}")


def _readings(guard: Guard, quote: Quote | None, surveyor: Surveyor, now_ns: int) -> Known:
    found: dict[Term, Decimal | None] = {
        Term.HIGH: guard.high,
        Term.LOW: guard.low,
        Term.ENTRY: guard.entry,
        Term.AGE_H: Decimal(now_ns - guard.opened_ns) / HOUR_NS,
    }
    if quote is not None:
        last, bid, ask = positive(quote.last), positive(quote.bid), positive(quote.ask)
        found |= {Term.LAST: last, Term.BID: bid, Term.ASK: ask}
        if last is not None:
            found[Term.GAIN] = gain(guard.entry, last, guard.side.opposite.sign)
        if bid is not None and ask is not None:
            found |= {Term.MID: quote.mid, Term.SPREAD_BPS: quote.spread_bps}
    if any(Term.VOLATILITY_RATIO in text for text in guard.invalidation):
        found[Term.VOLATILITY_RATIO] = surveyor.volatility_ratio(guard.symbol, now_ns)
    return found  # and no funding rate: spot pays none


def _limit(plan: ExitPlan) -> str:
    hours, rest = divmod(plan.time_limit_s or 0, 3600)
    return f"{plan.time_limit_s} s" if rest else f"{hours} h"
