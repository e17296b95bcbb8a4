"""`warden data import`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from api.cli import words
from api.cli.console import console, print_json
from core.canonical import JSON
from core.errors import ConfigError, DataRefused
from core.time import parse_time, show_time, timeframe_named
from desk.clock import SystemClock
from desk.home import Home
from market.importing.names import check_symbol
from market.importing.putting import put
from market.importing.shape import Asked, Imported
from market.importing.table import import_file
from market.importing.times import zone_of
from market.store.store import MarketStore
from models.screening import gives_orders

_TOOLS = ("tradewarden", "pyarrow", "numpy")


def run(
    files: Sequence[str],
    venue: str | None,
    symbol: str | None,
    timeframe: str | None,
    timezone: str | None,
    volume: str,
    made_at: str | None,
    *,
    json: bool,
) -> None:
    """Imports file by file: one that is refused leaves the others, and the verb ends with its exit code."""
    asked = understood(venue, symbol, timeframe, timezone, volume, made_at)
    home = Home.find()
    home.make()
    store, now_ns = MarketStore(home.candles), SystemClock().now_ns()
    tools = {tool: version(tool) for tool in _TOOLS}
    lines: list[JSON] = []
    with _progress(quiet=json or len(files) == 1) as bar:
        task = bar.add_task("files", total=len(files))
        for name in files:
            try:
                imported = import_file(Path(name), asked)
                lines.append(_line(imported, put(store, imported, now_ns, tools)))
            except DataRefused as refused:
                lines.append({"file": Path(name).name, "refused": str(refused)})
            bar.advance(task)
    if len(lines) == 1 and "refused" in lines[0]:
        raise DataRefused(lines[0]["refused"])
    if json:
        print_json(lines)
    else:
        _show(lines)
    reasons = [line["refused"] for line in lines if "refused" in line]
    if reasons:
        raise DataRefused(f"{len(reasons)} of {len(files)} files were refused")


def understood(
    venue: str | None,
    symbol: str | None,
    timeframe: str | None,
    timezone: str | None,
    volume: str,
    made_at: str | None,
) -> Asked:
    """The words of the command as facts about the files, or ConfigError."""
    if volume not in ("base", "quote"):
        raise ConfigError(f"--volume is {volume!r}: base and quote are allowed")
    if venue is not None and not venue.strip():
        raise ConfigError("--venue is empty: name one, such as binance")
    if timezone is not None:
        zone_of(timezone)
    return Asked(
        venue=None if venue is None else venue.strip().lower(),
        symbol=None if symbol is None else check_symbol(symbol),
        timeframe=None if timeframe is None else timeframe_named(timeframe),
        timezone=timezone,
        volume=volume,
        made_ns=None if made_at is None else parse_time(made_at),
        tripwire=gives_orders,
    )


def _line(imported: Imported, stored: dict[str, int]) -> JSON:
    report = imported.report
    line: dict[str, JSON] = {
        "file": report.file,
        "layout": report.dialect,
        "sha256": report.sha256,
        "rows": report.rows,
        "first": None if report.first_ns is None else show_time(report.first_ns),
        "last": None if report.last_ns is None else show_time(report.last_ns),
        "corrected": dict(report.counts),
        "notes": list(report.notes),
        "stored": stored,
        "into": _into(imported),
    }
    if report.bars is not None:
        line["quality"] = {
            "bars": report.bars.rows,
            "missing_bars": report.bars.missing_bars,
            "gaps": len(report.bars.gaps),
            "longest_gap": report.bars.longest_gap,
            "zero_volume_bars": report.bars.zero_volume_bars,
        }
    return line


def _into(imported: Imported) -> str:
    if imported.candles is not None:
        return " ".join(imported.candles[0])
    if imported.trades is not None:
        return f"trades {imported.trades[0]} {imported.trades[1]}"
    if imported.readings:
        names = sorted({f"{r.source} {r.asset} {r.series}".replace("  ", " ") for r in imported.readings})
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    return f"texts of {', '.join(sorted({item.source for item in imported.texts}))}"


def _show(lines: Sequence[JSON]) -> None:
    for line in lines:
        if "refused" in line:
            continue
        console.print(Text.assemble(("✓ ", "bold green"), (line["file"], "bold"), f" into {line['into']}"))
        console.print(Text(f"  {_held(line)}"))
        if line["corrected"]:
            told = ", ".join(f"{kind} {count:,}" for kind, count in line["corrected"].items())
            console.print(Text(f"  corrected and counted: {told}", style="yellow"))
        for note in line["notes"]:
            console.print(Text(f"  {note}", style="dim"))
    if len(lines) > 1:
        for line in lines:
            if "refused" in line:
                console.print(Text.assemble(("✗ refused ", "bold red"), line["refused"]))
        done = sum("refused" not in line for line in lines)
        console.print(f"{words.count(done, 'file')} imported, {words.count(len(lines) - done, 'file')} refused")


def _held(line: JSON) -> str:
    """'45,825 rows from 2015-10-08 14:00:00Z to 2020-12-30 00:00:00Z, 45,824 new, 3 bars missing in 3 gaps'."""
    new = sum(n for what, n in line["stored"].items() if what.endswith(("new", "late")))
    parts = [f"{words.count(line['rows'], 'row')} from {line['first']} to {line['last']}", f"{new:,} new"]
    if line["stored"].get("bars revised"):
        parts.append(f"{line['stored']['bars revised']:,} revised")
    if "quality" in line and line["quality"]["gaps"]:
        missing, gaps = line["quality"]["missing_bars"], line["quality"]["gaps"]
        parts.append(f"{words.count(missing, 'bar')} missing in {words.count(gaps, 'gap')}")
    return ", ".join(parts)


def _progress(*, quiet: bool) -> Progress:
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet)
