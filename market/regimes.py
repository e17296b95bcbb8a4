"""How the simulated market's common factor behaves: its drift, and how hot it runs, minute by minute.

`mixed` is everyday life: regimes of three days on average, up, down or flat. The others put one kind of market on the
stage, for rehearsals: episodes of a stated shape, drawn one after another in order of time, so that a longer span
continues a shorter one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Final

import numpy as np

from market.draws import FACTOR_KEY, Draws, stream

if TYPE_CHECKING:
    from core.bars import FloatArray

DAY_MINUTES: Final = 1440
_DAY_HOURS: Final = 24

_DRIFTS: Final = (-0.020, -0.008, 0.0, 0.008, 0.020)  # of the market factor, a day
_REGIME_HOURS: Final = 72  # on average


class Regime(StrEnum):
    MIXED = "mixed"
    TREND = "trend"
    RANGE = "range"
    CRASH = "crash"
    MELT_UP = "melt-up"


@dataclass(frozen=True, slots=True)
class Climate:
    """In each minute: the factor's `drift`, what its shocks are multiplied by (`heat`), and the `pull` a minute.

    A pull draws the factor back to where it started: the part of its way from there that it goes back.
    """

    drift: FloatArray
    heat: FloatArray
    pull: float = 0.0


def climate(regime: Regime, seed: int, minutes: int) -> Climate:
    """Of the first `minutes` of a seed's market."""
    hours = -(-minutes // 60)
    if regime is Regime.MIXED:
        drift = _hourly(_mixed(seed, hours), minutes)
        return Climate(drift, np.ones(minutes))
    found = list(islice(_EPISODES[regime](seed), hours))
    drift, heat = (_hourly([hour[column] for hour in found], minutes) for column in range(2))
    return Climate(drift, heat, _PULLS.get(regime, 0.0) / DAY_MINUTES)


def _hourly(values: list[float], minutes: int) -> FloatArray:
    return np.repeat(np.array(values), 60)[:minutes]


def _mixed(seed: int, hours: int) -> list[float]:
    draws = stream(seed, FACTOR_KEY, Draws.REGIMES).random((hours, 2))
    drifts, current = [], len(_DRIFTS) // 2
    for change, choice in draws.tolist():
        if change * _REGIME_HOURS < 1:
            current = int(choice * len(_DRIFTS))
        drifts.append(_DRIFTS[current] / DAY_MINUTES)
    return drifts


# Episodes: one (drift a minute, heat) an hour, for ever.

_Hours = Iterator[tuple[float, float]]


def _phase(days: float, drift_a_day: float, heat: float = 1.0) -> _Hours:
    return repeat((drift_a_day / DAY_MINUTES, heat), int(days * _DAY_HOURS))


def _trend(seed: int) -> _Hours:
    """Ten to twenty days one way, then as long the other."""
    draws = stream(seed, FACTOR_KEY, Draws.REGIMES)
    sign = 1.0 if draws.random() < 0.5 else -1.0
    while True:
        yield from _phase(10 + 10 * draws.random(), sign * 0.016, 0.8)
        sign = -sign


def _range(seed: int) -> _Hours:
    """No drift of its own; the pull does the rest."""
    return repeat((0.0, 1.0))


def _crash(seed: int) -> _Hours:
    """Ten to twenty quiet days, a day and a half of falling by a quarter, and days of half of the way back."""
    draws = stream(seed, FACTOR_KEY, Draws.REGIMES)
    while True:
        yield from chain(_phase(10 + 10 * draws.random(), 0.003, 0.8), _phase(1, -0.16, 2.5), _phase(0.5, -0.18, 3.5))
        yield from chain(_phase(2, 0.045, 2.0), _phase(3, 0.0, 1.4))


def _melt_up(seed: int) -> _Hours:
    """Three weeks that rise ever faster and hotter, then three days that give a third of it back."""
    draws = stream(seed, FACTOR_KEY, Draws.REGIMES)
    while True:
        days = 18 + int(6 * draws.random())
        for day in range(days):
            far = day / days
            yield from _phase(1, 0.002 + 0.045 * far * far, 0.8 + far)
        yield from _phase(3, -0.045, 2.2)


_EPISODES: Final = {Regime.TREND: _trend, Regime.RANGE: _range, Regime.CRASH: _crash, Regime.MELT_UP: _melt_up}
_PULLS: Final = {Regime.RANGE: 0.35}  # of the way back, a day
