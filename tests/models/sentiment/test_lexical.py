import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ports import Abstain
from models.sentiment import LexiconScorer, words
from tests.models.sentiment.networks import shared


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
    lists = [words.STRONG_UP, words.MILD_UP, words.MILD_DOWN, words.STRONG_DOWN]
    assert len(words.POLARITY) == sum(len(words) for words in lists)
    assert not words.POLARITY.keys() & words.STRENGTH.keys()


def test_on_real_headlines_the_score_agrees_with_people_more_often_than_not() -> None:
    file = shared("data/sentiment/fiqa_task1_headline_ABSA_train.json")
    agreed = []
    for headline in json.loads(file.read_text()).values():
        found = LexiconScorer().score(headline["sentence"])
        if isinstance(found, Decimal):
            agreed.append((found > 0) == (float(headline["info"][0]["sentiment_score"]) > 0))
    assert len(agreed) > 150
    assert sum(agreed) / len(agreed) > 0.8


def test_slang_and_emoji_are_read_as_what_they_stand_for() -> None:
    assert score("$BTC \N{ROCKET}\N{ROCKET}") > Decimal("0.5")
    assert score("holders got rekt \N{CHART WITH DOWNWARDS TREND}") < Decimal("-0.5")
