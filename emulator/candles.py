"""Candles as the venue serves them: by range, with the one that is still forming, and with the faults that stand."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from core.time import DAY_NS
from emulator.clock import MS_NS
from emulator.exchange import Exchange
from emulator.faults import Fault, Faults
from emulator.path import MINUTE_MS, Candles

_NONE = Candles(*(np.zeros(0, dtype=np.int64) for _ in range(7)))
DAY_MS = DAY_NS // MS_NS
WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # the epoch was a Thursday, and weeks open on Mondays


def aligned(ts_ms: int, step_ms: int) -> int:
    """The open of the candle that holds a moment."""
    shift = _MONDAY_MS if step_ms % WEEK_MS == 0 else 0
    return (ts_ms - shift) // step_ms * step_ms + shift


class Served(NamedTuple):
    """Which candles answer a question: `rows` from `first_ms` on; one that opens at `forming_ms` is not finished."""

    first_ms: int
    rows: int
    forming_ms: int


def range_of(
    exchange: Exchange,
    symbol: str,
    step_ms: int,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    newest: bool = False,
) -> Served:
    """At most `limit` candles with `start_ms <= open <= end_ms`.

    Without a start, or with `newest`, the last ones of the range are served, else the first. The candle that is
    forming is part of the range, as at the real venues.
    """
    forming = aligned(exchange.clock.now_ms(), step_ms)
    first = aligned(exchange.listing(symbol).listed_ms + step_ms - 1, step_ms)
    last = forming if end_ms is None else min(forming, aligned(end_ms, step_ms))
    if start_ms is not None:
        first = max(first, aligned(start_ms + step_ms - 1, step_ms))
    count = max(0, min(limit, (last - first) // step_ms + 1))
    if newest or start_ms is None:
        first = last - (count - 1) * step_ms
    return Served(first, count, forming)


def served(
    exchange: Exchange,
    faults: Faults,
    symbol: str,
    step_ms: int,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    newest: bool = False,
) -> Candles:
    """The candles of `range_of`, oldest first, as the faults that stand leave them."""
    first, count, forming = range_of(
        exchange, symbol, step_ms, start_ms=start_ms, end_ms=end_ms, limit=limit, newest=newest
    )
    if not count:
        return _NONE
    path, end = exchange.paths[symbol], first + count * step_ms
    candles = path.bars(step_ms, first, count - (end > forming)) if first < forming else _NONE
    if end > forming:
        candles = candles.then(path.partial(step_ms, forming, exchange.clock.now_ms()))
    return _faulted(exchange, faults, symbol, step_ms, forming, candles) if faults.touches_candles else candles


def _faulted(exchange: Exchange, faults: Faults, symbol: str, step_ms: int, forming: int, candles: Candles) -> Candles:
    if faults.standing(Fault.NO_UNFINISHED, symbol):
        candles = candles.where(candles.open_ms != forming)
    if (rule := faults.standing(Fault.UNSETTLED, symbol)) and len(candles):
        open_ms = forming - step_ms
        early = exchange.paths[symbol].partial(step_ms, open_ms, open_ms + max(step_ms // 2, MINUTE_MS // 2))
        before, after = candles.where(candles.open_ms < open_ms), candles.where(candles.open_ms > open_ms)
        candles = before.then(early).then(after) if (candles.open_ms == open_ms).any() else candles
    if rule := faults.standing(Fault.REVISED_CANDLES, symbol):
        hit = np.isin(candles.open_ms, rule.rule.get("opens", candles.open_ms))
        candles = replace(candles, close=candles.close + hit, high=candles.high + 2 * hit)
    if rule := faults.standing(Fault.JUNK_CANDLES, symbol):
        column = rule.text("column", "close")
        opens = rule.rule.get("opens")
        hit = candles.open_ms // step_ms % 7 == 0 if opens is None else np.isin(candles.open_ms, opens)
        candles = replace(candles, **{column: np.where(hit, -1, getattr(candles, column))})
    if rule := faults.standing(Fault.MISSING_CANDLES, symbol):
        every = int(rule.rule.get("every", 0))
        gone = np.isin(candles.open_ms, rule.rule.get("opens", []))
        if every:
            gone |= candles.open_ms // step_ms % every == 0
        candles = candles.where(~gone)
    if faults.standing(Fault.DUPLICATE_CANDLES, symbol) and len(candles):
        candles = candles.then(candles.where(candles.open_ms == candles.open_ms[-1]))
    return candles
