"""The one port of everything that learns to forecast: a sample in, a fitted model out, and what it predicts.

Rows are equally spaced bars in order of time. A row of `x` holds what was known at that bar's close, already scaled;
`y` is what came after it. Nothing here knows a clock, a market or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from core.errors import DataRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray
    from core.canonical import JSON

    Float32Array = NDArray[np.float32]
    Array = NDArray[Any]

# Of which quantiles are told, so that forecasts compare.
LEVELS: Final = (0.1, 0.5, 0.9)
# The mean from those three quantiles. Swanson's rule, in Hurst, Brown and Swanson, *Swanson's 30-40-30 rule* (2000).
_SWANSON: Final = (0.3, 0.4, 0.3)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is learnt from.

    `x` is float32, shape (n, f); `y` float64, shape (n,), the log return over the horizon; `weights` float64, shape
    (n,), each >= 0 and not all 0, or None for all alike. Every number is finite. `names` are the columns of `x`, for
    messages and cards; empty where nobody named them.

    Raises
    ------
    DataRefused
        A shape, a dtype, a NaN or an infinity that is not as stated; the message counts them and names the columns.
    """

    x: Float32Array
    y: FloatArray
    weights: FloatArray | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_rows(self.x, self.names)
        _check_column("y", self.y, len(self.x))
        if self.weights is not None:
            _check_column("weights", self.weights, len(self.x))
            if (self.weights < 0).any() or not self.weights.any():
                raise DataRefused("weights must each be 0 or more, and not all 0")

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, of: slice) -> Sample:
        """The same columns of some rows, as views."""
        return Sample(self.x[of], self.y[of], None if self.weights is None else self.weights[of], self.names)


@dataclass(frozen=True, slots=True)
class Predicted:
    """Of every row: probability of a rise, expected log return over the horizon, and quantiles of it at `levels`.

    float64, shapes (n,), (n,) and (n, len(levels)). A row without an opinion is NaN in all three; `silent` is why the
    model itself has none of a row.
    """

    p_up: FloatArray
    expected: FloatArray
    quantiles: FloatArray
    levels: tuple[float, ...] = LEVELS
    silent: str = "the model's answer is not a number"

    def __len__(self) -> int:
        return len(self.p_up)


@dataclass(frozen=True, slots=True)
class Parts:
    """A fitted model taken apart for an artefact: what `models.artefacts` writes and gives back. No code, no pickle.

    `kind` names the reader; `settings` is JSON; `arrays` go into a safetensors file; `files` are in the own format of
    the library that made them.
    """

    kind: str
    settings: JSON
    arrays: Mapping[str, Array] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


class Fitted(Protocol):
    """What was learnt."""

    @property
    def context(self) -> int:
        """How many rows before a row its prediction reads, and no more: that many first rows are NaN."""

    def predict(self, x: Float32Array) -> Predicted:
        """Of every row of `x`, shape (n, f), finite, in order of time; a row never reads a later one."""

    def parts(self) -> Parts: ...


class Learner(Protocol):
    """A way to learn, with its settings."""

    @property
    def name(self) -> str: ...

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> Fitted:
        """Learns from `train`; `valid` lies after it in time and only says when to stop.

        Raises DataRefused for a sample that nothing can be learnt from, ConfigError for a setting or a device that
        cannot be had.
        """


def rises(y: FloatArray) -> FloatArray:
    """What p_up is held against: 1 for a rise, 0 for a fall, one half for neither, so that a mirror mirrors it."""
    return (np.sign(y) + 1) / 2


def logistic(odds: FloatArray) -> FloatArray:
    """1 / (1 + exp(-odds)) of log odds; NaN stays NaN, and nothing overflows."""
    found: FloatArray = np.exp(np.minimum(odds, 0.0)) / (1 + np.exp(-np.abs(odds)))
    return found


def mean_of(quantiles: FloatArray) -> FloatArray:
    """The mean that quantiles at `LEVELS`, shape (n, 3), imply: 0.3, 0.4 and 0.3 of them."""
    mean: FloatArray = quantiles @ np.array(_SWANSON)
    return mean


def in_order(quantiles: FloatArray) -> FloatArray:
    """Quantiles fitted one by one may cross; sorted they do not, and lie no farther from the truth.

    Chernozhukov, Fernández-Val and Galichon, *Quantile and Probability Curves Without Crossing* (2010).
    """
    return np.sort(quantiles, axis=1)


def check_rows(x: Float32Array, names: tuple[str, ...] = ()) -> None:
    """Refuses what is no float32 table of finite numbers, naming the columns that are to blame."""
    if x.ndim != 2 or x.dtype != np.float32:
        raise DataRefused(f"x must be float32 of shape (rows, features), found {x.dtype} of shape {x.shape}")
    if names and len(names) != x.shape[1]:
        raise DataRefused(f"{len(names)} names for {x.shape[1]} features")
    bad = ~np.isfinite(x)
    if bad.any():
        found = _named(np.flatnonzero(bad.any(axis=0)), names)
        raise DataRefused(f"x holds {int(bad.sum())} values that are NaN or infinite, in {found}")


def check_training(train: Sample, least: int) -> None:
    """Refuses a sample that nothing can be learnt from: fewer than `least` rows, a feature or a y that never varies."""
    if len(train) < least:
        raise DataRefused(f"training needs at least {least} rows, found {len(train)}")
    if not train.x.shape[1]:
        raise DataRefused("training needs at least 1 feature, found none")
    constant = np.flatnonzero(np.ptp(train.x, axis=0) == 0)
    if len(constant):
        raise DataRefused(f"features that never vary tell nothing, found {_named(constant, train.names)}")
    if np.ptp(train.y) == 0:
        raise DataRefused(f"y is {train.y[0]:g} in all of {len(train)} rows: there is nothing to tell apart")


def check_features(x: Float32Array, features: int) -> None:
    """Refuses rows for prediction whose number of columns is not the one that was trained on."""
    check_rows(x)
    if x.shape[1] != features:
        raise DataRefused(f"trained on {features} features, asked about {x.shape[1]}")


def _check_column(name: str, values: FloatArray, rows: int) -> None:
    if values.shape != (rows,) or values.dtype != np.float64:
        raise DataRefused(f"{name} must be float64 of shape ({rows},), found {values.dtype} of shape {values.shape}")
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise DataRefused(f"{name} holds {bad} values that are NaN or infinite")


def _named(columns: NDArray[np.intp], names: tuple[str, ...]) -> str:
    shown = [names[c] if names else f"column {c}" for c in columns[:8].tolist()]
    more = len(columns) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
