"""The compiled kernel: one parameter set over all bars and assets, with every way out and every limit compiled in.

A target is known at the close of a bar, decided on there with the limits of that moment, and filled at the open of the
next bar. A bar that is missing fills nothing: the order expires, and is decided anew. The other side is a new order,
decided when the first one is done, as at the desk. What was stopped out stays out until another side is wanted.

Imported inside functions alone, since it loads numba. The loop is written for speed: what happens at every bar stands
in it, what happens at few is called.
"""

import math

from tools.simulation.compiled import compiled, inlined, kept
from tools.simulation.filling import funded, noted, trip_profit, watch
from tools.simulation.guarding import moved, struck
from tools.simulation.layout import (
    ACCOUNT,
    ACTED,
    ASSET,
    BARS_OUT,
    CAPITAL,
    COST,
    DAY_LOSS,
    DRAWDOWN,
    DRAWDOWN_OUT,
    EQUITY_OUT,
    EXITS,
    FEES,
    FEES_OUT,
    FUNDING,
    FUNDING_OUT,
    HELD_OUT,
    LEVERAGE,
    LIMIT,
    LIVE,
    LOSING,
    LOSS_24H,
    OUT_QTY,
    OUT_WORTH,
    QTY,
    R_END,
    READS,
    REFUSED,
    SCALE,
    SHORTS,
    SLIPPING,
    SLIPPING_OUT,
    SQUARES,
    STATE,
    STREAK,
    SUM,
    TRIPS,
    TRIPS_OUT,
    TURNOVER,
    TURNOVER_OUT,
    WALLET,
    WHY,
    WINS,
    WINS_OUT,
)
from tools.simulation.limiting import NEAR, tripped
from tools.simulation.ordering import at_open, decide, restrain

LOOSEST = 1e300  # a limit that nothing reaches


@compiled
def _simulate(
    prices, rate, midnight, targets, ways, ladders, turns, ranges, lots, rules, tiers, begin, curve, trades, vetoes,
    out, x, rungs, assets, account, bar, ring, readings, bases, until,
):  # fmt: skip
    n, m, span = targets.shape[0], targets.shape[1], ring.shape[0]
    opens, highs, lows, marks, volumes = prices[0], prices[1], prices[2], prices[3], prices[4]
    _begun(assets, account, ring, bases, until, rules)
    guards = rungs.shape[0] > 0 or rules[LEVERAGE] > 1.0 or rules[SHORTS] > 0.0
    for part in range(ways.shape[0]):
        for k in range(EXITS):
            guards = guards or not math.isnan(ways[part, k])
    part = _turned(ways, ladders, turns, begin, -1, x, rungs)
    turn = turns[part + 1] if part + 1 < turns.shape[0] else n
    pays, limits, told = rate.shape[0] > 0, tiers.shape[0] > 0, curve.shape[0] > 0
    before = peak = rules[CAPITAL]
    low_mark = total = squares = 0.0
    held_bars = 0
    least = LOOSEST
    streak = LOOSEST
    for k in range(tiers.shape[0]):
        if int(tiers[k, READS]) == STREAK:
            streak = min(streak, tiers[k, LIMIT])
        else:
            least = min(least, tiers[k, LIMIT])
    skips = not limits and not told
    b, slot = begin - 1, -1
    while b + 1 < n:
        b += 1
        if b >= turn:
            part = _turned(ways, ladders, turns, b, part, x, rungs)
            turn = turns[part + 1] if part + 1 < turns.shape[0] else n
        holding = False
        idle = skips
        for a in range(m):
            if assets[a, QTY] == 0.0 and assets[a, WHY] < 0.0:
                continue
            if guards or pays or assets[a, WHY] >= 0.0:
                one = assets[a]
                bar[0], bar[1], bar[2], bar[3] = opens[b, a], highs[b, a], lows[b, a], volumes[b, a]
                if pays and one[QTY] != 0.0 and rate[b, a] != 0.0:
                    funded(one, account, marks[b - 1, a] if math.isnan(bar[0]) else bar[0], rate[b, a])
                    watch(one, rules)
                if one[WHY] >= 0.0:
                    at_open(one, account, a, bar, x, ranges, lots, rules, b, trades)
                if guards and one[QTY] != 0.0:
                    struck(one, account, a, bar, x, rungs, rules, b, trades)
                if guards and one[QTY] != 0.0:
                    moved(one, x, ranges, rules, highs[b, a], lows[b, a], marks[b, a], b, a)
            holding = holding or assets[a, QTY] != 0.0
            idle = False
        equity = account[WALLET]
        if holding:
            held_bars += 1
            for a in range(m):
                if assets[a, QTY] != 0.0:
                    equity += assets[a, QTY] * (marks[b, a] - assets[a, COST])
        if equity != before:
            change = equity / before - 1.0
            total += change
            squares += change * change
            if equity > peak:
                peak = equity
            elif equity < peak * (1.0 - low_mark):
                low_mark = 1.0 - equity / peak
        if limits:
            slot = slot + 1 if slot + 1 < span else 0
            bases[LOSS_24H], ring[slot] = ring[slot], equity
            if equity > bases[DRAWDOWN]:
                bases[DRAWDOWN] = equity
            top = max(max(bases[0], bases[1]), max(bases[2], bases[3]))
            # Most bars are far from every limit, and none needs to be measured there.
            if account[LIVE] > 0.0 or account[LOSING] >= streak or equity <= top * (1.0 - least) + NEAR * top:
                tripped(account, tiers, until, readings, bases, equity, b, midnight[b], rules)
            if midnight[b] == 0:
                bases[DAY_LOSS] = equity
            if account[STATE] > 0.0:
                for a in range(m):
                    restrain(assets[a], rules, account[STATE])
        before = equity
        if told:
            curve[b, 0] = equity
            worth = 0.0
            for a in range(m):
                if assets[a, QTY] != 0.0:
                    worth += abs(assets[a, QTY]) * marks[b, a]
            curve[b, 1] = worth
        for a in range(m):
            wanted = targets[b, a]
            if wanted != assets[a, ACTED] and not math.isnan(wanted):
                decide(assets, account, a, wanted, marks[b], equity, lots, rules, vetoes)
                idle = False
        if equity <= 0.0:
            # Ruined: nothing can be traded any more, and nothing is left to lose.
            for later in range(b, curve.shape[0]):
                curve[later, 0] = equity
            break
        if idle:
            b = _quiet(targets, assets, b)
    _left(assets, account, marks, trades)
    out[EQUITY_OUT], out[SUM], out[SQUARES], out[BARS_OUT] = before, total, squares, n - begin - 1
    out[DRAWDOWN_OUT], out[HELD_OUT] = low_mark, held_bars
    out[TRIPS_OUT], out[WINS_OUT], out[FEES_OUT] = account[TRIPS], account[WINS], account[FEES]
    out[SLIPPING_OUT], out[FUNDING_OUT], out[TURNOVER_OUT] = account[SLIPPING], account[FUNDING], account[TURNOVER]


