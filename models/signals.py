"""What others say of where a price goes, worth as much as their own record: scored like any forecaster, or muted.

A signal speaks for one horizon from its event, and is heard at the first bar that closes after it was known. How sure
it may sound is learnt from how it did before, never taken from its sender.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.money import ZERO, significant
from core.ports import Abstain, Forecast
from core.quotes import OutsideSignal
from core.taint import Taint
from models.scores import Scorecard, score_now

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

# Laplace's two outcomes that nobody saw, one right and one wrong: the first words move nothing.
_IMAGINED = 2.0
# A coin does better than this many deviations above one half once in twenty times. Anybody may send a signal, and of
# many senders some are lucky.
_LUCK = 1.645


@dataclass(frozen=True, slots=True)
class _Heard:
    """At each bar's close: the value that holds (0 where none does), and which word it is (-1 for none)."""

    values: FloatArray
    words: IntArray


def read_signal(source: str, said: Sequence[OutsideSignal], bars: Bars, *, horizon: int) -> Forecast | Abstain:
    """What the source's last word means now, going by what its words meant before. `said` is in the order known."""
    heard = _listen(said, bars, horizon)
    if not len(bars) or heard.words[-1] < 0:
        return Abstain(f"{source} said nothing over the last {horizon} bars")
    signs, moves = _outcomes(bars, horizon)
    last = np.array([len(bars) - 1])
    p_up = _p_up(heard.values, signs, last, horizon)[0]
    expected = heard.values[-1] * _slope(heard.values, moves, last, horizon)[0]
    return Forecast(_number(p_up), _number(expected))


def judge_signal(
    source: str, said: Sequence[OutsideSignal], bars: Bars, *, horizon: int, origins: int = 60
) -> Scorecard | Abstain:
    """The record over the last `origins` words whose horizon has passed, none less than a horizon after another.

    Weight is 0 unless the source beats its baseline as every forecaster must, is right more often than luck explains,
    and its mean return is above the naive one.
    """
    heard = _listen(said, bars, horizon)
    places = _places(heard.words, horizon, origins)
    signs, _ = _outcomes(bars, horizon)
    p_up = _p_up(heard.values, signs, places, horizon)
    card = score_now(source, bars, places, p_up, np.sign(heard.values[places]), horizon=horizon)
    if isinstance(card, Abstain):
        return card
    lucky = float(2 * card.hit_rate - 1) * math.sqrt(card.n) < _LUCK
    return replace(card, weight=ZERO) if lucky or card.mean_return <= card.naive_return else card


def _listen(said: Sequence[OutsideSignal], bars: Bars, horizon: int) -> _Heard:
    """A word holds from the close by which it is known, for a horizon from its event, or until a newer one."""
    newest, words = 0, list[OutsideSignal]()
    for one in said:
        # Late news of an event before one that was told already.
        if one.ts_event_ns < newest or one.taint is Taint.HOSTILE:
            continue
        newest = one.ts_event_ns
        words.append(one)
    step = bars.timeframe.ns
    closes = bars.open_ns + step
    known = np.array([one.known_at_ns for one in words], dtype=np.int64)
    events = np.array([one.ts_event_ns for one in words] or [0], dtype=np.int64)
    values = np.array([float(one.value) for one in words] or [0.0])
    at = np.searchsorted(known, closes, side="right") - 1
    fresh = (at >= 0) & (closes - events[at] < horizon * step)
    return _Heard(np.where(fresh, values[at], 0.0), np.where(fresh, at, -1))


def _places(words: IntArray, horizon: int, origins: int) -> IntArray:
    """Bars at which a word was first heard and whose outcome is known, a horizon apart or more, oldest first.

    A word binds its source for a horizon: one that is taken back within it is judged, and what replaced it is not.
    """
    first = (words >= 0) & (np.diff(words, prepend=-1) != 0)
    found: list[int] = []
    for at in np.flatnonzero(first[: max(len(words) - horizon, 0)]).tolist():
        if not found or at >= found[-1] + horizon:
            found.append(at)
    return np.array(found[-origins:], dtype=np.int64)


def _outcomes(bars: Bars, horizon: int) -> tuple[FloatArray, FloatArray]:
    """Of each bar whose horizon has passed: the direction of its move, and its log return."""
    before, after = bars.close[:-horizon], bars.close[horizon:]
    return np.sign(after - before), np.log(after / before)


def _p_up(values: FloatArray, signs: FloatArray, places: IntArray, horizon: int) -> FloatArray:
    """Least squares through one half: of words of 1 and -1 the share that came true, by Laplace's rule of succession.

    A source that is mostly wrong is not read upside down: it says one half.
    """
    found: FloatArray = np.clip(0.5 + values[places] * _slope(values, signs / 2, places, horizon), 0.0, 1.0)
    return found


def _slope(values: FloatArray, outcomes: FloatArray, places: IntArray, horizon: int) -> FloatArray:
    """Outcome a unit of signal, never below 0, from the outcomes known at each place.

    Neighbouring outcomes overlap, so each counts 1 / horizon.
    """
    past = values[: len(outcomes)]
    together = np.cumsum(np.insert(past * outcomes, 0, 0.0)) / horizon
    alone = np.cumsum(np.insert(past * past, 0, 0.0)) / horizon
    known = np.maximum(places - horizon + 1, 0)
    slope: FloatArray = np.maximum(together[known] / (alone[known] + _IMAGINED), 0.0)
    return slope


def _number(value: float) -> Decimal:
    return Decimal(significant(float(value)))
