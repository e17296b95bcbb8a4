"""Compiled: what a fill does to an asset and to the account. Imported only by the kernel, since it loads numba."""

import math

import numpy as np

from core import fills
from risk import arithmetic, stops
from tools.simulation.compiled import compiled, inlined
from tools.simulation.layout import (
    ACTED,
    BANKRUPT,
    BEST,
    COST,
    FEES,
    FIRST,
    FRESH,
    FUNDED,
    FUNDING,
    IMPACT,
    IN_QTY,
    IN_WORTH,
    LEVERAGE,
    LOSING,
    MAINTENANCE,
    MARGIN,
    OPENED,
    OUT_QTY,
    OUT_WORTH,
    PAID,
    PARTICIPATION,
    POSTED,
    QTY,
    RUNG_LEFT,
    SLIPPAGE,
    SLIPPED,
    SLIPPING,
    T_ASSET,
    T_CLOSED,
    T_ENTRY,
    T_EXIT,
    T_FEES,
    T_FUNDING,
    T_OPENED,
    T_PROFIT,
    T_QTY,
    T_SIDE,
    T_SLIPPAGE,
    T_STOP,
    T_WHY,
    TAKEN,
    TRADES,
    TRIGGER,
    TRIPS,
    TURNOVER,
    WALLET,
    WHY,
    WINS,
)

fee = inlined(fills.fee)
slipped = inlined(fills.slipped)
fillable = inlined(fills.fillable)
average_price = inlined(fills.average_price)
realised = inlined(fills.realised)
funding_payment = inlined(fills.funding_payment)
liquidation_price = inlined(fills.liquidation_price)
notional = inlined(arithmetic.notional)
tighter = inlined(stops.tighter)


@compiled
def taken_price(price, sign, quantity, bar, rules):
    """A taker's price after slippage; `bar` is open, high, low, volume. The paper venue's formula."""
    impact = rules[IMPACT] * (bar[1] - bar[2]) / bar[0]
    root = math.sqrt(quantity / bar[3]) if impact > 0 else 0.0
    return slipped(price, sign, rules[SLIPPAGE], impact, root)


@compiled
def room(quantity, bar, rules):
    """How much of a quantity one bar can take. Where impact counts, a bar without volume has no price for it."""
    if bar[3] <= 0.0:
        return 0.0 if rules[IMPACT] > 0 or not math.isinf(rules[PARTICIPATION]) else quantity
    return fillable(quantity, bar[3], rules[PARTICIPATION])


@compiled
def opened(one, account, sign, quantity, price, asked, rate, at, rules):
    """Books a fill that opens a position or adds to it. The margin is the position's worth over the leverage."""
    worth = notional(quantity, price)
    cost = fee(worth, rate)
    if one[QTY] == 0.0:
        one[COST] = price
        one[OPENED] = at
        one[BEST] = price
        one[TRIGGER] = one[FIRST] = np.nan
        one[MARGIN] = one[TAKEN] = one[RUNG_LEFT] = 0.0
        one[IN_QTY] = one[IN_WORTH] = one[OUT_QTY] = one[OUT_WORTH] = 0.0
        one[PAID] = one[SLIPPED] = one[FUNDED] = 0.0
    else:
        one[COST] = average_price(abs(one[QTY]), one[COST], quantity, price)
    one[QTY] += sign * quantity
    margin = worth / rules[LEVERAGE]
    one[MARGIN] += margin
    account[POSTED] += margin
    one[IN_QTY] += quantity
    one[IN_WORTH] += worth
    _charge(one, account, worth, cost, sign * (price - asked) * quantity)
    _watch(one, rules)


@compiled
def closed(one, account, index, quantity, price, asked, rate, why, at, trades):
    """Books a fill that closes a quantity, all of it at most. The last one ends the trip."""
    sign = 1 if one[QTY] > 0 else -1
    held = abs(one[QTY])
    if quantity > held:
        quantity = held
    worth = notional(quantity, price)
    cost = fee(worth, rate)
    whole = quantity == held
    account[WALLET] += realised(sign, one[COST], price, quantity)
    freed = one[MARGIN] if whole else one[MARGIN] * quantity / held
    one[MARGIN] -= freed
    account[POSTED] -= freed
    one[QTY] = 0.0 if whole else one[QTY] - sign * quantity
    one[OUT_QTY] += quantity
    one[OUT_WORTH] += worth
    # A sale below what was asked for costs, as a purchase above it does.
    _charge(one, account, worth, cost, sign * (asked - price) * quantity)
    if whole:
        _end(one, account, index, sign, why, at, trades)


@compiled
def funded(one, account, mark, rate):
    """Pays (or receives) what is due to a position that was held at a funding time, out of its margin."""
    sign = 1 if one[QTY] > 0 else -1
    payment = funding_payment(sign, abs(one[QTY]), mark, rate)
    account[WALLET] -= payment
    account[FUNDING] += payment
    account[POSTED] -= payment
    one[MARGIN] -= payment
    one[FUNDED] += payment


@compiled
def _charge(one, account, worth, cost, slipping):
    account[WALLET] -= cost
    account[FEES] += cost
    account[TURNOVER] += worth
    account[SLIPPING] += slipping
    one[PAID] += cost
    one[SLIPPED] += slipping


@compiled
def _watch(one, rules):
    """Where the venue would liquidate: nowhere for a long position that is paid for whole."""
    if one[QTY] > 0.0 and rules[LEVERAGE] <= 1.0:
        one[BANKRUPT] = np.nan
        return
    sign = 1 if one[QTY] > 0 else -1
    one[BANKRUPT] = liquidation_price(sign, one[COST], one[MARGIN] / abs(one[QTY]), rules[MAINTENANCE])


watch = _watch


@compiled
def trip_profit(one, sign, out_worth):
    """Of a whole trip, net of fees, slippage (which is in the prices) and funding."""
    return sign * (out_worth - one[IN_WORTH]) - one[PAID] - one[FUNDED]


@compiled
def _end(one, account, index, sign, why, at, trades):
    profit = trip_profit(one, sign, one[OUT_WORTH])
    account[TRIPS] += 1
    if profit > 0:
        account[WINS] += 1
    account[LOSING] = account[LOSING] + 1 if profit < 0 else 0.0
    noted(one, account, index, sign, why, at, one[OUT_QTY], one[OUT_WORTH], profit, trades)
    one[WHY] = -1.0
    one[FRESH] = 0.0
    # Whatever is wanted next is a new order, decided at the next close.
    one[ACTED] = np.nan


@compiled
def noted(one, account, index, sign, why, at, quantity, worth, profit, trades):
    """Writes one trip into the trade table, where there is one."""
    row = int(account[TRADES])
    if row >= trades.shape[0]:
        return
    account[TRADES] += 1
    told = trades[row]
    told[T_ASSET] = index
    told[T_SIDE] = sign
    told[T_OPENED] = one[OPENED]
    told[T_CLOSED] = at
    told[T_QTY] = one[IN_QTY]
    told[T_ENTRY] = one[IN_WORTH] / one[IN_QTY]
    told[T_EXIT] = worth / quantity
    told[T_FEES] = one[PAID]
    told[T_SLIPPAGE] = one[SLIPPED]
    told[T_FUNDING] = one[FUNDED]
    told[T_PROFIT] = profit
    told[T_WHY] = why
    told[T_STOP] = one[FIRST]
