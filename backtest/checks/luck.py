"""How much of a result may be luck: entries at random, neighbours of its parameters, and all that was ever tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.checks.costs import KEPT
from backtest.checks.lines import Ask, Line, judged, unmeasured
from backtest.checks.subject import Subject, parameters_of
from backtest.curves import Unmeasured
from backtest.intervals import interval_of
from backtest.metrics import Run
from backtest.words import many
from core.errors import DataRefused
from models.validation.alarms import HIGHEST_SHARPE, LEAST_TRADES, MOST_ACCURATE
from models.validation.overfitting import Deflated, backtest_overfitting
from tools.simulation.sweeping import Set
from tools.strategies.targets import Making, Value, named, told

if TYPE_CHECKING:
    from core.bars import FloatArray

RANDOM: Final = 200
_RARE: Final = 0.05
_SURE: Final = 0.95
_ROOM: Final = 64 * 2**20  # bytes of exposures at a time
_STEPS: Final = (0.75, 0.9, 1.1, 1.25)
_MOST_CANDIDATES: Final = 200
_LEAST_CANDIDATES: Final = 4


def random_entries(subject: Subject, draws: int = RANDOM) -> Line:
    """The same positions, as many, as large and as long, but begun at other times.

    Stretches of one side change places with others of that side, and the whole is turned by some bars.
    """
    own = float(subject.figures(subject.wanted[None]).sharpe[0])
    if math.isnan(own):
        return unmeasured(Ask.RANDOM, "its returns do not vary")
    random = np.random.default_rng(0)
    decided = np.nan_to_num(subject.wanted[subject.begin :])
    each = max(1, _ROOM // subject.wanted.nbytes)
    found: list[float] = []
    for k in range(0, draws, each):
        targets = np.repeat(subject.wanted[None], min(each, draws - k), axis=0)
        for target in targets:
            for column in range(decided.shape[1]):
                target[subject.begin :, column] = _elsewhere(decided[:, column], random)
        found += np.nan_to_num(subject.figures(targets).sharpe, nan=0.0).tolist()
    as_good = sum(one >= own for one in found)
    share = (1 + as_good) / (1 + draws)
    words = f"{as_good} of {draws} at random did as well; they had a Sharpe ratio of {_middle(subject, found):.2f}"
    return judged(Ask.RANDOM, share <= _RARE, f"{words}, it {subject.year(own):.2f}", p_value=share)


def _elsewhere(wanted: FloatArray, random: np.random.Generator) -> FloatArray:
    """One symbol's exposures, its stretches of a side in another order, turned by some bars."""
    side = np.sign(wanted)
    cuts = np.flatnonzero(np.diff(side)) + 1
    parts = np.split(wanted, cuts)
    sides = side[np.append(0, cuts)]
    places: list[int] = [0] * len(parts)
    for one in np.unique(sides):
        mine = np.flatnonzero(sides == one)
        for place, part in zip(mine.tolist(), random.permutation(mine).tolist(), strict=True):
            places[place] = part
    moved: FloatArray = np.roll(np.concatenate([parts[place] for place in places]), random.integers(1, len(wanted)))
    return moved


def neighbours(making: Making, parameters: Set) -> list[Set]:
    """Sets that differ in one number, by a tenth and by a quarter, and by one at least where it counts."""
    every = parameters_of(making, parameters)
    found: list[Set] = []
    for name, value in every.items():
        if isinstance(value, str) or not value:
            continue
        others = dict.fromkeys(_near(making, name, float(value)))
        found += [{**parameters, name: other} for other in others if other != float(value)]
    return found


def plateau(subject: Subject, own: float, near: Sequence[Set], ratios: FloatArray) -> Line:
    """Passed where the middle one of the neighbours has half of its Sharpe ratio: a peak alone is a coincidence."""
    if not near:
        return unmeasured(Ask.PLATEAU, "it has no number that changes anything when it is moved a little")
    known = np.nan_to_num(ratios, nan=0.0)
    worst = int(np.argmin(known))
    middle = float(np.median(known))
    words = f"Sharpe {subject.year(own):.2f}, {many(len(near), 'neighbour')} {subject.year(middle):.2f}"
    words += f", the worst {subject.year(known[worst]):.2f} with {told(near[worst])}"
    figures = {"median_year": subject.year(middle), "worst_year": subject.year(known[worst])}
    if not own > 0:
        return unmeasured(Ask.PLATEAU, f"{words}: there is no edge that could be one", **figures)
    return judged(Ask.PLATEAU, middle >= KEPT * own, words, **figures)


