"""Perpetuals of the simulated market: a premium that comes and goes over their spot pair, and the funding it makes.

Only uniform draws and + - x on the path, as for the pairs themselves; sums for funding are of whole ticks, and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

import numpy as np

from core.money import Price
from core.quotes import Funding
from core.time import HOUR_NS, MINUTE_NS
from market.draws import Draws, stream
from market.instruments import spot
from market.paths import STREAM_KEYS, Path, underlying

# Funding times of most venues: 00:00, 08:00 and 16:00 UTC.
INTERVAL_NS = 8 * HOUR_NS
_INTERVAL_MINUTES = INTERVAL_NS // MINUTE_NS

# A minute's premium: its own past, drawn back within some hours, and up to 0.8 bps of chance.
_BACK, _CHANCE = 0.997, 0.00008
# https://www.binance.com/en/support/faq/360033525031: the premium, and interest within 5 bps of it.
_INTEREST, _DAMP, _MOST = Decimal("0.0001"), Decimal("0.0005"), Decimal("0.003")
_PLACES = Decimal("1e-8")


def over(path: Path, symbol: str, seed: int) -> Path:
    """The perpetual's path on the same minutes as its pair's: as liquid, and a little above or below it."""
    draws = stream(seed, STREAM_KEYS[underlying(symbol)], Draws.PREMIUM).random(len(path.ticks)).tolist()
    premium = np.array(list(accumulate((_CHANCE * (u - 0.5) * 2 for u in draws), lambda p, c: _BACK * p + c)))
    ticks = np.maximum(np.rint(path.ticks * (1 + premium)), 1).astype(np.int64)
    return replace(path, symbol=symbol, ticks=ticks)


class FundingSeries:
    """What one perpetual pays: at each funding time the mean premium of the interval before, with interest."""

    def __init__(self, path: Path, pair: Path, start_ns: int) -> None:
        self._symbol = path.symbol
        self._start_ns = start_ns
        self._tick = spot(pair.symbol).tick_size
        self._marks = pair.ticks
        self._above = np.concatenate(([0], np.cumsum(path.ticks - pair.ticks)))
        self._sums = np.concatenate(([0], np.cumsum(pair.ticks)))

    def between(self, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """Funding times with `after_ns < ts_event_ns <= until_ns`, within the span."""
        end_ns = self._start_ns + (len(self._marks) - 1) * MINUTE_NS
        first = max(after_ns, self._start_ns) // INTERVAL_NS + 1
        last = min(until_ns, end_ns) // INTERVAL_NS
        return [self._at(number * INTERVAL_NS) for number in range(first, last + 1)]

    def rate(self, minute: int) -> Decimal:
        """Of the interval that ends at that minute: what would be paid now, were it a funding time."""
        first = max(0, minute - _INTERVAL_MINUTES + 1)
        above = int(self._above[minute + 1] - self._above[first])
        premium = Decimal(above) / int(self._sums[minute + 1] - self._sums[first])
        rate = premium + min(max(_INTEREST - premium, -_DAMP), _DAMP)
        return min(max(rate, -_MOST), _MOST).quantize(_PLACES)

    def _at(self, ts_ns: int) -> Funding:
        minute = (ts_ns - self._start_ns) // MINUTE_NS
        # The mark is the price of the pair: what the perpetual itself traded at cannot be pushed to be paid.
        return Funding(self._symbol, ts_ns, self.rate(minute), Price(int(self._marks[minute]) * self._tick))
