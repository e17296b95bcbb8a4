"""The Committee's statements as their projects publish them, by day: text files, and two tables."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from core.ports import Abstain
from models.sentiment.decisions import RateDecision, rate_decision
from models.sentiment.stance import stance


@dataclass(frozen=True, slots=True)
class Agreement:
    """Stance against the decision of the same day and of the next meeting that moves the rate: a weak label, no truth.

    `moves` are days with a stance on which the rate was moved, `same` the share of them on which the signs agree;
    `before_moves` and `next` likewise for a move at the next meeting. `mean` is the stance's mean by the decision's
    sign, `days` their number, `unread` statements of which no decision could be read.
    """

    moves: int
    same: float
    before_moves: int
    next: float
    mean: dict[int, float]
    days: dict[int, int]
    unread: int


def statements(folder: Path) -> dict[date, list[str]]:
    """Every telling of each day's statement, days in order. Minutes are no statements and are left out."""
    found: dict[date, list[str]] = {}
    for day, text in sorted(_told(folder), key=lambda pair: pair[0]):
        found.setdefault(day, []).append(text)
    return found


def agreement(told: dict[date, list[str]]) -> Agreement:
    """How often the stance's sign is the decision's, of the last telling of each day.

    Raises
    ------
    ValueError
        No statement with both a stance and a move.
    """
    decided = [rate_decision(texts[-1]) for texts in told.values()]
    sounded = [stance(texts[-1]) for texts in told.values()]
    both = [
        (float(sound), decision.sign)
        for sound, decision in zip(sounded, decided, strict=True)
        if not isinstance(sound, Abstain) and isinstance(decision, RateDecision)
    ]
    ahead = [
        (float(sound), decision.sign)
        for sound, decision in zip(sounded, decided[1:], strict=False)
        if not isinstance(sound, Abstain) and isinstance(decision, RateDecision) and decision.sign
    ]
    moved = [(sound, sign) for sound, sign in both if sign]
    if not moved or not ahead:
        raise ValueError(f"no move among {len(told)} statements")
    by_sign = {sign: [sound for sound, other in both if other == sign] for sign in (-1, 0, 1)}
    return Agreement(
        moves=len(moved),
        same=float(np.mean([np.sign(sound) == sign for sound, sign in moved])),
        before_moves=len(ahead),
        next=float(np.mean([np.sign(sound) == sign for sound, sign in ahead])),
        mean={sign: float(np.mean(sounds)) for sign, sounds in by_sign.items() if sounds},
        days={sign: len(sounds) for sign, sounds in by_sign.items()},
        unread=sum(isinstance(decision, Abstain) for decision in decided),
    )


def _told(folder: Path) -> Iterator[tuple[date, str]]:
    for file in sorted((folder / "fomc_statements_txt").glob("*.txt")):
        yield date.fromisoformat(file.stem), file.read_text(encoding="utf-8", errors="replace")
    for row in _rows(folder / "fomc_statements_to_2018.csv.gz"):
        yield date.fromisoformat(row["date"]), row["text"]
    for row in _rows(folder / "fomc_communications_2019_2020.csv.gz"):
        if row["Type"] == "Statement":
            yield date.fromisoformat(row["Date"]), row["Text"]


def _rows(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))
