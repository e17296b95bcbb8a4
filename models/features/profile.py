"""The volume profile: at which price of late most was traded, and how far away it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from core.bars import FloatArray

_ROWS: Final = 256


def profile_distance(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, *, window: int = 48, bins: int = 24
) -> FloatArray:
    """ln(close / point of control), a fraction: above 0 where the close is dearer than what most was traded at.

    Each of the last `window` bars puts its volume at its typical price, (high + low + close) / 3. The range of those,
    on log prices, is cut into `bins` of one width; the point of control is the middle of the one with the most volume,
    the lowest such where two are alike. NaN for the first `window - 1` and where no bar of the window traded.

    Steidlmayer, *Steidlmayer on Markets* (1989), on the market profile.
    """
    import talib

    distance = np.full(len(close), np.nan)
    if len(close) < window:
        return distance
    typical = np.log((high + low + close) / 3)
    bottom, top = (f(typical, window)[window - 1 :] for f in (talib.MIN, talib.MAX))
    width = (top - bottom) / bins
    per_log = np.divide(1.0, width, out=np.zeros_like(width), where=width > 0)
    prices = np.lib.stride_tricks.sliding_window_view(typical, window)
    volumes = np.lib.stride_tricks.sliding_window_view(volume, window)
    logs = np.log(close[window - 1 :])
    for first in range(0, len(prices), _ROWS):
        rows = slice(first, first + _ROWS)
        places = ((prices[rows] - bottom[rows, None]) * per_log[rows, None]).astype(np.intp)
        # The highest price of the window belongs to the last bin.
        np.minimum(places, bins - 1, out=places)
        places += bins * np.arange(len(places))[:, None]
        profile = np.bincount(places.ravel(), volumes[rows].ravel(), bins * len(places)).reshape(-1, bins)
        control = bottom[rows] + (np.argmax(profile, axis=1) + 0.5) * width[rows]
        distance[window - 1 :][rows] = np.where(profile.any(axis=1), logs[rows] - control, np.nan)
    return distance
