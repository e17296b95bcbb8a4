"""What every market made of candles answers alike: bars, closes and its range, and nothing that was known later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.bars import Bar, Bars
from core.errors import ConfigError, DataRefused
from core.instruments import Instrument
from core.money import exact
from core.time import Timeframe, show_time
from market.aggregate import aggregate, closed_by, window
from market.instruments import spot


class CandleHistory:
    """Candles of one timeframe for several symbols. A bar is known at its close."""

    def __init__(self, candles: Sequence[Bars]) -> None:
        timeframes = {bars.timeframe for bars in candles}
        if len(timeframes) != 1:
            shown = ", ".join(f"{bars.symbol} {bars.timeframe}" for bars in candles) or "none"
            raise ConfigError(f"found candles {shown}; allowed is one timeframe for all symbols")
        symbols = [bars.symbol for bars in candles]
        if len(set(symbols)) != len(symbols):
            raise ConfigError(f"found candles for {', '.join(symbols)}; allowed is each symbol once")
        self._timeframe = timeframes.pop()
        self._candles = {bars.symbol: bars for bars in candles}
        self._instruments = {symbol: spot(symbol) for symbol in symbols}

    def symbols(self) -> tuple[str, ...]:
        return tuple(self._candles)

    def instrument(self, symbol: str) -> Instrument | None:
        return self._instruments.get(symbol)

    @property
    def base_timeframe(self) -> Timeframe:
        return self._timeframe

    @property
    def decision_timeframe(self) -> Timeframe:
        """On which agents look: an hour, or the candles' own where they are coarser."""
        return max(self._timeframe, Timeframe.H1, key=lambda timeframe: timeframe.ns)

    @property
    def range_ns(self) -> tuple[int, int]:
        """The first and the last moment at which a bar closes."""
        step = self._timeframe.ns
        first = min(int(bars.open_ns[0]) for bars in self._candles.values())
        last = max(int(bars.open_ns[-1]) for bars in self._candles.values())
        return first + step, last + step

    def refuse_outside(self, as_of_ns: int) -> None:
        """Raises where `as_of_ns` is outside the range."""
        first, last = self.range_ns
        if not first <= as_of_ns <= last:
            raise ConfigError(
                f"asked for {show_time(as_of_ns)}, the market covers {show_time(first)} to {show_time(last)}"
            )

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """The last `n` bars closed by `as_of_ns`, oldest first; made from finer ones, never from coarser."""
        base = self._history(symbol)
        if timeframe is not base.timeframe:
            return aggregate(base, timeframe, as_of_ns=as_of_ns, n=n)
        end = closed_by(base, as_of_ns)
        return window(base, max(0, end - max(0, n)), end)

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> list[Bar]:
        """Bars in exact money with `after_ns < close_ns <= until_ns`, oldest first."""
        base = self._history(symbol)
        return [self._bar(base, i) for i in range(closed_by(base, after_ns), closed_by(base, until_ns))]

    def closes_between(self, start_ns: int, end_ns: int) -> list[int]:
        """The distinct moments in (start, end] at which a bar of any symbol closes, sorted."""
        opens = [bars.open_ns[closed_by(bars, start_ns) : closed_by(bars, end_ns)] for bars in self._candles.values()]
        return [int(open_ns) + self._timeframe.ns for open_ns in np.unique(np.concatenate(opens))]

    def _history(self, symbol: str) -> Bars:
        bars = self._candles.get(symbol)
        if bars is None:
            raise DataRefused(f"this market has no {symbol}, it has {', '.join(self._candles)}")
        return bars

    def _bar(self, bars: Bars, i: int) -> Bar:
        return Bar(
            symbol=bars.symbol,
            timeframe=bars.timeframe,
            open_ns=int(bars.open_ns[i]),
            open=exact(bars.open[i]),
            high=exact(bars.high[i]),
            low=exact(bars.low[i]),
            close=exact(bars.close[i]),
            volume=exact(bars.volume[i]),
        )
