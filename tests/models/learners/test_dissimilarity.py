"""How unlike training a row is."""

import numpy as np
import pytest

from core.errors import DataRefused
from models.learners.dissimilarity import Dissimilarity
from tests.models.learners.builders import planted


def test_the_index_is_the_nearest_distance_in_mean_distances() -> None:
    corners = np.array([[0, 0], [3, 4]], np.float32)
    known = Dissimilarity.of(corners)
    assert known.mean_distance == pytest.approx(5.0)
    found = known.index(np.array([[0, 0], [0, 10], [3, 5]], np.float32))
    # (0, 10) is 6.71 from (3, 4).
    assert found == pytest.approx([0.0, np.hypot(3, 6) / 5, 0.2], abs=1e-6)


def test_what_was_trained_on_is_near_and_what_never_was_is_far() -> None:
    x = planted(2000).x
    known = Dissimilarity.of(x[:1500])
    assert known.index(x[:50]).max() < 1e-5
    assert known.index(x[1500:]).max() < 1.0
    assert known.index(x[:5] + np.float32(20)).min() > 5


def test_a_long_training_set_is_thinned_evenly_over_its_time() -> None:
    x = np.arange(1000, dtype=np.float32)[:, None]
    kept = Dissimilarity.of(x, at_most=10).rows[:, 0]
    assert kept.tolist() == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]


def test_what_has_no_distances_is_refused() -> None:
    with pytest.raises(DataRefused, match="2 training rows or more, found 1"):
        Dissimilarity.of(np.zeros((1, 3), np.float32))
    with pytest.raises(DataRefused, match="all of 9 training rows are the same"):
        Dissimilarity.of(np.full((9, 3), 0.1, np.float32))
    with pytest.raises(DataRefused, match="trained on 4 features, asked about 2"):
        Dissimilarity.of(planted(9).x).index(np.zeros((1, 2), np.float32))
