"""The one way in which a learner is judged: counted as a trial first, then fitted, scored, traded and deflated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.canonical import digest, digest_bytes
from core.ports import Trial, Trials
from models.validation.alarms import Alarm, alarms
from models.validation.bootstrap import Interval
from models.validation.metrics import Scores, Spread, intervals, spread
from models.validation.overfitting import Deflated, deflated_sharpe
from models.validation.trading import Costs, Result, sharpe_interval, sharpe_of, sides, traded
from models.validation.trials import ratio, ratios
from models.validation.walking import Walked, walked

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray
    from core.canonical import JSON
    from models.learners.port import Learner
    from models.validation.splits import Fold
    from models.validation.walking import Table


@dataclass(frozen=True, slots=True)
class Way:
    """How a learner is taken through folds and what its word is worth. Two ways are two trials.

    p_up from `buy_above` on is a buy, down to `sell_below` a sell (a short position where `short`), each held for
    `horizon` bars.
    """

    seed: int
    horizon: int = 1
    scaler: str = "robust"
    components: int | float | None = None
    buy_above: float = 0.5
    sell_below: float = 0.5
    short: bool = True
    costs: Costs = field(default_factory=Costs)


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything that was found of a learner out of sample.

    `spread` is over folds and `intervals` are of all rows, both by name of the figure; `sharpe` is a year's, None where
    nothing was traded; `deflated` reckons with every trial of the study so far.
    """

    walked: Walked
    scores: Scores
    spread: Mapping[str, Spread]
    intervals: Mapping[str, Interval]
    result: Result
    sharpe: Interval | None
    deflated: Deflated
    alarms: tuple[Alarm, ...]


def judged(
    learner: Learner,
    table: Table,
    folds: Sequence[Fold],
    bars: Bars,
    way: Way,
    *,
    trials: Trials,
    study: str,
    baselines: Mapping[str, FloatArray] | None = None,
    level: float = 0.9,
    draws: int = 1000,
) -> Judged:
    """Judges a learner on the test parts of the folds of a table whose rows start at bars of `bars`.

    `baselines` are p_up by name on those test parts. The trial is in the ledger before anything is fitted, so that one
    that fails is counted too, and the same one judged again is counted once.
    """
    settings = settings_of(learner, table, folds, way)
    trials.count(Trial(study, learner.name, settings, None))
    found = walked(learner, table, folds, seed=way.seed, scaler=way.scaler, components=way.components)
    p_up = found.predicted.p_up
    wanted = sides(p_up, buy_above=way.buy_above, sell_below=way.sell_below, short=way.short)
    result = traded(bars, table.spans.start[found.rows], wanted, horizon=way.horizon, costs=way.costs)
    trials.count(Trial(study, learner.name, settings, ratio(sharpe_of(result.returns))))
    scored = found.scores()
    return Judged(
        found,
        scored,
        spread(found.by_fold()),
        intervals(p_up, found.y, baselines=baselines, level=level, draws=draws, seed=way.seed),
        result,
        sharpe_interval(result.returns, bars.timeframe.bars_per_year, level=level, draws=draws, seed=way.seed),
        deflated_sharpe(result.returns, ratios(trials.of(study))),
        alarms(scored, result),
    )


def settings_of(learner: Learner, table: Table, folds: Sequence[Fold], way: Way) -> str:
    """The digest of all that decides what is found: the learner, the way, the folds, and every number of the table."""
    arrays = [table.features.values, table.y, table.spans.start, table.spans.end]
    arrays += [] if table.weights is None else [table.weights]
    parts = [part for fold in folds for part in (fold.train, fold.valid, fold.calibration, fold.test)]
    data = [digest_bytes(np.ascontiguousarray(array).tobytes()) for array in (*arrays, *parts)]
    return digest([_told(learner), list(table.features.names), _told(way), data])


def _told(value: object) -> JSON:
    """Settings as text. A field that is not compared, such as who looks on, decides nothing."""
    if is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: {f.name: _told(getattr(value, f.name)) for f in fields(value) if f.compare}}
    return repr(value)
