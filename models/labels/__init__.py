"""What a forecaster learns to say of a bar, from the bars after it. NaN wherever those are not all there."""

from models.labels.barriers import Barriers, triple_barrier
from models.labels.composite import LOOKBACK, Agreement, agreement, composite_ahead, composite_score, persistence
from models.labels.directions import forward_return, three_class, two_class

__all__ = [
    "LOOKBACK",
    "Agreement",
    "Barriers",
    "agreement",
    "composite_ahead",
    "composite_score",
    "forward_return",
    "persistence",
    "three_class",
    "triple_barrier",
    "two_class",
]
