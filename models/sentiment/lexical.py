"""The last resort: known words, counted. It needs no file and no library, and it knows no context."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from core.money import significant
from core.ports import Abstain
from models.sentiment.preparing import readable
from models.sentiment.words import NEGATIONS, POLARITY, STRENGTH

_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
# How far a negation reaches, in words: "did not really crash".
REACH = 3
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
        read = readable(text)
        if isinstance(read, Abstain):
            return read
        found = polarities(read.lower())
        if not found:
            return Abstain("no word of the lexicon occurs")
        total = sum(found)
        return Decimal(significant(total / math.sqrt(total * total + 1)))

    def score_many(self, texts: Sequence[str]) -> list[Decimal | Abstain]:
        return [self.score(text) for text in texts]


def polarities(lowered: str) -> list[float]:
    """Polarity of each known word or phrase of a prepared lower-case text, in its order."""
    return list(_polarities(_WORDS.findall(lowered)))


def negates(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def _polarities(words: list[str]) -> Iterator[float]:
    at = 0
    while at < len(words):
        length, polarity = _known(words, at)
        if polarity is not None:
            if at and words[at - 1] in STRENGTH:
                polarity *= STRENGTH[words[at - 1]]
            if any(negates(word) for word in words[max(0, at - REACH) : at]):
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
