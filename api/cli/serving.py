"""`warden up`: the API, and beside it the desk at the venue that the settings name."""

import asyncio
import sys

from rich.text import Text

from api.cli import words
from api.cli.console import console
from api.rest.served import Served
from api.rest.server import Wanted, serve
from core.canonical import JSON
from desk import reasoning, reports
from desk.clock import SystemClock
from desk.forecasters import find
from desk.home import Home
from desk.live import LiveCommand, account_id_of
from desk.settings import Settings, environment_of, load, source
from memory.books.database import Books


def up(host: str | None, port: int | None, symbols: str, *, live: bool, json: bool) -> None:
    home = Home.find()
    settings = load(home)
    named = tuple(each.strip() for each in symbols.split(",") if each.strip())
    command = None if settings.mode == "paper" else LiveCommand(named, asked=live, typed=_typed(settings, asked=live))
    where = (host or settings.api.host, settings.api.port if port is None else port)

    def ready(at: Served, url: str) -> None:
        report = _report(at, url, command)
        if json:
            _line(report)
        else:
            _show(report)
        sys.stdout.flush()

    asyncio.run(serve(Wanted(home, settings, *where, command), ready))
    if not json:
        console.print("ended in order", style="dim")


def _typed(settings: Settings, *, asked: bool) -> str | None:
    """What a person writes to confirm a live desk; a process without a terminal has it in its environment."""
    if settings.mode != "live" or not asked or not sys.stdin.isatty():
        return None
    account_id = account_id_of(settings)
    return input(f"Real orders at {settings.venue.name}. Type {account_id} to confirm: ").strip()


def _report(at: Served, url: str, command: LiveCommand | None) -> JSON:
    settings, books = at.settings, at.books
    return {
        "url": url,
        "mode": settings.mode,
        "venue": settings.venue.name or None,
        "at_work": [] if at.desk is None else sorted(at.desk.lives),
        "away": {} if at.desk is None else dict(at.desk.away),
        "symbols": [] if command is None else list(command.symbols),
        "settings": source(at.home),
        "policy": settings.policy_hash,
        "state": _state(books),
        "reasoner": reasoning.told(settings.llm, at.home, environment_of()),
        "forecasters": find(at.home).told(SystemClock().now_ns()),
        "account": at.feed.account_id,
        "signals": len(at.feed.by_symbol),
        "signer": at.signer.key_id,
        "keys": at.keys.live(),
    }


def _state(books: Books) -> str | None:
    if books.read(reports.newest_account) is None:
        return None
    return str(books.read(lambda conn: reports.portfolio(conn, reports.current_account(conn, None), None)["state"]))


def _line(report: JSON) -> None:
    """On one line: a program reads it as soon as it is there, while this one goes on."""
    import orjson

    print(orjson.dumps(report, option=orjson.OPT_SORT_KEYS).decode())


def _show(report: JSON) -> None:
    at_venue = f"{', '.join(report['at_work'])}, {', '.join(report['symbols'])}"
    console.print(Text.assemble(("● ", "bold green"), ("Tradewarden", "bold"), f" serves at {report['url']}"))
    rows = {
        "mode": f"{report['mode']} ({report['settings']})",
        "desk": at_venue if report["at_work"] else "none at work here: paper runs are made by `warden run`",
        "policy": report["policy"][:16],
        "state": report["state"] or "no account yet",
        "reasoner": report["reasoner"],
        "forecasters": report["forecasters"],
        "signals": f"{words.count(report['signals'], 'symbol')} of {report['account'] or 'no account'}, signed by "
        f"{report['signer']}",
        "keys": words.count(report["keys"], "live key") if report["keys"] else "none: `warden keys create` makes one",
    }
    for venue, why in report["away"].items():
        rows[f"away: {venue}"] = why
    for name, told in rows.items():
        console.print(Text.assemble(f"  {name:<12}", (told, "dim" if name == "policy" else "")), soft_wrap=True)
