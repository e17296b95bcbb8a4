"""Funding rates that a person names for the symbols of a simulated run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError, DataRefused
from core.time import HOUR_NS, show_time
from market.importing.loading import load_funding

if TYPE_CHECKING:
    from core.bars import Bars, FloatArray, IntArray

_LONGEST_NS: Final = 8 * HOUR_NS  # between two funding times, at the venues that pay most seldom


def funding_of(
    words: Sequence[str], series: Sequence[Bars], from_ns: int | None
) -> Mapping[str, tuple[IntArray, FloatArray]]:
    """By symbol, times and rates. What is traded must be covered: where a rate is missing, holding would be free."""
    found: dict[str, tuple[IntArray, FloatArray]] = {}
    known = {bars.symbol: bars for bars in series}
    for word in words:
        symbol, named, path = word.rpartition("=")
        if not named and len(series) > 1:
            raise ConfigError(f"of several symbols each file says whose it is: SYMBOL=FILE, found {word!r}")
        symbol = symbol or series[0].symbol
        if symbol not in known or symbol in found:
            raise ConfigError(f"--funding is once for each of {', '.join(known)}, found {symbol}")
        if not Path(path).is_file():
            raise ConfigError(f"there is no file {path}")
        found[symbol] = load_funding(Path(path), symbol)
        _check(found[symbol][0], known[symbol], from_ns)
    return found


def _check(times: IntArray, bars: Bars, from_ns: int | None) -> None:
    first = max(int(bars.open_ns[0]), from_ns or 0)
    last = int(bars.open_ns[-1]) + bars.timeframe.ns
    inside = times[(times >= first) & (times <= last)]
    marks = np.concatenate([[first], inside, [last]])
    gap = int(np.argmax(np.diff(marks)))
    if marks[gap + 1] - marks[gap] > _LONGEST_NS:
        found = f"{show_time(int(marks[gap]))} and {show_time(int(marks[gap + 1]))}"
        raise DataRefused(f"{bars.symbol} has no funding rate between {found}: --from and --to leave that out")
