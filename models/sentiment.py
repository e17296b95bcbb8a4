"""Sentiment of short texts: a word list where no classifier is installed, and the score of many texts as they age.

A score is a number about a text and nothing in the text can act; whoever uses it carries its taint.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.errors import ToolInputError
from core.money import significant
from core.ports import Abstain
from models.lexicon import NEGATIONS, POLARITY, STRENGTH

_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
_LINKS = re.compile(r"https?://\S+")
_NOT_A_WORD = re.compile(r"[\W_]+")
# How far a negation reaches, in words: "did not really crash".
_REACH = 3
# "Not crashing" is good news, but less so than "soaring".
_NEGATED = -0.5
_LONGEST_PHRASE = 3


class LexiconScorer:
    """Counts known words, turned by negations and scaled by intensifiers. The fallback for a trained classifier."""

    name = "lexicon"
    fallback = True
    card = "A hand-written word list that stands in for FinBERT where no classifier is installed; it knows no context."

    def score(self, text: str) -> Decimal | Abstain:
        """From -1 (bad news) to 1 (good news); an abstention when no known word occurs.

        The polarities' sum s becomes s / sqrt(s^2 + 1), so that words agree with falling returns and none is certain.
        """
        words = _LINKS.sub(" ", unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'"))
        found = list(_polarities(_WORDS.findall(words)))
        if not found:
            return Abstain("no word of the lexicon occurs")
        total = sum(found)
        return Decimal(significant(total / math.sqrt(total * total + 1)))


def _polarities(words: list[str]) -> Iterator[float]:
    at = 0
    while at < len(words):
        length, polarity = _known(words, at)
        if polarity is not None:
            if at and words[at - 1] in STRENGTH:
                polarity *= STRENGTH[words[at - 1]]
            if any(_negates(word) for word in words[max(0, at - _REACH) : at]):
                polarity *= _NEGATED
            yield polarity
        at += length


def _known(words: list[str], at: int) -> tuple[int, float | None]:
    """How many words the longest known phrase at a place takes, and its polarity."""
    for length in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1):
        polarity = POLARITY.get("-".join(words[at : at + length]))
        if polarity is not None:
            return length, polarity
    return 1, None


def _negates(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def normalised(text: str) -> str:
    """A text without links, case, punctuation and spacing: two tellings of one headline become equal."""
    return _NOT_A_WORD.sub(" ", _LINKS.sub(" ", unicodedata.normalize("NFKC", text).casefold())).strip()


def first_tellings(texts: Sequence[str]) -> tuple[int, ...]:
    """Places of the texts that say something first. A repeated headline stays as old as its first telling."""
    first: dict[str, int] = {}
    for at, text in enumerate(texts):
        first.setdefault(normalised(text), at)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class RollingScore:
    """`score` in [-1, 1]; `effective` is how many fresh texts would weigh as much as these."""

    score: Decimal
    effective: Decimal


def rolling_score(scores: Sequence[Decimal], ages_s: Sequence[float], half_life_s: float) -> RollingScore | Abstain:
    """Mean of the scores with weights 2^(-age / half_life), and the sum of those weights.

    The sum, not Kish's effective sample size: that one does not age, and ten texts of last week are no news today.

    Raises
    ------
    ToolInputError
        An age below 0 (a text from the future), or not one age a score.
    """
    if len(scores) != len(ages_s):
        raise ToolInputError(f"expected one age a score, found {len(ages_s)} ages for {len(scores)} scores")
    if any(age < 0 for age in ages_s):
        raise ToolInputError(f"expected ages of at least 0 s, found {min(ages_s)}")
    weights = [2.0 ** (-age / half_life_s) for age in ages_s]
    effective = math.fsum(weights)
    if effective == 0:
        return Abstain("no text to score")
    mean = math.fsum(w * float(score) for w, score in zip(weights, scores, strict=True)) / effective
    return RollingScore(Decimal(significant(mean)), Decimal(significant(effective)))
