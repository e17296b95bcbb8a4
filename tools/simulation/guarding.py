"""Compiled: what ends or protects a position inside a bar, and where its stop is afterwards. It loads numba.

The order inside a bar is not known, so it is the worst: a gap at the open, then the stop, then a liquidation, which
stood further away, and a target last of all. A bar is held against the stop from before it, and only then moves it.
"""

import math

from core import fills
from risk import stops
from tools.simulation.compiled import compiled, inlined
from tools.simulation.filling import closed, room, taken_price, tighter
from tools.simulation.layout import (
    BANKRUPT,
    BARRED,
    BEST,
    COST,
    EVEN,
    FEE,
    FIRST,
    FRESH,
    HANG,
    HANG_ROW,
    HOLD,
    IN_QTY,
    LIQUIDATION_FEE,
    MARGIN,
    OPENED,
    QTY,
    R_LIQUIDATION,
    R_SIGNAL,
    R_STOP,
    R_TARGET,
    R_TIME,
    RUNG_LEFT,
    STOP,
    TAKEN,
    TRAIL,
    TRIGGER,
    WANT,
    WHY,
)

stop_hit = inlined(fills.stop_hit)
stop_price = inlined(fills.stop_price)
limit_crossed = inlined(fills.limit_crossed)
better = inlined(stops.better)
gain = inlined(stops.gain)
trailing = inlined(stops.trailing)
chandelier = inlined(stops.chandelier)
break_even = inlined(stops.break_even)
time_is_up = inlined(stops.time_is_up)
rung_quantity = inlined(stops.rung_quantity)


@compiled
def guarded(one, x, ranges, rules, bar_before, index):
    """The stop of a position that was just opened or added to, by what is known at its first open."""
    sign = 1 if one[QTY] > 0 else -1
    if not math.isnan(x[STOP]):
        _tighten(one, trailing(one[COST], x[STOP], sign), sign)
    if not math.isnan(x[TRAIL]):
        _tighten(one, trailing(one[BEST], x[TRAIL], sign), sign)
    if not math.isnan(x[HANG]) and bar_before >= 0:
        reach = ranges[0, int(x[HANG_ROW]), bar_before, index]
        if not math.isnan(reach):
            _tighten(one, chandelier(one[BEST], reach, x[HANG], sign), sign)
    if math.isnan(one[FIRST]):
        one[FIRST] = one[TRIGGER]


@inlined
def struck(one, account, index, bar, x, rungs, rules, at, trades):
    """Holds one bar (open, high, low, volume) against a position's stop, its liquidation and its targets."""
    if math.isnan(bar[0]):
        return
    sign = 1 if one[QTY] > 0 else -1
    if stop_hit(one[BANKRUPT], bar[0], bar[0], -sign):
        _liquidated(one, account, index, sign, rules, at, trades)
        return
    going = one[WHY] > R_SIGNAL and one[WANT] == 0.0
    if not going and stop_hit(one[TRIGGER], bar[2], bar[1], -sign):
        _stopped(one, account, index, sign, bar, rules, at, trades)
        going = True
    if one[QTY] == 0.0:
        return
    if stop_hit(one[BANKRUPT], bar[2], bar[1], -sign):
        _liquidated(one, account, index, sign, rules, at, trades)
        return
    if not going:
        _taken(one, account, index, sign, bar, rungs, rules, at, trades)


@inlined
def moved(one, x, ranges, rules, high, low, close, at, index):
    """After the close: the stop tightens by what the bar showed, and a trade without profit may have had its time."""
    sign = 1 if one[QTY] > 0 else -1
    one[BEST] = better(one[BEST], low, high, sign)
    if not math.isnan(x[TRAIL]):
        _tighten(one, trailing(one[BEST], x[TRAIL], sign), sign)
    if not math.isnan(x[HANG]):
        row = int(x[HANG_ROW])
        reach, extreme = ranges[0, row, at, index], ranges[1 if sign > 0 else 2, row, at, index]
        if not math.isnan(reach):
            # No bar since entry is beyond `best`: what is beyond it was there before us.
            if sign * (extreme - one[BEST]) > 0:
                extreme = one[BEST]
            _tighten(one, chandelier(extreme, reach, x[HANG], sign), sign)
    even = break_even(one[COST], rules[FEE], sign)
    if not math.isnan(x[EVEN]) and gain(one[COST], one[BEST], sign) >= x[EVEN] and sign * (one[BEST] - even) > 0:
        _tighten(one, even, sign)
    going = one[WHY] >= 0 and one[WANT] == 0.0
    if not going and time_is_up(at - one[OPENED] + 1, x[HOLD], close, even, sign):
        one[WANT] = 0.0
        one[WHY] = R_TIME
        one[FRESH] = 1.0
        one[BARRED] = sign


@inlined
def _tighten(one, wanted, sign):
    one[TRIGGER] = wanted if math.isnan(one[TRIGGER]) else tighter(one[TRIGGER], wanted, sign)


@compiled
def _stopped(one, account, index, sign, bar, rules, at, trades):
    one[BARRED] = sign
    asked = one[TRIGGER]
    quantity = room(abs(one[QTY]), bar, rules)
    one[WANT] = 0.0
    one[WHY] = R_STOP
    one[FRESH] = 0.0
    if quantity > 0.0:
        price = taken_price(stop_price(asked, bar[0], -sign), -sign, quantity, bar, rules)
        closed(one, account, index, quantity, price, asked, rules[FEE], R_STOP, at, trades)


@compiled
def _liquidated(one, account, index, sign, rules, at, trades):
    """All of the margin is lost, the venue's fee included, as `execution.venues.isolated` has it."""
    one[BARRED] = sign
    quantity, rate = abs(one[QTY]), rules[LIQUIDATION_FEE]
    price = (sign * one[COST] - one[MARGIN] / quantity) / (sign - rate)
    closed(one, account, index, quantity, price, price, rate, R_LIQUIDATION, at, trades)


@compiled
def _taken(one, account, index, sign, bar, rungs, rules, at, trades):
    """Take-profits rest as limit orders: filled at their price, once the market trades through it."""
    while one[TAKEN] < rungs.shape[0] and one[QTY] != 0.0:
        rung = rungs[int(one[TAKEN])]
        price = one[COST] * (1 + sign * rung[0])
        if not limit_crossed(price, bar[2], bar[1], -sign):
            return
        if one[RUNG_LEFT] <= 0.0:
            one[RUNG_LEFT] = rung_quantity(one[IN_QTY], rung[1], abs(one[QTY]))
        # The last rung of a ladder that closes all leaves no dust of rounded fractions.
        wanted = abs(one[QTY]) if abs(abs(one[QTY]) - one[RUNG_LEFT]) <= 1e-9 * one[IN_QTY] else one[RUNG_LEFT]
        quantity = room(wanted, bar, rules)
        if quantity <= 0.0:
            return
        last = quantity >= wanted
        one[RUNG_LEFT] = 0.0 if last else wanted - quantity
        if last:
            one[TAKEN] += 1
        if quantity >= abs(one[QTY]):
            one[BARRED] = sign
        closed(one, account, index, quantity, price, price, rules[FEE], R_TARGET, at, trades)
        if not last:
            return
