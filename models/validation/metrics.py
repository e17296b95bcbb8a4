"""How right probabilities were: accuracy, precision, F1, Brier and log loss, by fold and together, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import DataRefused
from models.learners.port import rises
from models.validation.bootstrap import Interval, block_length, interval, resampled_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray

# A log loss of a certainty that failed would be infinite.
_CLIP: Final = 1e-6
# What a row tells: right, said up, said up and rose, rose, squared error, log loss.
_RIGHT, _SAID, _BOTH, _ROSE, _BRIER, _LOG = range(6)
_FIGURES: Final = 6


@dataclass(frozen=True, slots=True)
class Scores:
    """Of `n` rows on which there was an opinion, `silent` others having none.

    `accuracy` is the share of right directions (an even forecast, or no move, is half right), `precision` the share of
    rises among the rows where one was said, `recall` the share of rises that were said, `f1` their harmonic mean (0
    where nothing that was said came; NaN where none was said or none came), `brier` the mean of (p_up - outcome)^2, and
    `log_loss` in nats.
    """

    n: int
    silent: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    brier: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over folds: its mean, its deviation (ddof 1, NaN of one fold), the least and the greatest."""

    mean: float
    deviation: float
    least: float
    greatest: float


def scores(p_up: FloatArray, y: FloatArray) -> Scores:
    """Of probabilities and the log returns that came, shape (n,); NaN in `p_up` is no opinion.

    Raises DataRefused for lengths that differ, a probability outside 0 to 1, or no opinion at all.
    """
    told = _spoken(p_up, y)
    return _scores(_rows(p_up[told], y[told]).mean(axis=0), int(told.sum()), int((~told).sum()))


def spread(folds: Sequence[Scores]) -> dict[str, Spread]:
    """By name of the figure; a fold in which it could not be measured is left out."""
    found = {}
    for name in ("accuracy", "precision", "recall", "f1", "brier", "log_loss"):
        values = np.array([getattr(one, name) for one in folds])
        known = values[np.isfinite(values)]
        if len(known):
            deviation = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
            found[name] = Spread(float(known.mean()), deviation, float(known.min()), float(known.max()))
    return found


def intervals(
    p_up: FloatArray,
    y: FloatArray,
    *,
    baselines: Mapping[str, FloatArray] | None = None,
    level: float = 0.9,
    draws: int = 1000,
    seed: int = 0,
    circular: bool = False,
) -> dict[str, Interval]:
    """Block-bootstrap intervals of the figures of `Scores`, rows in order of time, by name.

    With `baselines`, p_up by name on the same rows, also `brier_skill` and `log_skill`: 1 - loss over that of the best
    of them and of one half, which is chosen anew in every draw (one that abstained said one half).
    """
    told = _spoken(p_up, y)
    naive = [np.full(len(y), 0.5), *(np.where(np.isnan(p), 0.5, p) for p in (baselines or {}).values())]
    ours = _rows(p_up[told], y[told])
    losses = [_rows(p[told], y[told])[:, [_BRIER, _LOG]] for p in naive]
    columns = np.concatenate([ours, *losses], axis=1)
    length = max(block_length(ours[:, _RIGHT], circular=circular), block_length(ours[:, _BRIER], circular=circular))
    drawn = resampled_means(columns, length=length, draws=draws, seed=seed, circular=circular)
    value = columns.mean(axis=0)
    n, silent = int(told.sum()), int((~told).sum())
    each = [asdict(_scores(one[:_FIGURES], n, silent)) for one in drawn]
    found = {
        name: interval(figure, np.array([one[name] for one in each]), level=level)
        for name, figure in asdict(_scores(value[:_FIGURES], n, silent)).items()
        if name not in ("n", "silent")
    }
    if baselines is not None:
        for name, column in (("brier_skill", _BRIER), ("log_skill", _LOG)):
            best = [means[..., _FIGURES + column - _BRIER :: 2].min(axis=-1) for means in (value, drawn)]
            skill = 1 - value[column] / best[0]
            found[name] = interval(float(skill), 1 - drawn[:, column] / best[1], level=level)
    return found


def _spoken(p_up: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    if p_up.shape != y.shape or p_up.ndim != 1:
        raise DataRefused(f"expected an outcome for each probability, found {y.shape} for {p_up.shape}")
    told = ~np.isnan(p_up)
    if not told.any():
        raise DataRefused(f"found no opinion on any of {len(y)} rows: nothing to score")
    if not np.isfinite(y[told]).all() or (p_up[told] < 0).any() or (p_up[told] > 1).any():
        raise DataRefused("expected probabilities from 0 to 1 and finite outcomes")
    return told


def _rows(p_up: FloatArray, y: FloatArray) -> FloatArray:
    """What each row tells, shape (n, 6)."""
    came, said = rises(y), (np.sign(p_up - 0.5) + 1) / 2
    kept = np.clip(p_up, _CLIP, 1 - _CLIP)
    log_loss = -(came * np.log(kept) + (1 - came) * np.log(1 - kept))
    right = ((2 * said - 1) * (2 * came - 1) + 1) / 2
    up = (p_up > 0.5).astype(np.float64)
    return np.column_stack([right, up, up * came, came, (p_up - came) ** 2, log_loss])


def _scores(means: FloatArray, n: int, silent: int) -> Scores:
    right, said, both, rose, brier, log_loss = means.tolist()
    nan = float("nan")
    return Scores(
        n=n,
        silent=silent,
        accuracy=right,
        precision=both / said if said > 0 else nan,
        recall=both / rose if rose > 0 else nan,
        f1=2 * both / (said + rose) if said > 0 and rose > 0 else nan,
        brier=brier,
        log_loss=log_loss,
    )
