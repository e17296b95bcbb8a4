"""Sweeps: one target strategy under many sets of parameters on the same bars, by the compiled kernel.

All sets of the ranges, or as many as a search asks for (`searching`). Every set counts as a trial of its market,
whatever comes of it, and the best are told with the probability that they are more than the luckiest of all that were
ever tried there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.ranges import corners, sets
from backtest.searching import Search, searched
from core.ports import Compute, Trials
from models.validation.overfitting import Deflated, deflated_sharpe
from models.validation.trials import ratios
from tools.simulation import running
from tools.simulation.grid import Grid
from tools.simulation.outcome import Outcome, Tried
from tools.simulation.settings import Terms
from tools.simulation.sweeping import (
    COLUMNS,
    Set,
    alike,
    begin_of,
    exits,
    exposures,
    measured,
    possible,
    split,
    study_of,
    trials_of,
)
from tools.strategies.targets import Value, locked, named, names

if TYPE_CHECKING:
    from core.bars import FloatArray

_ROOM: Final = 64 * 2**20  # bytes of exposures that are in memory at a time


@dataclass(frozen=True, slots=True)
class Best:
    """One of the best sets: its parameters, its place in the table, its whole outcome, and how likely it is skill."""

    parameters: Set
    row: int
    outcome: Outcome
    deflated: Deflated


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a sweep. `table` holds for each set of `sets` its figures, by the names of `COLUMNS`.

    `left_out` says why so many sets were none, such as a fast average that is not faster. `counted` is how many trials
    the ledger holds for this market now. All sets trade over the same bars, from `begin` on, as the longest look-back
    of any of them asks.
    """

    strategy: str
    sets: tuple[Set, ...]
    table: Mapping[str, FloatArray]
    best: tuple[Best, ...]
    begin: int
    grid: Grid
    terms: Terms
    study: str
    counted: int
    left_out: Mapping[str, int]

    @property
    def tried(self) -> Tried:
        """All sets, for a map of them."""
        names = [name for name in self.sets[0] if len({one[name] for one in self.sets}) > 1]
        return Tried(
            int(self.grid.close_ns[self.begin]),
            int(self.grid.close_ns[-1]),
            {name: tuple(one[name] for one in self.sets) for name in names},
            self.table["sharpe"] * math.sqrt(self.grid.timeframe.bars_per_year),
        )


def sweep(
    grid: Grid,
    strategy: str,
    over: Mapping[str, Sequence[Value]],
    terms: Terms,
    *,
    ledger: Trials,
    compute: Compute,
    from_ns: int | None = None,
    best: int = 5,
    search: Search | None = None,
    passed: Callable[[int], None] = lambda sets: None,
) -> Swept:
    """Simulates every set, counts it, and picks the `best` by their Sharpe ratio; `passed` is told of sets done.

    With a `search` the sets are those that it asks for. Nothing is decided before `from_ns`; bars before it are there
    to look back on. Raises ConfigError where no set can be made, DataRefused where a strategy or the bars are not what
    they must be. Then nothing is presented as whole.
    """
    made, left_out, look_back = possible(strategy, sets(over) if search is None else corners(over))
    begin = begin_of(grid, look_back, from_ns)
    study = study_of(grid)

    def measuring(wanted: Sequence[Set]) -> FloatArray:
        return counted(strategy, wanted, grid, terms, begin, ledger=ledger, compute=compute, passed=passed)

    if search is None:
        wanted, table = made, measuring(made)
    else:
        name = f"{study} {strategy} {alike(strategy, grid, terms, begin)}"
        wanted, table, left_out = searched(search, name, strategy, over, look_back, measuring)
    tried = ratios(ledger.of(study))
    order = [int(row) for row in np.argsort(-np.nan_to_num(table[:, 1], nan=-np.inf), kind="stable")[:best]]
    return Swept(
        strategy,
        tuple(wanted),
        {name: table[:, k] for k, name in enumerate(COLUMNS)},
        tuple(_best(strategy, wanted[row], row, grid, terms, begin, tried) for row in order),
        begin,
        grid,
        terms,
        study,
        len(tried),
        left_out,
    )


def counted(
    strategy: str,
    wanted: Sequence[Set],
    grid: Grid,
    terms: Terms,
    begin: int,
    *,
    ledger: Trials,
    compute: Compute,
    passed: Callable[[int], None] = lambda sets: None,
) -> FloatArray:
    """Figures of sets that can be made, float64 (sets, COLUMNS), each counted as a trial as it comes."""
    each = max(1, _ROOM // (8 * len(grid) * len(grid.symbols)))
    parts = [_Part(strategy, tuple(wanted[k : k + each]), grid, terms, begin) for k in range(0, len(wanted), each)]
    columns: list[FloatArray] = []
    for part, found in zip(parts, compute.map(_measured, parts), strict=True):
        columns.append(found)
        ledger.count_all(trials_of(strategy, part.sets, found, grid, terms, begin))
        passed(len(part.sets))
    return np.concatenate(columns)


@dataclass(frozen=True, slots=True)
class _Part:
    """So many sets as fit into memory at a time. It can travel to another process."""

    strategy: str
    sets: tuple[Set, ...]
    grid: Grid
    terms: Terms
    begin: int


def _measured(part: _Part) -> FloatArray:
    return measured(part.strategy, part.sets, part.grid, part.terms, part.begin)


def _best(strategy: str, one: Set, row: int, grid: Grid, terms: Terms, begin: int, tried: Sequence[float]) -> Best:
    making = named(strategy)
    own, out = split(one, names(making))
    wanted = exposures(making, own, grid, [locked(bars) for bars in grid.bars])
    outcome = running.outcome(
        grid, wanted, terms, exits(out), begin=begin, name=strategy, parameters=dict(one), trials=len(tried)
    )
    deflated = deflated_sharpe(outcome.returns, tried)
    return Best(one, row, replace(outcome, luck=deflated.threshold), deflated)
