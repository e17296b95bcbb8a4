"""From bars to a trained model: what is learnt from, what says when to stop, what calibrates, in that order of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from core.errors import ConfigError, DataRefused
from models.features.frames import Frame, frame
from models.features.inputs import Inputs
from models.features.preparing import fit_preparation
from models.labels import composite_ahead, forward_return
from models.learners.calibration import Calibration, fit_isotonic, fit_platt
from models.learners.dissimilarity import Dissimilarity
from models.learners.port import Fitted, Learner, Sample
from models.learners.trained import DIRECTION, Card, Trained
from models.validation.population import Population
from models.validation.splits import Fold, Spans
from models.validation.weights import sample_weights

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray
    from core.canonical import JSON
    from models.learners.port import Float32Array

COMPOSITE: Final = "composite"
_Fit = Callable[["FloatArray", "FloatArray"], Calibration]
_CALIBRATIONS: Final[Mapping[str, _Fit]] = {"isotonic": fit_isotonic, "platt": fit_platt}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, on which features, for which `horizon` in bars.

    `label` is `direction`, the log return over the horizon, or `composite`, the composite score of the bar `horizon`
    later. `train_window` is how many of the newest rows are used, None for all. Of them `valid_share` says when to
    stop and `calibration_share`, after it, calibrates; 0 leaves either out. `most_dissimilar` None tells every row.
    A row counts less where `unique` and its label tells what others tell too, and half for every `half_life` bars of
    age.
    """

    name: str
    learner: Learner
    features: tuple[str, ...]
    horizon: int
    label: str = DIRECTION
    scaler: str = "robust"
    components: int | float | None = None
    train_window: int | None = None
    valid_share: float = 0.15
    calibration_share: float = 0.15
    calibration: Literal["isotonic", "platt"] = "platt"
    most_dissimilar: float | None = 1.0
    unique: bool = True
    half_life: float | None = None

    def __post_init__(self) -> None:
        if self.label not in (DIRECTION, COMPOSITE):
            raise ConfigError(f"label must be {DIRECTION} or {COMPOSITE}, found {self.label!r}")
        if self.calibration not in _CALIBRATIONS:
            raise ConfigError(f"calibration must be isotonic or platt, found {self.calibration!r}")
        if self.horizon < 1:
            raise ConfigError(f"horizon must be 1 bar or more, found {self.horizon}")
        if self.half_life is not None and not self.half_life > 0:
            raise ConfigError(f"half_life must be more than 0 bars, found {self.half_life}")
        shares = self.valid_share, self.calibration_share
        if min(shares) < 0 or sum(shares) >= 1:
            raise ConfigError(
                f"valid_share and calibration_share must be 0 or more and below 1 together, found {shares}"
            )

    def outcomes(self, inputs: Inputs) -> FloatArray:
        """What the learner is to forecast of each bar, from later bars only; NaN where they are not all there."""
        of = forward_return if self.label == DIRECTION else composite_ahead
        return of(inputs.bars, horizon=self.horizon)

    def weights(self, spans: Spans) -> FloatArray | None:
        """How much each row counts in learning; None where all count alike."""
        unique = self.unique and self.horizon > 1
        if not unique and self.half_life is None:
            return None
        return sample_weights(spans, half_life=self.half_life, unique=unique)


def make(recipe: Recipe, inputs: Inputs, *, seed: int, as_of_ns: int) -> Trained:
    """Trains on the bars closed by `as_of_ns`, and on nothing after it, whatever `inputs` holds.

    Rows that are not complete are left out, and a network then reads over the gap.
    Raises DataRefused and ConfigError as the features, the preparation, the learner and the calibration do.
    """
    bars = inputs.bars
    closed = int(np.searchsorted(bars.open_ns + bars.timeframe.ns, as_of_ns, side="right"))
    features = frame(inputs, recipe.features)
    y = recipe.outcomes(inputs)
    # A row's outcome is known when the bar `horizon` after it is closed.
    known = np.arange(len(bars)) + recipe.horizon < closed
    rows = np.flatnonzero(features.complete() & np.isfinite(y) & known).astype(np.int64)
    parts = cut(recipe, rows)
    preparation = fit_preparation(features, parts.train, scaler=recipe.scaler, components=recipe.components)
    x = preparation.apply(features)

    def sample(part: IntArray) -> Sample:
        return Sample(x[part], y[part], recipe.weights(Spans.ahead(part, recipe.horizon)), preparation.outputs)

    held = sample(parts.valid) if len(parts.valid) else None
    fitted = recipe.learner.fit(sample(parts.train), held, seed=seed)
    used = np.concatenate([parts.train, parts.valid, parts.calibration])
    until = int(bars.open_ns[int(used[-1]) + recipe.horizon]) + bars.timeframe.ns
    card = Card(
        recipe.name,
        recipe.features,
        bars.timeframe.value,
        recipe.horizon,
        recipe.label,
        rows=len(parts.train),
        seed=seed,
        trained_from_ns=int(bars.open_ns[int(used[0])]),
        trained_until_ns=until,
        as_of_ns=as_of_ns,
        population=_population(features, parts.train),
    )
    calibration = _calibration(recipe, fitted, x, y, rows, parts.calibration)
    if recipe.most_dissimilar is None:
        return Trained(card, preparation, fitted, calibration)
    return Trained(card, preparation, fitted, calibration, Dissimilarity.of(x[parts.train]), recipe.most_dissimilar)


def cut(recipe: Recipe, rows: IntArray) -> Fold:
    """Bars, ascending, in parts of which no label reaches into the next one; none of them is for testing."""
    if recipe.train_window is not None:
        rows = rows[-recipe.train_window :]
    if not len(rows):
        raise DataRefused(f"{recipe.name}: not one bar has all of its features and a known outcome")
    later = len(rows) - round(len(rows) * recipe.calibration_share)
    middle = later - round(len(rows) * recipe.valid_share)
    train, valid, calibrate = rows[:middle], rows[middle:later], rows[later:]
    if len(calibrate):
        valid = valid[valid + recipe.horizon < calibrate[0]]
    after = valid if len(valid) else calibrate
    if len(after):
        train = train[train + recipe.horizon < after[0]]
    return Fold(train, valid, calibrate, rows[:0])


def _population(features: Frame, on: IntArray) -> JSON:
    """How the rows `on` are distributed; None for fewer than the bins need."""
    try:
        return Population.of(Frame(features.names, features.values[on], features.warmup)).state()
    except DataRefused:
        return None


def _calibration(
    recipe: Recipe, fitted: Fitted, x: Float32Array, y: FloatArray, rows: IntArray, on: IntArray
) -> Calibration | None:
    """Fitted on what is said of the rows `on`, each read after those before it."""
    if not len(on):
        return None
    first = int(np.searchsorted(rows, on[0]))
    before = rows[max(first - fitted.context, 0) : first]
    said = fitted.predict(x[np.concatenate([before, on])])
    return _CALIBRATIONS[recipe.calibration](said.p_up[len(before) :], y[on])
