"""Means and deviations of a moving window: fast, exact in the digits that matter, and of no later value.

A running sum over a long series loses what is small beside what came before: a calm hour after a crash, or a token
worth 1e-14. Here sums run over short chunks around a value of their own, and a window that would still lose its digits
is measured alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray, IntArray

# A window whose squares are a smaller share than this of those summed before it is measured alone.
_CANCELLED: Final = 1e-7
_FORGOTTEN: Final = 1e-8
_CHUNK: Final = 256
_ALONE: Final = 2048


def moments(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (ddof 0) of the last `window` values, float64, as long as `values`.

    NaN for the first `window - 1` and for every window that holds a NaN; exactly 0 deviation where all are alike. The
    relative error of a deviation stays below 1e-7. Entry i depends on no value after i, to the last bit.
    """
    mean, deviation = np.full(len(values), np.nan), np.full(len(values), np.nan)
    missing = np.isnan(values)
    unknown = bool(missing.any())
    # Differences begin with a NaN: what only begins so needs no care after it.
    begin = int(np.argmin(missing)) if unknown else 0
    if begin:
        mean[begin:], deviation[begin:] = moments(values[begin:], window)
        return mean, deviation
    if len(values) < window:
        return mean, deviation
    filled = _filled(values, missing) if unknown else values
    outputs = len(values) - window + 1
    stride = max(_CHUNK, 4 * window)
    rows = -(-outputs // stride)
    # Each piece begins one value before its first window, which makes the sums before that window 0.
    padded = np.concatenate([filled[:1], filled, np.zeros(rows * stride - outputs)])
    pieces = np.lib.stride_tricks.sliding_window_view(padded, stride + window)[::stride]
    origin = pieces[:, :1]
    centred = pieces - origin
    running = np.cumsum(centred, axis=1)
    sums = running[:, window:] - running[:, :-window]
    np.cumsum(np.square(centred, out=centred), axis=1, out=running)
    spread = running[:, window:] - running[:, :-window]
    average = sums / window
    spread -= np.multiply(sums, average, out=sums)
    np.maximum(spread, 0.0, out=spread)
    lost = (spread <= _CANCELLED * running[:, window:]).reshape(-1)[:outputs]
    average += origin
    spread /= window
    mean[window - 1 :] = average.reshape(-1)[:outputs]
    deviation[window - 1 :] = np.sqrt(spread, out=spread).reshape(-1)[:outputs]
    if lost.any():
        _measure_alone(filled, window, np.flatnonzero(lost) + window - 1, mean, deviation)
    if unknown:
        index = np.arange(len(values))
        last = np.maximum.accumulate(np.where(missing, index, -window))
        mean[index - last < window] = deviation[index - last < window] = np.nan
    return mean, deviation


def zscore(values: FloatArray, window: int) -> FloatArray:
    """(value - mean) / standard deviation of the last `window` values, ddof 0; 0 where they are all alike.

    NaN as in `moments`. Never beyond sqrt(window - 1).
    """
    mean, deviation = moments(values, window)
    return ratio(values - mean, deviation, 0.0)


def memory(kept: float) -> int:
    """Bars after which an exponential average that keeps `kept` of itself a bar holds less than 1e-8 of its seed."""
    return math.ceil(math.log(_FORGOTTEN) / math.log(kept))


def held(values: FloatArray) -> IntArray:
    """How many values in a row, up to each one and without it, equal it."""
    alike = values[1:] == values[:-1]
    since = np.zeros(len(values), dtype=np.int64)
    if alike.any():
        index = np.arange(1, len(values))
        since[1:] = index - np.maximum.accumulate(np.where(alike, 0, index))
    return since


def lagged(values: FloatArray, n: int) -> FloatArray:
    """The value `n` bars before each; the first `n` are NaN."""
    before = np.full(len(values), np.nan)
    before[n:] = values[: len(values) - n] if n < len(values) else []
    return before


def ratio(above: FloatArray, below: FloatArray, otherwise: float) -> FloatArray:
    """above / below, and `otherwise` where below is 0; NaN stays NaN."""
    none = below == 0
    found: FloatArray = np.where(none, otherwise, above / np.where(none, 1.0, below))
    return found


def _filled(values: FloatArray, missing: NDArray[np.bool_]) -> FloatArray:
    """The values with each NaN replaced by the last number before it, 0 where there is none.

    Replaced by 0 throughout, it would cost the digits of what lies around it.
    """
    known = np.maximum.accumulate(np.where(missing, 0, np.arange(len(values))))
    return np.nan_to_num(values[known], copy=False, nan=0.0)


def _measure_alone(
    values: FloatArray, window: int, ends: NDArray[np.intp], mean: FloatArray, deviation: FloatArray
) -> None:
    """Mean and deviation of the windows that end at `ends`, each around its own last value."""
    same = held(values)[ends] >= window - 1
    mean[ends[same]], deviation[ends[same]] = values[ends[same]], 0.0
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    rest = ends[~same]
    for first in range(0, len(rest), _ALONE):
        some = rest[first : first + _ALONE]
        apart = windows[some - window + 1] - values[some, None]
        mean[some], deviation[some] = apart.mean(axis=1) + values[some], apart.std(axis=1)
