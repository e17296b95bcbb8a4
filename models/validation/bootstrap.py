"""Intervals for what follows from means of rows that depend on their neighbours: whole blocks are drawn again.

Politis and Romano, *A Circular Block-Resampling Procedure for Stationary Data* (1992) and *The Stationary Bootstrap*
(1994).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError, DataRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between which two it lies with the confidence that was asked for."""

    value: float
    low: float
    high: float


def resampled_means(
    columns: FloatArray, *, length: float, draws: int = 1000, seed: int, circular: bool = False
) -> FloatArray:
    """Means of the columns, shape (n, k), in histories drawn again from blocks of rows: shape (draws, k).

    Blocks have `length` rows: all of them where `circular`, else on average, at random (geometric). They run on from
    the last row to the first.

    Raises
    ------
    ConfigError
        A length below 1, or no draw.
    DataRefused
        Fewer than 2 rows, or a value that is not finite.
    """
    n = len(columns)
    if length < 1 or draws < 1:
        raise ConfigError(f"found {draws} draws of blocks of {length} rows, allowed is 1 or more of each")
    if n < 2 or not np.isfinite(columns).all():
        raise DataRefused(f"a bootstrap needs 2 rows or more of finite numbers, found {n} rows")
    random = np.random.default_rng(seed)
    # Block sums are differences of a running sum over the history twice in a row, less its mean to keep them small.
    mean = columns.mean(axis=0)
    running = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(np.tile(columns - mean, (2, 1)), axis=0)])
    found = np.empty((draws, columns.shape[1]))
    for draw in range(draws):
        cuts = np.append(_starts_of_blocks(random, n, length, circular), n)
        sizes = np.diff(cuts)
        begin = random.integers(0, n, len(sizes))
        found[draw] = (running[begin + sizes] - running[begin]).sum(axis=0) / n
    means: FloatArray = found + mean
    return means


def resampled_rows(n: int, *, length: float, draws: int = 1000, seed: int) -> Iterator[IntArray]:
    """Histories of `n` rows drawn again as in `resampled_means`: of each, which rows follow on which, shape (n,).

    For what depends on the order of rows, such as a drawdown. Raises ConfigError for a length below 1, or no draw.
    """
    if length < 1 or draws < 1:
        raise ConfigError(f"found {draws} draws of blocks of {length} rows, allowed is 1 or more of each")
    random = np.random.default_rng(seed)
    for _ in range(draws):
        starts = _starts_of_blocks(random, n, length, False)
        begin = random.integers(0, n, len(starts))
        yield (np.repeat(begin - starts, np.diff(np.append(starts, n))) + np.arange(n)) % n


def _starts_of_blocks(random: np.random.Generator, n: int, length: float, circular: bool) -> NDArray[np.intp]:
    if circular:
        return np.arange(0, n, round(length), dtype=np.intp)
    # A block ends at each row with probability 1 / length, so it may not be longer than the history.
    begins = random.random(n) < 1 / length
    begins[0] = True
    return np.flatnonzero(begins)


def block_length(values: FloatArray, *, circular: bool = False) -> float:
    """The (mean) length of blocks that suits one column, shape (n,): 1 for rows that do not depend on each other.

    Politis and White, *Automatic Block-Length Selection for the Dependent Bootstrap* (2004), as corrected by Patton,
    Politis and White (2009): (2 g^2 / d)^(1/3) n^(1/3) of flat-top spectral estimates.
    """
    n = len(values)
    if n < 10 or np.ptp(values) == 0:
        return 1.0
    apart = values - values.mean()
    enough = max(5, math.ceil(math.sqrt(math.log10(n))))
    farthest = min(math.ceil(math.sqrt(n)) + enough, n - 1)
    covariance = np.array([float(apart[: n - lag] @ apart[lag:]) / n for lag in range(farthest + 1)])
    small = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(n) / n)
    runs = np.convolve(small, np.ones(enough), mode="valid") == enough if len(small) >= enough else np.zeros(0, bool)
    # The last lag before the first run of lags without a correlation to speak of.
    last = int(np.argmax(runs)) if runs.any() else farthest
    reach = min(2 * max(last, 1), farthest)
    lags = np.arange(-reach, reach + 1)
    flat_top = np.clip(2 * (1 - np.abs(lags) / reach), 0.0, 1.0)
    each = flat_top * covariance[np.abs(lags)]
    spectrum = float(each.sum())
    if spectrum <= 0:
        return 1.0
    g = float((np.abs(lags) * each).sum())
    d = (4 / 3 if circular else 2) * spectrum**2
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    return float(np.clip((2 * g**2 / d) ** (1 / 3) * n ** (1 / 3), 1.0, longest))


def interval(value: float, drawn: FloatArray, *, level: float = 0.9) -> Interval:
    """Between the quantiles of what was drawn, shape (draws,), that leave out as much on either side; NaN is left out.

    Efron, *Bootstrap Methods: Another Look at the Jackknife* (1979): the percentile interval.
    """
    if not 0 < level < 1:
        raise ConfigError(f"a level lies between 0 and 1, found {level}")
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Interval(value, low, high)
