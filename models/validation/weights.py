"""How much each row counts in learning: less where its label tells what others tell too, less the older it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from models.validation.splits import Spans

if TYPE_CHECKING:
    from core.bars import FloatArray


def uniqueness(spans: Spans) -> FloatArray:
    """Average uniqueness of every label, shape (n,), above 0 and at most 1.

    A label reads the moves of the bars after `start` up to `end`; each of those counts one over the number of labels
    that read it, and the mean of them is the label's uniqueness: 1 over h in a row of labels h bars long.

    López de Prado, *Advances in Financial Machine Learning* (2018), 4.4.
    """
    first = int(spans.start.min()) + 1
    change = np.zeros(int(spans.end.max()) - first + 2, dtype=np.int64)
    np.add.at(change, spans.start + 1 - first, 1)
    np.add.at(change, spans.end + 1 - first, -1)
    readers = np.cumsum(change)
    shares = np.divide(1.0, readers, out=np.zeros(len(readers)), where=readers > 0)
    told = np.concatenate([[0.0], np.cumsum(shares)])
    mean: FloatArray = (told[spans.end + 1 - first] - told[spans.start + 1 - first]) / (spans.end - spans.start)
    return mean


def recency(spans: Spans, *, half_life: float) -> FloatArray:
    """1 for the newest row, one half for one `half_life` bars older, shape (n,)."""
    if not half_life > 0:
        raise ConfigError(f"a half-life is more than 0 bars, found {half_life}")
    weights: FloatArray = 0.5 ** ((spans.start[-1] - spans.start) / half_life)
    return weights


def sample_weights(spans: Spans, *, half_life: float | None = None, unique: bool = True) -> FloatArray:
    """Uniqueness times recency, scaled to a mean of 1; without a half-life age does not count, nor overlap without
    `unique`."""
    weights = uniqueness(spans) if unique else np.ones(len(spans))
    if half_life is not None:
        weights = weights * recency(spans, half_life=half_life)
    scaled: FloatArray = weights / weights.mean()
    return scaled
