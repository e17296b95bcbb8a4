"""What every market made of candles answers alike: bars, closes and its range, and nothing that was known later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bar, Bars, Tape
from core.errors import ConfigError, DataRefused
from core.instruments import Instrument
from core.money import exact
from core.quotes import Feeds, Funding
from core.time import Timeframe, show_time
from market.aggregate import aggregate, window
from market.instruments import listed
from market.store.versions import Versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray


class CandleHistory:
    """Candles of one timeframe for several symbols. Plain `Bars` are known at their close and never revised."""

    def __init__(self, candles: Sequence[Bars | Versions]) -> None:
        histories = [found if isinstance(found, Versions) else Versions.closed(found) for found in candles]
        timeframes = {history.rows.timeframe for history in histories}
        if len(timeframes) != 1:
            shown = ", ".join(f"{history.rows.symbol} {history.rows.timeframe}" for history in histories) or "none"
            raise ConfigError(f"found candles {shown}; allowed is one timeframe for all symbols")
        symbols = [history.rows.symbol for history in histories]
        if len(set(symbols)) != len(symbols):
            raise ConfigError(f"found candles for {', '.join(symbols)}; allowed is each symbol once")
        self._timeframe = timeframes.pop()
        self._candles = dict(zip(symbols, histories, strict=True))
        self._moments = {symbol: history.moments() for symbol, history in self._candles.items()}
        self._instruments = {symbol: listed(symbol) for symbol in symbols}
        # Known as they closed: then what coarser bars are is a question of time alone.
        self._prompt = {symbol: history.prompt for symbol, history in self._candles.items()}
        self._coarse: dict[tuple[str, Timeframe], tuple[Bars, IntArray]] = {}

    def symbols(self) -> tuple[str, ...]:
        return tuple(self._candles)

    def instrument(self, symbol: str) -> Instrument | None:
        return self._instruments.get(symbol)

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """Candles tell nothing of it."""
        return Feeds()

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """Candles tell nothing of it."""
        return ()

    @property
    def base_timeframe(self) -> Timeframe:
        return self._timeframe

    @property
    def decision_timeframe(self) -> Timeframe:
        """On which agents look: an hour, or the candles' own where they are coarser."""
        return max(self._timeframe, Timeframe.H1, key=lambda timeframe: timeframe.ns)

    @property
    def range_ns(self) -> tuple[int, int]:
        """The first and the last moment at which a bar becomes known: its close, or later."""
        return (
            min(int(moments[0]) for moments in self._moments.values()),
            max(int(moments[-1]) for moments in self._moments.values()),
        )

    def refuse_outside(self, as_of_ns: int) -> None:
        """Raises where `as_of_ns` is outside the range."""
        first, last = self.range_ns
        if not first <= as_of_ns <= last:
            raise ConfigError(
                f"asked for {show_time(as_of_ns)}, the market covers {show_time(first)} to {show_time(last)}"
            )

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        """The last `n` bars closed and known by `as_of_ns`, oldest first; made from finer ones, never from coarser."""
        history = self._history(symbol)
        if timeframe is self._timeframe:
            return history.tail(as_of_ns, n)
        if self._prompt[symbol]:
            coarse, whole_ns = self._coarser(symbol, timeframe)
            end = int(np.searchsorted(whole_ns, as_of_ns, side="right"))
            return window(coarse, max(0, end - max(0, n)), end)
        # One bucket more than asked for, since the newest bars may belong to one that has not closed.
        base = history.tail(as_of_ns, (max(0, n) + 1) * max(1, timeframe.ns // self._timeframe.ns))
        return aggregate(base, timeframe, as_of_ns=as_of_ns, n=n)

    def _coarser(self, symbol: str, timeframe: Timeframe) -> tuple[Bars, IntArray]:
        """Every whole bar of a timeframe, made once, and when each is whole: at its close, or where its last finer bar
        is missing once a later one is known."""
        kept = self._coarse.get((symbol, timeframe))
        if kept is None:
            rows = self._candles[symbol].rows
            last_ns = int(rows.open_ns[-1]) + rows.timeframe.ns if len(rows) else 0
            coarse = aggregate(rows, timeframe, as_of_ns=last_ns, n=len(rows))
            ends = coarse.open_ns + timeframe.ns
            next_row = np.searchsorted(rows.open_ns, ends)
            closed = rows.open_ns[next_row - 1] + rows.timeframe.ns == ends
            later = rows.open_ns[np.minimum(next_row, len(rows) - 1)] + rows.timeframe.ns if len(rows) else ends
            kept = self._coarse[symbol, timeframe] = coarse, np.where(closed, ends, later)
        return kept

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> list[Bar]:
        """Bars in exact money that became known after `after_ns` and by `until_ns`, at their close or soon after it,
        oldest first."""
        fresh = self._history(symbol).fresh(after_ns, until_ns)
        return [self._bar(fresh, i) for i in range(len(fresh))]

    def closes_between(self, start_ns: int, end_ns: int) -> list[int]:
        """The distinct moments in (start, end] at which a newer bar of any symbol becomes known, sorted."""
        found = []
        for moments in self._moments.values():
            start, end = np.searchsorted(moments, (start_ns, end_ns), side="right").tolist()
            found.append(moments[start:end])
        return [int(moment) for moment in np.unique(np.concatenate(found))]

    def tape(self, symbol: str, moments: IntArray, *, after_ns: int) -> Tape:
        """What a symbol shows at each of these moments, ascending; the first of them follows `after_ns`."""
        history, n = self._history(symbol), len(moments)
        rows, frame_ns = history.rows, self._timeframe.ns
        if not history.plain or not len(rows):
            nan, none = np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
            return Tape(none, nan, none, nan, nan, np.ones(n, dtype=np.bool_))
        ends = np.searchsorted(history.known_ns, np.concatenate(([after_ns], moments)), side="right")
        fresh, newest = np.diff(ends), np.maximum(ends[1:] - 1, 0)
        opened, close, came = rows.open_ns[newest], rows.close[newest], fresh > 0
        late = came & (opened + frame_ns != moments)
        odd = (ends[1:] == 0) | (fresh > 1) | late | ~self._quotable(symbol, close)
        return Tape(
            event_ns=opened + frame_ns,
            close=close,
            open_ns=np.where(came, opened, -1),
            low=np.where(came, rows.low[newest], np.nan),
            high=np.where(came, rows.high[newest], np.nan),
            odd=odd,
        )

    def _quotable(self, symbol: str, close: FloatArray) -> NDArray[np.bool_]:
        """Whether a close makes a quote with two sides that do not cross."""
        return np.ones(len(close), dtype=np.bool_)

    def _history(self, symbol: str) -> Versions:
        history = self._candles.get(symbol)
        if history is None:
            raise DataRefused(f"this market has no {symbol}, it has {', '.join(self._candles)}")
        return history

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
