"""A simulated account in plain decimals: slow, short, and written beside the kernel rather than after it.

It calls the same leaf functions, uncompiled, and nothing else of the kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from core import fills
from core.money import ONE, ZERO
from risk import arithmetic, stops
from risk.readings import Reading
from tools.simulation.outcome import ExitReason
from tools.simulation.settings import Exits, Terms

D = Decimal
Hanging = tuple[Decimal, Decimal, Decimal]
Marks = list[Decimal | None]
NEAR = D("1e-9")
DAY = 86_400_000_000_000


def exact(number: float) -> Decimal:
    return D(repr(float(number)))


@dataclass(frozen=True)
class Candle:
    """None where there was no bar."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass
class Held:
    """One symbol: what is held, what is ordered, and the trip so far."""

    quantity: Decimal = ZERO  # signed
    entry: Decimal = ZERO
    margin: Decimal = ZERO
    order: tuple[Decimal, ExitReason] | None = None  # quantity to end at, and why
    first_bar: bool = False
    acted: Decimal | None = None
    barred: int = 0
    stop: Decimal | None = None
    best: Decimal = ZERO
    opened: int = 0
    bought: Decimal = ZERO
    spent: Decimal = ZERO
    sold: Decimal = ZERO
    received: Decimal = ZERO
    paid: Decimal = ZERO
    rungs: int = 0
    rung_left: Decimal = ZERO

    @property
    def sign(self) -> int:
        return 1 if self.quantity > 0 else -1


