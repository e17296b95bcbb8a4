"""Price paths of the simulated market: one-minute points from a seed, the same on every machine.

Only uniform draws (PCG64) and + - x / sqrt, each correctly rounded by IEEE 754: no exponential or logarithm, whose last
bit differs between processors and libraries. Every stream of draws belongs to one purpose and is read in order of time,
so that a longer span continues a shorter one and no point depends on a later draw.

Returns follow one market factor plus an own part per symbol. Both cluster (GARCH(1,1): Bollerslev, 1986) and jump;
the factor also drifts and heats up by regime (`market.regimes`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from market.draws import FACTOR_KEY, Draws, stream
from market.instruments import spot
from market.regimes import DAY_MINUTES, Climate

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

# Jumps are drawn this far beyond the span: the news that leads them falls inside it.
LEAD_MINUTES = 60

# One minute's variance: h[t+1] = (1 - ALPHA - BETA) long_run + h[t] (ALPHA z[t]^2 + BETA) + ECHO jump[t]^2.
# A shock halves in about six hours.
_ALPHA, _BETA, _ECHO = 0.03, 0.968, 0.006

# The spread's excess over its calm width: it answers moves beyond _CALM_SIGMAS and halves in a quarter of an hour.
_CALM_SIGMAS, _BPS_PER_SIGMA, _EXCESS_DECAY, _MAX_EXCESS_BPS = 5.0, 5.0, 0.955, 120.0

_FACTOR_VOLATILITY = 0.024  # a day
_FACTOR_JUMPS, _OWN_JUMPS = 0.25, 0.5  # a day


@dataclass(frozen=True, slots=True)
class Character:
    """What makes one symbol different: `own_volatility` is a day's, `turnover` quote currency a minute."""

    price: float
    beta: float
    own_volatility: float
    spread_bps: float
    turnover: float


CHARACTERS = {
    "BTC/USDT": Character(88_000.0, 1.00, 0.007, 1.0, 900_000.0),
    "ETH/USDT": Character(3_000.0, 1.15, 0.018, 2.5, 500_000.0),
    "BNB/USDT": Character(860.0, 0.80, 0.018, 3.0, 120_000.0),
    "SOL/USDT": Character(125.0, 1.30, 0.028, 3.0, 200_000.0),
    "XRP/USDT": Character(1.85, 1.05, 0.026, 3.5, 150_000.0),
    "ADA/USDT": Character(0.35, 1.20, 0.028, 5.0, 50_000.0),
    "DOGE/USDT": Character(0.12, 1.30, 0.032, 4.0, 80_000.0),
    "AVAX/USDT": Character(12.5, 1.30, 0.030, 6.0, 40_000.0),
    "LINK/USDT": Character(12.2, 1.20, 0.028, 5.0, 40_000.0),
    "LTC/USDT": Character(77.0, 0.95, 0.024, 5.0, 40_000.0),
    "DOT/USDT": Character(1.80, 1.20, 0.029, 6.0, 25_000.0),
    "TRX/USDT": Character(0.28, 0.45, 0.014, 3.0, 30_000.0),
    "BCH/USDT": Character(590.0, 1.00, 0.026, 5.0, 30_000.0),
    "UNI/USDT": Character(5.8, 1.30, 0.034, 7.0, 20_000.0),
    "AAVE/USDT": Character(150.0, 1.40, 0.033, 7.0, 20_000.0),
    "NEAR/USDT": Character(1.55, 1.40, 0.036, 7.0, 20_000.0),
    "USDC/USDT": Character(1.0, 0.0, 0.0002, 0.5, 300_000.0),
}
# The place in the table names a symbol's streams of draws, so its path does not depend on which others are asked for.
STREAM_KEYS = {symbol: i for i, symbol in enumerate(CHARACTERS, 1)}


def underlying(symbol: str) -> str:
    """The spot pair that a perpetual is on; a spot pair is its own."""
    return symbol.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Shocks:
    """Returns without drift, one a minute. `variances` has one more, each known before its minute begins.

    `jumps` is their part that jumped, with LEAD_MINUTES more.
    """

    returns: FloatArray
    variances: FloatArray
    jumps: FloatArray


@dataclass(frozen=True, slots=True)
class Path:
    """One symbol: `ticks` and `spread_bps` at minute 0, 1, ..., n; `lots` traded in the n minutes between.

    `stress` is the part of the spread that answers recent jumps; `own_jumps` are as in `Shocks`, without the factor's.
    """

    symbol: str
    ticks: IntArray
    lots: IntArray
    spread_bps: FloatArray
    stress: FloatArray
    own_jumps: FloatArray


