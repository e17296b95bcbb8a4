"""Searching better settings for a learner: every trial in a file of its own, and counted whatever comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.canonical import digest_bytes
from core.errors import DataRefused
from desk import beside
from desk.home import Home
from models.features.frames import frame
from models.features.inputs import Inputs
from models.learners.named import Range, named, space
from models.validation.judging import Judged, Way, judged
from models.validation.splits import walk_forward
from models.validation.trading import Costs
from models.validation.trials import TrialsOnDisk
from models.validation.walking import table_of

if TYPE_CHECKING:
    from core.bars import Bars

_FOLDS: Final = 4  # over the newer half of the rows
_CALIBRATION: Final = 0.15
_DRAWS: Final = 50  # of the bootstrap: a search needs the figures, not their intervals


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best trial of a study that has `trials` in its file now.

    `counted` is how many different settings the ledger knows for this study, `brier` the best one's mean squared error
    out of sample, and `deflated` the probability that its Sharpe ratio is above 0
    although the best of so many was picked; `settings` are words for `--set`, `alarms` what to think of them.
    """

    study: str
    trials: int
    counted: int
    brier: float
    deflated: float | None
    settings: tuple[str, ...]
    alarms: tuple[str, ...]


def tune(
    home: Home,
    bars: Bars,
    name: str,
    *,
    horizon: int,
    trials: int,
    seed: int,
    costs: Costs,
    given: beside.Chosen | None = None,
    unique: bool | None = None,
    half_life: float | None = None,
    passed: Callable[[int, float | None], None] = lambda number, brier: None,
) -> Tuned:
    """Tries `trials` more settings of a learner, each judged walk-forward by its Brier score.

    `given` is what is read beside the bars; `unique` and `half_life` weigh the rows, as in training. The study lies in
    a file under the home and goes on where it was, as long as all of these are the same. `passed` is told the number
    of each trial that is done and its score, None where nothing could be learnt.

    Raises DataRefused for too few bars to fold, and where no trial of the study ever learnt anything, and ConfigError
    for rows that the learner cannot weigh.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    first = named(name, timeframe=bars.timeframe.value)
    recipe = first.recipe(horizon, unique=unique, half_life=half_life)
    series = given.beside(bars) if given else {}
    features = frame(Inputs(bars, series), (*first.features, *(given.features if given else ())))
    ends = np.minimum(np.arange(len(bars)) + horizon, len(bars) - 1)
    table = table_of(features, recipe.outcomes(Inputs(bars)), ends)
    table = replace(table, weights=recipe.weights(table.spans))
    calibration = _CALIBRATION if recipe.calibration_share else 0.0
    folds = walk_forward(table.spans, folds=_FOLDS, least=len(table) // 2, calibration=calibration)
    ledger = TrialsOnDisk(home.models / "trials.jsonl")
    read = [bars.open_ns, bars.close, *(series[one] for one in sorted(series))]
    data = digest_bytes(b"".join(values.tobytes() for values in read))[:12]
    study = " ".join((f"{name} {bars.symbol} {bars.timeframe} {horizon} {data}", *_apart(series, unique, half_life)))
    home.models.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    known = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(home.models / "tuning.log"))),
        study_name=study,
        load_if_exists=True,
        direction="minimize",
    )
    # Otherwise a study that goes on would draw the same settings again.
    known.sampler = optuna.samplers.TPESampler(seed=seed + len(known.trials))
    way = Way(seed=first.seed, horizon=horizon, costs=costs)

    def ask(words: Mapping[str, str]) -> Judged:
        learner = named(name, words, timeframe=bars.timeframe.value, costs=costs).recipe(horizon).learner
        return judged(learner, table, folds, bars, way, trials=ledger, study=study, draws=_DRAWS)

    def attempt(trial: Any) -> float:
        words = {key: _drawn(trial, key, over) for key, over in space(name).items()}
        trial.set_user_attr("set", words)
        try:
            return ask(words).scores.brier
        except DataRefused as refused:
            trial.set_user_attr("trouble", str(refused))
            raise

    for _ in range(trials):
        try:
            known.optimize(attempt, n_trials=1, catch=(DataRefused,))
        finally:
            last = known.trials[-1]
            passed(last.number + 1, last.value)
    done = [trial for trial in known.trials if trial.value is not None]
    if not done:
        trouble = known.trials[-1].user_attrs.get("trouble", "the search was interrupted")
        raise DataRefused(f"{study}: none of {len(known.trials)} trials learnt anything, the last one since {trouble}")
    words = known.best_trial.user_attrs["set"]
    # Asked again, since what it is worth depends on how many were tried after it too.
    best = ask(words)
    return Tuned(
        study=study,
        trials=len(known.trials),
        counted=len(ledger.of(study)),
        brier=float(known.best_value),
        deflated=best.deflated.probability if math.isfinite(best.deflated.probability) else None,
        settings=tuple(f"{key}={value}" for key, value in words.items()),
        alarms=tuple(alarm.message for alarm in best.alarms),
    )


def _apart(series: Collection[str], unique: bool | None, half_life: float | None) -> list[str]:
    """What sets a search apart from one over bars alone: what is learnt otherwise is another study."""
    told = [f"with {','.join(sorted(series))}"] if series else []
    if unique is not None:
        told.append("unique" if unique else "not unique")
    return told if half_life is None else [*told, f"half-life {half_life:g}"]


def _drawn(trial: Any, key: str, over: Range) -> str:
    """A value as a word, so that what is reported is exactly what was tried."""
    if over.whole:
        return str(trial.suggest_int(key, int(over.least), int(over.most), log=over.log))
    return f"{trial.suggest_float(key, over.least, over.most, log=over.log):.4g}"
