"""Whether the market has left what a model learnt: a verdict with reasons, of numbers that the desk hands in.

No clock and no action: who reads the verdict tells a person, trips the breaker, and teaches a challenger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError, DataRefused
from core.time import DAY_NS, show_time
from models.features.frames import Frame
from models.learners.port import rises
from models.validation.population import Population

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

WEEK_NS: Final = 7 * DAY_NS


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """What is held to be drift.

    Probabilities within `even_band` of one half say nothing: more than `even_share` of at least `least_forecasts` of
    them doing so is a finding. A feature has moved above a population stability index of `most_moved`, a share of
    `moved_share` of them is a finding: the customary 0.25 is meant for rows of many people, while those of one market
    lie next to each other, and a thousand hours of bitcoin (2018 to 2022) were above it in a quarter of all features or
    more after every fifth training, above 1 after none. A week with `least_outcomes` or more of which fewer than
    `least_accuracy` were right is bad, `bad_weeks` of them in a row are a finding.
    """

    even_band: float = 0.02
    even_share: float = 0.8
    least_forecasts: int = 50
    most_moved: float = 1.0
    moved_share: float = 0.25
    least_rows: int = 200
    least_accuracy: float = 0.5
    least_outcomes: int = 20
    bad_weeks: int = 2

    def __post_init__(self) -> None:
        for name in ("even_band", "even_share", "moved_share", "least_accuracy"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a share above 0 and at most 1, found {getattr(self, name)}")
        for name in ("least_forecasts", "least_rows", "least_outcomes", "bad_weeks"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is 1 or more, found {getattr(self, name)}")
        if not self.most_moved > 0:
            raise ConfigError(f"most_moved is above 0, found {self.most_moved}")


class DriftKind(StrEnum):
    EVEN = "even"
    POPULATION = "population"
    ACCURACY = "accuracy"


@dataclass(frozen=True, slots=True)
class Finding:
    kind: DriftKind
    message: str


@dataclass(frozen=True, slots=True)
class Week:
    """Outcomes that became known in the week from `start_ns`: how many, and the share whose direction was right."""

    start_ns: int
    n: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """Of one model: `findings` are what the drift breaker reads, `weeks` what it was right about, `unmeasured` what
    there was too little of to tell.
    """

    model: str
    findings: tuple[Finding, ...]
    unmeasured: tuple[str, ...]
    weeks: tuple[Week, ...]

    @property
    def drifted(self) -> bool:
        return bool(self.findings)

    @property
    def reasons(self) -> tuple[str, ...]:
        """For a person: each finding."""
        return tuple(finding.message for finding in self.findings)


def monday_of(ns: IntArray) -> IntArray:
    """When the week began that each moment is in: Monday, 00:00 UTC."""
    return ns - (ns + 3 * DAY_NS) % WEEK_NS  # the epoch is a Thursday


def weekly(known_ns: IntArray, p_up: FloatArray, y: FloatArray) -> tuple[Week, ...]:
    """The weeks, from Monday UTC, in which outcomes became known (`known_ns`), oldest first; no opinion counts nowhere.

    Shapes (n,), in order of time; an even forecast, or no move, is half right.
    """
    if not len(known_ns) == len(p_up) == len(y) or (np.diff(known_ns) < 0).any():
        raise DataRefused(f"found {len(known_ns)} times, {len(p_up)} forecasts and {len(y)} outcomes, or not in order")
    told = np.isfinite(p_up) & np.isfinite(y)
    right = (np.sign(p_up[told] - 0.5) * (2 * rises(y[told]) - 1) + 1) / 2
    monday = monday_of(known_ns[told])
    return tuple(
        Week(int(start), int((monday == start).sum()), float(right[monday == start].mean()))
        for start in np.unique(monday)
    )


def judge(
    model: str,
    *,
    p_up: FloatArray,
    weeks: Sequence[Week],
    population: Population | None,
    recent: Frame | None,
    trained_until_ns: int,
    now_ns: int,
    settings: DriftSettings | None = None,
) -> DriftVerdict:
    """The verdict on a model from its newest probabilities, its weeks, and the newest rows that it read.

    Weeks count that are over, and that began after it was taught: what it said before is not out of sample.

    What is too little to judge by is named in `unmeasured`, and is no drift.
    """
    settings = settings or DriftSettings()
    unmeasured: list[str] = []
    found = (
        _even(p_up, settings, unmeasured),
        _moved(population, recent, settings, unmeasured),
        _wrong([week for week in weeks if trained_until_ns <= week.start_ns <= now_ns - WEEK_NS], settings, unmeasured),
    )
    return DriftVerdict(
        model,
        tuple(finding for finding in found if finding is not None),
        tuple(unmeasured),
        tuple(weeks),
    )


def _even(p_up: FloatArray, settings: DriftSettings, unmeasured: list[str]) -> Finding | None:
    told = p_up[np.isfinite(p_up)]
    if len(told) < settings.least_forecasts:
        unmeasured.append(f"{len(told)} forecasts, {settings.least_forecasts} are needed to see whether they say much")
        return None
    share = float(np.mean(np.abs(told - 0.5) < settings.even_band))
    if share <= settings.even_share:
        return None
    within = f"within {settings.even_band:g} of one half"
    return Finding(DriftKind.EVEN, f"{share:.0%} of {len(told)} probabilities are {within}: it has nothing to say")


def _moved(
    population: Population | None, recent: Frame | None, settings: DriftSettings, unmeasured: list[str]
) -> Finding | None:
    rows = 0 if recent is None else int(recent.complete().sum())
    if population is None or recent is None or rows < settings.least_rows:
        found = "no training population" if population is None else f"{rows} whole rows"
        unmeasured.append(f"{found}, {settings.least_rows} rows beside one are needed to see whether features moved")
        return None
    index = population.stability(recent)
    moved = index > settings.most_moved
    if moved.mean() < settings.moved_share:
        return None
    worst = [f"{population.names[at]} {index[at]:.2f}" for at in np.argsort(-index)[:3] if moved[at]]
    told = f"{moved.sum()} of {len(moved)} features have a stability index above {settings.most_moved:g}"
    return Finding(DriftKind.POPULATION, f"{told}, foremost {', '.join(worst)}")


def _wrong(weeks: Sequence[Week], settings: DriftSettings, unmeasured: list[str]) -> Finding | None:
    judged = [week for week in weeks if week.n >= settings.least_outcomes][-settings.bad_weeks :]
    if len(judged) < settings.bad_weeks:
        needed = f"{settings.bad_weeks} weeks of {settings.least_outcomes} outcomes are needed"
        unmeasured.append(f"{len(judged)} weeks can be judged, {needed} to see whether it is right")
        return None
    if any(week.accuracy >= settings.least_accuracy for week in judged):
        return None
    told = ", ".join(f"{week.accuracy:.0%} of {week.n} from {show_time(week.start_ns)[:10]}" for week in judged)
    return Finding(DriftKind.ACCURACY, f"{len(judged)} bad weeks in a row: right in {told}")
