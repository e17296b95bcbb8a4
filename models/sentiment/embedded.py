"""The default scorer: a compact classifier that is part of the package, so that it needs no download.

Multinomial logistic regression over hashed n-grams, trained by `models.sentiment.train` on texts whose licences allow
it; `embedded.card.json` says which, and how well it did on folds that it had not seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.errors import DataRefused
from core.money import significant
from core.ports import Abstain
from models.sentiment.features import COLUMNS, LEXICAL, hashed, lexical
from models.sentiment.preparing import readable

if TYPE_CHECKING:
    from core.bars import FloatArray

FOLDER: Final = Path(__file__).parent / "artefacts"
WEIGHTS: Final = "embedded.safetensors"
CARD: Final = "embedded.card.json"
CLASSES: Final = ("negative", "positive", "neutral")
_SHAPES: Final = {"hashed": (COLUMNS, 3), "idf": (COLUMNS,), "lexical": (LEXICAL, 3), "bias": (3,)}


@dataclass(frozen=True, slots=True)
class Weights:
    """float64: `hashed` (COLUMNS, 3), `idf` (COLUMNS,), `lexical` (7, 3), `bias` (3,); columns as `CLASSES`."""

    hashed: FloatArray
    idf: FloatArray
    lexical: FloatArray
    bias: FloatArray

    def probabilities(self, prepared: str) -> FloatArray:
        """Softmax over `CLASSES` of a prepared text, shape (3,)."""
        columns = hashed(prepared)
        idf = self.idf[columns]
        length = float(np.sqrt(np.sum(idf * idf))) or 1.0
        scores = (idf / length) @ self.hashed[columns] + lexical(prepared) @ self.lexical + self.bias
        exponents = np.exp(scores - scores.max())
        probabilities: FloatArray = exponents / exponents.sum()
        return probabilities


@dataclass(frozen=True)
class EmbeddedScorer:
    """Scores a text as p(positive) - p(negative). `fallback` says that it stands in for a classifier asked for."""

    name: str
    card: dict[str, Any]
    weights: Weights
    fallback: bool = False

    def score(self, text: str) -> Decimal | Abstain:
        """From -1 (bad news) to 1 (good news); an abstention says why a text cannot be read."""
        read = readable(text)
        if isinstance(read, Abstain):
            return read
        negative, positive, _ = self.weights.probabilities(read)
        return Decimal(significant(float(positive - negative)))

    def score_many(self, texts: Sequence[str]) -> list[Decimal | Abstain]:
        return [self.score(text) for text in texts]

    def standing_in(self) -> EmbeddedScorer:
        return replace(self, fallback=True)


def load(folder: Path = FOLDER) -> EmbeddedScorer:
    """The classifier of a folder.

    Raises
    ------
    DataRefused
        A file is missing, is not what its card says (SHA-256), or holds tensors of other names or shapes.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as tensors_in

    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        content = (folder / WEIGHTS).read_bytes()
    except (OSError, ValueError) as missing:
        raise DataRefused(f"the embedded classifier cannot be read: {missing}") from missing
    found, stated = hashlib.sha256(content).hexdigest(), card.get("sha256")
    if found != stated:
        raise DataRefused(f"{WEIGHTS} has SHA-256 {found}, its card says {stated}")
    try:
        tensors = tensors_in(content)
    except SafetensorError as broken:
        raise DataRefused(f"{WEIGHTS} is no safetensors file: {broken}") from broken
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != _SHAPES:
        raise DataRefused(f"{WEIGHTS} holds {shapes}, expected {_SHAPES}")
    weights = Weights(**{name: tensor.astype(np.float64) for name, tensor in tensors.items()})
    return EmbeddedScorer(f"embedded@{found[:8]}", card, weights)
