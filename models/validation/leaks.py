"""Whether what is learnt from was known at the time: rows measured again on the bars up to them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from models.learners.port import rises
from models.scores import until
from models.validation.alarms import MOST_ACCURATE

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray
    from models.learners.port import Array


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that is not what it was said to be, and how that was found."""

    name: str
    message: str


def unknown_then(
    measure: Callable[[Bars], Array], bars: Bars, names: Sequence[str], places: IntArray, *, tolerance: float = 1e-6
) -> tuple[Leak, ...]:
    """The columns whose value at a bar changes once later bars are known: they look ahead.

    Parameters
    ----------
    measure : callable
        From bars to a table of as many rows, its columns `names`.
    places : int64, shape (k,)
        The bars at which columns are measured again, on the bars up to each: k times the work.
    tolerance : float
        Relative difference that rounding is granted.

    Raises
    ------
    DataRefused
        A table of another shape than the bars and names have.
    """
    whole = _table(measure(bars), len(bars), names)
    found: dict[str, Leak] = {}
    for at in places.tolist():
        then = _table(measure(until(bars, at + 1)), at + 1, names)[at]
        same = np.isclose(then, whole[at], rtol=tolerance, atol=tolerance, equal_nan=True)
        for column in np.flatnonzero(~same).tolist():
            name = names[column]
            told = f"{name} at bar {at} was {then[column]:g} then, and is {whole[at, column]:g} with later bars"
            found.setdefault(name, Leak(name, f"{told}: it looks ahead"))
    return tuple(found.values())


def too_telling(x: Array, y: FloatArray, names: Sequence[str]) -> tuple[Leak, ...]:
    """The columns that alone tell the direction of `y` more often than any market allows, from either side of their
    median. It finds what was known too early and measured alike on any bars, such as a shifted file.

    `x` has shape (n, f), `y` (n,); rows that are not finite are left out, and rows without a move.
    """
    if x.shape != (len(y), len(names)):
        raise DataRefused(f"expected a table of shape ({len(y)}, {len(names)}), found {x.shape}")
    found = []
    for column, name in enumerate(names):
        values = np.asarray(x[:, column], np.float64)
        known = np.isfinite(values) & np.isfinite(y) & (y != 0)
        if known.sum() < 100:
            continue
        side = np.sign(values[known] - np.median(values[known]))
        agrees = float(np.mean((side * (2 * rises(y[known]) - 1) + 1) / 2))
        best = max(agrees, 1 - agrees)
        if best > MOST_ACCURATE:
            found.append(Leak(name, f"{name} alone tells the direction in {best:.1%} of {known.sum()} rows: a leak"))
    return tuple(found)


def _table(found: Array, rows: int, names: Sequence[str]) -> Array:
    if found.shape != (rows, len(names)):
        raise DataRefused(f"expected a table of shape ({rows}, {len(names)}), found {found.shape}")
    return found
