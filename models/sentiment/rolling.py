"""One score from many texts: tellings of one headline count once, sources have weights, and texts age."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.errors import ToolInputError
from core.money import significant
from core.ports import Abstain
from models.sentiment.preparing import LINKS

_NOT_A_WORD = re.compile(r"[\W_]+")


def normalised(text: str) -> str:
    """A text without links, case, punctuation and spacing: two tellings of one headline become equal."""
    return _NOT_A_WORD.sub(" ", LINKS.sub(" ", unicodedata.normalize("NFKC", text).casefold())).strip()


def first_tellings(texts: Sequence[str]) -> tuple[int, ...]:
    """Places of the texts that say something first. A repeated headline stays as old as its first telling."""
    first: dict[str, int] = {}
    for at, text in enumerate(texts):
        first.setdefault(normalised(text), at)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class RollingScore:
    """`score` in [-1, 1]; `effective` is how many fresh texts of weight 1 would weigh as much as these."""

    score: Decimal
    effective: Decimal


def rolling_score(
    scores: Sequence[Decimal], ages_s: Sequence[float], half_life_s: float, weights: Sequence[float] | None = None
) -> RollingScore | Abstain:
    """Mean of the scores with weights w 2^(-age / half_life), and the sum of those weights.

    The sum, not Kish's effective sample size: that one does not age, and ten texts of last week are no news today.
    `weights` are the sources', 1 where none are given; a text of weight 0 counts nowhere.

    Raises
    ------
    ToolInputError
        An age below 0 (a text from the future), a weight below 0 or not finite, or not one of each a score.
    """
    if len(scores) != len(ages_s):
        raise ToolInputError(f"expected one age a score, found {len(ages_s)} ages for {len(scores)} scores")
    if any(age < 0 for age in ages_s):
        raise ToolInputError(f"expected ages of at least 0 s, found {min(ages_s)}")
    of_sources = [1.0] * len(scores) if weights is None else list(weights)
    if len(of_sources) != len(scores):
        raise ToolInputError(f"expected one weight a score, found {len(of_sources)} weights for {len(scores)} scores")
    if not all(math.isfinite(weight) and weight >= 0 for weight in of_sources):
        raise ToolInputError(f"expected finite weights of at least 0, found {of_sources}")
    aged = [weight * 2.0 ** (-age / half_life_s) for weight, age in zip(of_sources, ages_s, strict=True)]
    effective = math.fsum(aged)
    if effective == 0:
        return Abstain("no text to score")
    mean = math.fsum(w * float(score) for w, score in zip(aged, scores, strict=True)) / effective
    return RollingScore(Decimal(significant(mean)), Decimal(significant(effective)))
