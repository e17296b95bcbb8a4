"""Which output of a sequence classifier is which opinion, read from its own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.errors import DataRefused

_POSITIVE: Final = frozenset(("positive", "pos", "bullish", "bull", "optimistic", "good"))
_NEGATIVE: Final = frozenset(("negative", "neg", "bearish", "bear", "pessimistic", "bad"))
_NEUTRAL: Final = frozenset(("neutral", "neu", "none", "mixed"))


@dataclass(frozen=True, slots=True)
class Labels:
    """Columns of the classifier's output; `neutral` is None for a classifier of two classes."""

    positive: int
    negative: int
    neutral: int | None


def labels_of(id2label: Mapping[int, str]) -> Labels:
    """The columns by the names that the configuration gives them, in any order and case.

    Raises
    ------
    DataRefused
        A label that says nothing about sentiment ('LABEL_0'), one given twice, or none of positive or negative. To
        guess an order would turn good news into bad.
    """
    found: dict[str, int] = {}
    for column, label in sorted(id2label.items()):
        word = label.strip().lower()
        kind = next((kind for kind, known in _KINDS.items() if word in known), None)
        if kind is None or kind in found:
            raise DataRefused(f"the classifier's labels are {dict(id2label)}; expected positive, negative and neutral")
        found[kind] = column
    if not {"positive", "negative"} <= found.keys():
        raise DataRefused(f"the classifier's labels are {dict(id2label)}; expected positive, negative and neutral")
    return Labels(found["positive"], found["negative"], found.get("neutral"))


_KINDS: Final = {"positive": _POSITIVE, "negative": _NEGATIVE, "neutral": _NEUTRAL}
