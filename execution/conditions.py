"""What one symbol's market is like beyond its quote: how it moves, how deep it is, what it moves with.

Research numbers in floats, cut to canonical decimals here, before any rule sees them. Sums are exact (`fsum`), so that
the same bars give the same digits on any machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import pairwise
from math import fsum, sqrt
from statistics import median

from core.bars import Bars
from core.money import ZERO, Quantity, significant
from core.orders import Order, Side
from core.ports import MarketFacts
from core.quotes import Level, Quote
from core.time import DAY_NS, MINUTE_NS, SECOND_NS
from risk.arithmetic import share
from risk.facts import Conditions, Worth
from risk.rules.base import positive
from risk.shortfall import LEAST_OUTCOMES, expected_shortfall

HISTORY_BARS = 720  # a month of hours
RECENT_BARS = 24
WINDOW_BARS = 12
JUMP_BARS = 3
LEAST_BARS = 30  # with fewer, nothing is known of how a market usually moves

_Newest = tuple[str, int]  # a symbol, and when its last bar closed


@dataclass(frozen=True)
class History:
    """Closed bars of one symbol, oldest first, with what is worked out from them once."""

    symbol: str
    bar_ns: int
    closes: tuple[float, ...]
    close_ns: tuple[int, ...]
    volumes: tuple[float, ...]
    returns: Mapping[int, float]  # one bar's, by the time it closed
    days: Mapping[int, float]  # one day's, by the time it ended; overlapping

    @classmethod
    def of(cls, bars: Bars) -> "History":
        closes = tuple(float(c) for c in bars.close)
        ends = tuple(int(o) + bars.timeframe.ns for o in bars.open_ns)
        at = dict(zip(ends, closes, strict=True))
        step = bars.timeframe.ns
        horizon = max(DAY_NS, step)
        return cls(
            bars.symbol,
            step,
            closes,
            ends,
            tuple(float(v) for v in bars.volume),
            {end: close / at[end - step] - 1 for end, close in at.items() if end - step in at},
            {end: close / at[end - horizon] - 1 for end, close in at.items() if end - horizon in at},
        )

    @cached_property
    def usual_move(self) -> Decimal | None:
        """Mean absolute return of a bar; None with too few of them."""
        return self._mean_move(HISTORY_BARS)

    @cached_property
    def recent_move(self) -> Decimal | None:
        """`usual_move` of the last bars alone."""
        return self._mean_move(RECENT_BARS)

    @cached_property
    def shortfalls(self) -> Mapping[Side, Decimal]:
        """Expected shortfall of one unit of worth on either side, over a day; empty with too little history."""
        if len(self.days) < LEAST_OUTCOMES:
            return {}
        return {side: _cut(expected_shortfall([-side.sign * day for day in self.days.values()])) for side in Side}

    def _mean_move(self, n: int) -> Decimal | None:
        if len(self.returns) < LEAST_BARS:
            return None
        return _cut(_mean([abs(r) for r in list(self.returns.values())[-n:]]))


class Surveyor:
    """Reads conditions from a market. What was worked out from bars is kept until a new one closes."""

    def __init__(self, market: MarketFacts) -> None:
        self._market = market
        self._history = lru_cache(maxsize=256)(self._read)
        self._shared = lru_cache(maxsize=64)(self._align)

    def conditions(self, order: Order, quote: Quote | None, bases: Mapping[str, str], now_ns: int) -> Conditions:
        """Of the order's symbol; `bases` maps every held or working symbol to its base asset."""
        if self._market.instrument(order.symbol) is None:
            return Conditions()
        history = self.history(order.symbol, now_ns)
        book = self._market.book(order.symbol, as_of_ns=now_ns)
        feeds = self._market.feeds(order.symbol, as_of_ns=now_ns)
        late = dict(feeds.overdue_s)
        if book is not None and quote is not None:
            late["book"] = max(late.get("book", ZERO), _overdue_s(book.ts_event_ns, quote.cadence_ns, now_ns))
        return Conditions(
            overdue_s=late,
            bids=None if book is None else book.bids,
            asks=None if book is None else book.asks,
            bid_depth=None if book is None else _depth(book.bids),
            ask_depth=None if book is None else _depth(book.asks),
            bar_s=history.bar_ns // SECOND_NS,
            bar_volume=_cut(median(history.volumes[-RECENT_BARS:])) if len(history.volumes) >= LEAST_BARS else None,
            volatility=history.recent_move,
            usual_volatility=history.usual_move,
            window_price=_cut(_mean(history.closes[-WINDOW_BARS:])) if history.closes else None,
            jump=self._jump(order.symbol, now_ns),
            elsewhere=feeds.elsewhere,
            funding_rate=feeds.funding_rate,
            shortfall=history.shortfalls.get(order.side),
            correlation={base: self._correlation(history, symbol, now_ns) for symbol, base in sorted(bases.items())},
        )

    def volatility_ratio(self, symbol: str, now_ns: int) -> Decimal | None:
        """How much it moves lately, as a multiple of what is usual for it: as the volatility rule measures it."""
        history = self.history(symbol, now_ns)
        now, usual = history.recent_move, positive(history.usual_move)
        return None if now is None or usual is None else share(now, usual)

    def portfolio_shortfall(self, worth: Worth, symbols: Mapping[str, str], assumed: Decimal, now_ns: int) -> Decimal:
        """Expected shortfall of the account at worst case, in the numeraire; `symbols` names one symbol a base.

        Assets that share a history lose together, day by day; one without is added whole, at the `assumed` share.
        """
        held = _net(worth.held_longs, worth.held_shorts)
        # Orders of one side at a time: those of the other may never fill, and hedge nothing.
        worst = (held, _net(worth.longs, worth.held_shorts), _net(worth.held_longs, worth.shorts))
        apart = {tuple(exposures.items()): exposures for exposures in worst}
        return max(self._shortfall_of(exposures, symbols, assumed, now_ns) for exposures in apart.values())

    def _shortfall_of(
        self, exposures: Mapping[str, Decimal], symbols: Mapping[str, str], assumed: Decimal, now_ns: int
    ) -> Decimal:
        """Of exposures by base, negative for a short."""
        known: list[tuple[_Newest, float]] = []
        alone = ZERO
        for base, value in exposures.items():
            newest = self._newest(symbols[base], now_ns)
            if len(self._history(*newest).days) < LEAST_OUTCOMES:
                alone += abs(value) * assumed
            else:
                known.append((newest, float(value)))
        if not known:
            return alone
        shared = self._shared(tuple(newest for newest, _ in known))
        if shared is None:
            days = ((self._history(*newest).days.values(), value) for newest, value in known)
            return alone + _cut(fsum(expected_shortfall([-day * value for day in each]) for each, value in days))
        parts = [[-day * value for day in each] for each, (_, value) in zip(shared, known, strict=True)]
        together = parts[0] if len(parts) == 1 else [fsum(day) for day in zip(*parts, strict=True)]
        return alone + _cut(expected_shortfall(together))

    def _align(self, histories: tuple[_Newest, ...]) -> list[list[float]] | None:
        """The returns of each on the days that all have; None where those are too few."""
        days = [self._history(*newest).days for newest in histories]
        shared = sorted(set.intersection(*(set(each) for each in days)))
        return [[each[end] for end in shared] for each in days] if len(shared) >= LEAST_OUTCOMES else None

    def history(self, symbol: str, now_ns: int) -> History:
        """The last closed bars of the timeframe that the desk decides on."""
        return self._history(*self._newest(symbol, now_ns))

    def _newest(self, symbol: str, now_ns: int) -> _Newest:
        """By the bar that is really there: one that has closed may still be on its way."""
        frame = self._market.decision_timeframe
        newest = self._market.bars(symbol, frame, as_of_ns=now_ns, n=1)
        return symbol, int(newest.open_ns[-1]) + frame.ns if len(newest) else 0

    def _read(self, symbol: str, closed_ns: int) -> History:
        frame = self._market.decision_timeframe
        return History.of(self._market.bars(symbol, frame, as_of_ns=closed_ns, n=HISTORY_BARS))

    def _jump(self, symbol: str, now_ns: int) -> Decimal | None:
        """The largest move between the last closes of the market's own bars, as a fraction a minute."""
        frame = self._market.base_timeframe
        bars = self._market.bars(symbol, frame, as_of_ns=now_ns, n=JUMP_BARS)
        if len(bars) < 2:
            return None
        minutes = max(1.0, frame.ns / MINUTE_NS)
        closes = [float(c) for c in bars.close]
        return _cut(max(abs(b / a - 1) for a, b in pairwise(closes)) / minutes)

    def _correlation(self, history: History, other: str, now_ns: int) -> Decimal | None:
        """Pearson's, of the bar returns that both have; None where too few are shared or one never moved."""
        if other == history.symbol:
            return Decimal(1)
        theirs = self.history(other, now_ns).returns
        shared = [end for end in history.returns if end in theirs]
        if len(shared) < LEAST_BARS:
            return None
        return _pearson([history.returns[end] for end in shared], [theirs[end] for end in shared])


def _net(longs: Mapping[str, Decimal], shorts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Exposure by base, in the order of their names."""
    return {base: longs.get(base, ZERO) - shorts.get(base, ZERO) for base in sorted({*longs, *shorts})}


def _overdue_s(event_ns: int, cadence_ns: int, now_ns: int) -> Decimal:
    return Decimal(max(0, now_ns - event_ns - cadence_ns)) / SECOND_NS


def _depth(levels: Sequence[Level]) -> Quantity:
    return Quantity(sum((level.quantity for level in levels), ZERO))


def _pearson(xs: Sequence[float], ys: Sequence[float]) -> Decimal | None:
    mx, my = _mean(xs), _mean(ys)
    vx, vy = fsum((x - mx) ** 2 for x in xs), fsum((y - my) ** 2 for y in ys)
    if not vx or not vy:
        return None
    return _cut(fsum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sqrt(vx * vy))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _cut(value: float) -> Decimal:
    return Decimal(significant(value))
