"""Tables of a page. Whatever comes from an outcome is escaped; only what is written here is markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from backtest import words
from backtest.honesty import Finding, Verdict
from core.time import show_time
from risk.codes import text_for

if TYPE_CHECKING:
    from backtest.attribution import Share, Year
    from backtest.summary import Summary
    from tools.simulation.outcome import Trade

_MARKS: Final = {
    Verdict.MET: ("met", "✓ met"),
    Verdict.NOT_MET: ("missed", "✗ not met"),
    Verdict.UNDECIDED: ("open", "? not decided"),
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def cell(text: str, kind: str = "num") -> str:
    return f'<td class="{kind}">{escape(text)}</td>'


def table(head: Sequence[str], rows: Iterable[str], kind: str = "") -> str:
    """`rows` are cells, made already."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table class="{kind}"><tr>{top}</tr>{body}</table></div>'


def thresholds(findings: Sequence[Finding]) -> str:
    def row(finding: Finding) -> str:
        kind, mark = _MARKS[finding.verdict]
        unit = words.METRICS[finding.threshold.metric].unit
        told = (
            cell(words.number(finding.value, unit)),
            cell(words.between(finding), "words" if finding.interval is None else "range"),
            cell(mark, kind),
        )
        return cell(words.wanted(finding.threshold), "words") + "".join(told)

    return table(("published threshold", "found", words.level(), "verdict"), map(row, findings))


def figures(summary: Summary) -> str:
    """Every figure beside that of buying and holding, or why there is none."""

    def row(name: str) -> str:
        found, held = summary.figures[name], summary.held.get(name)
        label = cell(words.METRICS[name].label, "words")
        if found.value is None and held is None:
            return f'{label}<td class="words quiet" colspan="2">{escape(found.why)}</td>'
        ours = cell(found.why, "words quiet") if found.value is None else cell(words.figure(name, found))
        return label + ours + cell("" if held is None else words.figure(name, held))

    return table(("", "this", "buy and hold"), map(row, summary.figures))


def formulas() -> str:
    """How each figure is measured."""
    rows = (cell(metric.label, "words") + cell(metric.formula, "words formula") for metric in words.METRICS.values())
    return table(("figure", "how it is measured"), rows, "says")


def months(years: Sequence[Year]) -> str:
    def row(year: Year) -> str:
        return cell(str(year.year), "words") + "".join(_moved(one) for one in (*year.months, year.whole))

    return table(("", *_MONTHS, "year"), map(row, years), "months")


def _moved(value: float | None) -> str:
    if value is None:
        return "<td></td>"
    return cell(f"{value:+.1%}", "num up" if value > 0 else "num down" if value < 0 else "num")


def shares(by: str, found: Sequence[Share]) -> str:
    def row(share: Share) -> str:
        told = (f"{share.trades:,}", f"{share.won / share.trades:.1%}", f"{share.cost:,.2f}")
        kind = "num up" if share.profit > 0 else "num down" if share.profit < 0 else "num"
        return cell(share.name, "words") + "".join(map(cell, told)) + cell(f"{share.profit:+,.2f}", kind)

    return table((by, "trades", "won", "costs", "profit"), map(row, found))


def trades(some: Sequence[Trade]) -> str:
    def row(trade: Trade) -> str:
        told = (
            show_time(trade.closed_ns).removesuffix("Z"),
            trade.symbol,
            "long" if trade.direction > 0 else "short",
            f"{trade.quantity:.6g}",
            f"{trade.entry:.6g}",
            f"{trade.exit:.6g}",
            words.NOTHING if trade.stop is None else f"{trade.stop:.6g}",
            trade.reason.value,
        )
        kind = "num up" if trade.profit > 0 else "num down"
        return "".join(map(cell, told)) + cell(f"{trade.profit:+,.2f}", kind)

    head = ("closed (UTC)", "symbol", "side", "quantity", "entry", "exit", "first stop", "way out", "profit")
    return table(head, map(row, some))


def vetoes(counted: Mapping[str, int]) -> str:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    rows = (cell(code, "words") + cell(_sentence(code), "words") + cell(f"{n:,}") for code, n in ordered)
    return table(("rule", "what it says", "denials"), rows, "says")


def _sentence(code: str) -> str:
    """Of a rule of ours; one of a plug-in has none."""
    text = text_for(code)
    return "" if text == code else text


def pairs(head: str, told: Mapping[str, float | str]) -> str:
    shown = {key: f"{one:g}" if isinstance(one, float) else str(one) for key, one in told.items()}
    return table((head, ""), (cell(key, "words") + cell(one, "words value") for key, one in shown.items()))
