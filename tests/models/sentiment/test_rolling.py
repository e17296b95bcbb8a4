from decimal import Decimal

import pytest

from core.errors import ToolInputError
from core.ports import Abstain
from models.sentiment import RollingScore, first_tellings, normalised, rolling_score


def test_tellings_of_one_headline_are_one_text() -> None:
    assert normalised("Bitcoin  CRASHES! https://t.co/x") == normalised("bitcoin crashes")
    assert normalised("bitcoin crashes") != normalised("bitcoin crashed")


def test_a_repeated_headline_counts_once_at_its_first_telling() -> None:
    assert first_tellings([]) == ()
    assert first_tellings(["BTC up", "ETH up", "btc up!", "ETH down"]) == (0, 1, 3)


def test_no_texts_are_an_abstention() -> None:
    assert isinstance(rolling_score([], [], 3600), Abstain)


def test_a_text_so_old_that_it_weighs_nothing_is_an_abstention() -> None:
    assert isinstance(rolling_score([Decimal("1")], [1e9], 3600), Abstain)


def test_a_text_from_the_future_is_refused() -> None:
    with pytest.raises(ToolInputError, match="expected ages of at least 0 s, found -1"):
        rolling_score([Decimal("1")], [-1], 3600)


def test_one_age_belongs_to_each_score() -> None:
    with pytest.raises(ToolInputError, match="found 1 ages for 2 scores"):
        rolling_score([Decimal("1"), Decimal("0")], [0], 3600)


def test_a_half_life_halves_a_text() -> None:
    assert rolling_score([Decimal("1"), Decimal("-1")], [0, 3600], 3600) == RollingScore(
        Decimal("0.333333333"), Decimal("1.5")
    )


def test_many_old_texts_are_worth_few_fresh_ones() -> None:
    old = rolling_score([Decimal("0.5")] * 8, [3 * 3600] * 8, 3600)
    assert old == RollingScore(Decimal("0.5"), Decimal("1"))


def test_a_source_counts_as_much_as_its_weight() -> None:
    scores = [Decimal("1"), Decimal("-1")]
    assert rolling_score(scores, [0, 0], 3600, [3, 1]) == RollingScore(Decimal("0.5"), Decimal("4"))
    assert rolling_score(scores, [0, 0], 3600, [0, 1]) == RollingScore(Decimal("-1"), Decimal("1"))
    assert rolling_score(scores, [0, 0], 3600, [1, 1]) == rolling_score(scores, [0, 0], 3600)


@pytest.mark.parametrize("weights", [[-1.0, 1.0], [float("nan"), 1.0], [float("inf"), 1.0], [1.0]])
def test_a_weight_that_is_none_is_refused(weights: list[float]) -> None:
    with pytest.raises(ToolInputError, match="weight"):
        rolling_score([Decimal("1"), Decimal("0")], [0, 0], 3600, weights)
