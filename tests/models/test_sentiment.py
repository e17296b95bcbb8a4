import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ToolInputError
from core.ports import Abstain
from models import lexicon
from models.sentiment import LexiconScorer, RollingScore, first_tellings, normalised, rolling_score


def score(text: str) -> Decimal:
    found = LexiconScorer().score(text)
    assert isinstance(found, Decimal), text
    return found


@pytest.mark.parametrize(
    "text", ["", "   ", "Bitcoin, Ethereum and the weather", "比特币", "https://example.com/crash"]
)
def test_a_text_without_a_known_word_is_an_abstention_and_not_neutral(text: str) -> None:
    assert isinstance(LexiconScorer().score(text), Abstain)


def test_good_news_is_positive_and_bad_news_is_negative() -> None:
    assert score("Bitcoin SURGES to record high") > Decimal("0.5")
    assert score("Exchange hacked, funds stolen") < Decimal("-0.5")


def test_one_more_bad_word_is_worse_and_nothing_is_certain() -> None:
    assert -1 < score("crash, panic and fraud") < score("crash and panic") < score("crash")


def test_a_negation_turns_the_words_after_it_and_weakens_them() -> None:
    assert 0 < score("the network did not crash") < -score("the network did crash")
    assert score("it isn\u2019t bullish") < 0
    assert score("no one at the company was there when it crashed") < 0


def test_intensifiers_scale_the_word_after_them() -> None:
    assert score("slightly weak") > score("weak") > score("very weak")


def test_a_phrase_is_read_as_one_word() -> None:
    assert score("a sell-off") == score("a sell off") == score("selloff")
    assert score("all-time high") > Decimal("0.5")
    assert score("rug pull") < Decimal("-0.5")


@given(st.text(max_size=200))
def test_any_text_is_scored_within_one_or_abstained_on(text: str) -> None:
    found = LexiconScorer().score(text)
    assert isinstance(found, Abstain) or -1 < found < 1


def test_the_scorer_says_what_it_stands_in_for() -> None:
    scorer = LexiconScorer()
    assert (scorer.name, scorer.fallback) == ("lexicon", True)
    assert "FinBERT" in scorer.card


def test_no_word_is_listed_under_two_polarities() -> None:
    lists = [lexicon.STRONG_UP, lexicon.MILD_UP, lexicon.MILD_DOWN, lexicon.STRONG_DOWN]
    assert len(lexicon.POLARITY) == sum(len(words) for words in lists)
    assert not lexicon.POLARITY.keys() & lexicon.STRENGTH.keys()


def test_on_real_headlines_the_score_agrees_with_people_more_often_than_not() -> None:
    shared = Path(os.environ.get("TRADEWARDEN_SHARED") or Path(__file__).parents[2] / "../shared").resolve()
    file = shared / "data/sentiment/fiqa_task1_headline_ABSA_train.json"
    if not file.exists():
        pytest.skip("the shared headlines are not at hand: set TRADEWARDEN_SHARED")
    agreed = []
    for headline in json.loads(file.read_text()).values():
        found = LexiconScorer().score(headline["sentence"])
        if isinstance(found, Decimal):
            agreed.append((found > 0) == (float(headline["info"][0]["sentiment_score"]) > 0))
    assert len(agreed) > 150
    assert sum(agreed) / len(agreed) > 0.8


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
