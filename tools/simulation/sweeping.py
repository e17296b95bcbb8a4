"""Many sets of parameters of one strategy on one grid: which can be made, where they begin, what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from core.canonical import digest, digest_bytes
from core.errors import ConfigError, DataRefused
from core.ports import Trial
from core.time import show_time
from models.sharing import sharing
from models.validation.trials import ratio
from tools.simulation import running
from tools.simulation.grid import Grid, rows_of
from tools.simulation.settings import Exits, Terms
from tools.strategies.shapes import Basket
from tools.strategies.targets import Making, Value, exposed, exposed_together, locked, made, named, names, told

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray

# Ways out that can be swept like a strategy's own parameters; `take` is one gain at which all is closed.
WAYS: Final = tuple(one.name for one in fields(Exits))
_ROOM: Final = 16 * 2**20  # bytes of exposures that are simulated at a time
COLUMNS: Final = ("equity", "sharpe", "drawdown", "trips", "wins", "fees", "slippage", "funding", "turnover", "held")

Set = Mapping[str, Value]


def split(one: Set, known: Sequence[str]) -> tuple[dict[str, Value], dict[str, Value]]:
    """A set's parameters of the strategy, which has those that are `known`, and its ways out."""
    own = {name: value for name, value in one.items() if name in known or name not in WAYS}
    return own, {name: value for name, value in one.items() if name not in own}


def exits(ways: Mapping[str, Value]) -> Exits:
    """Ways out from numbers. ConfigError where one is none, or is out of range."""
    given: dict[str, float] = {}
    for name, value in ways.items():
        if isinstance(value, str):
            raise ConfigError(f"{name} is a number, found {value!r}")
        given[name] = value
    take = given.pop("take", None)
    bars = int(given.pop("chandelier_bars", 22))
    return Exits(**given, chandelier_bars=bars, take=() if take is None else ((take, 1.0),))


def possible(strategy: str, wanted: Sequence[Set]) -> tuple[list[Set], dict[str, int], int]:
    """The sets that can be made, why others cannot and how many, and the longest look-back."""
    making = named(strategy)
    known = names(making)
    found: list[Set] = []
    left_out: dict[str, int] = {}
    look_back = 1
    for one in wanted:
        own, ways = split(one, known)
        if unknown := [name for name in own if name not in known]:
            raise ConfigError(f"unknown parameter {unknown[0]}, {strategy} has {', '.join(known) or 'none'}")
        try:
            look_back = max(look_back, made(making, own).look_back)
            exits(ways)
        except ConfigError as refused:
            why = str(refused).split(", found")[0]
            left_out[why] = left_out.get(why, 0) + 1
            continue
        found.append(one)
    if not found:
        raise ConfigError(f"none of {sum(left_out.values())} sets can be made: {'; '.join(left_out)}")
    return found, left_out, look_back


def begin_of(grid: Grid, look_back: int, from_ns: int | None = None) -> int:
    """The first bar at whose close every set may decide: with the longest look-back, and not before `from_ns`."""
    enough = [int(rows[look_back - 1]) for rows in grid.rows if len(rows) >= look_back]
    if not enough:
        longest = max(len(rows) for rows in grid.rows)
        raise DataRefused(f"the longest look-back needs {look_back} bars, found {longest}")
    begin = min(enough)
    if from_ns is not None:
        begin = max(begin, int(np.searchsorted(grid.close_ns, from_ns)))
    if begin >= len(grid) - 1:
        last = show_time(int(grid.close_ns[-1]))
        raise DataRefused(f"no bar is left to trade on: the bars end at {last}, after a look-back of {look_back}")
    return begin


def measured(strategy: str, wanted: Sequence[Set], grid: Grid, terms: Terms, begin: int) -> FloatArray:
    """Figures of each set, float64 (sets, COLUMNS)."""
    making = named(strategy)
    check_legs(strategy, making, grid, terms)
    known = names(making)
    bars = [locked(one) for one in grid.bars]
    rows = []
    each = max(1, _ROOM // (8 * len(grid) * len(bars)))
    with sharing():
        before: tuple[dict[str, Value], FloatArray] | None = None
        for part in (wanted[k : k + each] for k in range(0, len(wanted), each)):
            targets = np.empty((len(part), len(grid), len(bars)))
            ways = []
            for row, one in zip(targets, part, strict=True):
                own, out = split(one, known)
                ways.append(exits(out))
                # Where only ways out differ, the strategy wants the same.
                if before is None or before[0] != own:
                    before = own, exposures(making, own, grid, bars)
                row[:] = before[1]
            found = running.figures(grid, targets, terms, ways, begin=begin)
            rows.append(np.stack([getattr(found, name) for name in COLUMNS], axis=1))
    return np.concatenate(rows)


def check_legs(strategy: str, making: Making, grid: Grid, terms: Terms) -> None:
    """ConfigError where a strategy of several symbols is given others, or could trade one side alone."""
    legs = getattr(making, "legs", 0)
    if legs and legs != len(grid.symbols):
        raise ConfigError(f"{strategy} trades {legs} symbols, found {', '.join(grid.symbols)}")
    if legs and not terms.shorts:
        raise ConfigError(f"{strategy} is long one symbol and short another: it needs --short")


def exposures(making: Making, own: Set, grid: Grid, bars: Sequence[Bars]) -> FloatArray:
    """What one set of parameters wants, float64 (n_bars, n_assets) on the grid; NaN where a symbol has no bar."""
    strategy = made(making, own)
    wanted = np.full((len(grid), len(bars)), np.nan)
    if isinstance(strategy, Basket):
        both = reduce(np.intersect1d, grid.rows)
        if len(both) >= strategy.look_back:
            at = (np.searchsorted(rows, both) for rows in grid.rows)
            parts = [locked(rows_of(one, rows)) for one, rows in zip(bars, at, strict=True)]
            wanted[both] = exposed_together(strategy, parts, own)
        return wanted
    for k, (one, rows) in enumerate(zip(bars, grid.rows, strict=True)):
        if len(one) >= strategy.look_back:
            whole = len(one) == len(grid)
            wanted[slice(None) if whole else rows, k] = exposed(strategy, one, own)
    return wanted


def study_of(grid: Grid) -> str:
    """The study in which every backtest on these symbols and bars competes, whatever its strategy."""
    return f"backtest {' '.join(sorted(grid.symbols))} {grid.timeframe}"


def trials_of(
    strategy: str, wanted: Sequence[Set], found: FloatArray, grid: Grid, terms: Terms, begin: int
) -> list[Trial]:
    """What `measured` found, as trials. Two are the same where strategy, parameters, terms and data are."""
    about = alike(strategy, grid, terms, begin)
    study = study_of(grid)
    return [
        Trial(
            study,
            f"{strategy} {told(one)}",
            digest({"about": about, "set": {name: str(value) for name, value in one.items()}}),
            ratio(float(row[COLUMNS.index("sharpe")])),
        )
        for one, row in zip(wanted, found, strict=True)
    ]


def alike(strategy: str, grid: Grid, terms: Terms, begin: int) -> str:
    """All in which the trials of one sweep are alike. A file is named by what stands in it."""
    file = Path(strategy.partition(".py:")[0])
    file = file if file.suffix == ".py" else file.with_name(f"{file.name}.py")
    source = digest_bytes(file.read_bytes()) if ".py" in strategy else ""
    return digest({"strategy": strategy, "source": source, "terms": repr(terms), "data": grid.hashes(), "begin": begin})
