"""Compiled: what an order may come to, and what losses leave allowed. It loads numba.

The arithmetic is the supervisor's own source. Doubles may differ from decimals in the last digit, so that within 1e-9
of a limit the kernel denies.
"""

from core import fills
from risk import arithmetic
from tools.simulation.compiled import compiled, inlined
from tools.simulation.layout import (
    CAPS,
    FEE,
    LASTS,
    LATCH,
    LEVERAGE,
    LIMIT,
    LIVE,
    LOSING,
    MAX_ASSET,
    MAX_GROSS,
    MAX_POSITIONS,
    POSTED,
    QTY,
    READS,
    REARM,
    SCALE,
    SEVERITY,
    SLIPPAGE,
    STATE,
    STREAK,
    UNTIL_MIDNIGHT,
    V_ASSET,
    V_BALANCE,
    V_GROSS,
    V_POSITIONS,
    WALLET,
    WANT,
    WHY,
)

NEAR = 1e-9
FOREVER = 1 << 62

share = inlined(arithmetic.share)
cost_with_fee = inlined(arithmetic.cost_with_fee)
share_after = inlined(arithmetic.share_after)
largest_within = inlined(arithmetic.largest_within)
largest_affordable = inlined(arithmetic.largest_affordable)
loss_share = inlined(arithmetic.loss_share)
slipped = inlined(fills.slipped)


@compiled
def fitted(assets, account, index, marks, side, quantity, equity, rules, vetoes, fresh):
    """How much of an addition passes: the largest below every limit, as the supervisor would have answered.

    Orders of one bar see the ones decided before them at their worst case. `vetoes` counts each limit that said no
    to a `fresh` wish (1, else 0).
    """
    if equity <= 0.0:
        vetoes[V_BALANCE] += fresh
        return 0.0
    if abs(assets[index, QTY]) == 0.0 and _positions(assets, index) + 1 > rules[MAX_POSITIONS]:
        vetoes[V_POSITIONS] += fresh
        return 0.0
    mark, scale = marks[index], account[SCALE]
    own = abs(assets[index, QTY]) * mark
    quantity = _within(rules[MAX_ASSET] * scale, equity, own, mark, quantity, vetoes, V_ASSET, fresh)
    gross = _gross(assets, index, marks)
    quantity = _within(rules[MAX_GROSS] * scale, equity, gross, mark, quantity, vetoes, V_GROSS, fresh)
    free = account[WALLET] - account[POSTED] - _reserved(assets, index, marks, rules)
    if free <= 0.0:
        vetoes[V_BALANCE] += fresh
        return 0.0
    unit, rate = posted(slipped(mark, side, rules[SLIPPAGE], 0.0, 0.0), rules)
    used = share(cost_with_fee(quantity, unit, rate), free)
    if used > 1 - NEAR:
        if used > 1 + NEAR:
            vetoes[V_BALANCE] += fresh
        quantity = largest_affordable(1 - NEAR, free, 0.0, unit, rate)
    return quantity if quantity > 0.0 else 0.0


@compiled
def posted(price, rules):
    """What one unit takes out of the free balance at a price, and the fee as a fraction of that."""
    return price / rules[LEVERAGE], rules[FEE] * rules[LEVERAGE]


@compiled
def _within(cap, equity, held, price, quantity, vetoes, code, fresh):
    found = share_after(held, quantity * price, equity)
    if found <= cap - NEAR:
        return quantity
    if found > cap + NEAR:
        vetoes[code] += fresh
    largest = largest_within(cap - NEAR, equity, held, price)
    return largest if largest > 0.0 else 0.0


@compiled
def _positions(assets, index):
    """Other symbols that are held or being bought."""
    found = 0
    for a in range(assets.shape[0]):
        if a != index and (assets[a, QTY] != 0.0 or (assets[a, WHY] >= 0 and assets[a, WANT] != 0.0)):
            found += 1
    return found


@compiled
def _gross(assets, index, marks):
    worth = 0.0
    for a in range(assets.shape[0]):
        held = abs(assets[a, QTY])
        if a != index and assets[a, WHY] >= 0 and abs(assets[a, WANT]) > held:
            held = abs(assets[a, WANT])
        if held > 0.0:  # before its first bar an asset has no mark
            worth += held * marks[a]
    return worth


@compiled
def _reserved(assets, index, marks, rules):
    cost = 0.0
    for a in range(assets.shape[0]):
        more = abs(assets[a, WANT]) - abs(assets[a, QTY])
        if a != index and assets[a, WHY] >= 0 and more > 0.0:
            unit, rate = posted(marks[a] * (1 + rules[SLIPPAGE]), rules)
            cost += cost_with_fee(more, unit, rate)
    return cost


@compiled
def tripped(account, tiers, until, readings, bases, equity, at, bars_to_midnight, rules):
    """Holds the loss tiers to one close, and says what is left allowed: the state's severity, and a share of the caps.

    `bases` are what losses are measured from: equity at midnight, 24 hours ago, at the start, and its peak. `until` is
    for each tier the bar at whose close it ends; as in `risk.causes`, one that is live is not set anew.
    """
    for reading in range(STREAK):
        readings[reading] = loss_share(equity, bases[reading])
    readings[STREAK] = account[LOSING]
    state, scale, live = 0.0, 1.0, 0.0
    for k in range(tiers.shape[0]):
        tier = tiers[k]
        reading = int(tier[READS])
        if tier[LASTS] == LATCH and until[k] == at:
            # Re-armed: as at the desk, its losses are counted anew from here.
            readings[reading] = 0.0
            if reading == STREAK:
                account[LOSING] = 0.0
            else:
                bases[reading] = equity
        if until[k] <= at:
            value, limit = readings[reading], tier[LIMIT]
            if value >= limit - NEAR:
                until[k] = _ends(tier[LASTS], at, bars_to_midnight, rules[REARM])
        if until[k] > at:
            live = 1.0
            if tier[SEVERITY] > state:
                state = tier[SEVERITY]
            if tier[CAPS] < scale:
                scale = tier[CAPS]
    account[STATE] = state
    account[SCALE] = scale
    account[LIVE] = live


@compiled
def _ends(lasts, at, bars_to_midnight, rearm):
    if lasts == LATCH:
        return FOREVER if rearm <= 0 else at + int(rearm)
    return at + bars_to_midnight if lasts == UNTIL_MIDNIGHT else at + int(lasts)
