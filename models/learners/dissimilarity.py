"""How unlike its training set a row is. What a model never saw the like of it has no opinion on.

As FreqAI does it: the distance to the nearest training row, in mean distances between training rows (freqtrade's
manual, *Identifying outliers with the Dissimilarity Index*, after Meyer and Pebesma, *Predicting into unknown space?*,
2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import DataRefused
from models.learners.port import check_features, check_rows

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.learners.port import Float32Array

# So many distances are held at once.
_BLOCK: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Dissimilarity:
    """`rows` is float32, shape (m, f): training rows, scaled as a prediction's are; `mean_distance` is between them."""

    rows: Float32Array
    mean_distance: float

    @classmethod
    def of(cls, x: Float32Array, *, at_most: int = 4096) -> Dissimilarity:
        """Of a training set, or of `at_most` of its rows, evenly spaced over its time."""
        check_rows(x)
        kept = x[np.unique(np.linspace(0, len(x) - 1, min(at_most, len(x))).astype(np.int64))] if len(x) else x
        if len(kept) < 2:
            raise DataRefused(f"dissimilarity needs 2 training rows or more, found {len(kept)}")
        total = sum(float(block.sum()) for block in _distances(kept, kept))
        if total == 0:
            raise DataRefused(f"all of {len(kept)} training rows are the same: nothing is unlike them")
        return cls(kept.copy(), total / (len(kept) * (len(kept) - 1)))

    def index(self, x: Float32Array) -> FloatArray:
        """Of each row of `x`, shape (n, f): 0 for one that was trained on, 1 for one as far off as they are apart."""
        check_features(x, self.rows.shape[1])
        nearest = [block.min(axis=1) for block in _distances(x, self.rows)]
        found: FloatArray = np.concatenate(nearest) / self.mean_distance if nearest else np.zeros(0)
        return found


def _distances(x: Float32Array, rows: Float32Array) -> Iterator[FloatArray]:
    """Euclidean distances from some rows of `x` to all of `rows`, a block at a time, float64.

    By |a|^2 + |b|^2 - 2ab about the middle of `rows`, where it loses the least to rounding.
    """
    middle = rows.mean(axis=0, dtype=np.float64)
    known = rows - middle
    squares = (known**2).sum(axis=1)
    step = max(_BLOCK // len(rows), 1)
    for at in range(0, len(x), step):
        asked = x[at : at + step] - middle
        square = (asked**2).sum(axis=1)[:, None] + squares - 2 * (asked @ known.T)
        # What is left of the difference of two equal numbers is no distance.
        square[square < 1e-12 * (squares.mean() + 1e-300)] = 0.0
        yield np.sqrt(square)
