"""Bars of the past that change nothing of an account at rest but its marks, passed together: the rest is stepped.

What a bar would have to reach is looked for in arrays, a hair too early rather than too late: the bar that is found is
stepped by the watch, in exact money and with everything that the watch does. What is passed leaves the very rows that
as many steps would have left, in one commit; `tests/desk/test_quiet.py` holds the two to each other.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sqlalchemy import Connection

from core.bars import Tape
from core.exits import Chandelier
from core.money import ONE, ZERO, Price, exact, nearest_tick
from core.orders import OrderType, Side
from core.ports import MarketFacts
from core.time import DAY_NS, HOUR_NS, SECOND_NS
from execution import guardbook, reconcile
from execution.breakers import Breakers
from execution.calm import Calm, calm
from execution.guards import Guard
from execution.venues import paperbooks
from execution.watch import Watch
from execution.ways import predicate
from memory.books import accounts, performance
from memory.books.baselines import Baseline, baselines
from memory.books.database import Books
from risk.breakers import Breaker, Trip
from risk.predicates import Comparison, Either, Every, Predicate, Term
from risk.readings import ACCOUNT, EQUITY_READINGS, Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray

    Flags = NDArray[np.bool_]

# Bars looked at together: few where something was reached lately, and more with every stretch that was passed whole.
_FEWEST, _MOST = 64, 4096
# Arrays are floats of the decimals that decide. Nothing that is so near to a limit is passed.
_HAIR: Final = 1e-9


class Taped(MarketFacts, Protocol):
    """A market of the past that tells a stretch of itself at once."""

    def tape(self, symbol: str, moments: "IntArray", *, after_ns: int) -> Tape: ...


class Quiet:
    """Of one account on paper over a market of the past."""

    def __init__(self, account_id: str, books: Books, market: Taped, breakers: Breakers, watch: Watch) -> None:
        self._account_id = account_id
        self._books = books
        self._market = market
        self._breakers = breakers
        self._watch = watch
        self._reach = _FEWEST
        self._known = _Marks(account_id)

    def passed(self, closes: Sequence[int], since: int, now_ns: int) -> int:
        """Passes the next of these moments that change nothing but marks, in one commit, and answers how many.

        `closes` are moments at which bars become known, ascending, none left out; from number `since` on they are
        after `now_ns`.
        """
        ahead = closes[since : since + self._reach]
        done = self._books.write(lambda conn: self._pass(conn, ahead, now_ns))
        self._reach = min(_MOST, 2 * self._reach) if done == len(ahead) else _FEWEST
        return done

    def _pass(self, conn: Connection, closes: Sequence[int], now_ns: int) -> int:
        if not self._watch.is_settled(conn):
            return 0
        rests = calm(conn, self._account_id, self._market, self._breakers, now_ns, self._watch.rounds.last_ns)
        if rests is None or any(b.reads is Reading.VENUE_FAILURE_RATE and b.missing == "trips" for b in self._policy):
            return 0
        moments = np.array(closes, dtype=np.int64)
        stretch = _Stretch(conn, rests, self._market, self._breakers, self._known, moments)
        count = stretch.quiet()
        if count:
            stretch.keep(count)
            compared_ns = self._watch.rounds.pass_over(closes[:count])
            if compared_ns is not None:
                reconcile.agreed(conn, self._account_id, compared_ns)
        return count

    @property
    def _policy(self) -> tuple[Breaker, ...]:
        return self._breakers.policy


class _Stretch:
    """Moments ahead of an account at rest, as arrays, one value a moment."""

    def __init__(
        self,
        conn: Connection,
        rests: Calm,
        market: Taped,
        breakers: Breakers,
        known: "_Marks",
        moments: "IntArray",
    ) -> None:
        self._conn = conn
        self._rests = rests
        self._breakers = breakers
        self._known = known
        self._market = market
        self._moments = moments
        after_ns = rests.account.clock_ns
        self._tapes = {symbol: market.tape(symbol, moments, after_ns=after_ns) for symbol in rests.instruments}
        self._last: dict[str, list[Price]] = {}
        self._marks: list[Decimal] = []

    def quiet(self) -> int:
        """How many moments, from the first on, reach nothing. What costs more is asked of fewer."""
        count = _first(self._stirs())
        self._last = {symbol: self._lasts(symbol, count) for symbol in self._rests.instruments}
        count = _first(self._leaves(count))
        self._marks = self._equities(count)
        return _first(self._trips(count))

    # What would stir: orders, guards and data by the bars' ranges, windows by the clock.

    def _stirs(self) -> "Flags":
        rests, moments = self._rests, self._moments
        found = np.zeros(len(moments), dtype=np.bool_)
        for tape in self._tapes.values():
            found |= tape.odd
        for symbol in rests.watched:
            found |= moments - self._tapes[symbol].event_ns > self._breakers.max_age_s * SECOND_NS
        for cause in rests.causes:
            if cause.until_ns is not None:
                found |= moments >= cause.until_ns
        for row in rests.orders:
            price, falls = row.limit_price, row.side is Side.BUY
            if row.type is OrderType.STOP:
                price, falls = row.trigger_price, not falls
            found |= _reaches(self._tapes[row.symbol], price, falls=falls)
        for guard in rests.guards:
            tape = self._tapes[guard.symbol]
            found |= _moves(guard, tape)
            if guard.plan.chandelier is not None:
                found |= self._hangs_tighter(guard, guard.plan.chandelier, tape)
        return found

    def _hangs_tighter(self, guard: Guard, plan: Chandelier, tape: Tape) -> "Flags":
        """Where a chandelier asks for another stop: it moves as a bar closes that agents decide on."""
        frame, moments = self._market.decision_timeframe, self._moments
        ahead = int(moments[-1] - self._rests.account.clock_ns) // frame.ns + 2
        bars = self._market.bars(guard.symbol, frame, as_of_ns=int(moments[-1]), n=plan.bars + 1 + ahead)
        closing = (tape.open_ns >= 0) & (tape.event_ns % frame.ns == 0)
        if len(bars) <= plan.bars:
            return np.zeros(len(moments), dtype=np.bool_)
        high, low, before = bars.high[1:], bars.low[1:], bars.close[:-1]
        ranges = np.maximum(high, before) - np.minimum(low, before)
        reach = sliding_window_view(ranges, plan.bars).mean(axis=1) * float(plan.multiple)
        # Of the window that ends with each bar; before the first whole one a chandelier has no say.
        place = np.searchsorted(bars.open_ns + frame.ns, moments, side="right") - 1 - plan.bars
        best_high, best_low = _bests(guard, tape)
        if guard.side is Side.SELL:
            extreme = np.minimum(sliding_window_view(high, plan.bars).max(axis=1)[place], best_high)
            wanted = extreme - reach[place]
            tighter = wanted > float(guard.trigger) * (1 - _HAIR)
        else:
            extreme = np.maximum(sliding_window_view(low, plan.bars).min(axis=1)[place], best_low)
            wanted = extreme + reach[place]
            tighter = wanted < float(guard.trigger) * (1 + _HAIR)
        found: Flags = closing & (place >= 0) & tighter
        return found

    # What the last price and the age of a position would end.

    def _leaves(self, count: int) -> "Flags":
        found = np.zeros(count, dtype=np.bool_)
        for guard in self._rests.guards:
            last = np.array([float(price) for price in self._last[guard.symbol][:count]])
            age_ns = self._moments[:count] - guard.opened_ns
            sign, cost = guard.side.opposite.sign, self._rests.instruments[guard.symbol].taker_fee
            found |= sign * (last - float(guard.trigger) * (1 + sign * _HAIR)) <= 0
            if guard.rungs < len(guard.plan.ladder):
                found |= sign * (last - float(guard.plan.ladder[guard.rungs].price) * (1 - sign * _HAIR)) >= 0
            if guard.plan.time_limit_s is not None:
                even = float(guard.trade(cost).even) * (1 + sign * _HAIR)
                found |= (age_ns >= guard.plan.time_limit_s * SECOND_NS) & (sign * (last - even) <= 0)
            if guard.invalidation:
                known = self._read(guard, last, age_ns / HOUR_NS)
                found |= reduce(np.logical_or, (may_hold(predicate(text), known, count) for text in guard.invalidation))
        return found

    def _read(self, guard: Guard, last: "FloatArray", age_h: "FloatArray") -> "dict[Term, FloatArray]":
        """What a predicate reads, of every moment; the others are left open."""
        entry, (high, low) = float(guard.entry), _bests(guard, self._tapes[guard.symbol])
        return {
            Term.LAST: last,
            Term.GAIN: guard.side.opposite.sign * (last - entry) / entry,
            Term.ENTRY: np.full(len(last), entry),
            Term.AGE_H: age_h,
            Term.HIGH: high[: len(last)],
            Term.LOW: low[: len(last)],
        }

    # What the breakers would see.

    def _trips(self, count: int) -> "Flags":
        account, moments = self._rests.account, self._moments[:count]
        equity = np.array([float(mark) for mark in self._marks])
        begun = baselines(self._conn, account.account_id)
        start = begun.get(Reading.START_LOSS)
        fixed = account.start_equity if start is None or start.equity is None else start.equity
        day_ns = moments // DAY_NS * DAY_NS
        base = {
            Reading.DAY_LOSS: self._since(begun.get(Reading.DAY_LOSS), day_ns, equity),
            Reading.LOSS_24H: self._since(begun.get(Reading.LOSS_24H), moments - DAY_NS, equity),
            Reading.START_LOSS: np.full(count, float(fixed)),
            Reading.DRAWDOWN: np.maximum.accumulate(np.maximum(equity, float(account.peak_equity)))[:count],
        }
        taken_out = float(max(ZERO, -account.transferred))
        found = np.zeros(count, dtype=np.bool_)
        for breaker in self._breakers.policy:
            if breaker.reads in EQUITY_READINGS and not self._stands(breaker):
                before = base[breaker.reads]
                at_stake = np.maximum(before - taken_out, 1e-30)
                lost = np.where(before > equity, np.minimum(1.0, (before - equity) / at_stake), 0.0)
                found |= lost >= float(breaker.limit) * (1 - _HAIR)
        return found

    def _stands(self, breaker: Breaker) -> bool:
        """Whether it holds already: then its reading is no news."""
        trip = Trip(breaker, ACCOUNT, ONE)
        return any(cause.stands_for(trip) for cause in self._rests.causes)

    def _since(self, begun: Baseline | None, at_ns: "IntArray", equity: "FloatArray") -> "FloatArray":
        """The equity that each moment is measured against: the last mark at `at_ns`, or where a person began anew."""
        known_ns, known = self._known.up_to(self._conn, int(self._moments[0]))
        times, marks = np.concatenate((known_ns, self._moments[: len(at_ns)])), np.concatenate((known, equity))
        place = np.searchsorted(times, at_ns, side="right") - 1
        found = np.where(place < 0, float(self._rests.account.start_equity), marks[np.maximum(place, 0)])
        if begun is not None and begun.equity is not None:
            found = np.where(begun.since_ns >= at_ns, float(begun.equity), found)
        return found

    # Exact money.

    def _lasts(self, symbol: str, count: int) -> list[Price]:
        """The last price of each moment, as its quote has it."""
        tick = self._rests.instruments[symbol].tick_size
        return [nearest_tick(exact(close), tick) for close in self._tapes[symbol].close[:count].tolist()]

    def _equities(self, count: int) -> list[Decimal]:
        """Net of transfers; added up in the order of the balances, as any other mark."""
        moved, holdings = self._rests.account.transferred, self._rests.holdings
        ones = [ONE] * count
        columns = [[total * price for price in (ones if s is None else self._last[s][:count])] for total, s in holdings]
        return [sum(worths, ZERO) - moved for worths in zip(*columns, strict=True)] or [-moved] * count

    def keep(self, count: int) -> None:
        """Writes what as many steps would have left behind."""
        account_id = self._rests.account.account_id
        moments = self._moments[:count].tolist()
        accounts.mark_all(self._conn, account_id, list(zip(moments, self._marks[:count], strict=True)))
        accounts.set_clock(self._conn, account_id, moments[-1])
        for row in self._rests.orders:
            if (met_ns := self._met_ns(row.symbol, count)) is not None:
                paperbooks.change(self._conn, row.client_order_id, matched_ns=met_ns)
        for guard in self._rests.guards:
            if (seen_ns := self._met_ns(guard.symbol, count)) is not None:
                guardbook.keep(self._conn, guard, self._seen(guard, count, seen_ns), moments[-1])

    def _met_ns(self, symbol: str, count: int) -> int | None:
        """When the last bar closed that a symbol had in the stretch; None where it had none."""
        tape = self._tapes[symbol]
        came = np.flatnonzero(tape.open_ns[:count] >= 0)
        return int(tape.event_ns[came[-1]]) if len(came) else None

    def _seen(self, guard: Guard, count: int, seen_ns: int) -> Guard:
        tape = self._tapes[guard.symbol]
        high, low = exact(float(np.nanmax(tape.high[:count]))), exact(float(np.nanmin(tape.low[:count])))
        return guard.having_seen(Price(low), Price(high), seen_ns)


class _Marks:
    """The account's marks of the day before a moment, with the last one before it. What was read is kept."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._ns: IntArray = np.empty(0, dtype=np.int64)
        self._equity: FloatArray = np.empty(0)

    def up_to(self, conn: Connection, now_ns: int) -> "tuple[IntArray, FloatArray]":
        """Their times, and equity net of transfers."""
        since_ns = now_ns - DAY_NS
        known_ns = int(self._ns[-1]) if len(self._ns) else -1
        fresh = performance.marks_since(conn, self._account_id, max(since_ns, known_ns))
        fresh = [(ts_ns, mark) for ts_ns, mark in fresh if ts_ns > known_ns]
        if fresh:
            self._ns = np.concatenate((self._ns, np.array([ts_ns for ts_ns, _ in fresh], dtype=np.int64)))
            self._equity = np.concatenate((self._equity, np.array([float(mark) for _, mark in fresh])))
        old = max(0, int(np.searchsorted(self._ns, since_ns, side="right")) - 1)
        self._ns, self._equity = self._ns[old:], self._equity[old:]
        return self._ns, self._equity


