"""How features were distributed when a model was taught, and how far they have moved since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import DataRefused
from models.features.frames import Frame

if TYPE_CHECKING:
    from core.bars import FloatArray
    from core.canonical import JSON


@dataclass(frozen=True, slots=True)
class Population:
    """How features were distributed in training: of each the inner edges of its bins, and the share in each bin.

    `edges` is float64, shape (f, bins - 1), ascending; `shares` (f, bins). Kept with a model's card.
    """

    names: tuple[str, ...]
    edges: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, training: Frame, *, bins: int = 10) -> Population:
        """Bins with as many training rows each, as far as values are not alike. DataRefused without whole rows."""
        values = training.values[training.complete()].astype(np.float64)
        if len(values) < 10 * bins:
            raise DataRefused(f"{bins} bins need {10 * bins} whole training rows, found {len(values)}")
        edges = np.quantile(values, np.arange(1, bins) / bins, axis=0).T
        return cls(training.names, edges, _shares(values, edges))

    def stability(self, recent: Frame) -> FloatArray:
        """The population stability index of each feature: sum of (now - then) ln(now / then) over bins, shape (f,).

        Siddiqi, *Credit Risk Scorecards* (2006): below 0.1 little has changed, above 0.25 much has.
        """
        if recent.names != self.names:
            raise DataRefused(f"trained on {', '.join(self.names)}; found {', '.join(recent.names)}")
        now = _shares(recent.values[recent.complete()].astype(np.float64), self.edges)
        index: FloatArray = ((now - self.shares) * np.log(now / self.shares)).sum(axis=1)
        return index

    def state(self) -> JSON:
        return {"names": list(self.names), "edges": self.edges.tolist(), "shares": self.shares.tolist()}

    @classmethod
    def from_state(cls, state: JSON) -> Population:
        """DataRefused where it is not what `state` told."""
        try:
            names = tuple(str(name) for name in state["names"])
            edges, shares = (np.array(state[name], dtype=np.float64) for name in ("edges", "shares"))
        except (KeyError, TypeError, ValueError) as wrong:
            raise DataRefused(f"this is no population of features: {wrong!r}") from wrong
        if edges.ndim != 2 or shares.shape != (len(names), edges.shape[1] + 1) or len(edges) != len(names):
            raise DataRefused(f"{len(names)} features with edges of {edges.shape} and shares of {shares.shape}")
        return cls(names, edges, shares)


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Shares of the rows in each bin, half a row imagined in each so that none is empty."""
    bins = edges.shape[1] + 1
    counted = [
        np.bincount(np.searchsorted(edge, column, side="right"), minlength=bins)
        for edge, column in zip(edges, values.T, strict=True)
    ]
    shares: FloatArray = (np.array(counted) + 0.5) / (len(values) + bins / 2)
    return shares
