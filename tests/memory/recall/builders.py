"""A tiny embedding model that is the same everywhere, and items to remember."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from core.taint import Taint
from core.time import DAY_NS, parse_time
from memory.recall.items import Item
from memory.recall.recall import Recall
from memory.recall.settings import RecallSettings
from memory.recall.shelf import Shelf

T0 = parse_time("2026-03-01T00:00Z")
DIMENSIONS = 64


@dataclass
class Words:
    """Counts words by their hash: texts that share words are near each other."""

    name: str = "words/1"
    asked: int = 0

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked += len(texts)
        return [_unit(text) for text in texts]


class Broken:
    name = "broken/1"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise ImportError("no module named torch")


def _unit(text: str) -> list[float]:
    counts = [0.0] * DIMENSIONS
    for word in text.lower().split():
        counts[crc32(word.encode()) % DIMENSIONS] += 1.0
    length = math.sqrt(sum(count * count for count in counts)) or 1.0
    return [count / length for count in counts]


def lesson(text: str = "long BTC in a rising market lost by its stop", *, days: int = 0, **changed: Any) -> Item:
    """Known so many days after T0."""
    said: dict[str, Any] = {
        "kind": "lesson",
        "source": "proposal:one",
        "trust": Taint.TRUSTED,
        "known_at_ns": T0 + days * DAY_NS,
        "symbol": "BTC/USDT",
        "account": "paper",
    }
    return Item(text, **{**said, **changed})


def shelf(folder: Path, embedder: Any = None, **settings: Any) -> Shelf:
    return Shelf.open(RecallSettings(**settings), folder, Words() if embedder is None else embedder)


def recall(folder: Path, embedder: Any = None, **settings: Any) -> Recall:
    return Recall(RecallSettings(**settings), folder / "recall", Words() if embedder is None else embedder)


def now(days: int) -> int:
    return T0 + days * DAY_NS
