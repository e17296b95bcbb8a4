"""Compiled: the order that a target asks for at a close, and what the next open makes of it. It loads numba."""

import math

import numpy as np

from core import fills
from tools.simulation.compiled import compiled, inlined
from tools.simulation.filling import closed, opened, room, slipped, taken_price
from tools.simulation.guarding import guarded
from tools.simulation.layout import (
    ACTED,
    BAND,
    BARRED,
    CLOSES,
    FEE,
    FRESH,
    POSTED,
    QTY,
    R_SIGNAL,
    R_TIER,
    REFUSED,
    ROOT_LATENCY,
    SHORTS,
    SLIPPAGE,
    STATE,
    TAKEN,
    UNITS,
    V_NOTIONAL,
    V_STATE,
    WALLET,
    WANT,
    WHY,
)
from tools.simulation.limiting import NEAR, fitted, largest_affordable, posted

after_latency = inlined(fills.after_latency)


@compiled
def _rounded(quantity, lot):
    """Down to lots, with what a float may miss a whole lot by."""
    return quantity if lot <= 0.0 else math.floor(quantity / lot + NEAR) * lot


@compiled
def at_open(one, account, index, bar, x, ranges, lots, rules, at, trades):
    """The pending order meets the open of a bar: what closes first, what adds as far as it can be paid for."""
    if math.isnan(bar[0]):
        if one[FRESH] > 0.0:
            # Nothing traded where the order should have, and a later price is not this order's.
            one[WHY] = -1.0
            one[ACTED] = np.nan
        return
    late = rules[ROOT_LATENCY] if one[FRESH] > 0.0 else 0.0
    one[FRESH] = 0.0
    more = abs(one[WANT]) - abs(one[QTY])
    if more <= 0.0:
        sign = -1 if one[QTY] > 0 else 1
        quantity = room(-more, bar, rules)
        if quantity > 0.0:
            price = taken_price(after_latency(bar[0], bar[2], bar[1], sign, late), sign, quantity, bar, rules)
            closed(one, account, index, quantity, price, bar[0], rules[FEE], one[WHY], at, trades)
        if one[QTY] == one[WANT]:
            one[WHY] = -1.0
        return
    sign = 1 if one[WANT] > 0 else -1
    quantity = room(more, bar, rules)
    if quantity <= 0.0:
        return
    price = taken_price(after_latency(bar[0], bar[2], bar[1], sign, late), sign, quantity, bar, rules)
    unit, rate = posted(price, rules)
    payable = largest_affordable(1 - NEAR, account[WALLET] - account[POSTED], 0.0, unit, rate)
    whole = quantity >= more
    if payable < quantity:
        quantity, whole = payable, True  # the rest of an unpayable order is cancelled
    quantity = _rounded(quantity, lots[index, 0])
    if quantity > 0.0:
        opened(one, account, sign, quantity, price, bar[0], rules[FEE], at, rules)
        guarded(one, x, ranges, rules, at - 1, index)
    if whole:
        one[WHY] = -1.0


@compiled
def decide(assets, account, index, wanted, marks, equity, lots, rules, vetoes):
    """The order that a new target asks for, within the limits of this close."""
    one = assets[index]
    if one[WHY] >= 0 and one[WANT] == 0.0:
        return
    if rules[SHORTS] == 0.0 and wanted < 0.0:
        wanted = 0.0
    side = 1 if wanted > 0 else (-1 if wanted < 0 else 0)
    if one[BARRED] != 0.0:
        if side == one[BARRED]:
            one[ACTED] = wanted
            return
        one[BARRED] = 0.0
    if one[QTY] * side < 0.0 or (one[QTY] != 0.0 and side == 0):
        _order(one, 0.0, R_SIGNAL)
        return
    if side == 0:
        one[WHY] = -1.0
        one[ACTED] = 0.0
        return
    if one[ACTED] * side > 0.0 and abs(wanted - one[ACTED]) <= rules[BAND]:
        return
    mark, held = marks[index], abs(one[QTY])
    if rules[UNITS] > 0.0:
        quantity = abs(wanted) * rules[UNITS]
    else:
        # A share of equity with the costs of buying it, so that all of it can be paid for.
        price = slipped(mark, side, rules[SLIPPAGE], 0.0, 0.0)
        quantity = largest_affordable(abs(wanted), max(equity, 0.0), 0.0, price, rules[FEE])
    more = _rounded(quantity, lots[index, 0]) - held
    if more <= 0.0:
        if more < 0.0 and -more * mark >= lots[index, 1]:
            _order(one, side * (held + more), R_SIGNAL)
        one[ACTED] = wanted
        return
    if one[TAKEN] > 0.0 and held > 0.0:
        one[ACTED] = wanted  # profit was taken: the rest runs, and is not added to
        return
    fresh = 0 if one[REFUSED] == wanted else 1  # the same wish again is not one denial more
    if account[STATE] > 0.0:
        vetoes[V_STATE] += fresh
        more = 0.0
    else:
        more = fitted(assets, account, index, marks, side, more, equity, rules, vetoes, fresh)
        more = _rounded(more, lots[index, 0])
        if more > 0.0 and more * mark < lots[index, 1]:
            vetoes[V_NOTIONAL] += fresh
            more = 0.0
    if more <= 0.0:
        one[REFUSED] = wanted
        one[ACTED] = np.nan
        return
    one[REFUSED] = np.nan
    _order(one, side * (held + more), R_SIGNAL)
    one[ACTED] = wanted


@compiled
def _order(one, want, why):
    one[WANT] = want
    one[WHY] = why
    one[FRESH] = 1.0


@compiled
def restrain(one, rules, state):
    """A tier that closes the desk for new risk cancels what would add; one that halts may close, where asked to."""
    if one[WHY] >= 0 and abs(one[WANT]) > abs(one[QTY]):
        one[WHY] = -1.0
        one[ACTED] = np.nan
    if rules[CLOSES] > 0.0 and state > 1.0 and one[QTY] != 0.0 and not (one[WHY] >= 0 and one[WANT] == 0.0):
        _order(one, 0.0, R_TIER)
