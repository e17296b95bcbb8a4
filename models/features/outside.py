"""Features of what is not in the bars: the calendar, and the series from elsewhere. NaN where a series is unknown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from core.time import DAY_NS
from models.rolling import lagged, zscore

if TYPE_CHECKING:
    from core.bars import FloatArray
    from models.features.inputs import Stretch


def season(of: Stretch, period_ns: int, *, cosine: bool) -> FloatArray:
    """Sine or cosine of the time of day or week (from Monday) of the bar's close, UTC."""
    since_monday = of.closes_ns + 3 * DAY_NS  # the epoch is a Thursday
    angle = np.asarray((since_monday % period_ns) * (2 * math.pi / period_ns), dtype=np.float64)
    found: FloatArray = np.cos(angle) if cosine else np.sin(angle)
    return found


def level(of: Stretch, series: str, centre: float = 0.0, unit: float = 1.0) -> FloatArray:
    """(value - centre) / unit of a series from elsewhere."""
    found: FloatArray = (of.series(series) - centre) / unit
    return found


def change(of: Stretch, series: str, n: int) -> FloatArray:
    """Difference over `n` bars of a series from elsewhere."""
    values = of.series(series)
    return values - lagged(values, n)


def log_change(of: Stretch, series: str, n: int) -> FloatArray:
    """ln of the ratio over `n` bars of a series from elsewhere; NaN where it is not > 0."""
    values = of.series(series)
    logs = np.log(values, out=np.full(len(values), np.nan), where=values > 0)
    return logs - lagged(logs, n)


def series_zscore(of: Stretch, series: str, window: int) -> FloatArray:
    """Deviations of a series from elsewhere from its trailing mean; NaN where one of the window is unknown."""
    return zscore(of.series(series), window)
