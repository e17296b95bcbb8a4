"""What `warden backtest report` shows and writes: the same figures in the terminal, on the page, for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text

from api.cli.console import console, print_json
from api.cli.show import table
from backtest import sheets, words
from backtest.honesty import MINIMUM_NOTIONAL, Verdict
from backtest.outcomes import Kept, read
from backtest.report.page import page
from backtest.summary import Summary, summarised, told
from core.bars import Bars
from core.errors import ConfigError
from market.importing.loading import load_candles
from market.importing.names import assign

_VERDICTS: Final = {
    Verdict.MET: ("✓ met", "green"),
    Verdict.NOT_MET: ("✗ not met", "red"),
    Verdict.UNDECIDED: ("? not decided", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was typed."""

    file: str
    out: str | None
    csv: str | None
    candles: tuple[str, ...]
    minimum_notional: float | None


def report(asked: Asked, *, json: bool) -> None:
    if asked.out is not None and Path(asked.out).suffix != ".html":
        raise ConfigError(f"found the name {Path(asked.out).name}, allowed is an ending in .html")
    kept = read(Path(asked.file))
    candles = _candles(asked, kept)
    least = MINIMUM_NOTIONAL if asked.minimum_notional is None else asked.minimum_notional
    summary = summarised(kept.outcome, minimum_notional=least)
    written = _written(asked, summary, kept, candles)
    if json:
        print_json({**told(summary), "sha256": kept.digest, "written": written})
        return
    _show(summary)
    for path in written:
        console.print(f"written: {path}", markup=False, style="dim")


def _candles(asked: Asked, kept: Kept) -> tuple[Bars, ...]:
    """Those that were named, one file a symbol, else those that were kept."""
    if not asked.candles:
        return kept.candles
    files = assign(asked.candles, kept.outcome.symbols)
    return tuple(load_candles(path, symbol)[0] for symbol, path in files.items())


def _written(asked: Asked, summary: Summary, kept: Kept, candles: tuple[Bars, ...]) -> list[str]:
    try:
        written = [] if asked.csv is None else [str(path) for path in sheets.write(summary, Path(asked.csv))]
        if asked.out is not None:
            Path(asked.out).write_text(
                page(summary, candles=candles, tried=kept.tried, digest=kept.digest), encoding="utf-8"
            )
            written.append(asked.out)
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror or error}") from None
    return written


def _show(summary: Summary) -> None:
    outcome = summary.outcome
    console.print(outcome.name, style="bold", markup=False)
    counted = f"{words.many(len(outcome.trades), 'trade')}, {words.many(outcome.trials, 'trial')}"
    console.print(f"{', '.join(outcome.symbols)}, {words.span(outcome)} UTC, {words.bars(outcome)}", markup=False)
    console.print(counted, markup=False)
    _thresholds(summary)
    console.print(words.costs(summary), markup=False)
    console.print(words.least_equity(summary), markup=False)
    for doubt in summary.honesty.doubts:
        console.print(f"⚠ {doubt}", style="red" if doubt.startswith("RUIN") else "yellow", markup=False)
    _figures(summary)
    _shares(summary)


def _thresholds(summary: Summary) -> None:
    shown = table("published threshold", "found", words.level(), "verdict")
    for finding in summary.honesty.findings:
        value = words.number(finding.value, words.METRICS[finding.threshold.metric].unit)
        verdict = Text(*_VERDICTS[finding.verdict])
        shown.add_row(words.wanted(finding.threshold), value, words.between(finding), verdict)
    console.print(shown)


def _figures(summary: Summary) -> None:
    shown = table("figure", "this", "buy and hold")
    for name, found in summary.figures.items():
        held = summary.held.get(name)
        ours = words.figure(name, found) if found.value is not None else Text(found.why, style="dim")
        shown.add_row(words.METRICS[name].label, ours, "" if held is None else words.figure(name, held))
    console.print(shown)


def _shares(summary: Summary) -> None:
    """By strategy and agent, where there is more than one to tell apart."""
    for by in ("strategy", "agent"):
        if len(summary.shares[by]) > 1:
            shown = table(by, "trades", "won", "costs", "profit")
            for share in summary.shares[by]:
                told = (f"{share.trades:,}", f"{share.won / share.trades:.1%}", f"{share.cost:,.2f}")
                shown.add_row(share.name, *told, f"{share.profit:+,.2f}")
            console.print(shown)
