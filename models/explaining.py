"""What a model's word is worth and what it rests on: reliability of its probabilities, importance of its features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from models.features.frames import frame
from models.features.inputs import Inputs
from models.learners.port import rises

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.bars import Bars, FloatArray
    from models.evidence import Said
    from models.learners.trained import Trained


@dataclass(frozen=True, slots=True)
class Bin:
    """Of `n` probabilities that lie together: their mean, and the share of rises that came."""

    n: int
    p_up: float
    rose: float


@dataclass(frozen=True, slots=True)
class Importance:
    """By how much the Brier score worsens while a feature's values are shuffled: mean and deviation over shuffles."""

    feature: str
    mean: float
    deviation: float


def reliability(p_up: FloatArray, y: FloatArray, *, bins: int = 10) -> tuple[Bin, ...]:
    """Probabilities in `bins` equal stretches from 0 to 1, each with what came of them; empty ones are left out.

    Murphy and Winkler, *Reliability of Subjective Probability Forecasts of Precipitation and Temperature* (1977).
    """
    place = np.minimum((p_up * bins).astype(np.int64), bins - 1)
    came = rises(y)
    return tuple(
        Bin(int((place == at).sum()), float(p_up[place == at].mean()), float(came[place == at].mean()))
        for at in np.unique(place)
    )


def importance(
    model: Trained,
    bars: Bars,
    spoken: Said,
    *,
    seed: int = 0,
    shuffles: int = 5,
    passed: Callable[[str], None] | None = None,
) -> tuple[Importance, ...]:
    """Of every feature, the most important first, on the bars that the model spoke of out of sample.

    A shuffled row may be unlike anything in training, so that the model's own distance to it is not looked at here.
    `passed` is told each feature that is done.

    Breiman, *Random Forests* (2001), section 10; Fisher, Rudin and Dominici, *All Models Are Wrong* (2019).
    """
    features = frame(Inputs(bars, model.series(bars)), model.card.features)
    open_minded = replace(model, dissimilarity=None)
    random = np.random.default_rng(seed)
    plain = _brier(open_minded.predicted(features).p_up, spoken)
    found = []
    for column, name in enumerate(features.names):
        worse = []
        for _ in range(shuffles):
            values = features.values.copy()
            values[spoken.every, column] = random.permutation(values[spoken.every, column])
            worse.append(_brier(open_minded.predicted(replace(features, values=values)).p_up, spoken) - plain)
        found.append(Importance(name, float(np.mean(worse)), float(np.std(worse))))
        if passed is not None:
            passed(name)
    return tuple(sorted(found, key=lambda one: one.mean, reverse=True))


def _brier(p_up: FloatArray, spoken: Said) -> float:
    return float(np.mean((p_up[spoken.every] - rises(spoken.y)) ** 2))
