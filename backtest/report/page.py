"""The page of an outcome: what speaks against it first, then what it earned, then what it was made of.

One file: plotly's script is inside, nothing is fetched, and a policy lets no other script run. The same outcome gives
the same page.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from backtest import words
from backtest.report import figures, heat, prices, tables
from core.time import DAY_NS, show_time

if TYPE_CHECKING:
    from backtest.report.figures import Drawn
    from backtest.summary import Summary
    from core.bars import Bars
    from tools.simulation.outcome import Tried

MOST_SYMBOLS: Final = 4
_LISTED: Final = 10
_ZOOM: Final = (
    "At the closes of bars, after costs on both sides. Drag over a figure to look closer, click twice to go back."
)


def page(summary: Summary, *, candles: Sequence[Bars] = (), tried: Tried | None = None, digest: str = "") -> str:
    """HTML. Trades of a symbol without `candles` are drawn alone; `digest` is that of the outcome's file.

    `tried` are the sets of parameters that it was picked from.
    """
    drawn: dict[str, Drawn] = {}
    parts = [
        _head(summary, digest),
        _honesty(summary),
        "<h2>Equity and drawdown beside buying and holding</h2>",
        _figure(drawn, "equity", figures.equity(summary), _ZOOM),
        "<h2>Figures</h2>",
        tables.figures(summary),
        f"<details><summary>How each is measured</summary>{tables.formulas()}</details>",
        "<h2>Months</h2>",
        tables.months(summary.years) if summary.years else "<p>Not told: the equity is unknown, or was lost.</p>",
        _traded(summary, {bars.symbol: bars for bars in candles}, drawn),
        _shapes(summary, drawn),
        "" if tried is None else _tried(summary, tried, drawn),
        "<h2>Who earned it</h2>",
        _shares(summary),
        "<h2>Denied by the risk officer</h2>",
        tables.vetoes(summary.outcome.vetoes) if summary.outcome.vetoes else "<p>Nothing was denied.</p>",
        _made_of(summary),
    ]
    return _document(summary.outcome.name, "\n".join(parts), drawn)


def _head(summary: Summary, digest: str) -> str:
    outcome = summary.outcome
    told = (
        f"{', '.join(outcome.symbols)} · {words.span(outcome)} UTC, {summary.run.curve.span_ns / DAY_NS:,.0f} days"
        f" · {words.bars(outcome)} · {words.many(len(outcome.trades), 'trade')} · {words.many(outcome.trials, 'trial')}"
    )
    named = f'<p class="quiet">SHA-256 of the outcome: <code>{escape(digest)}</code></p>' if digest else ""
    return f"<h1>{escape(outcome.name)}</h1><p class='quiet'>{escape(told)}</p>{named}"


def _honesty(summary: Summary) -> str:
    """Published thresholds, costs, the least equity, and every doubt."""
    doubts = "".join(
        f'<p class="doubt{" grave" if doubt.startswith("RUIN") else ""}">{escape(doubt[0].upper() + doubt[1:])}.</p>'
        for doubt in summary.honesty.doubts
    )
    told = (tables.thresholds(summary.honesty.findings), _sentence(words.costs(summary)))
    least = _sentence(words.least_equity(summary))
    return f'<section class="box"><h2>Is it true?</h2>{told[0]}{told[1]}{least}{doubts}</section>'


def _sentence(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _figure(drawn: dict[str, Drawn], name: str, figure: Drawn | None, caption: str) -> str:
    """A place for a figure; where there is none the caption says so."""
    if figure is None:
        return f"<figure><figcaption>{escape(caption)} Too little to draw.</figcaption></figure>"
    drawn[name] = figure
    return (
        f'<figure><div class="drawn" data-figure="{name}" role="img" aria-label="{escape(caption)}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _traded(summary: Summary, candles: dict[str, Bars], drawn: dict[str, Drawn]) -> str:
    trades = summary.outcome.trades
    if not trades:
        return "<h2>Trades</h2><p>None was made.</p>"
    counts = {share.name: share.trades for share in summary.shares["symbol"]}
    symbols = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
    parts = ["<h2>Trades on candles</h2>"]
    for at, symbol in enumerate(symbols[:MOST_SYMBOLS]):
        bars = candles.get(symbol)
        found = prices.overview(symbol, [one for one in trades if one.symbol == symbol], bars)
        parts.append(_figure(drawn, f"trades{at}", found.figure, _caption(found, bars)))
    if rest := symbols[MOST_SYMBOLS:]:
        parts.append(f"<p class='quiet'>Not drawn: {escape(', '.join(rest))}.</p>")
    parts.append("<h2>The best and the worst, close up</h2><div class='pair'>")
    for at, trade in enumerate(prices.remarkable(trades)):
        told = (
            f"{trade.symbol}, {'long' if trade.direction > 0 else 'short'}: {trade.profit:+,.2f}"
            f" by {show_time(trade.closed_ns)}, left by {trade.reason.value}."
        )
        parts.append(_figure(drawn, f"close{at}", prices.close_up(trade, candles.get(trade.symbol)), told))
    ordered = sorted(trades, key=lambda one: -one.profit)
    listed = ordered if len(ordered) <= 2 * _LISTED else [*ordered[:_LISTED], *ordered[-_LISTED:]]
    kind = "All" if len(listed) == len(ordered) else f"The {_LISTED} best and the {_LISTED} worst"
    parts.append(f"</div><details><summary>{kind} of {len(trades):,} trades</summary>{tables.trades(listed)}</details>")
    return "".join(parts)


def _caption(found: prices.Overview, bars: Bars | None) -> str:
    if bars is None:
        on = "without candles, as none were kept with the outcome"
    elif found.bars_each == 1:
        on = f"on bars of {bars.timeframe}"
    else:
        on = f"on candles of {found.bars_each} bars of {bars.timeframe} each"
    if found.drawn == found.trades:
        return f"{found.symbol}: its {found.trades:,} trades {on}."
    return f"{found.symbol}: the {found.drawn:,} of {found.trades:,} trades that moved most money, {on}."


def _shapes(summary: Summary, drawn: dict[str, Drawn]) -> str:
    """Exposure, distributions and the rolling ratio."""
    curve, closed = summary.run.curve, summary.run.closed
    moved = curve.returns[curve.returns != 0]
    each = None if closed.unknown else figures.distribution(closed.returns)
    days = f"Of {len(moved):,} days: how many had which return. {len(curve.returns) - len(moved):,} did not move."
    rolling = f"Sharpe ratio of the {figures.WINDOW_DAYS} days before, a year's."
    return "".join(
        (
            "<h2>Exposure</h2>",
            _figure(drawn, "exposure", figures.exposure(summary), "Gross exposure over equity, at the closes of bars."),
            "<h2>Rolling Sharpe ratio</h2>",
            _figure(drawn, "rolling", figures.rolling_sharpe(curve), rolling),
            "<h2>Distribution of returns</h2><div class='pair'>",
            _figure(drawn, "daily", figures.distribution(moved), days),
            _figure(drawn, "each", each, "Of trades: profit after costs over worth at entry."),
            "</div>",
        )
    )


def _tried(summary: Summary, tried: Tried, drawn: dict[str, Drawn]) -> str:
    """What was picked among what: a lonely peak is luck, a plateau may not be."""
    period = f"{show_time(tried.first_ns)[:16]} to {show_time(tried.last_ns)[:16]} UTC"
    parts = []
    for at, one in enumerate(heat.maps(tried, summary.outcome.parameters)):
        where = f"{one.across} across, {one.down} upward" if one.down else f"by {one.across}"
        named = "".join(
            f" {name}: {', '.join(f'{number} is {word}' for number, word in enumerate(words, 1))}."
            for name, words in one.words.items()
        )
        told = f"Sharpe ratio a year, {where}: the median of all such sets. The cross is the picked one.{named}"
        parts.append(_figure(drawn, f"heat{at}", one.figure, told))
    if not parts:
        return ""
    count = words.many(len(tried.sharpe), "set")
    told = f"<p class='quiet'>{count} of parameters, {escape(period)}. A good one among bad ones is luck.</p>"
    return f"<h2>What it was picked from</h2>{told}<div class='pair'>{''.join(parts)}</div>"


def _shares(summary: Summary) -> str:
    if not summary.outcome.trades:
        return "<p>Nobody: no trade was made.</p>"
    told = "".join(f"<div>{tables.shares(by, found)}</div>" for by, found in summary.shares.items())
    return f"<div class='pair'>{told}</div>"


def _made_of(summary: Summary) -> str:
    outcome = summary.outcome
    told = (("parameter", outcome.parameters), ("cost", outcome.costs))
    shown = "".join(f"<div>{tables.pairs(head, found)}</div>" for head, found in told if found)
    return (
        f"<h2>What it was made of</h2><div class='pair'>{shown}</div>{tables.pairs('data, by SHA-256', outcome.data)}"
    )


def _document(title: str, body: str, drawn: dict[str, Drawn]) -> str:
    from plotly.offline import get_plotlyjs

    here = files("backtest.report")
    style, script, library = (here / "page.css").read_text(), (here / "page.js").read_text(), get_plotlyjs()
    allowed = " ".join(f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" for one in (library, script))
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    # Inside a script element only "<" could end it.
    data = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>\n"
        f"<noscript><p class='doubt'>A script in this file draws the figures, and may not run.</p></noscript>{body}\n"
        f'<script type="application/json" id="figures">{data}</script>'
        f"<script>{library}</script><script>{script}</script></body></html>\n"
    )
