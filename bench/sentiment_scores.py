"""How well texts are scored, as a table: `python -m bench.sentiment_scores FOLDER`, the folder of the shared data.

Macro-F1 and accuracy of the embedded classifier and of the lexicon on each labelled set, an abstention counted as
neutral. Where the classifier was trained on a set, each of its texts is told by weights from folds without that text.
Then how the stance of the Federal Reserve's statements agrees with its decisions: a weak label, no accuracy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.sentiment import LexiconScorer, embedded, train
from models.sentiment.labelled import NEGATIVE, NEUTRAL, POSITIVE, SETS
from models.sentiment.preparing import prepared
from models.sentiment.statements import agreement, statements

if TYPE_CHECKING:
    from core.bars import IntArray

HEADER = "| set | texts | embedded: read on | embedded: macro-F1 | accuracy | lexicon: macro-F1 | accuracy |"


def lexicon_classes(texts: Sequence[str]) -> IntArray:
    found = [answer if isinstance(answer, Decimal) else Decimal(0) for answer in LexiconScorer().score_many(texts)]
    return np.array([POSITIVE if score > 0 else NEGATIVE if score < 0 else NEUTRAL for score in found])


def score_rows(folder: Path) -> list[str]:
    """One row of the table a set. Training on five folds takes some minutes."""
    read = [(kind, kind.read(folder / kind.file)) for kind in SETS]
    corpus = train.corpus_of(read)
    unseen = train.held_out(corpus)
    weights = embedded.load().weights
    rows = []
    for kind, labelled in read:
        if kind.weight is None:
            texts = [text for text, _ in labelled]
            truth = np.array([label for _, label in labelled])
            told = np.array([int(np.argmax(weights.probabilities(prepared(text)))) for text in texts])
            how = "never trained on"
        else:
            places = [at for at, name in enumerate(corpus.origin) if name == kind.name]
            texts = [corpus.texts[at] for at in places]
            truth, told = corpus.classes[places], unseen[places]
            how = f"{train.FOLDS} held-out folds"
        ours, theirs = train.scores(truth, told), train.scores(truth, lexicon_classes(texts))
        figures = " | ".join(f"{figure:.3f}" for figure in (ours[1], ours[0], theirs[1], theirs[0]))
        rows.append(f"| {kind.name} | {len(texts)} | {how} | {figures} |")
    return rows


def stance_rows(folder: Path) -> list[str]:
    told = statements(folder)
    found = agreement(told)
    names = {-1: "cut", 0: "held", 1: "raised"}
    means = ", ".join(f"{names[s]} {found.mean[s]:+.2f} ({found.days[s]} days)" for s in (-1, 0, 1) if s in found.mean)
    return [
        "| Federal Reserve statements | found |",
        "|---|---|",
        f"| days, of them without a readable decision | {len(told)}, {found.unread} |",
        f"| mean stance where the rate was | {means} |",
        f"| stance has the sign of that day's move | {found.same:.1%} of {found.moves} moves |",
        f"| stance has the sign of the next meeting's move | {found.next:.1%} of {found.before_moves} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path, help="folder with sentiment/ and macro/")
    shared: Path = parser.parse_args().shared
    if not (shared / "sentiment").is_dir():
        sys.exit(f"{shared} has no folder 'sentiment': not measured")
    print(HEADER, "|---|---|---|---|---|---|---|", *score_rows(shared / "sentiment"), "", sep="\n")
    print(*stance_rows(shared / "macro"), sep="\n")


if __name__ == "__main__":
    main()
