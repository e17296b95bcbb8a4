"""What the Federal Open Market Committee decided on its rate, read from its own statement."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from core.ports import Abstain

# The second kind is a dash of UTF-8 that somebody read as Latin-1.
_DASHES: Final = re.compile(r"[\u2010-\u2015\u2212]|\u00e2\u0080[\u0090-\u0095]")
_SENTENCE: Final = re.compile(r"(?<=[.:;])\s+(?=[A-Z*(\"])")
_RATE: Final = (
    r"(?:target(?:\s+range)?\s+(?:for\s+)?(?:the\s+)?(?:federal\s+)?funds\s+rate|target\s+for\s+the\s+federal\s+funds"
    r"|federal\s+funds\s+rate|degree\s+of\s+pressure\s+on\s+(?:bank\s+)?reserve\s+positions)"
)
_NEAR: Final = r"(?:(?!\bwho\b|\bprefer|\bagainst\b)[^.;]){0,60}?"
_HIKE: Final = re.compile(
    rf"\b(?:raise[ds]?|raising|increase[ds]?|increasing)\b{_NEAR}\b{_RATE}|{_RATE}\b{_NEAR}\b(?:rise|increase)\b"
    # 1994: the funds rate followed the discount rate.
    r"|\bincrease\b[^.;]{0,80}\b(?:show\s+through|reflected)\b[^.;]{0,40}\binterest\s+rates\s+in\s+reserve\s+markets",
    re.I,
)
_CUT: Final = re.compile(
    rf"\b(?:lower(?:ed|ing)?|reduce[ds]?|reducing|decrease[ds]?|cut)\b{_NEAR}\b{_RATE}"
    rf"|{_RATE}\b{_NEAR}\b(?:fall|decline|lowered)\b|\b(?:decline|reduction)\s+in\s+the\s+federal\s+funds\s+rate",
    re.I,
)
_HOLD: Final = re.compile(
    rf"\b(?:keep|maintain(?:ed)?|leave|left|reaffirm(?:ed)?|retain(?:ed)?|unchanged)\b{_NEAR}\b{_RATE}"
    r"|\bdetermining\s+how\s+long\s+to\s+maintain\s+the\s+current\b|did\s+not\s+take\s+action|\bno\s+change\s+(?:today\s+)?in\b|stance\s+of\s+(?:monetary\s+)?policy\s+unchanged",
    re.I,
)
# What members would have liked, what was done before, and what may come is no decision.
_NOT_NOW: Final = re.compile(
    r"\bvot(?:ing|ed)\s+against\b|\bprefer|\bwho\s+(?:believed|favored|dissented)|\bappropriate\s+to\b"
    r"|\bdetermin(?:ing|e)\b|\b(?:expects|anticipates)\s+that\b|\bsince\s+(?:last|the)\b",
    re.I,
)
_LEVEL: Final = re.compile(
    r"\b(?:to|at|of)\s+(?:about\s+|around\s+)?(?:[\d/ -]+\s+to\s+)?((?:\d+[- ])?\d/\d|\d+)\s+percent", re.I
)
_POINTS: Final = re.compile(r"(\d+)(?:\s+|-)basis(?:\s+|-)points?", re.I)


@dataclass(frozen=True, slots=True)
class RateDecision:
    """`sign` is 1 for a rise, -1 for a cut, 0 for none. `level` is the target after it in percent, a range's upper end;
    `points` the move in basis points; each None where the statement does not say it.
    """

    sign: int
    level: float | None
    points: int | None


def rate_decision(statement: str) -> RateDecision | Abstain:
    """The decision of one statement of the Committee, 1994 and later; an abstention where none is told.

    The first sentence that raises, lowers or keeps the federal funds rate (until 1995: the pressure on reserve
    positions) is the decision; dissents, conditions and earlier moves are not.
    """
    for sentence in sentences(statement):
        told = [(match.start(), sign) for sign, way in _WAYS if (match := way.search(sentence))]
        if told and not _NOT_NOW.search(sentence, 0, min(told)[0]):
            after = sentence[min(told)[0] :]
            level, points = _LEVEL.search(after), _POINTS.search(after)
            return RateDecision(
                sign=min(told)[1],
                level=_percent(level[1]) if level else None,
                points=int(points[1]) if points else None,
            )
    return Abstain("the statement tells no decision on the federal funds rate")


def sentences(statement: str) -> list[str]:
    """Sentences on one line each, with plain hyphens."""
    # Dashes first: NFKC changes the pieces of a broken one.
    plain = unicodedata.normalize("NFKC", _DASHES.sub("-", statement)).replace("\u2019", "'")
    return [" ".join(sentence.split()) for sentence in _SENTENCE.split(plain) if sentence.strip()]


def decides(sentence: str) -> bool:
    """Whether a sentence speaks of moving or keeping the rate, in whatever mood."""
    return any(way.search(sentence) for _, way in _WAYS)


_WAYS: Final = ((1, _HIKE), (-1, _CUT), (0, _HOLD))


def _percent(text: str) -> float:
    """'5-3/4' is 5.75, '1/4' is 0.25."""
    whole, _, part = text.replace(" ", "-").rpartition("-")
    if "/" not in part:
        return float(part)
    above, below = part.split("/")
    return float(whole or 0) + int(above) / int(below)