@dataclass(frozen=True, slots=True)
class Factor:
    """The part of returns that all symbols share: its moves in each minute, drift and shocks in one."""

    moves: FloatArray
    variances: FloatArray
    jumps: FloatArray


def market_factor(seed: int, climate: Climate) -> Factor:
    """The factor in a climate: hotter shocks, and what pulls it back to where it began."""
    shocks = _shocks(seed, FACTOR_KEY, len(climate.drift), _FACTOR_VOLATILITY, _FACTOR_JUMPS)
    heat = np.concatenate((climate.heat, climate.heat[-1:]))
    moves = climate.drift + climate.heat * shocks.returns
    if climate.pull:
        moves = np.array(list(_pulled(moves.tolist(), climate.pull)))
    return Factor(moves, heat * heat * shocks.variances, shocks.jumps)


def _pulled(moves: list[float], pull: float) -> Iterator[float]:
    away = 0.0
    for move in moves:
        pulled = move - pull * away
        away += pulled
        yield pulled


def simulate(symbol: str, seed: int, factor: Factor) -> Path:
    """The path of one listed symbol, on its ticks and lots before anybody reads it."""
    character, instrument = CHARACTERS[symbol], spot(symbol)
    minutes = len(factor.moves)
    own = _shocks(seed, STREAM_KEYS[symbol], minutes, character.own_volatility, _OWN_JUMPS)
    returns = character.beta * factor.moves + own.returns
    variances = character.beta * character.beta * factor.variances + own.variances
    calm = sqrt(character.beta**2 * _FACTOR_VOLATILITY**2 + character.own_volatility**2) / sqrt(DAY_MINUTES)

    prices = np.multiply.accumulate(np.concatenate(([character.price], 1 + returns)))
    moves = np.abs(returns) / calm
    stress = _stress(moves)
    noise = stream(seed, STREAM_KEYS[symbol], Draws.TURNOVER).random(minutes)
    turnover = character.turnover * (0.3 + moves) * (0.5 + noise)
    return Path(
        symbol=symbol,
        ticks=np.maximum(np.rint(prices / float(instrument.tick_size)), 1).astype(np.int64),
        lots=np.rint(turnover / prices[1:] / float(instrument.lot_size)).astype(np.int64),
        spread_bps=character.spread_bps * (0.5 + 0.5 * np.sqrt(variances) / calm) + stress,
        stress=stress,
        own_jumps=own.jumps,
    )


def _shocks(seed: int, key: int, minutes: int, volatility: float, jumps_a_day: float) -> Shocks:
    long_run = volatility * volatility / DAY_MINUTES
    bells = _bells(stream(seed, key, Draws.SHOCKS), minutes)
    jumps = _jumps(stream(seed, key, Draws.JUMPS), minutes + LEAD_MINUTES, jumps_a_day, volatility)
    growth = (_ALPHA * bells * bells + _BETA).tolist()
    echo = ((1 - _ALPHA - _BETA) * long_run + _ECHO * jumps[:minutes] * jumps[:minutes]).tolist()
    variance, variances = long_run, [long_run]
    for grow, add in zip(growth, echo, strict=True):
        variance = variance * grow + add
        variances.append(variance)
    array = np.array(variances)
    return Shocks(returns=np.sqrt(array[:-1]) * bells + jumps[:minutes], variances=array, jumps=jumps)


def _bells(draws: np.random.Generator, n: int) -> FloatArray:
    """Nearly normal: the sum of six uniforms, scaled to variance 1. Its tails come from clustering and jumps."""
    uniforms = draws.random((n, 6))
    total: FloatArray = uniforms[:, 0].copy()
    for column in range(1, 6):
        total += uniforms[:, column]
    return (total - 3.0) * sqrt(2.0)


def _jumps(draws: np.random.Generator, n: int, jumps_a_day: float, volatility: float) -> FloatArray:
    """Mostly zero; else up or down by 0.4 to 1.2 days' volatility, small ones more often."""
    uniforms = draws.random((n, 3))
    happens = uniforms[:, 0] * DAY_MINUTES < jumps_a_day
    sign = np.where(uniforms[:, 1] < 0.5, -1.0, 1.0)
    return np.where(happens, sign * volatility * (0.4 + 0.8 * uniforms[:, 2] * uniforms[:, 2]), 0.0)


def _stress(moves: FloatArray) -> FloatArray:
    shocks = np.maximum(moves - _CALM_SIGMAS, 0.0) * _BPS_PER_SIGMA
    decayed = accumulate(shocks.tolist(), lambda stress, shock: min(stress * _EXCESS_DECAY + shock, _MAX_EXCESS_BPS))
    return np.concatenate(([0.0], np.array(list(decayed))))
