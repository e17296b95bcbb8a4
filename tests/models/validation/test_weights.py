"""Sample weights: less for labels that tell the same, less the older a row is."""

import numpy as np
import pytest

from core.errors import ConfigError
from models.validation.splits import Spans
from models.validation.weights import recency, sample_weights, uniqueness


def test_uniqueness_is_that_of_the_books_example() -> None:
    """López de Prado, 4.5.3: labels over bars 0 to 2, 2 to 3 and 4 to 5 are 5/6, 3/4 and 1 unique."""
    spans = Spans(np.array([0, 2, 4]), np.array([3, 4, 6]))
    assert uniqueness(spans).tolist() == pytest.approx([5 / 6, 3 / 4, 1])


@pytest.mark.parametrize("horizon", [1, 4, 24])
def test_of_labels_in_a_row_each_is_as_unique_as_one_over_their_length(horizon: int) -> None:
    inner = uniqueness(Spans.ahead(np.arange(200), horizon))[horizon:-horizon]
    assert inner == pytest.approx(1 / horizon)


def test_bars_without_a_label_change_nothing() -> None:
    near, far = Spans(np.array([0, 1, 9]), np.array([2, 3, 10])), Spans(np.array([0, 1, 900]), np.array([2, 3, 901]))
    assert uniqueness(near).tolist() == uniqueness(far).tolist()


def test_a_row_a_half_life_older_counts_half() -> None:
    spans = Spans.ahead(np.array([0, 10, 20]), 1)
    assert recency(spans, half_life=10).tolist() == [0.25, 0.5, 1.0]
    weights = sample_weights(spans, half_life=10)
    assert weights.mean() == pytest.approx(1)
    assert weights[2] == pytest.approx(4 * weights[0])


def test_overlap_counts_only_where_it_is_asked_for() -> None:
    spans = Spans.ahead(np.array([0, 1, 2, 40]), 4)
    assert sample_weights(spans)[3] > sample_weights(spans)[1]
    assert sample_weights(spans, unique=False).tolist() == [1.0] * 4


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="more than 0 bars, found 0"):
        recency(Spans.ahead(np.arange(3), 1), half_life=0)