def _first(stirs: "Flags") -> int:
    """How many moments there are before the first that stirs something."""
    return int(np.argmax(stirs)) if stirs.any() else len(stirs)


def _reaches(tape: Tape, price: Decimal, *, falls: bool) -> "Flags":
    """Where a bar falls to a price, or else rises to it. No bar (NaN) reaches anything."""
    flags: Flags = tape.low <= float(price) * (1 + _HAIR) if falls else tape.high >= float(price) * (1 - _HAIR)
    return flags


def _moves(guard: Guard, tape: Tape) -> "Flags":
    """Where a bar hits a guard's stop, reaches its next rung, or pulls its stop along.

    A bar that opened before the entry tells of it only in part: that one is stepped as well.
    """
    long = guard.side is Side.SELL
    found = _reaches(tape, guard.trigger, falls=long) | ((tape.open_ns >= 0) & (tape.open_ns <= guard.opened_ns))
    if guard.rungs < len(guard.plan.ladder):
        found |= _reaches(tape, guard.plan.ladder[guard.rungs].price, falls=not long)
    if guard.plan.trail is not None or guard.plan.break_even is not None:
        best = float(guard.high if long else guard.low)
        found |= tape.high > best * (1 - _HAIR) if long else tape.low < best * (1 + _HAIR)
    return found


def _bests(guard: Guard, tape: Tape) -> "tuple[FloatArray, FloatArray]":
    """The highest high and the lowest low since the entry, at each moment."""
    high, low = np.fmax(tape.high, float(guard.high)), np.fmin(tape.low, float(guard.low))
    return np.maximum.accumulate(high), np.minimum.accumulate(low)


def may_hold(asked: Predicate, known: "dict[Term, FloatArray]", count: int) -> "Flags":
    """Where a predicate holds or may be undecided: what is not known here may be anything."""
    if isinstance(asked, Comparison):
        left = known.get(asked.reading)
        right = known.get(asked.bound) if isinstance(asked.bound, Term) else np.full(count, float(asked.bound))
        if left is None or right is None:
            return np.ones(count, dtype=np.bool_)
        hair = _HAIR * np.maximum(1.0, np.abs(right))
        flags: Flags = left <= right + hair if asked.operator in ("<", "<=") else left >= right - hair
        return flags
    join = {Every: np.logical_and, Either: np.logical_or}[type(asked)]
    return reduce(join, (may_hold(part, known, count) for part in asked.parts))
