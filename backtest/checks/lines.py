"""One line of a check: what was asked, how it was answered, and the figures that the answer rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.canonical import JSON


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNMEASURED = "not measured"


class Ask(StrEnum):
    """What is asked of a strategy, in the order in which it is told."""

    TWICE = "same answer twice"
    TRUNCATED = "look-ahead: cut after each signal"
    POISONED = "look-ahead: another future"
    WARM_UP = "warm-up"
    FEES = "fees doubled"
    SLIPPAGE = "slippage doubled"
    DELAY = "one bar late"
    RANDOM = "random entries"
    PLATEAU = "parameter plateau"
    DEFLATED = "deflated Sharpe"
    OVERFITTING = "backtest overfitting"
    INTERVAL = "Sharpe interval"
    AVERAGE = "average trade interval"
    TRADES = "enough trades"
    TOO_GOOD = "Sharpe not too good"
    ACCURACY = "accuracy not too good"


# Without these no other line means anything.
TIME: frozenset[Ask] = frozenset({Ask.TWICE, Ask.TRUNCATED, Ask.POISONED})


@dataclass(frozen=True, slots=True)
class Line:
    """`found` says in words what was found, or why nothing was. A figure that is no number is told as null."""

    ask: Ask
    verdict: Verdict
    found: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def told(self) -> JSON:
        figures = {name: float(one) if math.isfinite(one) else None for name, one in self.figures.items()}
        return {"check": self.ask.value, "verdict": self.verdict.value, "found": self.found, "figures": figures}


def judged(ask: Ask, passed: bool, found: str, **figures: float) -> Line:
    return Line(ask, Verdict.PASSED if passed else Verdict.FAILED, found, figures)


def unmeasured(ask: Ask, why: str, **figures: float) -> Line:
    return Line(ask, Verdict.UNMEASURED, why, figures)
