"""One candle file for a recorded market: every layout that can be imported, read for its own sake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.errors import DataRefused
from market.importing.shape import ANY_VENUE, Asked
from market.importing.table import import_file
from market.quality import QualityReport
from market.store.versions import Versions

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray


def load_candles(path: Path, symbol: str) -> tuple[Bars, QualityReport]:
    """The bars of one file and what its quality is; DataRefused for what is no candle file."""
    versions, report = load_versions(path, symbol)
    return versions.rows, report


def load_funding(path: Path, symbol: str) -> tuple[IntArray, FloatArray]:
    """Times at which funding was due, int64 nanoseconds, and its rates; DataRefused for what is no funding file."""
    imported = import_file(path, Asked(symbol=symbol, venue=ANY_VENUE))
    readings = sorted((one for one in imported.readings if one.series == "funding_rate"), key=lambda one: one.event_ns)
    if not readings:
        raise DataRefused(f"{path.name}: found {imported.report.dialect}, allowed is a file of funding rates")
    times = np.array([one.event_ns for one in readings], np.int64)
    return times, np.array([float(one.value) for one in readings])


def load_versions(path: Path, symbol: str) -> tuple[Versions, QualityReport]:
    """The same, with when each bar could be known: a documented lag after its close."""
    imported = import_file(path, Asked(symbol=symbol, venue=ANY_VENUE))
    if imported.candles is None or imported.report.bars is None:
        raise DataRefused(f"{path.name}: found {imported.report.dialect}, allowed are candles")
    bars = imported.candles[1]
    return Versions.of(bars, bars.open_ns + bars.timeframe.ns + imported.lag_ns), imported.report.bars
