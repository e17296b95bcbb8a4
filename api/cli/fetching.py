"""`warden data fetch`: candles of the past from a venue, with a bar for each series that is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.console import console, print_json
from core.canonical import JSON
from core.errors import ConfigError
from core.time import Timeframe, parse_time, show_time
from desk.clock import SystemClock
from desk.home import Home
from desk.settings import load
from market.fetching.backfill import Backfill
from market.fetching.told import Fetched
from market.fetching.told import Progress as Told
from market.store.candles import CandleStore
from market.venues import reader

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Wanted:
    """The words of a `fetch` command, not yet understood."""

    venue: str
    symbols: str
    timeframes: str
    since: str
    until: str | None


def run(wanted: Wanted, *, json: bool) -> None:
    home = Home.find()
    endpoints = load(home).venue.endpoints.get(wanted.venue)
    symbols, timeframes = names_in(wanted.symbols, "symbols"), _timeframes(wanted.timeframes)
    since_ns = parse_time(wanted.since)
    until_ns = None if wanted.until is None else parse_time(wanted.until)
    if until_ns is not None and until_ns <= since_ns:
        raise ConfigError(f"--until must be after --since, found {wanted.since} and {wanted.until}")
    home.make()
    client = reader(wanted.venue, endpoints=endpoints, perpetuals=any(":" in symbol for symbol in symbols))
    with _bars(json) as report:
        backfill = Backfill(client, CandleStore(home.candles), SystemClock(), report=report)
        found = asyncio.run(_all(client, backfill, symbols, timeframes, since_ns, until_ns))
    if json:
        print_json([_line(done) for done in found])
        return
    for done in found:
        stored = done.stored
        console.print(
            f"{done.key.symbol} {done.key.timeframe}: {stored.new:,} new, {stored.unchanged:,} unchanged,"
            f" {stored.revised:,} revised, {done.missing:,} missing"
        )
        for note in done.notes():
            console.print(f"  {note}", style="yellow")


async def _all(
    client: Any,
    backfill: Backfill,
    symbols: list[str],
    timeframes: list[Timeframe],
    since_ns: int,
    until_ns: int | None,
) -> list[Fetched]:
    try:
        return [
            await backfill.fetch(symbol, timeframe, since_ns=since_ns, until_ns=until_ns)
            for symbol in symbols
            for timeframe in timeframes
        ]
    finally:
        await client.close()


@contextmanager
def _bars(json: bool) -> Iterator[Callable[[Told], None]]:
    """One bar a series, with its rate and the time left; none for programs."""
    if json or not console.is_terminal:
        yield lambda told: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TextColumn("{task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, Any] = {}

        def report(told: Told) -> None:
            name = f"{told.symbol} {told.timeframe}"
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=told.expected, rate=0.0)
            progress.update(tasks[name], completed=told.bars, total=told.expected, rate=told.rate)

        yield report


def _line(done: Fetched) -> dict[str, JSON]:
    return {
        "venue": done.key.venue,
        "symbol": done.key.symbol,
        "timeframe": done.key.timeframe.value,
        "from": show_time(done.asked.start_ns),
        "to": show_time(done.asked.end_ns),
        "new": done.stored.new,
        "revised": done.stored.revised,
        "unchanged": done.stored.unchanged,
        "late": done.stored.late,
        "missing": done.missing,
        "broken": len(done.broken),
        "requests": done.requests,
        "retries": done.retries,
        "notes": list(done.notes()),
    }


def names_in(text: str, what: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"--{what} names none")
    if len(set(names)) != len(names):
        raise ConfigError(f"--{what} names one twice: {text}")
    return names


def _timeframes(text: str) -> list[Timeframe]:
    allowed = {timeframe.value: timeframe for timeframe in Timeframe}
    names = names_in(text, "timeframes")
    if unknown := [name for name in names if name not in allowed]:
        raise ConfigError(f"--timeframes: found {', '.join(unknown)}, allowed are {', '.join(allowed)}")
    return [allowed[name] for name in names]
