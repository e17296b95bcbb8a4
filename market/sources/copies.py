"""Syndicated copies: the same story told by many counts once.

Two texts are one story where their words run alike: three-word shingles (Broder, *On the resemblance and containment
of documents*, 1997) of headline and opening, compared by containment since feeds cut a body anywhere. Headlines alone
must say the same numbers: 'above $69,000' and 'above $70,000' are two stories.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final

from core.time import DAY_NS

ALIKE: Final = 0.6  # containment of the shorter text's shingles
TITLED_ALIKE: Final = 0.2  # suffices where the headlines are word for word the same
WINDOW_NS: Final = 3 * DAY_NS
_OPENING: Final = 80  # words of a body that are compared
_LENGTH: Final = 3
_FEWEST: Final = 4  # words of a headline that alone can name a story
_BODY: Final = 12  # shingles from which on a body says more than its headline

_LINK: Final = re.compile(r"https?://\S+")
_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
# ' - Yahoo Finance' and ' | CoinDesk': who tells it, not what is told.
_TELLER: Final = re.compile(r"\s+[-–—|]\s+(?:[\w.&'’]+\s?){1,4}$")

Shingles = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Print:
    """What of a text is compared."""

    title: tuple[str, ...]
    shingles: Shingles  # of headline and opening
    body: Shingles

    @property
    def numbers(self) -> frozenset[str]:
        return frozenset(word for word in self.title if word[0].isdigit())


def print_of(headline: str, body: str) -> Print:
    """The fingerprint of a cleaned text."""
    title = words_of(_TELLER.sub("", headline))
    opening = words_of(body)[:_OPENING]
    return Print(title, _shingles(title) | _shingles(opening), _shingles(opening))


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words and numbers, without links, punctuation and the commas of thousands."""
    return tuple(word.lower().replace(",", "").replace("’", "'") for word in _WORD.findall(_LINK.sub(" ", text)))


def same_story(one: Print, other: Print) -> bool:
    """Whether two texts tell the same, word for word but for cuts and small changes."""
    both_have_bodies = min(len(one.body), len(other.body)) >= _BODY
    if one.title == other.title and len(one.title) >= _FEWEST:
        return not both_have_bodies or containment(one.body, other.body) >= TITLED_ALIKE
    if both_have_bodies:
        return containment(one.body, other.body) >= ALIKE
    if min(len(one.title), len(other.title)) < _FEWEST or one.numbers != other.numbers:
        return False
    return resemblance(one.shingles, other.shingles) >= ALIKE


def containment(one: Shingles, other: Shingles) -> float:
    """Share of the shorter text's shingles that the longer one has; 0 where one has none."""
    least = min(len(one), len(other))
    return len(one & other) / least if least else 0.0


def resemblance(one: Shingles, other: Shingles) -> float:
    """Jaccard's index; 0 where both are empty."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


class Stories:
    """Finds the first telling of a story among those of the last days. Texts come in the order they became known."""

    def __init__(self, window_ns: int = WINDOW_NS) -> None:
        self._window_ns = window_ns
        self._prints: OrderedDict[str, tuple[int, Print]] = OrderedDict()
        self._holders: dict[tuple[str, ...], set[str]] = {}

    def story_of(self, item_id: str, fingerprint: Print, known_at_ns: int) -> str:
        """The item that told this story first, or this one. A first telling is remembered for the window."""
        self._forget(known_at_ns)
        if item_id in self._prints:
            return item_id  # a first telling that was edited stays one
        shared = Counter(holder for key in _keys(fingerprint) for holder in self._holders.get(key, ()))
        # The most alike first; of equals the earliest, since sets have no order of their own.
        for candidate, _ in sorted(shared.items(), key=lambda pair: (-pair[1], self._prints[pair[0]][0], pair[0]))[:20]:
            if same_story(self._prints[candidate][1], fingerprint):
                return candidate
        self._prints[item_id] = (known_at_ns, fingerprint)
        for key in _keys(fingerprint):
            self._holders.setdefault(key, set()).add(item_id)
        return item_id

    def _forget(self, now_ns: int) -> None:
        while self._prints:
            item_id, (known_at_ns, fingerprint) = next(iter(self._prints.items()))
            if known_at_ns > now_ns - self._window_ns:
                return
            del self._prints[item_id]
            for key in _keys(fingerprint):
                holders = self._holders[key]
                holders.discard(item_id)
                if not holders:
                    del self._holders[key]


def _keys(fingerprint: Print) -> frozenset[tuple[str, ...]]:
    """What a text is looked up by: its shingles, and its whole headline, which may be too short to have many."""
    return fingerprint.shingles | {("title", *fingerprint.title)}


def _shingles(words: tuple[str, ...]) -> Shingles:
    return frozenset(words[at : at + _LENGTH] for at in range(len(words) - _LENGTH + 1))
