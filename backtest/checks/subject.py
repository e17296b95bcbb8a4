"""What is checked: one strategy with one set of parameters on one grid of bars, and what it wants there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.bars import Bars
from tools.simulation import running
from tools.simulation.grid import Grid, grid
from tools.simulation.outcome import Outcome
from tools.simulation.settings import Exits, Terms
from tools.simulation.sweeping import Set, exits, exposures, split
from tools.strategies.targets import Making, Value, locked, named, names

if TYPE_CHECKING:
    from core.bars import FloatArray

_COLUMNS: Final = ("open_ns", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Subject:
    """`wanted`, float64 (n_bars, n_assets), is what it wants on the whole grid; it decides from the bar `begin` on.

    `look_back` is what the strategy says that it needs.
    """

    strategy: str
    parameters: Set
    grid: Grid
    terms: Terms
    begin: int
    look_back: int
    wanted: FloatArray

    @property
    def ways(self) -> Exits:
        return exits(split(self.parameters, names(named(self.strategy)))[1])

    def outcome(self, wanted: FloatArray, *, grid: Grid | None = None, terms: Terms | None = None) -> Outcome:
        """What these exposures come to, where nothing else is said on its own grid and terms."""
        chosen = grid or self.grid
        made = dict(self.parameters)
        return running.outcome(
            chosen, wanted, terms or self.terms, self.ways, begin=self.begin, name=self.strategy, parameters=made
        )

    def figures(self, wanted: FloatArray, terms: Terms | None = None) -> running.Figures:
        """Of exposures, float64 (n_sets, n_bars, n_assets)."""
        return running.figures(self.grid, wanted, terms or self.terms, (self.ways,), begin=self.begin)

    def returns(self, making: Making) -> FloatArray:
        """Of each bar, of what it wants with its parameters, whatever `wanted` says."""
        return self.outcome(wants(making, self.parameters, self.grid)).returns

    def year(self, sharpe: float) -> float:
        """Of the ratio of a bar that of a year."""
        return float(sharpe) * float(np.sqrt(self.grid.timeframe.bars_per_year))


def wants(making: Making, parameters: Set, on: Grid) -> FloatArray:
    """What a strategy wants on these bars alone. DataRefused where it fails, or wants what is no exposure."""
    own, _ = split(parameters, names(making))
    return exposures(making, own, on, [locked(bars) for bars in on.bars])


def between(whole: Grid, first: int, last: int) -> tuple[Grid, int]:
    """The bars of the rows from `first` to `last`, as if there were no others, and the row at which they begin."""
    series = []
    begins = len(whole)
    for bars, rows in zip(whole.bars, whole.rows, strict=True):
        inside = slice(int(np.searchsorted(rows, first)), int(np.searchsorted(rows, last, side="right")))
        series.append(Bars(bars.symbol, bars.timeframe, *(getattr(bars, name)[inside] for name in _COLUMNS)))
        begins = min(begins, int(rows[inside.start])) if inside.start < inside.stop else begins
    return grid(series), begins


def known_from(whole: Grid) -> int:
    """The row from which on every symbol has a bar."""
    return max(int(rows[0]) for rows in whole.rows)


def poisoned(whole: Grid, at: int, seed: int) -> Grid:
    """The same bars up to the row `at`, and after it a market that never was: wild, but of possible prices."""
    random = np.random.default_rng(seed)
    series = []
    for bars, rows in zip(whole.bars, whole.rows, strict=True):
        after = int(np.searchsorted(rows, at, side="right"))
        columns = {name: getattr(bars, name).copy() for name in _COLUMNS}
        n = len(bars) - after
        if n and after:
            close = bars.close[after - 1] * np.exp(np.clip(np.cumsum(random.normal(0, 0.05, n)), -6, 6))
            opens = np.concatenate([[bars.close[after - 1]], close[:-1]])
            reach = np.exp(np.abs(random.normal(0, 0.02, (2, n))))
            columns["open"][after:], columns["close"][after:] = opens, close
            columns["high"][after:] = np.maximum(opens, close) * reach[0]
            columns["low"][after:] = np.minimum(opens, close) / reach[1]
            columns["volume"][after:] = random.permutation(bars.volume[after:]) * random.uniform(0, 9, n)
        series.append(Bars(bars.symbol, bars.timeframe, **columns))
    return replace(grid(series), rate=whole.rate)


def parameters_of(making: Making, given: Set) -> dict[str, Value]:
    """All parameters of a strategy that have a value: its own, and over them what was given."""
    fields: Mapping[str, Any] | None = getattr(making, "model_fields", None)
    if fields is not None:
        own = {name: field.default for name, field in fields.items()}
    else:
        own = {name: one.default for name, one in inspect.signature(making).parameters.items()}
    plain = {name: value for name, value in own.items() if type(value) in (int, float, str)}
    return {**plain, **given}
