"""Gradient-boosted trees, what both libraries share: settings, and the checks around a fit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ConfigError
from models.learners.port import LEVELS, Predicted, Sample, check_features, check_training, in_order, mean_of

if TYPE_CHECKING:
    from core.bars import FloatArray

_LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Boosting:
    """`subsample` and `columns` are shares drawn for each tree, `alpha` and `ridge` the L1 and L2 penalties on leaves.

    With validation rows and a `patience`, as many trees without a better score end it and the best number is kept.
    `jobs` is threads; 0 leaves one core free, since two threads on a busy core are slower than one.
    """

    trees: int = 300
    depth: int = 4
    rate: float = 0.05
    subsample: float = 0.8
    columns: float = 0.8
    alpha: float = 0.1
    ridge: float = 1.0
    patience: int | None = 30
    jobs: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("trees", "depth"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, found {getattr(self, name)}")
        for name in ("rate", "subsample", "columns"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be above 0 and at most 1, found {getattr(self, name)}")
        for name in ("alpha", "ridge", "jobs"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"patience must be 1 or more, or None, found {self.patience}")

    @property
    def threads(self) -> int:
        return self.jobs or max((os.cpu_count() or 2) - 1, 1)


def check(train: Sample, valid: Sample | None) -> None:
    check_training(train, _LEAST_ROWS)
    if valid is not None:
        check_features(valid.x, train.x.shape[1])


def told(p_up: FloatArray, quantiles: FloatArray) -> Predicted:
    ordered = in_order(np.asarray(quantiles, np.float64).reshape(len(p_up), len(LEVELS)))
    return Predicted(np.asarray(p_up, np.float64), mean_of(ordered), ordered)
