"""Hashed n-grams of a text: what the embedded classifier reads, in training and afterwards."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from models.sentiment.lexical import REACH, negates, polarities

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

COLUMNS: Final = 1 << 18
LEXICAL: Final = 7
_LENGTHS: Final = (3, 4, 5)  # of letter n-grams
_MOST_POLARITY: Final = 2.0

_NUMBERS: Final = re.compile(r"\d[\d.,]*")
_TOKENS: Final = re.compile(r"[a-z]+(?:'[a-z]+)?|[%!?0]|[\U0001F300-\U0001FAFF]")


def hashed(prepared: str) -> IntArray:
    """Columns, each once and in order, that a prepared text sets: int64, shape (n,), below `COLUMNS`.

    Words, pairs of neighbours, letter n-grams of 3 to 5 within a word, and words again that a negation reaches. All
    numbers are one. A column is CRC-32 of the n-gram modulo `COLUMNS` (Weinberger et al., *Feature Hashing for Large
    Scale Multitask Learning*, 2009), so it is the same on any machine.
    """
    words = _TOKENS.findall(_NUMBERS.sub(" 0 ", prepared.lower()))
    grams = [f"w:{word}" for word in words]
    grams += [f"b:{one} {two}" for one, two in pairwise(words)]
    for word in words:
        edged = f"<{word}>"
        grams += [f"c:{edged[at : at + n]}" for n in _LENGTHS for at in range(len(edged) - n + 1)]
    reach = 0
    for word in words:
        if reach and word[0].isalpha():
            grams.append(f"n:{word}")
            reach -= 1
        if negates(word):
            reach = REACH
    return np.array(sorted({crc32(gram.encode()) % COLUMNS for gram in grams}), dtype=np.int64)


def lexical(prepared: str) -> FloatArray:
    """What the lexicon makes of a prepared text: float64, shape (7,), each in [0, 2].

    Good and bad polarity (cut at 2), the lexicon's score where good and where bad, and whether it knows no word, a
    good one, a bad one.
    """
    found = polarities(prepared.lower())
    good, bad = sum(p for p in found if p > 0), -sum(p for p in found if p < 0)
    score = (good - bad) / math.sqrt((good - bad) ** 2 + 1)
    told = (min(good, _MOST_POLARITY), min(bad, _MOST_POLARITY), max(score, 0.0), max(-score, 0.0))
    return np.array([*told, not found, good > 0, bad > 0], dtype=np.float64)
