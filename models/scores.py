"""How good a forecaster was out of sample, against what one would have said without it. Votes follow these scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from core.bars import Bars
from core.money import significant
from core.ports import Abstain, Forecast, Forecaster
from models.regimes import ANY, regimes

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

# Fewer outcomes than this are luck; such a forecaster has no scorecard, rather than a good or a bad one.
LEAST_SCORED = 10
# Fewer outcomes than this in the regime of now, and all of them are judged together.
LEAST_IN_REGIME = 20
# The log loss of a certainty that failed would be infinite.
_CLIP: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Out-of-sample record of one forecaster over `n` outcomes of one `regime` (`models.regimes`), or of `ANY`.

    `brier` is the mean of (p_up - outcome)^2, `baseline_brier` that of the best naive answer, `skill` is
    1 - brier / baseline_brier and `log_skill` the same of log loss, `hit_rate` the share of right directions (an even
    forecast is half right), and `weight` the lesser skill, or 0 for a forecaster that did not beat its baseline by
    both: it is muted. `mean_return` is the mean log return over the horizon in the direction that it said,
    `naive_return` that of the better of always up and the last move's.
    """

    name: str
    n: int
    brier: Decimal
    baseline_brier: Decimal
    skill: Decimal
    log_skill: Decimal
    hit_rate: Decimal
    weight: Decimal
    mean_return: Decimal
    naive_return: Decimal
    regime: str = ANY

    @property
    def lesser_skill(self) -> Decimal:
        """The lesser of both skills, by which a vote is earned and weighed."""
        return min(self.skill, self.log_skill)


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
    return score_now(forecaster.name, bars, places, p_up, np.sign(p_up - 0.5), horizon=horizon)


def score_now(
    name: str, bars: Bars, places: IntArray, p_up: FloatArray, said: FloatArray, *, horizon: int
) -> Scorecard | Abstain:
    """As `score`, of what was said in the regime that the newest bar closes, where it has `LEAST_IN_REGIME` outcomes.

    Who is good in trends is then heard in trends alone. Where there are fewer, every outcome counts.
    """
    if len(places):
        each = regimes(bars)
        now = str(each[-1])
        alike = each[places] == now
        if now != ANY and np.count_nonzero(alike) >= LEAST_IN_REGIME:
            card = score(name, bars, places[alike], p_up[alike], said[alike], horizon=horizon)
            return card if isinstance(card, Abstain) else replace(card, regime=now)
    return score(name, bars, places, p_up, said, horizon=horizon)


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
    log_baseline = min(float(np.log(2)), _log_loss(base_rate, rose[places]))
    log_skill = 1 - _log_loss(p_up, rose[places]) / log_baseline
    after = moves[places]
    last = np.where(places >= horizon, signs[places - horizon], 0.0)
    hits = (said * signs[places] + 1) / 2
    return Scorecard(
        name=name,
        n=len(places),
        brier=_number(brier),
        baseline_brier=_number(baseline),
        skill=_number(skill),
        log_skill=_number(log_skill),
        hit_rate=_number(float(hits.mean())),
        weight=_number(max(min(skill, log_skill), 0.0)),
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


def newest(bars: Bars, n: int) -> Bars:
    """The last `n` bars, or all where there are fewer."""
    return Bars(
        bars.symbol,
        bars.timeframe,
        bars.open_ns[-n:],
        bars.open[-n:],
        bars.high[-n:],
        bars.low[-n:],
        bars.close[-n:],
        bars.volume[-n:],
    )


def _base_rate(rose: FloatArray, places: IntArray, horizon: int) -> FloatArray:
    """Share of rises among the outcomes known at each origin: those that began at least `horizon` bars earlier."""
    rises = np.cumsum(np.insert(rose, 0, 0.0))
    known = np.maximum(places - horizon + 1, 0)
    share: FloatArray = (rises[known] + 1) / (known + 2)
    return share


def _log_loss(p_up: FloatArray, rose: FloatArray) -> float:
    kept = np.clip(p_up, _CLIP, 1 - _CLIP)
    return float(-np.mean(rose * np.log(kept) + (1 - rose) * np.log(1 - kept)))


def _number(value: float) -> Decimal:
    return Decimal(significant(value))
