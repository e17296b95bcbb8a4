"""The price path: where each symbol was at any moment since it was listed, without remembering anything.

The logarithm of the price is value noise summed over octaves whose amplitude grows with the square root of their
period, so that it wanders like a market at every scale from seconds to years, and any candle of any year is found
directly. The same seed gives the same market.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

MINUTE_MS = 60_000
# 15 s, 1 min, 4 min ... about eight years.
_PERIODS_MS = tuple(15_000 * 4**k for k in range(13))
_MINUTE_SIGMA = 0.0006
_LARGEST = 0.35  # of log price: the slowest octaves would otherwise take a coin to zero or to the moon
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Candles:
    """Consecutive candles, oldest first: int64 arrays. Prices in ticks, volumes in lots, `open_ms` UTC."""

    open_ms: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    trades: IntArray

    def __len__(self) -> int:
        return len(self.open_ms)

    def where(self, kept: NDArray[np.bool_]) -> Candles:
        return Candles(*(column[kept] for column in self._columns()))

    def then(self, other: Candles) -> Candles:
        return Candles(*map(np.concatenate, zip(self._columns(), other._columns(), strict=True)))

    def _columns(self) -> tuple[IntArray, ...]:
        return (self.open_ms, self.open, self.high, self.low, self.close, self.volume, self.trades)


class PricePath:
    """The path of one symbol. `price` is where it wanders around, `tick` and `lot` its increments.

    `ahead_ms` is how far the caller's moments are ahead of the path's own.
    """

    def __init__(
        self, seed: int, symbol: str, *, price: Decimal, tick: Decimal, lot: Decimal, ahead_ms: int = 0
    ) -> None:
        digest = hashlib.blake2b(f"{seed}:{symbol}".encode(), digest_size=8).digest()
        self._seed = np.frombuffer(digest, dtype=np.uint64)
        self._ahead_ms = ahead_ms
        self._log_ticks = float(np.log(float(price / tick)))
        # About a million quote units trade in a minute.
        self._minute_lots = max(1.0, 1_000_000 / float(price) / float(lot))

    def ticks_at(self, t_ms: int) -> int:
        """Price in ticks at a moment."""
        return int(self.ticks_of(np.array([t_ms], dtype=np.int64))[0])

    def bars(self, step_ms: int, first_open_ms: int, count: int) -> Candles:
        """`count` whole candles of `step_ms`, a multiple of a minute; each is the aggregate of its minutes."""
        per = step_ms // MINUTE_MS
        minutes = self._minutes(first_open_ms, count * per)
        if per == 1:
            return minutes
        shape = (count, per)
        return Candles(
            open_ms=minutes.open_ms[::per],
            open=minutes.open[::per],
            high=minutes.high.reshape(shape).max(axis=1),
            low=minutes.low.reshape(shape).min(axis=1),
            close=minutes.close[per - 1 :: per],
            volume=minutes.volume.reshape(shape).sum(axis=1),
            trades=minutes.trades.reshape(shape).sum(axis=1),
        )

    def partial(self, step_ms: int, open_ms: int, now_ms: int) -> Candles:
        """The candle that is still forming at `now_ms`: its whole minutes, and a part of the current one."""
        whole = (now_ms - open_ms) // MINUTE_MS
        minutes = self._minutes(open_ms, int(whole) + 1)
        elapsed = now_ms - open_ms - whole * MINUTE_MS
        last = np.clip(self.ticks_at(now_ms), minutes.low[-1], minutes.high[-1])
        high, low = max(int(minutes.open[-1]), int(last)), min(int(minutes.open[-1]), int(last))
        volume = int(minutes.volume[:-1].sum()) + int(minutes.volume[-1]) * elapsed // MINUTE_MS
        trades = int(minutes.trades[:-1].sum()) + int(minutes.trades[-1]) * elapsed // MINUTE_MS
        if whole:
            high, low = max(high, int(minutes.high[:-1].max())), min(low, int(minutes.low[:-1].min()))
        row = (open_ms, int(minutes.open[0]), high, low, int(last), volume, trades)
        return Candles(*(np.array([value], dtype=np.int64) for value in row))

    def _minutes(self, first_open_ms: int, count: int) -> Candles:
        edges = first_open_ms + MINUTE_MS * np.arange(count + 1, dtype=np.int64)
        ticks = self.ticks_of(edges)
        opens, closes = ticks[:-1], ticks[1:]
        reach = _MINUTE_SIGMA * np.maximum(opens, closes)
        above, below, busy = (self.noise(edges[:-1] - self._ahead_ms, salt) for salt in (101, 102, 103))
        move = np.abs(closes - opens) / (reach + 1)
        volume = np.maximum(1, self._minute_lots * (0.2 + 0.8 * busy + 0.4 * move)).astype(np.int64)
        return Candles(
            open_ms=edges[:-1],
            open=opens,
            high=np.maximum(opens, closes) + (0.5 * above * reach).astype(np.int64),
            low=np.maximum(1, np.minimum(opens, closes) - (0.5 * below * reach).astype(np.int64)),
            close=closes,
            volume=volume,
            trades=1 + (600 * busy).astype(np.int64),
        )

    def ticks_of(self, t_ms: IntArray) -> IntArray:
        """Prices in ticks at moments, oldest first."""
        log = np.full(len(t_ms), self._log_ticks)
        own_ms = t_ms - self._ahead_ms
        for octave, period in enumerate(_PERIODS_MS):
            amplitude = min(_LARGEST, _MINUTE_SIGMA * float(np.sqrt(period / MINUTE_MS)))
            log += amplitude * self._octave(own_ms, period, octave)
        ticks: IntArray = np.maximum(1, np.rint(np.exp(log))).astype(np.int64)
        return ticks

    def _octave(self, own_ms: IntArray, period: int, octave: int) -> FloatArray:
        """Noise in [-1, 1] between lattice points `period` apart; each lattice value is hashed once."""
        cell, within = np.divmod(own_ms, period)
        first = int(cell[0])
        lattice = 2 * self.noise(np.arange(first, int(cell[-1]) + 2, dtype=np.int64), octave) - 1
        left = cell - first
        noise: FloatArray = lattice[left] + (lattice[left + 1] - lattice[left]) * (within / period)
        return noise

    def noise(self, keys: IntArray, salt: int) -> FloatArray:
        """A number in [0, 1) for each key: splitmix64 of seed, salt and key."""
        salted = np.array([salt], dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03)
        z = (keys.astype(np.uint64) + salted + self._seed) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)
