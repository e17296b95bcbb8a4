"""Whether a strategy knows only what was known: cut off after its signals, before another future, and begun later.

Decisions are compared bar by bar, so that one which leaks a little is found as one that leaks much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.checks.lines import Ask, Line, judged, unmeasured
from backtest.checks.subject import Subject, between, known_from, poisoned, wants
from core.errors import DataRefused
from core.time import show_time
from tools.strategies.targets import named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray

SIGNALS: Final = 100
_OTHERS: Final = 20  # bars without a signal: one that is missing may be the leak
_POISONS: Final = 8
_STARTS: Final = 12
_QUIET: Final = 0.9  # of a stretch: who still differs in its last tenth has not settled
_EXACT: Final = 1e-9
_CLOSE: Final = 1e-6  # averages that decay are never quite the same


def same_twice(subject: Subject) -> Line:
    """A strategy that draws lots, or keeps something between calls, cannot be checked for anything else."""
    again = wants(named(subject.strategy), subject.parameters, subject.grid)
    at = _first(again, subject.wanted, _EXACT)
    if at is None:
        return judged(Ask.TWICE, True, "the same bars gave the same exposures")
    told = _told(subject, at, subject.wanted[at], "at first", again[at], "the second time")
    return judged(Ask.TWICE, False, f"{told}: it draws lots, or remembers")


def truncated(subject: Subject, signals: int = SIGNALS) -> Line:
    """Runs it again on the bars up to each signal, at most so many, and up to some bars without one.

    The shortest first and freshly loaded, so that nothing that it remembers is from later.
    """
    making = named(subject.strategy)
    changed = _signals(subject)
    if not len(changed):
        return unmeasured(Ask.TRUNCATED, "it never changed its mind, so there is no signal to cut after")
    places = np.union1d(_some(changed, signals), _others(subject))
    begin, wrong, told = subject.begin, 0, ""
    for at in places.tolist():
        try:
            then = wants(making, subject.parameters, between(subject.grid, 0, at)[0])
        except DataRefused as failed:
            wrong, told = wrong + 1, told or f"on the bars up to {_when(subject, at)} alone it failed: {failed}"
            continue
        # Where the last bars before the cut are missing, the grid ends with the last one that is there.
        row = _first(then[begin:], subject.wanted[begin : len(then)], _EXACT)
        if row is not None:
            row, wrong = row + begin, wrong + 1
            told = told or _told(subject, row, then[row], "then", subject.wanted[row], "with later bars")
    figures = {"cuts": float(len(places)), "signals": float(len(changed)), "wrong": float(wrong)}
    if wrong:
        found = f"{told}: it looks ahead ({wrong} of {len(places)} cuts)"
        return judged(Ask.TRUNCATED, False, found, **figures)
    return judged(Ask.TRUNCATED, True, f"{len(places)} cuts changed nothing that was decided before", **figures)


def another_future(subject: Subject) -> Line:
    """Puts another market after some bars: neither exposures nor equity may change before it."""
    making = named(subject.strategy)
    ours = subject.outcome(subject.wanted).equity
    low = max(subject.begin, known_from(subject.grid))
    places = np.unique(np.linspace(low, len(subject.grid) - 2, _POISONS + 2).astype(np.int64)[1:-1])
    for at in places.tolist():
        other = poisoned(subject.grid, at, seed=at)
        try:
            theirs = wants(making, subject.parameters, other)
        except DataRefused as failed:
            return judged(Ask.POISONED, False, f"with other bars after {_when(subject, at)} it failed: {failed}")
        row = _first(theirs[subject.begin : at + 1], subject.wanted[subject.begin : at + 1], _EXACT)
        if row is not None:
            row += subject.begin
            told = _told(subject, row, subject.wanted[row], "here", theirs[row], "before another future")
            return judged(Ask.POISONED, False, f"{told}: it looks ahead")
        equity = subject.outcome(theirs, grid=other).equity
        upto = at + 1 - subject.begin
        if not np.allclose(equity[:upto], ours[:upto], rtol=_EXACT, atol=0):
            found = f"equity before {_when(subject, at)} changed with the bars after it: the simulation looks ahead"
            return judged(Ask.POISONED, False, found)
    found = f"{len(places)} other futures changed nothing before them"
    return judged(Ask.POISONED, True, found, futures=float(len(places)))


def warm_up(subject: Subject) -> Line:
    """How many bars it must have seen before its decisions are those of one that has seen all of them."""
    making = named(subject.strategy)
    total, low = len(subject.grid), known_from(subject.grid)
    length = (total - low) // 2
    if length < 3 * subject.look_back:
        why = f"its look-back of {subject.look_back} bars needs {6 * subject.look_back}, found {total - low}"
        return unmeasured(Ask.WARM_UP, why)
    settled = []
    for first in np.unique(np.linspace(low + 1, total - length, _STARTS).astype(np.int64)).tolist():
        part, begins = between(subject.grid, first, first + length - 1)
        then = wants(making, subject.parameters, part)
        differs = _differs(then, subject.wanted[begins : begins + len(then)], _CLOSE)
        differs[: subject.look_back - 1] = False
        rows = np.flatnonzero(differs)
        settled.append(int(rows[-1]) + 2 if len(rows) else subject.look_back)
    worst = max(settled)
    figures = {"bars": float(worst), "look_back": float(subject.look_back), "starts": float(len(settled))}
    if worst > _QUIET * length:
        found = f"after {length} bars it still decides otherwise than one that saw more"
        return judged(Ask.WARM_UP, False, f"{found}: what it wants depends on where its bars begin", **figures)
    if worst <= subject.look_back:
        return judged(Ask.WARM_UP, True, f"{worst} bars are enough, as its look-back says", **figures)
    found = f"its look-back says {subject.look_back} bars, the same decisions need {worst}: give it so many"
    return judged(Ask.WARM_UP, True, found, **figures)


def _signals(subject: Subject) -> IntArray:
    """Rows, decided on, at which it wants something else than at the bar before."""
    rows: list[IntArray] = []
    for k, there in enumerate(subject.grid.rows):
        wanted = subject.wanted[there, k]
        changed = np.append(False, _differs(wanted[1:, None], wanted[:-1, None], _EXACT))
        rows.append(there[changed])
    every = np.unique(np.concatenate(rows))
    low = max(subject.begin, known_from(subject.grid))
    return every[(every >= low) & (every < len(subject.grid) - 1)]


def _some(rows: IntArray, most: int) -> IntArray:
    """Evenly over all of them."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _others(subject: Subject) -> IntArray:
    low = max(subject.begin, known_from(subject.grid))
    return np.random.default_rng(0).integers(low, len(subject.grid) - 1, _OTHERS)


def _differs(one: FloatArray, other: FloatArray, tolerance: float) -> NDArray[np.bool_]:
    """Rows in which any asset is wanted differently."""
    same = np.isclose(one, other, rtol=0, atol=tolerance, equal_nan=True)
    found: NDArray[np.bool_] = np.logical_not(same).any(axis=1)
    return found


def _first(one: FloatArray, other: FloatArray, tolerance: float) -> int | None:
    rows = np.flatnonzero(_differs(one, other, tolerance))
    return int(rows[0]) if len(rows) else None


def _when(subject: Subject, row: int) -> str:
    return show_time(int(subject.grid.close_ns[row]))


def _told(subject: Subject, row: int, one: FloatArray, first: str, other: FloatArray, second: str) -> str:
    """'BTC/USDT at 2021-05-19 13:00:00Z: exposure 1 then, 0 with later bars'."""
    k = int(np.argmax(_differs(one[:, None], other[:, None], _EXACT)))
    place = f"{subject.grid.symbols[k]} at {_when(subject, row)}"
    return f"{place}: exposure {one[k]:g} {first}, {other[k]:g} {second}"
