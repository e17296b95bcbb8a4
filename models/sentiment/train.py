"""Trains the embedded classifier: `python -m models.sentiment.train FOLDER`, the folder of the labelled sets.

Deterministic: the same files, numpy and scikit-learn give the same weights. Needs the sets of `labelled.SETS` that may
be trained on; evaluation sets are not opened.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import numpy as np

from models.sentiment.embedded import CARD, CLASSES, FOLDER, WEIGHTS, Weights
from models.sentiment.features import COLUMNS, LEXICAL, hashed, lexical
from models.sentiment.labelled import SETS, Labelled, LabelledSet
from models.sentiment.preparing import prepared
from models.sentiment.rolling import normalised

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

FOLDS: Final = 5
# Chosen on the training sets' own folds; evaluation sets had no say.
_C: Final = 3.0
_LEXICAL_SCALE: Final = 2.0
_FEWEST_TEXTS: Final = 2  # in which an n-gram must occur


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts of several sets, each once. `fold` follows the text, so tellings of one headline never part."""

    texts: tuple[str, ...]
    classes: IntArray
    weights: FloatArray
    fold: IntArray
    origin: tuple[str, ...]


def corpus_of(sets: Sequence[tuple[LabelledSet, Labelled]]) -> Corpus:
    """Repeated texts keep their first label."""
    first: dict[str, tuple[str, int, float, str]] = {}
    for kind, rows in sets:
        if kind.weight is None:
            continue
        for text, label in rows:
            first.setdefault(normalised(text), (text, label, kind.weight, kind.name))
    texts, classes, weights, origin = zip(*first.values(), strict=True)
    fold = np.array([crc32(key.encode()) % FOLDS for key in first], dtype=np.int64)
    return Corpus(texts, np.array(classes, dtype=np.int64), np.array(weights), fold, origin)


def fit(corpus: Corpus, rows: IntArray) -> Weights:
    """Weights from the corpus' rows: L2-penalised multinomial logistic regression (L-BFGS), classes balanced.

    Columns are weighted by ln((1 + n) / (1 + df)) + 1 and each text has length 1; n-grams of fewer than two texts are
    left out.
    """
    import scipy.sparse as sp
    from sklearn.linear_model import LogisticRegression

    texts = [prepared(corpus.texts[row]) for row in rows]
    columns = [hashed(text) for text in texts]
    starts = np.cumsum([0, *map(len, columns)])
    counts = sp.csr_matrix((np.ones(starts[-1]), np.concatenate(columns), starts), shape=(len(texts), COLUMNS))
    spread = np.asarray(counts.sum(axis=0)).ravel()
    idf = np.where(spread >= _FEWEST_TEXTS, np.log((1 + len(texts)) / (1 + spread)) + 1, 0.0)
    kept = np.flatnonzero(idf)
    weighted = counts[:, kept].multiply(idf[kept]).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    scaled = sp.diags_array(1 / np.where(lengths > 0, lengths, 1.0)) @ weighted
    told = np.array([lexical(text) for text in texts]) * _LEXICAL_SCALE
    model = LogisticRegression(C=_C, class_weight="balanced", max_iter=2_000)
    model.fit(
        sp.hstack([scaled, sp.csr_matrix(told)]).tocsr(), corpus.classes[rows], sample_weight=corpus.weights[rows]
    )
    dense = np.zeros((COLUMNS, len(CLASSES)), dtype=np.float32)
    dense[kept] = model.coef_[:, :-LEXICAL].T
    # In half precision already here, so that what is scored is what is shipped.
    halves = (dense, idf, model.coef_[:, -LEXICAL:].T * _LEXICAL_SCALE, model.intercept_)
    return Weights(*(part.astype(np.float16).astype(np.float64) for part in halves))


def held_out(corpus: Corpus) -> IntArray:
    """The class of every text, told by weights from the folds that it is not in."""
    told = np.full(len(corpus.texts), -1, dtype=np.int64)
    for fold in range(FOLDS):
        weights = fit(corpus, np.flatnonzero(corpus.fold != fold))
        for row in np.flatnonzero(corpus.fold == fold):
            told[row] = int(np.argmax(weights.probabilities(prepared(corpus.texts[row]))))
    return told


def scores(truth: IntArray, told: IntArray) -> tuple[float, float]:
    """Accuracy, and F1 averaged over the classes that occur in the truth."""
    from sklearn.metrics import accuracy_score, f1_score

    occurring = sorted(set(truth.tolist()))
    return (
        float(accuracy_score(truth, told)),
        float(f1_score(truth, told, labels=occurring, average="macro", zero_division=0.0)),
    )


def write(weights: Weights, card: dict[str, Any], folder: Path) -> None:
    from safetensors.numpy import save

    content = save(
        {
            name: np.ascontiguousarray(getattr(weights, name), dtype=np.float16)
            for name in ("hashed", "idf", "lexical", "bias")
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(content)
    stated = {**card, "sha256": hashlib.sha256(content).hexdigest()}
    (folder / CARD).write_text(json.dumps(stated, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Trains on all texts, scores on folds, writes weights and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the labelled sets")
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    trained = [kind for kind in SETS if kind.weight is not None]
    corpus = corpus_of([(kind, kind.read(arguments.data / kind.file)) for kind in trained])
    told = held_out(corpus)
    sets: list[dict[str, Any]] = []
    for kind in trained:
        rows = np.array([at for at, name in enumerate(corpus.origin) if name == kind.name])
        accuracy, macro_f1 = scores(corpus.classes[rows], told[rows])
        content = (arguments.data / kind.file).read_bytes()
        sets.append(
            {
                "name": kind.name,
                "licence": kind.licence,
                "sha256": hashlib.sha256(content).hexdigest(),
                "texts": len(rows),
                "weight": kind.weight,
                "held_out_accuracy": round(accuracy, 4),
                "held_out_macro_f1": round(macro_f1, 4),
            }
        )
        print(f"{kind.name}: {len(rows)} texts, {FOLDS} folds: accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}")
    card = {
        "name": "embedded",
        "what": "Multinomial logistic regression over hashed word and letter n-grams and the lexicon's polarities.",
        "classes": CLASSES,
        "columns": COLUMNS,
        "reads": "English texts up to 100000 characters, headlines and short posts above all",
        "as_of": "2023-01-01",
        "as_of_why": "the sets' texts carry no dates; both were published by then",
        "evaluation_only": [kind.name for kind in SETS if kind.weight is None],
        "trained_on": sets,
    }
    write(fit(corpus, np.arange(len(corpus.texts))), card, arguments.out)


if __name__ == "__main__":
    main()
