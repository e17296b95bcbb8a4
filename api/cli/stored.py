"""`warden data list`, `verify` and `export`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli import show, words
from api.cli.console import console, print_json
from core.canonical import JSON
from core.errors import ConfigError
from core.time import parse_time, show_time, timeframe_named
from desk.clock import SystemClock
from desk.home import Home
from market.store.candles import BarsKey
from market.store.giving import candle_table, series_table, write
from market.store.manifest import Manifest
from market.store.store import MarketStore


@dataclass(frozen=True, slots=True)
class Wanted:
    """The words of an `export` command, not yet understood."""

    symbol: str
    file: str
    venue: str | None
    timeframe: str | None
    series: str | None
    start: str | None
    end: str | None
    as_of: str | None


def listing(*, json: bool) -> None:
    store = MarketStore(Home.find().candles)
    lines = list(_lines(store))
    if json:
        print_json(lines)
        return
    if not lines:
        console.print("nothing is stored yet: `warden data import FILE` brings data", style="dim")
        return
    table = show.table("data", "rows", "from", "to", "missing", "besides")
    for line in lines:
        besides = ", ".join(f"{line[kind]:,} {kind}" for kind in ("revised", "synthetic") if line.get(kind))
        span = (line["first"][:10], line["last"][:10])
        missing = f"{line['missing']:,}" if "missing" in line else ""
        table.add_row(line["name"], f"{line['rows']:,}", *span, missing, besides)
    for column in table.columns[:-1]:
        column.no_wrap = True
    console.print(table)


def verify(*, json: bool) -> None:
    """Exits with 1 where a file is not as its manifest says."""
    store = MarketStore(Home.find().candles)
    folders = store.folders()
    found = []
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=json) as bar:
        task = bar.add_task("data sets", total=len(folders))
        for faults in store.faults():
            found += faults
            bar.advance(task)
    bad = [fault for fault in found if not fault.harmless]
    if json:
        lines = [{"file": str(f.path), "fault": f.what, "harmless": f.harmless} for f in found]
        print_json({"ok": not bad, "data_sets": len(folders), "faults": lines})
    else:
        for fault in found:
            console.print(f"{fault.path}: {fault.what}", style="dim" if fault.harmless else "red", markup=False)
        if not bad:
            console.print(f"[bold green]✓ verified[/] {words.count(len(folders), 'data set')}")
    if bad:
        print(f"warden: {words.count(len(bad), 'file')} of the store not as written", file=sys.stderr)
        sys.exit(1)


def export(wanted: Wanted, *, json: bool) -> None:
    store = MarketStore(Home.find().candles)
    start_ns = None if wanted.start is None else parse_time(wanted.start)
    end_ns = None if wanted.end is None else parse_time(wanted.end)
    as_of_ns = SystemClock().now_ns() if wanted.as_of is None else parse_time(wanted.as_of)
    if wanted.series is not None:
        table = series_table(store, wanted.series, wanted.symbol, wanted.venue, as_of_ns)
    else:
        key = _key(store, wanted)
        table = candle_table(store, key, as_of_ns)
    rows = write(table, Path(wanted.file), start_ns, end_ns)
    if json:
        print_json({"file": wanted.file, "rows": rows})
    else:
        console.print(f"{wanted.file}: {words.count(rows, 'row')}", markup=False)


def _key(store: MarketStore, wanted: Wanted) -> BarsKey:
    """What is meant, where the store leaves no doubt."""
    held = [k for k in store.candles.held() if k.symbol == wanted.symbol and wanted.venue in (None, k.venue)]
    venues = sorted({key.venue for key in held})
    if len(venues) != 1:
        found = " and ".join(venues) or f"no candles of {wanted.symbol}"
        raise ConfigError(f"the store has {found}; say one venue that it has with --venue")
    if wanted.timeframe is not None:
        return BarsKey(venues[0], wanted.symbol, timeframe_named(wanted.timeframe))
    if len(held) > 1:
        raise ConfigError(f"the store has {', '.join(key.timeframe for key in held)}; say which with --timeframe")
    return held[0]


def _lines(store: MarketStore) -> Iterator[JSON]:
    for key in store.candles.held():
        manifest = store.candles.manifest(key)
        if manifest.parts:  # a range may have been asked for in which the venue has none
            yield {**_line("candles", " ".join(key), manifest), **store.candles.quality(key)}
    for name in store.series.held():
        shown = " ".join(filter(None, (name.source, name.asset, name.series)))
        yield _line("series", shown, store.series.manifest(name))
    for source in store.texts.sources():
        yield _line("texts", f"texts of {source}", store.texts.manifest(source))
    for log in (store.trades, store.tickers, store.imbalances):
        for pair in log.held():
            manifest = log.manifest(pair)
            yield _line(manifest.kind, f"{' '.join(pair)} {manifest.kind}", manifest)


def _line(kind: str, name: str, manifest: Manifest) -> JSON:
    return {
        "kind": kind,
        "name": name,
        "key": dict(manifest.key),
        "rows": manifest.rows,
        "first": show_time(min(part.first_ns for part in manifest.parts)),
        "last": show_time(max(part.last_ns for part in manifest.parts)),
        "files": len(manifest.parts),
        "sha256": manifest.content_hash,
        "covered": [[show_time(a), show_time(b)] for a, b in manifest.covered],
        "origins": [
            {"source": o.source, "seen": show_time(o.seen_ns), "lag_s": o.lag_ns // 10**9, "tools": dict(o.tools)}
            | ({"sha256": o.sha256} if o.sha256 else {})
            for o in manifest.origins
        ],
    }
