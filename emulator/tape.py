"""Every public trade of a market since it was listed: what was remembered, and before that what is made when asked for.

Trade n of the past is of step n, three to a moment, so that a page of them may end between two of one millisecond.
"""

from bisect import bisect_left

import numpy as np

from core.orders import Side
from emulator.market import STEP_MS, Market, PublicTrade

_AT_ONCE = 3  # trades of one millisecond
_MOMENT_MS = _AT_ONCE * STEP_MS
_SALTS = (104, 105)  # of the path's noise: lots and sides


def from_id(market: Market, first_id: int, limit: int) -> list[PublicTrade]:
    """At most `limit` trades with ids from `first_id` on, oldest first."""
    kept = market.trades
    first = max(first_id, -(-market.listing.listed_ms // _MOMENT_MS) * _AT_ONCE)
    past = _made(market, first, max(0, min(limit, kept[0].trade_id - first)))
    start = max(0, first - kept[0].trade_id)
    return past + list(kept)[start : start + limit - len(past)]


def between(market: Market, start_ms: int | None, end_ms: int | None, limit: int) -> list[PublicTrade]:
    """At most `limit` trades with `start_ms <= time <= end_ms`, oldest first: the first ones, or the last ones where
    no start is given."""
    ends = market.trades[-1].trade_id + 1 if end_ms is None else _first_at(market, end_ms + 1)
    begins = max(0, ends - limit) if start_ms is None else _first_at(market, start_ms)
    return from_id(market, begins, max(0, min(limit, ends - begins)))


def _first_at(market: Market, time_ms: int) -> int:
    """The id of the first trade at a moment or after it."""
    kept = market.trades
    if kept[0].ts_ms < time_ms:
        return kept[0].trade_id + bisect_left(kept, time_ms, key=lambda trade: trade.ts_ms)
    return min(kept[0].trade_id, -(-time_ms // _MOMENT_MS) * _AT_ONCE)


def _made(market: Market, first: int, count: int) -> list[PublicTrade]:
    """Trades `first` to `first + count`: the same ones whenever they are asked for."""
    if not count:
        return []
    ids = np.arange(first, first + count, dtype=np.int64)
    times = ids // _AT_ONCE * _MOMENT_MS
    ticks = market.path.ticks_of(times)
    lots, sides = (market.path.noise(ids, salt) for salt in _SALTS)
    rows = zip(ids.tolist(), times.tolist(), ticks.tolist(), lots.tolist(), sides.tolist(), strict=True)
    return [
        PublicTrade(market.symbol, n, ts_ms, price, 1 + int(20 * lot), Side.BUY if side < 0.5 else Side.SELL)
        for n, ts_ms, price, lot, side in rows
    ]
