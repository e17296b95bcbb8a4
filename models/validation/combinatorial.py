"""Combinatorial purged cross-validation: every choice of test parts, and the many histories that they make up.

López de Prado, *Advances in Financial Machine Learning* (2018), chapter 12. Which parts are tested, and to which path
each belongs, is told by skfolio; what is learnt from is purged by `splits.purged`, which knows each label's own end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError, DataRefused
from models.validation.splits import Spans, purged

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Combination:
    """Rows that are learnt from, the parts that are judged, and to which path each of those belongs.

    What is learnt from lies before and after what is judged: an honest score of skill, not of a history.
    """

    train: IntArray
    tests: tuple[IntArray, ...]
    paths: tuple[int, ...]


def combinatorial(spans: Spans, *, parts: int = 6, tested: int = 2, embargo: int = 0) -> tuple[Combination, ...]:
    """Every choice of `tested` of `parts` stretches of equal length.

    Raises
    ------
    ConfigError
        Not 3 parts or more of which 2 or more, but not all, are tested.
    DataRefused
        So few rows that a choice leaves nothing to learn from.
    """
    if not 2 <= tested < parts or embargo < 0:
        raise ConfigError(f"found {tested} of {parts} parts to test, allowed is 2 or more of more, and no embargo < 0")
    if len(spans) < 2 * parts:
        raise DataRefused(f"{parts} parts need {2 * parts} rows or more, found {len(spans)}")
    from skfolio.model_selection import CombinatorialPurgedCV

    splitter = CombinatorialPurgedCV(n_folds=parts, n_test_folds=tested)
    paths = splitter.get_path_ids()
    rows = np.arange(len(spans))
    found = []
    for (_, tests), path in zip(splitter.split(rows[:, None]), paths, strict=True):
        judged = np.concatenate(tests)
        train = purged(spans, np.setdiff1d(rows, judged), judged, embargo=embargo)
        if not len(train):
            raise DataRefused(f"testing {tested} of {parts} parts of {len(spans)} rows leaves nothing to learn from")
        found.append(Combination(train, tuple(tests), tuple(int(one) for one in path)))
    return tuple(found)


def recombined(combinations: Sequence[Combination], said: Sequence[FloatArray], rows: int) -> FloatArray:
    """The paths, float64, shape (paths, rows): what was said of every row, each time by a model that had not seen it.

    `said` has for each combination one value a row of its tests, these one after the other.
    """
    count = 1 + max(path for one in combinations for path in one.paths)
    whole = np.full((count, rows), np.nan)
    for one, values in zip(combinations, said, strict=True):
        ends = np.cumsum([len(test) for test in one.tests])
        for test, path, part in zip(one.tests, one.paths, np.split(values, ends[:-1]), strict=True):
            whole[path, test] = part
    return whole