@inlined
def _quiet(targets, assets, b):
    """The last bar from `b` on, with nothing held and nothing pending, before any asset is wanted otherwise."""
    m = targets.shape[1]
    if m == 1:
        acted = assets[0, ACTED]
        while b + 1 < targets.shape[0] and targets[b + 1, 0] == acted:
            b += 1
        return b
    while b + 1 < targets.shape[0]:
        for a in range(m):
            if targets[b + 1, a] != assets[a, ACTED]:
                return b
        b += 1
    return b


@compiled
def _turned(ways, ladders, turns, b, part, x, rungs):
    """Takes up the ways out that hold at bar `b`, and says which part of the history that is."""
    while part < 0 or (part + 1 < turns.shape[0] and turns[part + 1] <= b):
        part += 1
    for k in range(EXITS):
        x[k] = ways[part, k]
    for k in range(rungs.shape[0]):
        rungs[k, 0], rungs[k, 1] = ladders[part, k, 0], ladders[part, k, 1]
    return part


@compiled
def _begun(assets, account, ring, bases, until, rules):
    for a in range(assets.shape[0]):
        for column in range(ASSET):
            assets[a, column] = 0.0
        assets[a, WHY] = -1.0
        assets[a, ACTED] = assets[a, REFUSED] = math.nan
    for column in range(ACCOUNT):
        account[column] = 0.0
    account[WALLET], account[SCALE] = rules[CAPITAL], 1.0
    for k in range(ring.shape[0]):
        ring[k] = rules[CAPITAL]
    for k in range(bases.shape[0]):
        bases[k] = rules[CAPITAL]
    for k in range(until.shape[0]):
        until[k] = 0


@compiled
def _left(assets, account, marks, trades):
    """What is still open when the data end is told at the last price. Nothing is filled, and nothing paid."""
    last = marks.shape[0] - 1
    for a in range(assets.shape[0]):
        one = assets[a]
        if one[QTY] == 0.0:
            continue
        sign = 1 if one[QTY] > 0 else -1
        quantity, worth = one[OUT_QTY] + abs(one[QTY]), one[OUT_WORTH] + abs(one[QTY]) * marks[last, a]
        noted(one, account, a, sign, R_END, last, quantity, worth, trip_profit(one, sign, worth), trades)


@kept
def simulate(
    prices, rate, midnight, targets, ways, ladders, turns, ranges, lots, rules, tiers, begin, curve, trades, vetoes,
    out, x, rungs, assets, account, bar, ring, readings, bases, until,
):  # fmt: skip
    """Every set of `targets`, one after another; what comes out of each is written into its row of `out`.

    Shapes, float64 and C order unless said: prices (5, n_bars, n_assets) of open, high, low, close (carried over
    missing bars) and volume; rate (n_bars or 0, n_assets); midnight int64 (n_bars,), bars until the next; targets
    (n_sets, n_bars, n_assets); ways (n_sets, n_parts, EXITS) and ladders (n_sets, n_parts, n_rungs, 2), of which each
    part holds from the bar in turns int64 (n_parts,) on; ranges (3, n_rows, n_bars, n_assets); lots (n_assets, 2);
    tiers (n_tiers, 5); curve (n_bars or 0, 2) and trades (n, TRADE) of one set alone; vetoes int64 (n_sets, 6); out
    (n_sets, SUMMARY). The rest is room to work in, of a thread's own: x (EXITS,), rungs (n_rungs, 2), assets
    (n_assets, ASSET), account (ACCOUNT,), bar (4,), ring (bars a day,), readings (5,), bases (4,), until int64
    (n_tiers,). Nothing is allocated in compiled code, which counts no references for that.
    """
    for s in range(targets.shape[0]):
        _simulate(
            prices, rate, midnight, targets[s], ways[s], ladders[s], turns, ranges, lots, rules, tiers, begin, curve,
            trades, vetoes[s], out[s], x, rungs, assets, account, bar, ring, readings, bases, until,
        )  # fmt: skip
