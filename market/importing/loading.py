"""One candle file for a recorded market: every layout that can be imported, read for its own sake."""

from __future__ import annotations

from pathlib import Path

from core.bars import Bars
from core.errors import DataRefused
from market.importing.shape import ANY_VENUE, Asked
from market.importing.table import import_file
from market.quality import QualityReport
from market.store.versions import Versions


def load_candles(path: Path, symbol: str) -> tuple[Bars, QualityReport]:
    """The bars of one file and what its quality is; DataRefused for what is no candle file."""
    versions, report = load_versions(path, symbol)
    return versions.rows, report


def load_versions(path: Path, symbol: str) -> tuple[Versions, QualityReport]:
    """The same, with when each bar could be known: a documented lag after its close."""
    imported = import_file(path, Asked(symbol=symbol, venue=ANY_VENUE))
    if imported.candles is None or imported.report.bars is None:
        raise DataRefused(f"{path.name}: found {imported.report.dialect}, allowed are candles")
    bars = imported.candles[1]
    return Versions.of(bars, bars.open_ns + bars.timeframe.ns + imported.lag_ns), imported.report.bars
