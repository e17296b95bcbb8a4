"""`warden data watch`: a venue's streams and the sources as they are heard, live in a terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from rich.live import Live

from api.cli.console import console, print_json
from api.cli.fetching import names_in
from api.cli.heard import in_a_line, screen, summary
from core.canonical import JSON
from core.errors import ConfigError, ExchangeUnavailable
from core.time import SECOND_NS, duration_ns, timeframe_named
from desk.home import Home
from desk.ingestion import Heard, Ingestion, ingesting
from desk.reading import teller_of
from desk.settings import environment_of, load

_LOOK_S: Final = 0.5
_LINE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The words of a `watch` command, not yet understood."""

    venue: str
    symbols: str
    timeframe: str
    for_: str | None
    record: bool
    trades: bool


def run(wanted: Wanted, *, json: bool) -> None:
    """Exits with 1 where the venue was never reached."""
    if wanted.trades and not wanted.record:
        raise ConfigError("--trades keeps trades, and --no-record keeps nothing: name one of them")
    symbols = tuple(names_in(wanted.symbols, "symbols"))
    heard = Heard(wanted.venue, symbols, timeframe_named(wanted.timeframe), wanted.record, wanted.trades)
    limit_s = None if wanted.for_ is None else duration_ns(wanted.for_) / SECOND_NS
    with _shown(json) as show:
        told, reached = asyncio.run(_watch(heard, limit_s, show))
    if json:
        print_json(told)
    else:
        summary(told)
    if not reached:
        raise ExchangeUnavailable(f"{wanted.venue} was never reached: {told['last_failure'] or 'no answer yet'}")


async def _watch(heard: Heard, limit_s: float | None, show: Callable[[JSON], None]) -> tuple[JSON, bool]:
    """Until the time is over or somebody ends it; what was heard."""
    home = Home.find()
    settings = load(home)
    home.make()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # not everywhere can a loop hear signals: there Ctrl-C cancels it
            loop.add_signal_handler(number, stop.set)
    ends = None if limit_s is None else loop.time() + limit_s
    try:
        teller = teller_of(settings.llm, home, environment_of())
        async with ingesting(settings, environment_of(), home.candles, heard, teller) as ingestion:
            async with ingestion.running():
                last = await _look(ingestion, stop, ends, show)
            # Of the streams as they were before we ended them, with what was stored at the very end.
            after = ingestion.report()
            return {**last, **{key: after[key] for key in ("recorded", "bus", "crashes")}}, ingestion.reached
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


async def _look(ingestion: Ingestion, stop: asyncio.Event, ends: float | None, show: Callable[[JSON], None]) -> JSON:
    loop = asyncio.get_running_loop()
    while True:
        left_s = _LOOK_S if ends is None else min(_LOOK_S, max(0.0, ends - loop.time()))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left_s)
        told = ingestion.report()
        if ingestion.refusal:
            raise ConfigError(ingestion.refusal)
        show(told)
        if stop.is_set() or (ends is not None and loop.time() >= ends):
            return told


@contextmanager
def _shown(json: bool) -> Iterator[Callable[[JSON], None]]:
    """A screen in a terminal, a line every ten seconds elsewhere, nothing for programs."""
    if json:
        yield lambda told: None
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda told: live.update(screen(told), refresh=True)
    else:
        yield _lines()


def _lines() -> Callable[[JSON], None]:
    shown = 0.0

    def show(told: JSON) -> None:
        nonlocal shown
        at = float(told["seconds"])
        if at - shown >= _LINE_S:
            shown = at
            console.print(in_a_line(told), soft_wrap=True)
            sys.stdout.flush()

    return show
