"""FinBERT, or any sequence classifier like it, as a scorer. Loaded when it is first made, and slow: off the event loop.

Araci, *FinBERT: Financial Sentiment Analysis with Pre-trained Language Models*, 2019.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from core.errors import ConfigError
from core.money import significant
from core.ports import Abstain
from models.sentiment.fetching import folder_of
from models.sentiment.network import Network, Progress, load
from models.sentiment.preparing import readable
from models.sentiment.settings import ClassifierSettings

_REMEMBERED: Final = 100_000  # texts whose score is kept, the latest used ones


class ClassifierScorer:
    """Scores a text as p(positive) - p(negative). A text that was scored before is not read again.

    Not for two threads at once: one thread does the desk's inference.
    """

    fallback = False

    def __init__(self, name: str, network: Network) -> None:
        self.name = f"{name}#{network.sha256[:8]} {network.precision}"
        self.network = network
        self._scores: OrderedDict[str, Decimal] = OrderedDict()

    @property
    def card(self) -> dict[str, Any]:
        """What speaks: weights by SHA-256, precision and how far its labels agree with fp32's, and the truncation."""
        return {
            "name": self.name,
            "sha256": self.network.sha256,
            "device": self.network.device,
            "precision": self.network.precision,
            "agreement": significant(self.network.agreement),
            "said": list(self.network.said),
            "reads": f"English texts, cut after {self.network.most_tokens} tokens",
        }

    def score(self, text: str) -> Decimal | Abstain:
        """From -1 (bad news) to 1 (good news); an abstention says why a text cannot be read."""
        return self.score_many([text])[0]

    def score_many(self, texts: Sequence[str], progress: Progress | None = None) -> list[Decimal | Abstain]:
        """One answer a text, in order. `progress` is told (texts read, texts to read) after every batch."""
        read = [readable(text) for text in texts]
        keys = [None if isinstance(words, Abstain) else _key(words) for words in read]
        fresh = {key: words for key, words in zip(keys, read, strict=True) if key and key not in self._scores}
        columns = self.network.labels
        for key, row in zip(fresh, self.network.probabilities([str(w) for w in fresh.values()], progress), strict=True):
            self._scores[key] = Decimal(significant(float(row[columns.positive] - row[columns.negative])))
        answers = [
            words if isinstance(words, Abstain) else self._remembered(str(key))
            for key, words in zip(keys, read, strict=True)
        ]
        while len(self._scores) > _REMEMBERED:
            self._scores.popitem(last=False)
        return answers

    def _remembered(self, key: str) -> Decimal:
        self._scores.move_to_end(key)
        return self._scores[key]


def classifier(settings: ClassifierSettings) -> ClassifierScorer:
    """Fetches, loads and checks the classifier that the settings name: seconds to minutes.

    Raises
    ------
    ConfigError, DataRefused
        As `folder_of` and `network.load` say, or transformers and torch are not installed.
    """
    try:
        network = load(folder_of(settings), settings)
    except ImportError as absent:
        raise ConfigError(f"a classifier needs torch and transformers: {absent}") from absent
    return ClassifierScorer(settings.source.rstrip("/").rpartition("/")[2] or settings.source, network)


def _key(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", errors="surrogatepass")).hexdigest()
