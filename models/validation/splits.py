"""Which rows are learnt from and which are judged: in order of time, with no label of one part reaching into the other.

López de Prado, *Advances in Financial Machine Learning* (2018), chapter 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError, DataRefused

if TYPE_CHECKING:
    from core.bars import IntArray


@dataclass(frozen=True, slots=True)
class Spans:
    """Of every row the bar at whose close it is known, and the bar by whose close its label is: int64, shape (n,).

    Bars are counted from any one of them. `start` strictly increases and `end` lies behind it; DataRefused otherwise.
    """

    start: IntArray
    end: IntArray

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            column = getattr(self, name)
            if column.dtype != np.int64 or column.shape != (len(self.start),):
                raise DataRefused(f"{name} must be int64 of one length, found {column.dtype} of {column.shape}")
        if (np.diff(self.start) <= 0).any():
            raise DataRefused("rows must be in order of time, each of a later bar than the one before")
        if (self.end <= self.start).any():
            raise DataRefused(f"row {int(np.argmax(self.end <= self.start))} has a label that ends where it starts")

    @classmethod
    def ahead(cls, places: IntArray, horizon: int) -> Spans:
        """Of rows known at the bars `places`, whose label is what the price does over `horizon` bars."""
        return cls(places, places + horizon)

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows, as int64 indices in order of time: learnt from, held to say when to stop, held to calibrate on, judged."""

    train: IntArray
    valid: IntArray
    calibration: IntArray
    test: IntArray


def purged(spans: Spans, rows: IntArray, tests: IntArray, *, embargo: int = 0) -> IntArray:
    """Those of `rows` whose label shares no bar, its first and last included, with that of any row of `tests`.

    Neither do they start within `embargo` bars after the end of such a label: what is learnt there still remembers it.
    """
    first = int(spans.start.min())
    covered = np.zeros(int(spans.end.max()) + embargo - first + 2, dtype=np.int64)
    np.add.at(covered, spans.start[tests] - first, 1)
    np.add.at(covered, spans.end[tests] + embargo + 1 - first, -1)
    touched = np.concatenate([[0], np.cumsum(np.cumsum(covered) > 0)])
    apart = touched[spans.end[rows] + 1 - first] == touched[spans.start[rows] - first]
    kept: IntArray = rows[apart]
    return kept


def walk_forward(
    spans: Spans,
    *,
    folds: int = 5,
    window: int | None = None,
    least: int | None = None,
    embargo: int = 0,
    valid: float = 0.1,
    calibration: float = 0.1,
) -> tuple[Fold, ...]:
    """Folds whose test parts follow each other to the newest row, each after all that was learnt for it.

    Parameters
    ----------
    folds : int
        How many test parts there are, of equal length.
    window : int, optional
        The last so many rows before a test part are learnt from and held: it rolls. None takes all of them: it expands.
    least : int, optional
        Rows before the first test part; as many as a test part has where it is None.
    embargo : int
        Bars left out between the end of the newest label that was seen and the first row that is judged.
    valid, calibration : float
        Shares of the rows before a test part, its newest, that are held; each is purged from the other and the test.

    Raises
    ------
    ConfigError
        A number of folds, a window or shares that cannot be.
    DataRefused
        Fewer rows than leave something to learn from and to judge in each fold; the message counts them.
    """
    if folds < 1 or embargo < 0 or (window is not None and window < 1):
        raise ConfigError(f"found {folds} folds, an embargo of {embargo} and a window of {window}: not 1, 0, 1 or more")
    if not (valid >= 0 and calibration >= 0 and valid + calibration < 1):
        raise ConfigError(f"found shares of {valid} and {calibration} to hold back, allowed is less than 1 together")
    n = len(spans)
    before = n // (folds + 1) if least is None else least
    cuts = np.linspace(before, n, folds + 1).astype(np.int64)
    found = []
    for number, (low, high) in enumerate(pairwise(cuts.tolist()), 1):
        test = np.arange(low, high)
        oldest = 0 if window is None else max(low - window, 0)
        seen = np.arange(oldest, low)
        held = [len(seen) - round(len(seen) * share) for share in (valid + calibration, calibration)]
        parts = [seen[: held[0]], seen[held[0] : held[1]], seen[held[1] :]]
        # Backwards: each part is kept clear of the one after it.
        later = test
        for at in (2, 1, 0):
            if len(later):
                parts[at] = _ending_before(spans, parts[at], int(spans.start[later[0]]) - embargo * (later is test))
            later = parts[at] if len(parts[at]) else later
        wanted = [True, valid > 0, calibration > 0]
        if not len(test) or any(need and not len(part) for need, part in zip(wanted, parts, strict=True)):
            sizes = ", ".join(str(len(part)) for part in (*parts, test))
            raise DataRefused(f"fold {number} of {folds} over {n} rows has parts of {sizes} rows: one of them is empty")
        found.append(Fold(parts[0], parts[1], parts[2], test))
    return tuple(found)


def check_folds(spans: Spans, folds: Sequence[Fold]) -> None:
    """DataRefused where a label of a part of a fold reaches into a later part, or time runs backwards in it."""
    for number, fold in enumerate(folds, 1):
        parts = [part for part in (fold.train, fold.valid, fold.calibration, fold.test) if len(part)]
        for earlier, later in pairwise(parts):
            if spans.end[earlier].max() >= spans.start[later].min():
                raise DataRefused(f"fold {number}: a label of one part reaches into the part after it")


def _ending_before(spans: Spans, rows: IntArray, bar: int) -> IntArray:
    return rows[spans.end[rows] < bar]