def deflated(subject: Subject, found: Deflated) -> Line:
    """By the ledger: passed where 95 % are for a true ratio above 0, so many having been tried."""
    luck_year = subject.year(found.threshold)
    figures = {"probability": found.probability, "trials": float(found.trials), "luck_year": luck_year}
    if math.isnan(found.probability):
        return unmeasured(Ask.DEFLATED, "its returns do not vary, or are too skewed to tell", **figures)
    words = f"{found.probability:.1%} that it is more than luck, after {many(found.trials, 'trial')}"
    words += f" of which the luckiest would have {luck_year:.2f}" if found.trials > 1 else ""
    return judged(Ask.DEFLATED, found.probability >= _SURE, words, **figures)


def overfitting(subject: Subject, candidates: Sequence[Set]) -> Line:
    """How often the best of one half of the history was below the middle of all sets in the other half."""
    if len(candidates) < _LEAST_CANDIDATES:
        why = f"it was not picked from {_LEAST_CANDIDATES} sets or more: --param NAME=RANGE says from which"
        return unmeasured(Ask.OVERFITTING, why)
    at = np.unique(np.linspace(0, len(candidates) - 1, _MOST_CANDIDATES).astype(np.int64))
    making = named(subject.strategy)
    curves = [replace(subject, parameters=candidates[k]).returns(making) for k in at.tolist()]
    try:
        found = backtest_overfitting(np.column_stack(curves))
    except DataRefused as few:
        return unmeasured(Ask.OVERFITTING, str(few))
    words = f"in {found.probability:.0%} of all halves the best of {len(at)} sets was below the middle in the other"
    figures = {"probability": found.probability, "loss": found.loss, "candidates": float(len(at))}
    return judged(Ask.OVERFITTING, found.probability < 0.5, words, **figures)


def intervals(run: Run) -> list[Line]:
    """Bootstrap intervals of 90 %: passed where no end of them is at or below 0."""
    found = []
    for ask, metric, form in ((Ask.INTERVAL, "sharpe", "{:.2f}"), (Ask.AVERAGE, "average_trade", "{:.2%}")):
        try:
            one = interval_of(metric, run)
        except Unmeasured as why:
            found.append(unmeasured(ask, str(why)))
            continue
        words = f"{form.format(one.value)}, between {form.format(one.low)} and {form.format(one.high)} (90 %)"
        found.append(judged(ask, one.low > 0, words, value=one.value, low=one.low, high=one.high))
    return found


def alarms(subject: Subject, run: Run, sharpe: float) -> list[Line]:
    """Too few trades, and what is too good to be true."""
    trades, year = len(run.closed), subject.year(sharpe)
    words = f"{trades} trades, {LEAST_TRADES} are the least"
    lines = [judged(Ask.TRADES, trades >= LEAST_TRADES, words, trades=float(trades))]
    if math.isnan(year):
        lines.append(unmeasured(Ask.TOO_GOOD, "its returns do not vary"))
    else:
        words = f"{year:.2f} a year; above {HIGHEST_SHARPE:g} it is leakage until shown otherwise"
        lines.append(judged(Ask.TOO_GOOD, year <= HIGHEST_SHARPE, words, sharpe_year=year))
    right, n = accuracy(subject)
    if n < LEAST_TRADES:
        return [*lines, unmeasured(Ask.ACCURACY, f"{n} bars with a position, {LEAST_TRADES} are the least")]
    words = f"right at {right:.1%} of {n:,} bars with a position; above {MOST_ACCURATE:.0%} it is leakage"
    return [*lines, judged(Ask.ACCURACY, right <= MOST_ACCURATE, words, accuracy=right, bars=float(n))]


def accuracy(subject: Subject) -> tuple[float, int]:
    """How often the price went its way from the open where a decision could fill to the next, and of how many bars."""
    right = total = 0
    for k, (bars, rows) in enumerate(zip(subject.grid.bars, subject.grid.rows, strict=True)):
        moved = np.sign(bars.open[2:] - bars.open[1:-1])
        side = np.sign(np.nan_to_num(subject.wanted[rows, k]))[:-2]
        if not subject.terms.shorts:
            side = np.maximum(side, 0)
        counted = (side != 0) & (moved != 0) & (rows[:-2] >= subject.begin)
        right, total = right + int((side == moved)[counted].sum()), total + int(counted.sum())
    return (right / total if total else math.nan), total


def _near(making: Making, name: str, value: float) -> list[Value]:
    whole = value.is_integer() and type(parameters_of(making, {}).get(name, 1)) is int
    if not whole:
        return [float(f"{value * step:.6g}") for step in _STEPS]
    return [float(round(value + math.copysign(max(1.0, abs(value) * abs(step - 1)), step - 1))) for step in _STEPS]


def _middle(subject: Subject, found: Sequence[float]) -> float:
    return subject.year(float(np.median(found)))
