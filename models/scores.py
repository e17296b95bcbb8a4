"""How good a forecaster was out of sample, against what one would have said without it. Votes follow these scores."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.money import significant
from core.ports import Abstain, Forecast, Forecaster

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

# Fewer outcomes than this are luck; such a forecaster has no scorecard, rather than a good or a bad one.
LEAST_SCORED = 10


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Out-of-sample record of one forecaster over `n` outcomes.

    `brier` is the mean of (p_up - outcome)^2, `baseline_brier` that of the best naive answer, `skill` is
    1 - brier / baseline_brier, `hit_rate` the share of right directions (an even forecast is half right), and `weight`
    the skill, or 0 for a forecaster that did not beat its baseline: it is muted. `mean_return` is the mean log return
    over the horizon in the direction that it said, `naive_return` that of the better of always up and the last move's.
    """

    name: str
    n: int
    brier: Decimal
    baseline_brier: Decimal
    skill: Decimal
    hit_rate: Decimal
    weight: Decimal
    mean_return: Decimal
    naive_return: Decimal


def walk_forward(forecaster: Forecaster, bars: Bars, *, horizon: int, origins: int = 60) -> Scorecard | Abstain:
    """Scores the last `origins` forecasts whose outcome is known, `horizon` bars apart so that no outcome counts twice.

    At each origin the forecaster sees only the bars up to it. The baseline is the better of one half and the share of
    rises known at that origin (Laplace smoothed). Origins at which the forecaster abstains count nowhere.

    Brier, *Verification of Forecasts Expressed in Terms of Probability* (1950).
    """
    newest = len(bars) - 1 - horizon
    spoken: list[tuple[int, float]] = []
    for at in range(newest, max(newest - origins * horizon, 0), -horizon):
        forecast = forecaster.predict(until(bars, at + 1), horizon=horizon)
        if isinstance(forecast, Forecast):
            spoken.append((at, float(forecast.p_up)))
    places = np.array([at for at, _ in spoken], dtype=np.int64)
    p_up = np.array([p for _, p in spoken])
    return score(forecaster.name, bars, places, p_up, np.sign(p_up - 0.5), horizon=horizon)


def score(
    name: str, bars: Bars, places: IntArray, p_up: FloatArray, said: FloatArray, *, horizon: int
) -> Scorecard | Abstain:
    """The record of what was said at `places`, bars whose outcome is known, `horizon` bars apart or more.

    `p_up` and `said` have one value a place: the probability of a rise, and the direction as 1, -1 or 0 for neither.
    """
    if len(places) < LEAST_SCORED:
        found = f"{len(places)} outcomes in {len(bars)} bars"
        return Abstain(f"{name} needs {LEAST_SCORED} outcomes to be scored, found {found}")
    # A tie is half a rise, so that the market upside down has the mirrored outcomes.
    signs = np.sign(bars.close[horizon:] - bars.close[:-horizon])
    moves = np.log(bars.close[horizon:] / bars.close[:-horizon])
    rose = (signs + 1) / 2
    brier = float(np.mean((p_up - rose[places]) ** 2))
    base_rate = _base_rate(rose, places, horizon)
    # One half is never off by more or less than a half, so its score is a quarter.
    baseline = min(0.25, float(np.mean((base_rate - rose[places]) ** 2)))
    skill = 1 - brier / baseline
    after = moves[places]
    last = np.where(places >= horizon, signs[places - horizon], 0.0)
    hits = (said * signs[places] + 1) / 2
    return Scorecard(
        name=name,
        n=len(places),
        brier=_number(brier),
        baseline_brier=_number(baseline),
        skill=_number(skill),
        hit_rate=_number(float(hits.mean())),
        weight=_number(max(skill, 0.0)),
        mean_return=_number(float(np.mean(said * after))),
        naive_return=_number(max(float(after.mean()), float(np.mean(last * after)))),
    )


def until(bars: Bars, n: int) -> Bars:
    """The first `n` bars."""
    return Bars(
        bars.symbol,
        bars.timeframe,
        bars.open_ns[:n],
        bars.open[:n],
        bars.high[:n],
        bars.low[:n],
        bars.close[:n],
        bars.volume[:n],
    )


def _base_rate(rose: FloatArray, places: IntArray, horizon: int) -> FloatArray:
    """Share of rises among the outcomes known at each origin: those that began at least `horizon` bars earlier."""
    rises = np.cumsum(np.insert(rose, 0, 0.0))
    known = np.maximum(places - horizon + 1, 0)
    share: FloatArray = (rises[known] + 1) / (known + 2)
    return share


def _number(value: float) -> Decimal:
    return Decimal(significant(value))
