"""Which scorer speaks: the classifier asked for, else the embedded one, else the lexicon; and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from core.errors import ConfigError, DataRefused
from models.sentiment import embedded
from models.sentiment.embedded import EmbeddedScorer
from models.sentiment.lexical import LexiconScorer
from models.sentiment.settings import KINDS, ClassifierSettings

if TYPE_CHECKING:
    from models.sentiment.classifier import ClassifierScorer


@dataclass(frozen=True)
class Chosen:
    """The scorer, whose name every record holds, and what kept a better one from speaking, if anything did."""

    scorer: ClassifierScorer | EmbeddedScorer | LexiconScorer
    reasons: tuple[str, ...] = ()


def choose(
    kind: str,
    settings: ClassifierSettings | None = None,
    *,
    as_of: date | None = None,
    load_embedded: Callable[[], EmbeddedScorer] = embedded.load,
) -> Chosen:
    """The scorer of a kind in `KINDS`, or the next best one that loads. A bad download never stops the desk.

    `as_of` is the first day that a replay looks at: the embedded classifier stays silent where it is trained on texts
    of later days. A classifier's training is not ours to date, and its name is in the record.

    Raises
    ------
    ConfigError
        An unknown kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"sentiment scorer {kind!r}, allowed are {', '.join(KINDS)}")
    reasons: list[str] = []
    if kind == "classifier":
        # Torch and transformers take seconds to import, and most desks score with what is in the package.
        from models.sentiment.classifier import classifier

        try:
            scorer = classifier(settings or ClassifierSettings())
            return Chosen(scorer, scorer.network.said)
        except (ConfigError, DataRefused) as refused:
            reasons.append(str(refused))
    if kind != "lexicon":
        try:
            found = load_embedded()
            if as_of is None or as_of >= date.fromisoformat(found.card["as_of"]):
                return Chosen(found.standing_in() if reasons else found, tuple(reasons))
            reasons.append(
                f"{found.name} is trained on texts up to {found.card['as_of']}, the replay begins on {as_of}"
            )
        except DataRefused as refused:
            reasons.append(str(refused))
    return Chosen(LexiconScorer(), tuple(reasons))
