"""Policies held against the naive baselines: rows of one table, a row a seed, out of sample and after costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from models.learners.port import Learner
from models.validation.alarms import alarms
from models.validation.bootstrap import Interval, block_length, interval, resampled_means
from models.validation.metrics import Scores, Spread, intervals, spread
from models.validation.splits import Fold
from models.validation.trading import Costs, Result, sides, traded
from models.validation.walking import Table, walked

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray


@dataclass(frozen=True, slots=True)
class Row:
    """A learner with one seed. `scores` are None where it never had an opinion; `intervals` are of their figures.

    `result` is what the sides that it took earned after costs, `sharpe` a year's with its interval, `total_interval` of
    the mean return of a bar. `said` are warnings in plain words.
    """

    name: str
    seed: int
    scores: Scores | None
    intervals: Mapping[str, Interval]
    result: Result
    sharpe: Interval
    said: tuple[str, ...]


def probation(
    learner: Learner,
    bars: Bars,
    table: Table,
    folds: Sequence[Fold],
    *,
    seeds: Sequence[int],
    baselines: Sequence[Learner] = (),
    horizon: int = 1,
    costs: Costs | None = None,
    level: float = 0.9,
    draws: int = 1000,
) -> tuple[Row, ...]:
    """Fits in every fold with every seed and tells what came of the test parts, of each seed a row.

    `table` has rows of `bars` (`Table.spans` counts them from the first). `baselines` are fitted on the same folds and
    asked about the same rows: `intervals` then hold the skill over the best of them. Luck of a seed shows as the
    difference between rows (`across`); a learner without luck has the same row for every seed.

    Raises ConfigError without a seed, DataRefused as `walked` does.
    """
    if not seeds:
        raise ConfigError("a learner on probation needs at least one seed")
    naive = {one.name: walked(one, table, folds, seed=seeds[0]).predicted.p_up for one in baselines}
    rows = []
    for seed in seeds:
        found = walked(learner, table, folds, seed=seed)
        p_up = found.predicted.p_up
        result = traded(bars, table.spans.start[found.rows], sides(p_up), horizon=horizon, costs=costs)
        spoke = bool(np.isfinite(p_up).any())
        scored = found.scores() if spoke else None
        told = intervals(p_up, found.y, baselines=naive, level=level, draws=draws, seed=seed) if spoke else {}
        sharpe = _sharpe(result, bars.timeframe.bars_per_year, level, draws, seed)
        said = tuple(one.message for one in alarms(scored, result))
        rows.append(Row(learner.name, seed, scored, told, result, sharpe, said))
    return tuple(rows)


def across(rows: Sequence[Row]) -> dict[str, Spread]:
    """Mean and spread over seeds, by name of the figure: those of `Scores`, and `sharpe`, `total` and `cost`."""
    found = spread([row.scores for row in rows if row.scores is not None])
    for name in ("sharpe", "total", "cost"):
        values = np.array([getattr(row.result, name) for row in rows])
        known = values[np.isfinite(values)]
        if len(known):
            deviation = float(known.std(ddof=1)) if len(known) > 1 else math.nan
            found[name] = Spread(float(known.mean()), deviation, float(known.min()), float(known.max()))
    return found


def _sharpe(result: Result, bars_per_year: float, level: float, draws: int, seed: int) -> Interval:
    """A year's, from moments drawn again in blocks; NaN where returns do not vary."""
    returns = result.returns
    if not math.isfinite(result.sharpe):
        return Interval(math.nan, math.nan, math.nan)
    columns = np.column_stack([returns, returns**2])
    length = max(block_length(returns), block_length(returns**2))
    drawn = resampled_means(columns, length=length, draws=draws, seed=seed)
    ratios: FloatArray = drawn[:, 0] / np.sqrt(np.maximum(drawn[:, 1] - drawn[:, 0] ** 2, 1e-300))
    return interval(result.sharpe, ratios * math.sqrt(bars_per_year), level=level)
