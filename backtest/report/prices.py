"""Trades on candles: all of them on the whole history, and a few close up with their stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from backtest.report.figures import Drawn, figure, milliseconds, rounded, scale
from backtest.report.thinning import wider
from core.bars import Bars

if TYPE_CHECKING:
    from tools.simulation.outcome import Trade

MOST_CANDLES: Final = 400
MOST_TRADES: Final = 300
CLOSE_UPS: Final = 3  # of the best, and of the worst
_CLOSE_CANDLES: Final = 120
_AROUND: Final = 0.4  # of a trade's length, before and after it
_LEAST_AROUND: Final = 12  # bars


@dataclass(frozen=True, slots=True)
class Overview:
    """Of one symbol: how many of its trades are drawn, and of how many bars each candle is."""

    symbol: str
    drawn: int
    trades: int
    bars_each: int
    figure: Drawn


def overview(symbol: str, trades: Sequence[Trade], bars: Bars | None) -> Overview:
    """The trades of a symbol on its candles, or alone where there are none; of many, those that moved most money."""
    shown = sorted(sorted(trades, key=lambda one: -abs(one.profit))[:MOST_TRADES], key=lambda one: one.opened_ns)
    data, each = [], 1
    axis = scale(np.array([price for one in shown for price in (one.entry, one.exit)]))
    if bars is not None and len(bars):
        candles, each = wider(bars, MOST_CANDLES)
        data.append(_candles(candles))
        axis = scale(candles.high, candles.low)
    data += [_stops(shown), _ways(shown), *_ends(shown, size=6)]
    return Overview(symbol, len(shown), len(trades), each, _on_prices(data, high=420, axis=axis))


def close_up(trade: Trade, bars: Bars | None) -> Drawn:
    """One trade with some bars before and after it, its way from entry to exit, and its stop."""
    data = []
    if bars is not None and len(bars):
        around = max(int((trade.closed_ns - trade.opened_ns) * _AROUND), _LEAST_AROUND * bars.timeframe.ns)
        begin, end = np.searchsorted(bars.open_ns, [trade.opened_ns - around, trade.closed_ns + around])
        part = Bars(bars.symbol, bars.timeframe, *(array[begin:end] for array in _columns(bars)))
        if len(part):
            data.append(_candles(wider(part, _CLOSE_CANDLES)[0]))
    return _on_prices([*data, _stops([trade]), _ways([trade]), *_ends([trade], size=9)], high=280, axis={})


def remarkable(trades: Sequence[Trade]) -> tuple[Trade, ...]:
    """The trades that earned and lost most, each once."""
    ordered = sorted(trades, key=lambda one: -one.profit)
    if len(ordered) <= 2 * CLOSE_UPS:
        return tuple(ordered)
    return (*ordered[:CLOSE_UPS], *ordered[-CLOSE_UPS:])


def _columns(bars: Bars) -> tuple[Any, ...]:
    return bars.open_ns, bars.open, bars.high, bars.low, bars.close, bars.volume


def _candles(bars: Bars) -> Drawn:
    prices = {name: rounded(getattr(bars, name)) for name in ("open", "high", "low", "close")}
    return {
        "type": "candlestick",
        "name": "price",
        "x": milliseconds(bars.open_ns),
        **prices,
        "increasing": {"line": {"color": "--rise", "width": 1}, "fillcolor": "--rise"},
        "decreasing": {"line": {"color": "--fall", "width": 1}, "fillcolor": "--fall"},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _segments(trades: Sequence[Trade], ends: Sequence[tuple[float, float]]) -> tuple[list[int | None], list[Any]]:
    """Lines from entry to exit, each followed by a gap."""
    x: list[int | None] = []
    y: list[Any] = []
    for trade, (first, last) in zip(trades, ends, strict=True):
        x += [trade.opened_ns // 1_000_000, trade.closed_ns // 1_000_000, None]
        y += [*rounded(np.array([first, last])), None]
    return x, y


def _ways(trades: Sequence[Trade]) -> Drawn:
    x, y = _segments(trades, [(one.entry, one.exit) for one in trades])
    color = {"color": "--quiet", "width": 1.2, "dash": "dot"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": color, "hoverinfo": "skip", "showlegend": False}


def _stops(trades: Sequence[Trade]) -> Drawn:
    stopped = [one for one in trades if one.stop is not None]
    x, y = _segments(stopped, [(one.stop or 0.0, one.stop or 0.0) for one in stopped])
    drawn = {"type": "scatter", "mode": "lines", "name": "first stop", "x": x, "y": y, "hoverinfo": "skip"}
    return drawn | {"line": {"color": "--loss", "width": 1.2, "dash": "dash"}, "showlegend": bool(stopped)}


def _ends(trades: Sequence[Trade], *, size: int) -> list[Drawn]:
    longs = [one for one in trades if one.direction > 0]
    shorts = [one for one in trades if one.direction < 0]
    won, lost = [one for one in trades if one.profit > 0], [one for one in trades if one.profit <= 0]
    return [
        _marks(longs, "bought", "triangle-up", "--ours", size, entry=True),
        _marks(shorts, "sold short", "triangle-down", "--held", size, entry=True),
        _marks(won, "left with a profit", "circle", "--gain", size, entry=False),
        _marks(lost, "left with a loss", "x", "--loss", size, entry=False),
    ]


def _marks(trades: Sequence[Trade], name: str, symbol: str, color: str, size: int, *, entry: bool) -> Drawn:
    """Entries say their price, exits also what was earned and why it was left."""
    when = [(one.opened_ns if entry else one.closed_ns) // 1_000_000 for one in trades]
    price = rounded(np.array([one.entry if entry else one.exit for one in trades], np.float64))
    told = [name if entry else f"{name} of {abs(one.profit):,.2f}, {one.reason.value}" for one in trades]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": when,
        "y": price,
        "text": told,
        "hovertemplate": "%{text}<br>%{x|%Y-%m-%d %H:%M} at %{y}<extra></extra>",
        "marker": {"symbol": symbol, "size": size, "color": color, "line": {"color": "--page", "width": 1}},
        "showlegend": bool(trades),
    }


def _on_prices(data: Sequence[Drawn], *, high: int, axis: Drawn) -> Drawn:
    times = {"type": "date", "rangeslider": {"visible": False}}
    return figure(data, high=high, xaxis=times, yaxis=axis, hovermode="closest")
