"""One page about a model, whole in one file: no script, nothing from elsewhere, every word of others escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from core.time import show_time

if TYPE_CHECKING:
    from desk.modelling import Judged
    from models.explaining import Bin, Importance
    from models.learners.watching import Epoch
    from models.scores import Scorecard

_WIDE, _HIGH, _PAD = 640, 240, 36
_MOST_POINTS: Final = 600
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#1d2733;background:#fff}
h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}table{border-collapse:collapse}
td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #dde3ea}td:first-child,th:first-child{text-align:left}
.alarm{background:#fff4e0;border-left:4px solid #d98400;padding:.4em .8em;margin:.4em 0}
.good{background:#e7f6ec;border-left:4px solid #1f9d55;padding:.4em .8em}
svg{width:100%;height:auto;background:#f8fafc}text{font-size:11px;fill:#5b6876}
.a{stroke:#1b6ec2;fill:none;stroke-width:1.6}.b{stroke:#d98400;fill:none;stroke-width:1.6}
.even{stroke:#aab4bf;stroke-dasharray:4 4}.dot{fill:#1b6ec2}.bar{fill:#1b6ec2}.minus{fill:#aab4bf}
"""
_UNMOVED: Final = "<p>No feature moves its answer: what it said of its calibration rows foretold nothing there.</p>"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(judged: Judged, bins: Sequence[Bin], weights: Sequence[Importance], curve: Sequence[Epoch]) -> str:
    """HTML of what was found of a model out of sample. `curve` is empty where a learner has none."""
    evidence, card, result = judged.evidence, judged.model.card, judged.result
    between = f"{show_time(evidence.from_ns)} to {show_time(evidence.until_ns)}"
    against = "".join(f'<p class="alarm">{escape(reason)}</p>' for reason in evidence.against)
    verdict = against or '<p class="good">Nothing speaks against giving it a vote.</p>'
    taught = f"{show_time(card.trained_from_ns)} to {show_time(card.trained_until_ns)}, {card.rows:,} rows"
    parts = [
        f"<h1>{escape(judged.version.version)}</h1>",
        f"<p>{escape(card.symbol)} {escape(card.timeframe)}, {card.horizon} bars ahead. Learnt from {taught}."
        f" Out of sample: {between}. State: {escape(judged.version.state.value)}.</p>",
        verdict,
        "<h2>Scorecard beside the naive forecasters</h2>",
        _cards((evidence.card, *evidence.naive)),
        "<h2>Reliability: what was said, and what came</h2>",
        _reliability(bins),
        "<h2>Equity of the signal after costs</h2>",
        f"<p>{result.trades} trades, {result.total:+.1%} after costs of {result.cost:.1%}, drawdown"
        f" {result.drawdown:.1%}.</p>",
        _line([("a", result.equity.tolist())], level=1.0),
        "<h2>Importance: how much worse it is with a feature shuffled</h2>",
        "" if any(one.mean or one.deviation for one in weights) else _UNMOVED,
        _bars(weights),
        "<h2>Learning curve</h2>",
        _curve(curve),
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(judged.version.version)}</title><style>{_STYLE}</style></head><body>"
    )
    return head + "\n".join(parts) + "</body></html>\n"


# As they are read: Brier scores and skill by four digits, shares and returns in percent.
_CARD: Final = {
    "n": "{}",
    "brier": "{:.4f}",
    "baseline_brier": "{:.4f}",
    "skill": "{:+.4f}",
    "log_skill": "{:+.4f}",
    "hit_rate": "{:.1%}",
    "mean_return": "{:+.3%}",
    "weight": "{:.4f}",
}


def _cards(cards: Sequence[Scorecard]) -> str:
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _CARD)
    rows = []
    for card in cards:
        cells = "".join(f"<td>{shown.format(getattr(card, name))}</td>" for name, shown in _CARD.items())
        rows.append(f"<tr><td>{escape(card.name)}</td>{cells}</tr>")
    return f"<table><tr><th>forecaster</th>{head}</tr>{''.join(rows)}</table>"


def _reliability(bins: Sequence[Bin]) -> str:
    """The nearer to the dashed line, the truer its probabilities; a dot's size is how many there are."""
    most = max(one.n for one in bins)
    dots = "".join(
        f'<circle class="dot" cx="{_x(one.p_up):.1f}" cy="{_y(one.rose):.1f}" r="{3 + 7 * (one.n / most) ** 0.5:.1f}">'
        f"<title>{one.n} times {one.p_up:.2f}, rose {one.rose:.2f}</title></circle>"
        for one in bins
    )
    even = f'<line class="even" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
    labels = _label(_PAD, _HIGH - 10, "said: 0") + _label(_WIDE - _PAD - 10, _HIGH - 10, "1") + _label(4, 14, "rose: 1")
    return _svg(even + dots + labels)


def _curve(curve: Sequence[Epoch]) -> str:
    if not curve:
        return "<p>This learner has none.</p>"
    lines = [("a", [one.train_loss for one in curve])]
    valid = [one.valid_loss for one in curve if one.valid_loss is not None]
    epochs = f"Loss in {len(curve)} epochs: training"
    told = f"<p>{epochs}" + (" (blue) and validation (orange).</p>" if valid else ".</p>")
    return told + _line([*lines, ("b", valid)] if valid else lines)


def _bars(weights: Sequence[Importance]) -> str:
    """Grey where shuffling helped: such a feature told nothing."""
    largest = max((abs(one.mean) for one in weights), default=0.0) or 1.0
    shown = []
    for at, one in enumerate(weights):
        kind, wide = ("bar" if one.mean > 0 else "minus"), abs(one.mean) / largest * (_WIDE - 320)
        shown.append(_label(4, 18 * at + 14, one.feature))
        shown.append(f'<rect class="{kind}" x="190" y="{18 * at + 4}" width="{wide:.1f}" height="12"/>')
        shown.append(_label(200 + wide, 18 * at + 14, f"{one.mean:+.5f} ± {one.deviation:.5f}"))
    return _svg("".join(shown), high=18 * len(weights) + 8)


def _line(lines: Sequence[tuple[str, Sequence[float]]], *, level: float | None = None) -> str:
    """Lines over one axis from the least to the greatest value; long ones are thinned."""
    values = [value for _, line in lines for value in line] + ([] if level is None else [level])
    least, greatest = min(values), max(values)
    span = (greatest - least) or 1.0
    drawn = []
    for kind, line in lines:
        step = max(len(line) // _MOST_POINTS, 1)
        places = [*range(0, len(line), step), len(line) - 1]
        last = max(len(line) - 1, 1)
        points = " ".join(f"{_x(at / last):.1f},{_y((line[at] - least) / span):.1f}" for at in places)
        drawn.append(f'<polyline class="{kind}" points="{points}"/>')
    if level is not None:
        y = _y((level - least) / span)
        drawn.append(f'<line class="even" x1="{_x(0)}" y1="{y:.1f}" x2="{_x(1)}" y2="{y:.1f}"/>')
    return _svg("".join(drawn) + _label(2, _y(1) + 4, f"{greatest:.3g}") + _label(2, _y(0) + 4, f"{least:.3g}"))


def _svg(inside: str, *, high: int = _HIGH) -> str:
    return f'<svg viewBox="0 0 {_WIDE} {high}" role="img">{inside}</svg>'


def _label(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'


def _x(share: float) -> float:
    return _PAD + share * (_WIDE - 2 * _PAD)


def _y(share: float) -> float:
    return _HIGH - _PAD - share * (_HIGH - 2 * _PAD)
