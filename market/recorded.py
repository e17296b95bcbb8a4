"""Real candles as a market. What candles cannot show, the spread, is assumed and marked as such; there is no book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from core.bars import Bars
from core.money import BPS, exact, nearest_tick, round_price
from core.orders import Side
from core.quotes import Book, NewsItem, OutsideSignal, Quote
from core.texts import TextReading
from market.history import CandleHistory
from market.importing.loading import load_versions
from market.quality import QualityReport
from market.store.versions import Versions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.bars import FloatArray


class RecordedMarket(CandleHistory):
    """Candles from files: `MarketView` for agents and `MarketFacts` for the gate."""

    def __init__(
        self, candles: Sequence[tuple[Bars | Versions, QualityReport]], *, assumed_spread_bps: Decimal
    ) -> None:
        super().__init__([bars for bars, _ in candles])
        self.reports = dict(zip(self.symbols(), (report for _, report in candles), strict=True))
        self._half_spread = assumed_spread_bps * BPS / 2

    @classmethod
    def from_files(cls, files: Mapping[str, Path], *, assumed_spread_bps: Decimal) -> RecordedMarket:
        """Loads one file a symbol; raises `DataRefused` for the first that is not what it must be."""
        loaded = [load_versions(path, symbol) for symbol, path in files.items()]
        return cls(loaded, assumed_spread_bps=assumed_spread_bps)

    def fingerprint(self) -> list[str]:
        """SHA-256 of every file, in the order of the symbols: part of a run's identity."""
        return [report.file_sha256 for report in self.reports.values()]

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        """The last closed bar's close, with the assumed spread around it rounded outward; None before the first."""
        history = self._candles.get(symbol)
        bars = None if history is None else history.tail(as_of_ns, 1)
        if history is None or bars is None or not len(bars):
            return None
        tick = self._instruments[symbol].tick_size
        close = exact(bars.close[-1])
        close_ns = int(bars.open_ns[-1]) + self._timeframe.ns
        return Quote(
            symbol=symbol,
            last=nearest_tick(close, tick),
            bid=round_price(close * (1 - self._half_spread), tick, Side.BUY),
            ask=round_price(close * (1 + self._half_spread), tick, Side.SELL),
            ts_event_ns=close_ns,
            known_at_ns=history.newest_known_ns(as_of_ns),
            cadence_ns=self._timeframe.ns,
            modelled_spread=True,
        )

    def _quotable(self, symbol: str, close: FloatArray) -> NDArray[np.bool_]:
        """Where the bid is a tick or more; a hair above, since the quote itself is decimal."""
        least = float(self._instruments[symbol].tick_size) * (1 + 1e-9)
        return close * float(1 - self._half_spread) > least

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        """Always None: candles hold no depth."""
        return None

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        """Always empty: candles hold no news."""
        return ()

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        """Always empty: candles hold no signals."""
        return ()

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        """Always empty: candles hold no news."""
        return ()