@dataclass
class Account:
    terms: Terms
    exits: Exits
    symbols: int
    interval_ns: int
    wallet: Decimal = ZERO
    trips: list[tuple[int, int, int, int, Decimal, Decimal, ExitReason]] = field(default_factory=list)
    losing: int = 0

    def __post_init__(self) -> None:
        self.held = [Held() for _ in range(self.symbols)]
        self.wallet = exact(self.terms.capital)
        self.fee, self.slip = exact(self.terms.fee), exact(self.terms.slippage)
        self.leverage = exact(self.terms.leverage)
        self.live: dict[int, int | None] = {}

    # Money.

    def free(self) -> Decimal:
        return self.wallet - sum((one.margin for one in self.held), ZERO)

    def equity(self, marks: Sequence[Decimal | None]) -> Decimal:
        gains = (one.quantity * ((mark or ZERO) - one.entry) for one, mark in zip(self.held, marks, strict=True))
        return self.wallet + sum(gains, ZERO)

    # Fills.

    def price(self, start: Decimal, sign: int, quantity: Decimal, bar: Candle) -> Decimal:
        impact = exact(self.terms.impact) * (bar.high - bar.low) / bar.open
        root = (quantity / bar.volume).sqrt() if impact else ZERO
        return fills.slipped(start, sign, self.slip, impact, root)

    def room(self, quantity: Decimal, bar: Candle) -> Decimal:
        if self.terms.participation == float("inf") and not (bar.volume == 0 and self.terms.impact):
            return quantity
        return fills.fillable(quantity, bar.volume, exact(self.terms.participation))

    def late(self, one: Held, bar: Candle, sign: int) -> Decimal:
        share = min(ONE, exact(self.terms.latency_ms) * 1_000_000 / self.interval_ns) if one.first_bar else ZERO
        return fills.after_latency(bar.open, bar.low, bar.high, sign, share.sqrt())

    def add(self, one: Held, sign: int, quantity: Decimal, price: Decimal, at: int) -> None:
        if one.quantity == 0:
            barred, acted = one.barred, one.acted
            one.__init__(barred=barred, acted=acted, entry=price, best=price, opened=at)  # type: ignore[misc]
        else:
            one.entry = fills.average_price(abs(one.quantity), one.entry, quantity, price)
        worth = quantity * price
        one.quantity += sign * quantity
        one.margin += worth / self.leverage
        one.bought += quantity
        one.spent += worth
        self.pay(one, fills.fee(worth, self.fee))

    def pay(self, one: Held, amount: Decimal) -> None:
        one.paid += amount
        self.wallet -= amount

    def reduce(self, k: int, quantity: Decimal, price: Decimal, rate: Decimal, why: ExitReason, at: int) -> None:
        one = self.held[k]
        sign, before = one.sign, abs(one.quantity)
        quantity = min(quantity, before)
        self.wallet += fills.realised(sign, one.entry, price, quantity)
        one.margin *= (before - quantity) / before
        one.quantity -= sign * quantity
        one.sold += quantity
        one.received += quantity * price
        self.pay(one, fills.fee(quantity * price, rate))
        if one.quantity == 0:
            profit = sign * (one.received - one.spent) - one.paid
            self.trips.append((k, sign, one.opened, at, one.bought, profit, why))
            self.losing = self.losing + 1 if profit < 0 else 0
            one.order = one.acted = None

    # One bar.

    def at_open(self, k: int, bar: Candle | None, rate: Decimal, mark: Decimal, at: int, hang: Decimal | None) -> None:
        one = self.held[k]
        if one.quantity and rate:
            due = fills.funding_payment(one.sign, abs(one.quantity), bar.open if bar else mark, rate)
            self.pay(one, due)
            one.margin -= due
        if one.order is None:
            return
        if bar is None:
            if one.first_bar:
                one.order = one.acted = None
            return
        want, why = one.order
        more = abs(want) - abs(one.quantity)
        if more <= 0:
            sign = -one.sign
            quantity = self.room(-more, bar)
            start = self.late(one, bar, sign)
            one.first_bar = False
            if quantity > 0:
                self.reduce(k, quantity, self.price(start, sign, quantity, bar), self.fee, why, at)
            if one.quantity == want:
                one.order = None
            return
        sign = 1 if want > 0 else -1
        quantity, start = self.room(more, bar), self.late(one, bar, sign)
        one.first_bar = False
        if quantity <= 0:
            return
        price = self.price(start, sign, quantity, bar)
        unit, rate = price / self.leverage, self.fee * self.leverage
        payable = arithmetic.largest_affordable(ONE - NEAR, self.free(), ZERO, unit, rate)
        done = quantity >= more or payable < quantity
        order = one.order
        if min(quantity, payable) > 0:
            self.add(one, sign, min(quantity, payable), price, at)
            one.order = order
            self.protect(one, hang)
        if done:
            one.order = None

    def protect(self, one: Held, hang: Decimal | None) -> None:
        ways, sign = self.exits, one.sign
        if ways.stop is not None:
            self.tighten(one, stops.trailing(one.entry, exact(ways.stop), sign))
        if ways.trail is not None:
            self.tighten(one, stops.trailing(one.best, exact(ways.trail), sign))
        if ways.chandelier is not None and hang is not None:
            self.tighten(one, stops.chandelier(one.best, hang, exact(ways.chandelier), sign))

    def tighten(self, one: Held, wanted: Decimal) -> None:
        one.stop = wanted if one.stop is None else stops.tighter(one.stop, wanted, one.sign)

    def liquidated(self, k: int, low: Decimal, high: Decimal, at: int) -> bool:
        one = self.held[k]
        if not one.quantity or (one.quantity > 0 and self.terms.leverage <= 1):
            return False
        sign, each = one.sign, one.margin / abs(one.quantity)
        level = fills.liquidation_price(sign, one.entry, each, exact(self.terms.maintenance))
        if not (low <= level if sign > 0 else high >= level):
            return False
        rate = exact(self.terms.liquidation_fee)
        one.barred = sign
        price = (sign * one.entry - each) / (sign - rate)
        self.reduce(k, abs(one.quantity), price, rate, ExitReason.LIQUIDATION, at)
        return True

    def inside(self, k: int, bar: Candle, at: int) -> None:
        one = self.held[k]
        if not one.quantity or self.liquidated(k, bar.open, bar.open, at):
            return
        sign = one.sign
        leaving = one.order is not None and one.order[0] == 0 and one.order[1] is not ExitReason.SIGNAL
        if not leaving and one.stop is not None and fills.stop_hit(one.stop, bar.low, bar.high, -sign):
            leaving, one.barred = True, sign
            one.order, one.first_bar = (ZERO, ExitReason.STOP), False
            quantity = self.room(abs(one.quantity), bar)
            if quantity > 0:
                price = self.price(fills.stop_price(one.stop, bar.open, -sign), -sign, quantity, bar)
                self.reduce(k, quantity, price, self.fee, ExitReason.STOP, at)
        if not one.quantity or self.liquidated(k, bar.low, bar.high, at) or leaving:
            return
        for gain, share in self.exits.take[one.rungs :]:
            price = one.entry * (1 + sign * exact(gain))
            if not fills.limit_crossed(price, bar.low, bar.high, -sign):
                return
            left = abs(one.quantity)
            wanted = one.rung_left or stops.rung_quantity(one.bought, exact(share), left)
            wanted = left if abs(left - wanted) <= NEAR * one.bought else wanted
            quantity = self.room(wanted, bar)
            if quantity <= 0:
                return
            one.rung_left = wanted - quantity
            one.rungs += one.rung_left == 0
            if quantity >= left:
                one.barred = sign
            whole = one.rung_left == 0
            self.reduce(k, quantity, price, self.fee, ExitReason.TARGET, at)
            if not whole or not one.quantity:
                return

    def after(
        self, k: int, bar: Candle | None, mark: Decimal, hang: tuple[Decimal, Decimal, Decimal] | None, at: int
    ) -> None:
        one, ways = self.held[k], self.exits
        if not one.quantity:
            return
        sign = one.sign
        if bar is not None:
            one.best = stops.better(one.best, bar.low, bar.high, sign)
        if ways.trail is not None:
            self.tighten(one, stops.trailing(one.best, exact(ways.trail), sign))
        if ways.chandelier is not None and hang is not None:
            reach, top, bottom = hang
            extreme = min(top, one.best) if sign > 0 else max(bottom, one.best)
            self.tighten(one, stops.chandelier(extreme, reach, exact(ways.chandelier), sign))
        even = stops.break_even(one.entry, self.fee, sign)
        gained = ways.break_even is not None and stops.gain(one.entry, one.best, sign) >= exact(ways.break_even)
        if gained and sign * (one.best - even) > 0:
            self.tighten(one, even)
        leaving = one.order is not None and one.order[0] == 0
        limit = ways.hold_bars
        if (
            limit is not None
            and not leaving
            and stops.time_is_up(D(at - one.opened + 1), exact(limit), mark, even, sign)
        ):
            one.order, one.first_bar, one.barred = (ZERO, ExitReason.TIME), True, sign

    # Limits.

    def state(self, equity: Decimal, bases: dict[Reading, Decimal], at: int, to_midnight: int) -> tuple[int, Decimal]:
        for n, tier in enumerate(self.terms.tiers):
            if n in self.live and (self.live[n] is None or at < (self.live[n] or 0)):
                continue
            self.live.pop(n, None)
            streak = tier.reads is Reading.LOSING_STREAK
            value = D(self.losing) if streak else arithmetic.loss_share(equity, bases[tier.reads])
            if value >= exact(tier.limit) - NEAR:
                bars = None if tier.lasts_s is None else -(-tier.lasts_s * 1_000_000_000 // self.interval_ns)
                self.live[n] = None if bars is None else at + (bars or to_midnight)
        told = [self.terms.tiers[n] for n, until in self.live.items() if until is None or until > at]
        return max((t.severity for t in told), default=0), min((exact(t.caps) for t in told), default=ONE)

    def decide(
        self, k: int, wanted: Decimal, marks: list[Decimal | None], equity: Decimal, state: int, scale: Decimal
    ) -> None:
        one, mark = self.held[k], marks[k]
        assert mark is not None
        if one.order is not None and one.order[0] == 0:
            return
        if not self.terms.shorts:
            wanted = max(wanted, ZERO)
        side = (wanted > 0) - (wanted < 0)
        if one.barred and side == one.barred:
            one.acted = wanted
            return
        one.barred = 0
        if one.quantity and (side == 0 or side != one.sign):
            one.order, one.first_bar = (ZERO, ExitReason.SIGNAL), True
            return
        if side == 0:
            one.order, one.acted = None, ZERO
            return
        if one.acted is not None and one.acted * side > 0 and abs(wanted - one.acted) <= exact(self.terms.band):
            return
        worst = fills.slipped(mark, side, self.slip, ZERO, ZERO)
        quantity = arithmetic.largest_affordable(abs(wanted), max(equity, ZERO), ZERO, worst, self.fee)
        if self.terms.units:
            quantity = abs(wanted) * exact(self.terms.units)
        more = quantity - abs(one.quantity)
        if more <= 0:
            if more < 0:
                one.order, one.first_bar = (side * quantity, ExitReason.SIGNAL), True
            one.acted = wanted
            return
        if one.rungs and one.quantity:
            one.acted = wanted
            return
        more = ZERO if state else self.fitted(k, more, mark, worst, marks, equity, scale)
        if more <= 0:
            one.acted = None
            return
        one.order, one.first_bar, one.acted = (side * (abs(one.quantity) + more), ExitReason.SIGNAL), True, wanted

    def end(self, j: int, own: bool) -> Decimal:
        """What a symbol may come to, pending orders included."""
        one = self.held[j]
        now = abs(one.quantity)
        return now if one.order is None or own else max(abs(one.order[0]), now)

    def fitted(
        self,
        k: int,
        more: Decimal,
        mark: Decimal,
        worst: Decimal,
        marks: list[Decimal | None],
        equity: Decimal,
        scale: Decimal,
    ) -> Decimal:
        ends = [
            abs(o.quantity) if o.order is None or j == k else max(abs(o.order[0]), abs(o.quantity))
            for j, o in enumerate(self.held)
        ]
        if equity <= 0 or (
            not ends[k] and sum(1 for j, q in enumerate(ends) if j != k and q) + 1 > self.terms.max_positions
        ):
            return ZERO
        gross = sum((q * (m or ZERO) for q, m in zip(ends, marks, strict=True)), ZERO)
        for cap, before in ((self.terms.max_asset, abs(self.held[k].quantity) * mark), (self.terms.max_gross, gross)):
            limit = exact(cap) * scale - NEAR
            if arithmetic.share_after(before, more * mark, equity) > limit:
                more = max(ZERO, arithmetic.largest_within(limit, equity, before, mark))
        unit, rate = worst / self.leverage, self.fee * self.leverage
        reserved = ZERO
        for j, o in enumerate(self.held):
            if j != k and ends[j] > abs(o.quantity):
                dear = (marks[j] or ZERO) * (1 + self.slip) / self.leverage
                reserved += arithmetic.cost_with_fee(ends[j] - abs(o.quantity), dear, rate)
        free = self.free() - reserved
        if free <= 0:
            return ZERO
        if arithmetic.share(arithmetic.cost_with_fee(more, unit, rate), free) > ONE - NEAR:
            more = arithmetic.largest_affordable(ONE - NEAR, free, ZERO, unit, rate)
        return max(more, ZERO)


def replay(
    candles: Sequence[Sequence[Candle | None]],
    rates: Sequence[Sequence[Decimal]],
    targets: Sequence[Sequence[Decimal | None]],
    close_ns: Sequence[int],
    terms: Terms,
    exits: Exits,
) -> tuple[list[Decimal], Account]:
    """Equity at every close, and the account with its trips. All are (bars, symbols)."""
    step = close_ns[1] - close_ns[0]
    account = Account(terms, exits, len(targets[0]), step)
    marks: Marks = [None] * len(targets[0])
    curve: list[Decimal] = []
    start = exact(terms.capital)
    midnight = peak = start
    a_day = max(1, DAY // step)
    for b, row in enumerate(candles):
        for k, bar in enumerate(row):
            hang_before = hanging(candles, k, b - 1, exits.chandelier_bars)
            account.at_open(k, bar, rates[b][k], marks[k] or ZERO, b, hang_before and hang_before[0])
            if bar is not None:
                account.inside(k, bar, b)
                marks[k] = bar.close
            account.after(k, bar, marks[k] or ZERO, hanging(candles, k, b, exits.chandelier_bars), b)
        equity = account.equity(marks)
        curve.append(equity)
        peak = max(peak, equity)
        bases = {
            Reading.DAY_LOSS: midnight,
            Reading.LOSS_24H: curve[b - a_day] if b >= a_day else start,
            Reading.START_LOSS: start,
            Reading.DRAWDOWN: peak,
        }
        state, scale = account.state(equity, bases, b, (-close_ns[b] % DAY) // step)
        if close_ns[b] % DAY == 0:
            midnight = equity
        for one in account.held:
            if state and one.order is not None and abs(one.order[0]) > abs(one.quantity):
                one.order = one.acted = None
        for k, wanted in enumerate(targets[b]):
            if wanted is not None and wanted != account.held[k].acted:
                account.decide(k, wanted, marks, equity, state, scale)
    return curve, account


def hanging(candles: Sequence[Sequence[Candle | None]], k: int, b: int, n: int) -> Hanging | None:
    """Mean true range, highest high and lowest low of a symbol's own last `n` bars, where bar `b` is one."""
    if b < 0 or candles[b][k] is None:
        return None
    own = [bar for row in candles[: b + 1] if (bar := row[k]) is not None][-n - 1 :]
    if len(own) <= n:
        return None
    ranges = [stops.true_range(bar.high, bar.low, before.close) for before, bar in pairwise(own)]
    return sum(ranges, ZERO) / n, max(bar.high for bar in own[1:]), min(bar.low for bar in own[1:])
