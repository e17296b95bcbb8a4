"""Heat maps of the sets that an outcome was picked from: a good one among bad ones was found by luck."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.report.figures import Drawn, figure, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.bars import FloatArray, IntArray
    from tools.simulation.outcome import Tried

MOST: Final = 3
_TICKS: Final = 12


@dataclass(frozen=True, slots=True)
class Heat:
    """One map: `figure`, the parameters it is over, `down` '' where it is over one alone, and what words stand for."""

    across: str
    down: str
    figure: Drawn
    words: Mapping[str, tuple[str, ...]]


def maps(tried: Tried, picked: Mapping[str, float | str]) -> tuple[Heat, ...]:
    """At most `MOST`, over those parameters that move the ratio most; none where nothing was varied or measured.

    A cell is the median ratio of all sets that share its two values. `picked` is where the mark is.
    """
    moving = [
        name for name in sorted(tried.values, key=lambda name: -_moved(tried, name)) if len(_axis(tried, name)) > 1
    ]
    if not moving or not np.isfinite(tried.sharpe).any():
        return ()
    if len(moving) == 1:
        return (_line(tried, moving[0], picked),)
    return tuple(_map(tried, across, down, picked) for across, down in list(combinations(moving, 2))[:MOST])


def _axis(tried: Tried, name: str) -> tuple[float | str, ...]:
    """The values in their order: numbers rise, words come as they came."""
    values = tuple(dict.fromkeys(tried.values[name]))
    numbers = [value for value in values if not isinstance(value, str)]
    return tuple(sorted(numbers)) if len(numbers) == len(values) else values


def _places(tried: Tried, name: str) -> IntArray:
    at = {value: place for place, value in enumerate(_axis(tried, name))}
    return np.array([at[value] for value in tried.values[name]], np.int64)


def _moved(tried: Tried, name: str) -> float:
    """How far apart the medians of its values are."""
    medians = _medians(_places(tried, name), tried.sharpe, len(_axis(tried, name)))
    known = medians[np.isfinite(medians)]
    return float(np.ptp(known)) if len(known) else 0.0


def _medians(cells: IntArray, sharpe: FloatArray, n: int) -> FloatArray:
    """Of each cell; NaN where no set of it has a ratio."""
    known = np.isfinite(sharpe)
    found = np.full(n, np.nan)
    order = np.argsort(cells[known], kind="stable")
    at, values = cells[known][order], sharpe[known][order]
    for part in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at)) + 1):
        if len(part):
            found[at[part[0]]] = np.median(values[part])
    return found


def _map(tried: Tried, across: str, down: str, picked: Mapping[str, float | str]) -> Heat:
    wide, high = len(_axis(tried, across)), len(_axis(tried, down))
    cells = _places(tried, down) * wide + _places(tried, across)
    medians = _medians(cells, tried.sharpe, wide * high)
    most = float(np.nanmax(np.abs(medians))) or 1.0
    shown = [rounded(row) for row in medians.reshape(high, wide)]
    heat = {
        "type": "heatmap",
        "z": shown,
        "x": list(range(wide)),
        "y": list(range(high)),
        "zmin": -most,
        "zmax": most,
        "colorscale": [[0, "--loss"], [0.5, "--panel"], [1, "--gain"]],
        "colorbar": {"thickness": 10, "tickformat": ".1f"},
        "hovertemplate": "%{z:.2f}<extra></extra>",
        "hoverongaps": False,
    }
    axes = {"xaxis": _ticks(tried, across), "yaxis": _ticks(tried, down)}
    return Heat(
        across, down, _drawn([heat, *_mark(tried, (across, down), picked)], **axes), _words(tried, across, down)
    )


def _line(tried: Tried, name: str, picked: Mapping[str, float | str]) -> Heat:
    axis = _axis(tried, name)
    medians = _medians(_places(tried, name), tried.sharpe, len(axis))
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(range(len(axis))),
        "y": rounded(medians),
        "line": {"color": "--ours", "width": 1.5},
        "hovertemplate": "%{y:.2f}<extra></extra>",
    }
    marks = [mark | {"y": [rounded(medians)[mark["x"][0]]]} for mark in _mark(tried, (name,), picked)]
    axes = {"xaxis": _ticks(tried, name), "yaxis": {"zeroline": True}}
    return Heat(name, "", _drawn([line, *marks], **axes), _words(tried, name))


def _mark(tried: Tried, names: tuple[str, ...], picked: Mapping[str, float | str]) -> list[Drawn]:
    """A cross where the picked set is; none where the sets were those of another part of the history."""
    axes = [_axis(tried, name) for name in names]
    if any(picked.get(name) not in axis for name, axis in zip(names, axes, strict=True)):
        return []
    at = [[axis.index(picked[name])] for name, axis in zip(names, axes, strict=True)]
    told = {"type": "scatter", "mode": "markers", "hoverinfo": "skip", "x": at[0], "y": at[-1]}
    return [told | {"marker": {"symbol": "x-thin", "size": 12, "line": {"width": 2, "color": "--text"}}}]


def _drawn(data: list[Drawn], **axes: Drawn) -> Drawn:
    return figure(data, high=320, showlegend=False, hovermode="closest", **axes)


def _ticks(tried: Tried, name: str) -> Drawn:
    """Numbers as they are, at most so many; words by their number, since a figure holds no word of others."""
    axis = _axis(tried, name)
    shown = range(0, len(axis), -(-len(axis) // _TICKS))
    told = [f"{axis[at]:g}" if not isinstance(axis[at], str) else str(at + 1) for at in shown]
    return {"tickvals": list(shown), "ticktext": told, "showgrid": False, "zeroline": False}


def _words(tried: Tried, *names: str) -> dict[str, tuple[str, ...]]:
    """What the numbers of an axis of words stand for."""
    axes = {name: _axis(tried, name) for name in names}
    return {name: tuple(map(str, axis)) for name, axis in axes.items() if any(isinstance(one, str) for one in axis)}
