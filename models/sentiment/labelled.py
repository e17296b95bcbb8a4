"""Labelled texts as their projects publish them, read into (text, class); classes as `embedded.CLASSES`.

Sets whose licence allows it are trained on; the others, and FinBERT's own, are for evaluation alone.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

NEGATIVE, POSITIVE, NEUTRAL = 0, 1, 2
# FiQA's scores run from -1 to 1; within this band of 0 a text is neutral.
_FIQA_BAND: Final = 0.1

Labelled = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """`weight` is that of one of its texts in training, None for a set of evaluation only."""

    name: str
    file: str
    licence: str
    weight: float | None
    read: Callable[[Path], Labelled]


def _twitter(path: Path) -> Labelled:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [(row["text"], int(row["label"])) for row in csv.DictReader(file)]


def _surge(path: Path) -> Labelled:
    classes = {"Negative": NEGATIVE, "Positive": POSITIVE}
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["Comment Text"], classes[row["Sentiment"]]) for row in csv.DictReader(file)]


def _phrasebank(path: Path) -> Labelled:
    classes = {"negative": NEGATIVE, "positive": POSITIVE, "neutral": NEUTRAL}
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    split = [line.rpartition("@") for line in lines if line.strip()]
    return [(sentence.strip(), classes[label.strip()]) for sentence, _, label in split]


def _fiqa(path: Path) -> Labelled:
    read: Labelled = []
    for item in json.loads(path.read_text(encoding="utf-8")).values():
        score = fmean(float(opinion["sentiment_score"]) for opinion in item["info"])
        read.append(
            (item["sentence"], POSITIVE if score > _FIQA_BAND else NEGATIVE if score < -_FIQA_BAND else NEUTRAL)
        )
    return read


# Crypto comments are few and in the desk's own domain: one counts three times in training.
SETS: Final = (
    LabelledSet("Twitter Financial News", "twitter_financial_news_sent_train.csv.gz", "MIT", 1.0, _twitter),
    LabelledSet("Surge crypto comments", "surge_crypto_comments_dev.csv", "MIT", 3.0, _surge),
    LabelledSet("Financial PhraseBank", "financial_phrasebank_50agree.txt", "CC BY-NC-SA 3.0", None, _phrasebank),
    LabelledSet("FiQA headlines", "fiqa_task1_headline_ABSA_train.json", "research use", None, _fiqa),
    LabelledSet("FiQA posts", "fiqa_task1_post_ABSA_train.json", "research use", None, _fiqa),
)
