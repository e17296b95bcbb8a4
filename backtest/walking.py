"""Walk-forward optimisation: parameters are picked on the past and traded on what came after, again and again.

Each part of the history that is traded is judged by sets that saw nothing of it: strategies are given the bars before
it alone. One account goes through all parts, so that positions, peaks and loss tiers live on where parameters change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.ranges import corners, sets
from backtest.searching import Search
from backtest.sweeps import Swept, sweep
from core.canonical import digest
from core.errors import DataRefused
from core.ports import Compute, Trial, Trials
from core.time import show_time
from models.validation.overfitting import Deflated, deflated_sharpe
from models.validation.splits import Spans, walk_forward
from models.validation.trading import sharpe_of
from models.validation.trials import ratio, ratios
from tools.simulation import running
from tools.simulation.grid import Grid
from tools.simulation.outcome import Outcome
from tools.simulation.settings import Exits, Terms
from tools.simulation.sweeping import Set, alike, begin_of, exits, exposures, possible, split, study_of
from tools.strategies.targets import Value, locked, named, names, told

if TYPE_CHECKING:
    from core.bars import FloatArray


@dataclass(frozen=True, slots=True)
class Walk:
    """`folds` parts of equal length are traded; each is learnt from all before it, or from the last `window` bars."""

    folds: int
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part: picked from rows `learnt` on up to `first`, traded from `first` to `last` (rows of the grid).

    Ratios are of one bar, `earned` is the change of equity over the part, a fraction.
    """

    learnt: int
    first: int
    last: int
    parameters: Set
    tried: int
    picked_sharpe: float
    sharpe: float
    earned: float


@dataclass(frozen=True, slots=True)
class Walked:
    """`outcome` is of all parts, nothing of it seen when its parameters were picked. `newest` is the last sweep.

    `efficiency` is the mean Sharpe ratio out of sample over that of the picks in sample: how much of what looked good
    stayed, NaN where nothing looked good. Pardo, *The Evaluation and Optimization of Trading Strategies* (2008).
    """

    strategy: str
    parts: tuple[Part, ...]
    outcome: Outcome
    deflated: Deflated
    efficiency: float
    newest: Swept
    study: str
    counted: int


def walk(
    grid: Grid,
    strategy: str,
    over: Mapping[str, Sequence[Value]],
    terms: Terms,
    way: Walk,
    *,
    ledger: Trials,
    compute: Compute,
    from_ns: int | None = None,
    search: Search | None = None,
    passed: Callable[[int], None] = lambda sets: None,
) -> Walked:
    """Picks by the Sharpe ratio in each part, and trades on. Every set of every part is a trial, and so is the whole.

    Raises ConfigError and DataRefused as a sweep does, and for bars too few for so many parts.
    """
    _, _, look_back = possible(strategy, sets(over) if search is None else corners(over))
    begin = begin_of(grid, look_back, from_ns)
    rows = np.arange(begin, len(grid), dtype=np.int64)
    try:
        folds = walk_forward(Spans.ahead(rows, 1), folds=way.folds, window=way.window, valid=0.0, calibration=0.0)
    except DataRefused as few:
        raise DataRefused(f"{len(rows)} bars are too few to walk forward in {way.folds} parts: {few}") from None
    making = named(strategy)
    target = np.full((len(grid), len(grid.symbols)), np.nan)
    ways: dict[int, Exits] = {}
    picks = []
    for fold in folds:
        learnt, first, last = (int(rows[part]) for part in (fold.train[0], fold.test[0], fold.test[-1]))
        swept = sweep(
            grid.until(first),
            strategy,
            over,
            terms,
            ledger=ledger,
            compute=compute,
            from_ns=int(grid.close_ns[learnt]),
            best=1,
            search=search,
            passed=passed,
        )
        own, out = split(swept.best[0].parameters, names(making))
        seen = grid.until(last + 1)
        wanted = exposures(making, own, seen, [locked(bars) for bars in seen.bars])
        target[first : last + 1] = wanted[first:]
        ways[first] = exits(out)
        picks.append((learnt, first, last, swept))
    begun = picks[0][1]
    name = f"{strategy} walk-forward"
    about = digest(
        {
            "about": alike(strategy, grid, terms, begun),
            "over": {key: [str(value) for value in values] for key, values in over.items()},
            "walk": [way.folds, way.window],
            "search": None if search is None else [search.trials, search.seed],
        }
    )
    study = study_of(grid)
    given = {
        f"{number}. from {show_time(int(grid.close_ns[first]))}": told(swept.best[0].parameters)
        for number, (_, first, _, swept) in enumerate(picks, 1)
    }
    outcome = running.outcome(grid, target, terms, ways, begin=begun, name=name, parameters=given)
    returns = outcome.returns
    ledger.count(Trial(study, name, about, ratio(sharpe_of(returns))))
    tried = ratios(ledger.of(study))
    deflated = deflated_sharpe(returns, tried)
    parts = tuple(_part(*pick, returns[pick[1] - begun : pick[2] + 1 - begun]) for pick in picks)
    return Walked(
        strategy,
        parts,
        replace(outcome, trials=len(tried), luck=deflated.threshold),
        deflated,
        _efficiency(parts),
        picks[-1][3],
        study,
        len(tried),
    )


def _part(learnt: int, first: int, last: int, swept: Swept, returns: FloatArray) -> Part:
    best = swept.best[0]
    return Part(
        learnt,
        first,
        last,
        best.parameters,
        len(swept.sets),
        float(swept.table["sharpe"][best.row]),
        sharpe_of(returns),
        float(np.prod(1 + returns) - 1),
    )


def _efficiency(parts: Sequence[Part]) -> float:
    picked = float(np.mean([part.picked_sharpe for part in parts]))
    # One that did not trade earned nothing: its ratio is none, and counts as 0.
    kept = float(np.mean(np.nan_to_num([part.sharpe for part in parts])))
    return kept / picked if picked > 0 else math.nan
