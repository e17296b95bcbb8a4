"""What the kernel is given, as arrays: terms, ways out, loss tiers, and what a chandelier hangs from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataRefused
from core.time import DAY_NS, SECOND_NS
from models.rolling import lagged, moments
from tools.simulation import layout
from tools.simulation.settings import READINGS, Exits, Terms

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray
    from tools.simulation.grid import Grid


@dataclass(frozen=True, slots=True)
class Given:
    """The kernel's arrays of one call, but for what it writes. `ways` and `ladders` are by set and part of history."""

    grid: Grid
    ways: FloatArray
    ladders: FloatArray
    turns: IntArray
    ranges: FloatArray
    lots: FloatArray
    rules: FloatArray
    tiers: FloatArray
    span: int
    begin: int

    def of(self, targets: FloatArray, part: slice) -> tuple[Any, ...]:
        mine = part if len(self.ways) > 1 else slice(0, 1)
        ways, ladders = self.ways[mine], self.ladders[mine]
        if len(self.ways) == 1 < part.stop - part.start:
            ways, ladders = (np.repeat(one, part.stop - part.start, axis=0) for one in (ways, ladders))
        grid = self.grid
        shared = (self.turns, self.ranges, self.lots, self.rules, self.tiers, self.begin)
        return (grid.prices, grid.rate, grid.midnight, targets[part], ways, ladders, *shared)

    def room(self) -> tuple[Any, ...]:
        """What one thread works in."""
        rungs, assets = (self.ladders.shape[2], 2), (len(self.lots), layout.ASSET)
        sizes = (layout.EXITS, rungs, assets, layout.ACCOUNT, 4, self.span, 5, 4)
        return (*(np.zeros(size) for size in sizes), np.zeros(len(self.tiers), dtype=np.int64))


def prepared(
    grid: Grid,
    targets: FloatArray,
    terms: Terms,
    exits: Sequence[Exits],
    begin: int,
    turns: Sequence[int] = (),
) -> Given:
    """Of `exits` for each set, for all of them, or with `turns` those of one set, each from its bar on."""
    if targets.ndim != 3 or targets.shape[1:] != (len(grid), len(grid.symbols)) or not len(targets):
        expected = f"(sets, {len(grid)}, {len(grid.symbols)})"
        raise DataRefused(f"expected exposures of shape {expected}, found {targets.shape}")
    if turns and (len(targets) > 1 or len(exits) != len(turns) or list(turns) != sorted(set(turns))):
        raise DataRefused(f"expected ways out of one set for {len(turns)} rising bars, found {len(exits)}")
    if not turns and len(exits) not in (1, len(targets)):
        raise DataRefused(f"expected ways out for 1 or {len(targets)} sets, found {len(exits)}")
    if not 0 <= begin < len(grid) - 1:
        raise DataRefused(f"{len(grid)} bars leave none to trade on after a look-back of {begin}")
    if math.isfinite(terms.participation) and not grid.prices[4].any():
        raise DataRefused("the bars have no volume, and a share of nothing fills nothing: let participation be inf")
    hangs = sorted({way.chandelier_bars for way in exits if way.chandelier is not None})
    ranges = np.full((3, len(hangs), *targets.shape[1:]), np.nan)
    for row, n in enumerate(hangs):
        for k, (bars, at) in enumerate(zip(grid.bars, grid.rows, strict=True)):
            ranges[:, row, at, k] = _hanging(bars, n)
    ways, ladders = np.array([_ways(way, hangs) for way in exits]), _ladders(exits)
    return Given(
        grid,
        ways[np.newaxis] if turns else ways[:, np.newaxis],
        ladders[np.newaxis] if turns else ladders[:, np.newaxis],
        np.array(turns or [0], dtype=np.int64),
        ranges,
        np.array([terms.lots.get(symbol, (0.0, 0.0)) for symbol in grid.symbols], dtype=np.float64),
        _rules(terms, grid.timeframe.ns),
        _tiers(terms, grid.timeframe.ns),
        max(1, DAY_NS // grid.timeframe.ns),
        begin,
    )


def _rules(terms: Terms, interval_ns: int) -> FloatArray:
    rules = np.zeros(layout.RULES)
    for column, name in (
        (layout.CAPITAL, "capital"),
        (layout.FEE, "fee"),
        (layout.SLIPPAGE, "slippage"),
        (layout.IMPACT, "impact"),
        (layout.PARTICIPATION, "participation"),
        (layout.LEVERAGE, "leverage"),
        (layout.MAINTENANCE, "maintenance"),
        (layout.LIQUIDATION_FEE, "liquidation_fee"),
        (layout.MAX_ASSET, "max_asset"),
        (layout.MAX_GROSS, "max_gross"),
        (layout.MAX_POSITIONS, "max_positions"),
        (layout.SHORTS, "shorts"),
        (layout.UNITS, "units"),
        (layout.BAND, "band"),
        (layout.CLOSES, "closes"),
        (layout.REARM, "rearm_bars"),
    ):
        rules[column] = getattr(terms, name)
    rules[layout.ROOT_LATENCY] = terms.root_latency(interval_ns)
    return rules


def _tiers(terms: Terms, interval_ns: int) -> FloatArray:
    table = np.zeros((len(terms.tiers), 5))
    for row, tier in zip(table, terms.tiers, strict=True):
        bars = layout.LATCH if tier.lasts_s is None else -(-tier.lasts_s * SECOND_NS // interval_ns)
        row[:] = READINGS[tier.reads], tier.limit, tier.severity, tier.caps, bars
    return table


def _ways(way: Exits, hangs: Sequence[int]) -> list[float]:
    row = hangs.index(way.chandelier_bars) if way.chandelier is not None else 0
    found = [way.stop, way.trail, way.chandelier, row, way.break_even, way.hold_bars]
    # The kernel looks at a row of ranges only where a chandelier hangs.
    found[layout.HANG_ROW] = row if way.chandelier is not None else None
    return [math.nan if value is None else float(value) for value in found]


def _ladders(exits: Sequence[Exits]) -> FloatArray:
    """A ladder that is shorter than the longest ends in rungs that no price reaches."""
    rungs = np.zeros((len(exits), max(len(way.take) for way in exits), 2))
    rungs[:, :, 0] = math.inf
    for ladder, way in zip(rungs, exits, strict=True):
        for rung, told in zip(ladder, way.take, strict=False):
            rung[:] = told
    return rungs


def _hanging(bars: Bars, n: int) -> FloatArray:
    """What a chandelier hangs from, (3, n_bars): plain mean of `n` true ranges, highest high and lowest low of `n`.

    The same as `risk.stops.average_range`, bar for bar. NaN before there is one bar more than `n`.
    """
    before = lagged(bars.close, 1)
    ranges = np.maximum(bars.high, before) - np.minimum(bars.low, before)
    found = np.full((3, len(bars)), np.nan)
    if len(bars) > n:
        windows = np.lib.stride_tricks.sliding_window_view
        found[0] = moments(ranges, n)[0]
        found[1, n - 1 :] = windows(bars.high, n).max(axis=1)
        found[2, n - 1 :] = windows(bars.low, n).min(axis=1)
    return found
