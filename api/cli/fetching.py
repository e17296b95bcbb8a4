"""`warden data fetch`: candles, funding, open interest and trades of the past from a venue, each with a bar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.console import console, print_json
from core.canonical import JSON
from core.errors import ConfigError
from core.time import Timeframe, parse_time, show_time
from desk.clock import SystemClock
from desk.home import Home
from desk.settings import load
from market.fetching.asking import CANDLES, FUNDING, KINDS, TRADES
from market.fetching.backfill import Backfill
from market.fetching.numbers import FUNDING_RATES, OPEN_INTEREST, NumberFetch
from market.fetching.tape import TradeFetch
from market.fetching.told import Brought, Fetched
from market.fetching.told import Progress as Told
from market.store.store import MarketStore
from market.venues import reader

if TYPE_CHECKING:
    from collections.abc import Iterator

Fetch = Callable[..., Awaitable[Fetched | Brought]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The words of a `fetch` command, not yet understood."""

    venue: str
    symbols: str
    kinds: str
    timeframes: str | None
    since: str
    until: str | None


def run(wanted: Wanted, *, json: bool) -> None:
    home = Home.find()
    endpoints = load(home).venue.endpoints.get(wanted.venue)
    symbols, kinds = names_in(wanted.symbols, "symbols"), _kinds(wanted.kinds)
    timeframes = _timeframes(wanted.timeframes, needed=CANDLES in kinds)
    since_ns = parse_time(wanted.since)
    until_ns = None if wanted.until is None else parse_time(wanted.until)
    if until_ns is not None and until_ns <= since_ns:
        raise ConfigError(f"--until must be after --since, found {wanted.since} and {wanted.until}")
    home.make()
    client = reader(wanted.venue, endpoints=endpoints, perpetuals=any(":" in symbol for symbol in symbols))
    with _bars(json) as report:
        fetches = _fetches(client, MarketStore(home.candles), kinds, timeframes, report)
        found = asyncio.run(_all(client, fetches, symbols, since_ns, until_ns))
    if json:
        print_json([_line(done) for done in found])
        return
    for done in found:
        line = _line(done)
        console.print(
            f"{line['symbol']} {line.get('timeframe', line['kind'])}: {line['new']:,} new,"
            f" {line['unchanged']:,} unchanged, {line['revised']:,} revised, {line['missing']:,} missing"
        )
        for note in done.notes():
            console.print(f"  {note}", style="yellow")


def _fetches(
    client: Any, store: MarketStore, kinds: list[str], timeframes: list[Timeframe], report: Callable[[Told], None]
) -> list[Fetch]:
    """What fetches one symbol, for each kind; of candles for each timeframe."""
    clock = SystemClock()
    found: list[Fetch] = []
    for kind in kinds:
        if kind == CANDLES:
            candles = Backfill(client, store.candles, clock, report=report)
            found += [partial(candles.fetch, timeframe=timeframe) for timeframe in timeframes]
        elif kind == TRADES:
            found.append(TradeFetch(client, store.trades, clock, report=report).fetch)
        else:
            numbers = FUNDING_RATES if kind == FUNDING else OPEN_INTEREST
            found.append(NumberFetch(client, store.series, clock, numbers, report=report).fetch)
    return found


async def _all(
    client: Any, fetches: list[Fetch], symbols: list[str], since_ns: int, until_ns: int | None
) -> list[Fetched | Brought]:
    try:
        return [await fetch(symbol, since_ns=since_ns, until_ns=until_ns) for symbol in symbols for fetch in fetches]
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
        TextColumn("{task.completed:,.0f}{task.fields[of]}"),
        TextColumn("{task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, Any] = {}

        def report(told: Told) -> None:
            name = f"{told.symbol} {told.what}"
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=None, rate=0.0, of="")
            of = f" of {told.expected:,}" if told.expected else ""
            total = told.expected or None
            progress.update(tasks[name], completed=told.rows, total=total, rate=told.rate, of=of)

        yield report


def _line(done: Fetched | Brought) -> dict[str, JSON]:
    told: dict[str, JSON]
    if isinstance(done, Fetched):
        stored = done.stored
        told = {
            "kind": CANDLES,
            "venue": done.key.venue,
            "symbol": done.key.symbol,
            "timeframe": done.key.timeframe.value,
        }
        told |= {"new": stored.new, "revised": stored.revised, "unchanged": stored.unchanged, "late": stored.late}
        told |= {"missing": done.missing, "broken": len(done.broken)}
    else:
        told = {"kind": done.kind, "venue": done.venue, "symbol": done.symbol}
        told |= {"new": done.new, "revised": done.revised, "unchanged": done.unchanged}
        told |= {"missing": done.missing, "broken": done.broken, "holes": len(done.holes)}
    return told | {
        "from": show_time(done.asked.start_ns),
        "to": show_time(done.asked.end_ns),
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


def _kinds(text: str) -> list[str]:
    names = names_in(text, "kinds")
    if unknown := [name for name in names if name not in KINDS]:
        raise ConfigError(f"--kinds: found {', '.join(unknown)}, allowed are {', '.join(KINDS)}")
    return names


def _timeframes(text: str | None, *, needed: bool) -> list[Timeframe]:
    if not needed or text is None:
        if needed or text is not None:
            raise ConfigError("--timeframes says which candles: it is needed for them, and for nothing else")
        return []
    allowed = {timeframe.value: timeframe for timeframe in Timeframe}
    names = names_in(text, "timeframes")
    if unknown := [name for name in names if name not in allowed]:
        raise ConfigError(f"--timeframes: found {', '.join(unknown)}, allowed are {', '.join(allowed)}")
    return [allowed[name] for name in names]
