"""From features to what is learnt on: scaled, and turned to principal components where asked, as fitted on one part.

Fitted on the training rows of a fold and on nothing else, then applied to any row. All it knows is in `state`, which
is JSON, and comes back from it to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError, DataRefused
from models.features.frames import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray
    from core.canonical import JSON
    from models.features.frames import Float32Array

SCALERS: Final = ("robust", "standard", "none")
LEAST_ROWS: Final = 30


@dataclass(frozen=True, slots=True)
class Scaler:
    """(value - centre) / scale, column by column; `centre` and `scale` are float64, shape (f,)."""

    centre: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of scaled features.

    `mean` is float64, shape (f,); `axes`, shape (k, f), are orthonormal, the one of the most variance first, each with
    its largest entry above 0; `explained`, shape (k,), is the share of variance along each.
    """

    mean: FloatArray
    axes: FloatArray
    explained: FloatArray


@dataclass(frozen=True, slots=True)
class Preparation:
    """How rows of the features `names` are prepared, and what the columns are called afterwards."""

    names: tuple[str, ...]
    scaler: Scaler
    components: Components | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        if self.components is None:
            return self.names
        return tuple(f"component_{n + 1}" for n in range(len(self.components.axes)))

    def apply(self, frame: Frame) -> Float32Array:
        """The prepared rows: float32, shape (n, columns of `outputs`).

        What is NaN stays NaN; turned to components, a row that is not complete is NaN throughout.

        Raises
        ------
        DataRefused
            The frame has other features than those that were fitted, or the same in another order.
        """
        if frame.names != self.names:
            raise DataRefused(f"fitted on the features {_listed(self.names)}; found {_listed(frame.names)}")
        scaled = _scaled(frame.values, self.scaler)
        if self.components is None:
            return scaled.astype(np.float32)
        known = np.isfinite(scaled).all(axis=1)
        turned = np.full((len(scaled), len(self.components.axes)), np.nan, dtype=np.float32)
        turned[known] = (scaled[known] - self.components.mean) @ self.components.axes.T
        return turned

    def state(self) -> JSON:
        """All that was fitted, as JSON."""
        turned = self.components
        return {
            "names": list(self.names),
            "centre": self.scaler.centre.tolist(),
            "scale": self.scaler.scale.tolist(),
            "components": None
            if turned is None
            else {
                "mean": turned.mean.tolist(),
                "axes": turned.axes.tolist(),
                "explained": turned.explained.tolist(),
            },
        }


def fit_preparation(
    frame: Frame, rows: NDArray[np.intp] | slice, *, scaler: str = "robust", components: int | float | None = None
) -> Preparation:
    """Fits on the rows `rows` of a frame, which must be those of the training part of a fold.

    `robust` centres on the median and divides by the distance between the quartiles, `standard` takes mean and standard
    deviation (ddof 0), `none` leaves the values as they are. Where half of a column is one value, so that its quartiles
    are one, its standard deviation takes their place. `components` is how many principal components to turn to, or a
    fraction below 1 of the variance to keep; None keeps the features. Rows that are not complete are left out.

    Raises
    ------
    ConfigError
        A scaler that there is not, or a number of components that cannot be.
    DataRefused
        Fewer than 30 complete rows, or a column that never varies; the message names it.
    """
    if scaler not in SCALERS:
        raise ConfigError(f"found the scaler {scaler!r}, allowed are {', '.join(SCALERS)}")
    chosen = frame.values[rows].astype(np.float64)
    part = chosen[np.isfinite(chosen).all(axis=1)]
    if len(part) < LEAST_ROWS:
        raise DataRefused(f"fitting needs {LEAST_ROWS} complete rows, found {len(part)} of {len(chosen)}")
    constant = np.ptp(part, axis=0) == 0
    if constant.any():
        raise DataRefused(f"features that never vary tell nothing, found {_listed(frame.names, constant)}")
    fitted = _fit_scaler(part, scaler)
    return Preparation(frame.names, fitted, _fit_components(_scaled(part, fitted), components))


def preparation_of(state: JSON) -> Preparation:
    """What `Preparation.state` told; DataRefused where it is not whole."""
    try:
        names = tuple(str(name) for name in state["names"])
        scaler = Scaler(_numbers(state["centre"], len(names)), _numbers(state["scale"], len(names)))
        told = state["components"]
        turned = None
        if told is not None:
            axes = _numbers(told["axes"], len(told["explained"]), len(names))
            turned = Components(_numbers(told["mean"], len(names)), axes, _numbers(told["explained"], len(axes)))
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataRefused(f"the stored preparation cannot be read: {wrong!r}") from wrong
    if not (scaler.scale > 0).all():
        raise DataRefused("the stored preparation has a scale that is not > 0")
    return Preparation(names, scaler, turned)


def _fit_scaler(part: FloatArray, kind: str) -> Scaler:
    columns = part.shape[1]
    if kind == "none":
        return Scaler(np.zeros(columns), np.ones(columns))
    deviation = part.std(axis=0)
    if kind == "standard":
        return Scaler(part.mean(axis=0), deviation)
    lower, centre, upper = np.quantile(part, (0.25, 0.5, 0.75), axis=0)
    return Scaler(centre, np.where(upper > lower, upper - lower, deviation))


def _fit_components(scaled: FloatArray, wanted: int | float | None) -> Components | None:
    """Eigenvectors of the covariance. Pearson, *On Lines and Planes of Closest Fit* (1901)."""
    if wanted is None:
        return None
    most = scaled.shape[1]
    share = isinstance(wanted, float)
    if not (0 < wanted < 1 if share else 1 <= wanted <= most):
        raise ConfigError(f"found {wanted} components, allowed are 1 to {most}, or a fraction between 0 and 1")
    mean = scaled.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(scaled, rowvar=False, ddof=0).reshape(most, most))
    explained = np.maximum(variances[::-1], 0.0) / variances.sum()
    axes = vectors.T[::-1]
    axes = axes * np.sign(axes[np.arange(most), np.abs(axes).argmax(axis=1)])[:, None]
    kept = min(int(np.searchsorted(np.cumsum(explained), wanted)) + 1, most) if share else int(wanted)
    return Components(mean, np.ascontiguousarray(axes[:kept]), explained[:kept])


def _scaled(values: Float32Array | FloatArray, by: Scaler) -> FloatArray:
    found: FloatArray = (values - by.centre) / by.scale
    return found


def _numbers(told: Sequence[object], *shape: int) -> FloatArray:
    found = np.array(told, dtype=np.float64)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(f"expected finite numbers of shape {shape}, found {found.shape}")
    return found


def _listed(names: tuple[str, ...], which: NDArray[np.bool_] | None = None) -> str:
    return ", ".join(names if which is None else [n for n, is_one in zip(names, which.tolist(), strict=True) if is_one])
