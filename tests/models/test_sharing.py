"""Shared indicators: made once where they are the same, and nobody's array is anybody else's."""

import numpy as np
import pytest

from core.errors import ToolInputError
from models import indicators
from models.sharing import shared, sharing
from tests.models.builders import walk
from tools.strategies.targets import locked

CLOSES = locked(walk(300)).close
CALLS: list[int] = []


@shared
def counted(closes: np.ndarray, period: int) -> np.ndarray:
    CALLS.append(period)
    return closes * period


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CALLS.clear()


def test_the_same_question_is_answered_once_inside_and_anew_outside() -> None:
    with sharing():
        first, second, third = counted(CLOSES, 2), counted(CLOSES, 2), counted(CLOSES, 3)
    counted(CLOSES, 2)
    assert CALLS == [2, 3, 2]
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_what_one_does_to_its_answer_is_not_seen_by_another() -> None:
    with sharing():
        mine = counted(CLOSES, 2)
        mine[:] = 0.0
        assert np.array_equal(counted(CLOSES, 2), CLOSES * 2)


def test_arrays_that_can_be_written_to_are_never_shared() -> None:
    own = CLOSES.copy()
    with sharing():
        before = counted(own, 2)
        own[0] = 1.0
        assert counted(own, 2)[0] == 2.0 != before[0]


def test_other_arrays_with_the_same_numbers_are_other_arrays() -> None:
    with sharing():
        for seed in range(20):  # one that is gone may leave its place in memory to the next
            closes = locked(walk(300, seed=seed)).close
            assert np.array_equal(counted(closes, 2), closes * 2)


def test_what_is_not_asked_for_gives_way_to_what_is() -> None:
    with sharing(room=3 * CLOSES.nbytes):
        for period in (1, 2, 3, 1, 4, 1, 2):
            counted(CLOSES, period)
    assert CALLS == [1, 2, 3, 4, 2]


def test_indicators_answer_the_same_shared_or_not_and_refuse_the_same() -> None:
    apart = indicators.sma(CLOSES, 20), indicators.ema(CLOSES, 20), indicators.rsi(CLOSES, period=14)
    with sharing():
        for _ in range(2):
            together = indicators.sma(CLOSES, 20), indicators.ema(CLOSES, 20), indicators.rsi(CLOSES, period=14)
            assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(apart, together, strict=True))
            with pytest.raises(ToolInputError):
                indicators.sma(CLOSES, 301)
