"""What `warden backtest check` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from api.cli import sweeping, words
from api.cli.console import console, print_json
from api.cli.modelling import shown_progress
from api.cli.show import table
from backtest.checks import baseline
from backtest.checks.checking import Checked
from backtest.checks.checking import check as checked_by
from backtest.checks.lines import Ask, Verdict
from backtest.outcomes import save
from backtest.ranges import ranges, sets
from core.time import show_time
from desk.compute import compute_of
from desk.home import Home
from desk.settings import load
from models.validation.trials import TrialsOnDisk
from tools.simulation.grid import grid
from tools.strategies.targets import told

if TYPE_CHECKING:
    from core.canonical import JSON

_SHOWN: Final = {
    Verdict.PASSED: ("✓ passed", "green"),
    Verdict.FAILED: ("✗ failed", "red"),
    Verdict.UNMEASURED: ("- not measured", "dim"),
}


def check(
    asked: sweeping.Asked,
    account: sweeping.Account,
    *,
    workers: int,
    signals: int,
    before: str | None,
    keep: str | None,
    json: bool,
) -> None:
    home = Home.find()
    settings = load(home)
    # A baseline that cannot be read is told before anything is worked out.
    known = None if before is None else baseline.read(Path(before))
    over = ranges(asked.params)
    terms = sweeping.terms_of(account, settings)
    series, from_ns = sweeping.series_of(asked, home, settings)
    with shown_progress(json) as progress:
        task = progress.add_task(f"checking {asked.strategy}, {words.count(len(sets(over)), 'set')}", total=len(Ask))
        found = checked_by(
            grid(series),
            asked.strategy,
            over,
            terms,
            ledger=TrialsOnDisk(home.trials),
            compute=compute_of(workers),
            from_ns=from_ns,
            signals=signals,
            passed=lambda ask: progress.advance(task),
        )
    now = baseline.told(found)
    compared = None if known is None else baseline.compare(known, now)
    kept = None if found.run is None else save(found.run.outcome, home.backtests, candles=series)
    if keep is not None and found.honest:
        baseline.save(Path(keep), now)
    if json:
        worse = None if compared is None else list(compared.regressions)
        print_json({**now, "regressions": worse, "kept": None if kept is None else str(kept)})
    else:
        _show(found, now, compared, before)
        if keep is not None:
            done = f"✓ written: {keep}" if found.honest else f"⚠ {keep} is not written: what looks ahead is no baseline"
            console.print(done, markup=False, soft_wrap=True)
        if kept is not None:
            console.print(f"✓ what it came to is kept: warden backtest report {kept}", markup=False, soft_wrap=True)
    if not found.honest or (compared is not None and compared.regressions):
        raise typer.Exit(1)


def _show(found: Checked, now: JSON, compared: baseline.Compared | None, before: str | None) -> None:
    subject = found.subject
    period = f"{show_time(int(subject.grid.close_ns[subject.begin]))} to {show_time(int(subject.grid.close_ns[-1]))}"
    console.print(f"{subject.strategy}, {told(subject.parameters)}", style="bold", markup=False, soft_wrap=True)
    console.print(f"{', '.join(subject.grid.symbols)} {subject.grid.timeframe}, {period}", markup=False)
    if gone := subject.grid.missing(subject.begin):
        missing = words.count(gone, "bar")
        console.print(f"⚠ {missing} missing: no order is filled there", style="yellow", markup=False)
    shown = table("check", "verdict", "found")
    shown.columns[1].no_wrap = True
    for line in found.lines:
        shown.add_row(line.ask.value, Text(*_SHOWN[line.verdict]), Text(line.found))
    console.print(shown)
    counted = {verdict: sum(line.verdict is verdict for line in found.lines) for verdict in Verdict}
    console.print(", ".join(f"{n} {verdict}" for verdict, n in counted.items()), markup=False)
    if not found.honest:
        console.print("✗ it knows what it cannot have known: nothing that it earned is real", style="red")
    if compared is not None:
        _show_compared(compared, str(before))


def _show_compared(compared: baseline.Compared, before: str) -> None:
    if not compared.alike:
        other = "⚠ other bars or terms than those of the baseline: verdicts alone are compared"
        console.print(other, style="yellow", markup=False)
    for one in compared.regressions:
        console.print(f"✗ worse than {before}: {one}", style="red", markup=False, soft_wrap=True)
    if not compared.regressions:
        console.print(f"✓ nothing is worse than in {before}", markup=False, soft_wrap=True)
